"""Outside of a web page the package does not know of `browser/`: without that folder it does the same."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import mailcourse

STORY = """
import sys
from mailcourse import Lab
with Lab("two-offices") as lab:
    sent = lab.person("alice@academy.test").send("bruno@bakery.test", "Hello")
    lab.settle()
    print(sent.status, lab.person("bruno@bakery.test").fetch(), len(lab.trace))
print(sorted(name for name in sys.modules if name.startswith("mailcourse.browser")))
"""


def told(place: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", STORY], cwd=place, capture_output=True, text=True, env={"PYTHONPATH": str(place)}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_package_does_the_same_without_what_is_for_a_page(tmp_path: Path) -> None:
    whole = Path(mailcourse.__file__).parent
    left_out = shutil.ignore_patterns("browser", "__pycache__")
    shutil.copytree(whole, tmp_path / "mailcourse", ignore=left_out)
    assert not (tmp_path / "mailcourse" / "browser").exists()
    with_it, without_it = told(whole.parent), told(tmp_path)
    assert with_it == without_it
    assert "Hello" in with_it
    assert with_it.endswith("\n[]\n"), "nothing of it is imported here"
