"""`make lab` says plainly what is missing on a machine, and how to get it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: a Python that lacks something: what its `-c` programs find out
LACKS = {
    "old": ("case $* in *version_info*) exit 1;; *--version*) echo Python 3.9.2;; esac", "too old"),
    "no venv": ("case $* in *ensurepip*) exit 1;; *--version*) echo Python 3.12.1;; esac", "apt install python3-venv"),
}


def set_up(python: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": python}
    command = ["sh", str(ROOT / "setup.sh"), str(folder / "venv")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no make")
@pytest.mark.parametrize("lack", LACKS)
def test_what_a_python_lacks_is_said(tmp_path: Path, lack: str) -> None:
    script, words = LACKS[lack]
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    done = set_up(str(python), tmp_path)
    assert done.returncode == 1
    assert words in done.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no make")
def test_without_any_python_it_is_said_where_to_get_one(tmp_path: Path) -> None:
    done = set_up("no-such-python", tmp_path)
    assert done.returncode == 1
    assert "Install Python 3.11 or newer" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no make")
@pytest.mark.parametrize(("target", "extras"), [("lab", "grading"), ("demo", "grading,demo"), ("test", "dev")])
def test_each_target_installs_what_it_needs_and_no_more(target: str, extras: str) -> None:
    done = subprocess.run(
        ["make", "-n", "-B", target], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert f'setup.sh ".venv" "{extras}"' in done.stdout
    assert done.stdout.count("setup.sh") == 1
