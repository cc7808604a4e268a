"""Programs that are started: nbgrader's, which stand beside this Python, and our own modules in a Python of their own.

module("mailcourse.checks.judge")      the command that runs this very package, wherever it was imported from
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def module(name: str) -> list[str]:
    """Return the command that runs a module of this package in a Python that looks into no folder of a user's."""
    package = str(Path(__file__).parents[2])
    run = f"runpy.run_module({name!r}, run_name='__main__', alter_sys=True)"
    begin = f"import runpy, sys; sys.path.insert(0, {package!r}); {run}"
    return [sys.executable, "-I", "-c", begin]


def find_programs() -> None:
    """Let nbgrader find the programs that stand beside this Python."""
    beside = str(Path(sys.executable).parent)
    if beside not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = beside + os.pathsep + os.environ.get("PATH", "")
