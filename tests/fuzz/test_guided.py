"""Each target a few seconds, guided by coverage; `make fuzz` gives each ten minutes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from targets import TARGETS

HERE = Path(__file__).parent
SECONDS = "600" if int(os.environ.get("MAILCOURSE_FUZZ", "1")) > 1 else "3"
only_with_atheris = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris is made for Linux on 64-bit Intel and its like"
)


@pytest.mark.parametrize("target", TARGETS)
def test_what_the_corpus_keeps_is_taken(target: str) -> None:
    files = sorted((HERE / "corpus" / target).iterdir())
    assert files
    for file in files:
        TARGETS[target](file.read_bytes())


@only_with_atheris
@pytest.mark.timeout(900)
@pytest.mark.parametrize("target", TARGETS)
def test_nothing_that_is_made_up_breaks_it(target: str, tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "guided.py"), target, SECONDS]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=800, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert list(tmp_path.glob("crash-*")) == []
    assert "number_of_executed_units" in ran.stderr
