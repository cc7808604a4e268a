"""Submissions of a class, made from an assignment and its solution: right, wrong, broken and hostile."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import nbformat
from assignment import ROOT

NAME = "01-addresses"
_read: Any = nbformat.read
_write: Any = nbformat.write


def notebook(folder: str, name: str = NAME) -> Any:
    return _read(ROOT / folder / name / f"{name}.ipynb", as_version=4)


def answers(name: str = NAME) -> dict[str, str]:
    """The solution's answer cells: task → code."""
    cells = notebook("solutions", name).cells
    return {c.metadata.mailcourse.task: c.source for c in cells if "mailcourse" in c.metadata}


RIGHT = answers()
LOOP = "while True:\n    try:\n        pass\n    except BaseException:\n        pass"
PATCH_CHECK = """
import mailcourse.checks.ask as ask, mailcourse.checks
mailcourse.checks.check = ask.check = lambda *a, **k: 3.0
def on_the_wire(domain):
    return "x"
"""
PATCH_LAB = """
from mailcourse import Lab
Lab.dns = None
servers = {"takes mail first": "x", "keeps the mailboxes": "x", "is the domain a machine": True}
"""
THREAD = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
FORKS = "import os\nwhile True:\n    os.fork()"
MEMORY = "kept = []\nwhile True:\n    kept.append(bytearray(10**8))"
DISK = "for n in range(1000):\n    with open(f'file{n}', 'wb') as f:\n        f.write(bytes(10**7))\n"
FOLDERS = """import os, shutil
for name in ("~", ".", os.environ["TMPDIR"]):
    shutil.rmtree(os.path.expanduser(name), ignore_errors=True)
"""
FILES = "import os\nfor n in range(3, 99):\n    try:\n        os.close(n)\n    except OSError:\n        pass"
STOPPED = "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"
STACK = "import sys\nsys.setrecursionlimit(10**9)\ndef deep():\n    return deep()\ndeep()"
LOWER = "def same(a, b):\n    return a.lower() == b.lower()"
SPLIT = "def same(a, b):\n    return a.split('@') == b.split('@')"
#: what a submission does → (answer cells that are other than right, the points that it should earn of 24)
KINDS: dict[str, tuple[dict[str, str], float]] = {
    "right": ({}, 24),
    "half": ({"same": LOWER, "wire": "def on_the_wire(domain):\n    return domain"}, 19),
    "wrong type": ({"reply-to-whom": "replies = 5", "servers": "servers = [1, 2]", "wire": "on_the_wire = 'x'"}, 14),
    "renamed": ({"wire": RIGHT["wire"].replace("on_the_wire", "wire")}, 21),
    "syntax error": ({"split": "def split(address:", "same": SPLIT}, 14),
    "endless function": ({"wire": "def on_the_wire(domain):\n    while True:\n        pass"}, 21),
    "endless cell": ({"wire": LOOP}, 21),
    "ends the kernel": ({"wire": "import os\nos._exit(3)"}, 21),
    "exit": ({"wire": "exit()"}, 21),
    "exit in a function": ({"wire": "def on_the_wire(domain):\n    import sys\n    sys.exit(0)"}, 21),
    "a megabyte": ({"taken": "print('x' * 3_000_000)\n" + RIGHT["taken"]}, 24),
    "a megabyte in a function": ({"wire": RIGHT["wire"].replace("return", "print('x' * 10**6)\n    return")}, 24),
    "threads": ({"wire": THREAD + RIGHT["wire"]}, 24),
    "a gigabyte": ({"taken": "for _ in range(1000):\n    print('x' * 10**6)\n" + RIGHT["taken"]}, 24),
    "forks without end": ({"wire": FORKS}, 21),
    "fills the memory": ({"wire": MEMORY}, 21),
    "fills the disk": ({"wire": DISK}, 21),
    "deletes its folders": ({"wire": FOLDERS + RIGHT["wire"]}, 24),
    "closes its files": ({"wire": FILES}, 21),
    "stops its process": ({"wire": STOPPED}, 21),
    "recursion without bounds": ({"wire": STACK}, 21),
    "patched check": ({"wire": PATCH_CHECK}, 21),
    "patched lab": ({"servers": PATCH_LAB}, 21),
    "recursion": ({"wire": "def on_the_wire(domain):\n    return on_the_wire(domain)"}, 21),
}


def write(folder: Path, student: str, kind: str, name: str = NAME) -> Path:
    """Write one submission; "untouched", "no notebook", "cell twice" and "cells gone" are made otherwise."""
    made = copy.deepcopy(notebook("exercises", name))
    changed = {**answers(name), **KINDS.get(kind, ({}, 0))[0]}
    for cell in made.cells:
        if "begin(" in cell.source:
            cell.source = cell.source.replace('STUDENT = ""', f'STUDENT = "{student}"')
        task = cell.metadata.get("mailcourse", {}).get("task")
        if task in changed and kind != "untouched":
            cell.source = changed[task]
    if kind == "cell twice":
        again = copy.deepcopy(next(c for c in made.cells if c.metadata.get("mailcourse", {}).get("task") == "same"))
        again.id = "again"
        made.cells.insert(8, again)
    if kind == "cells gone":
        made.cells = [
            c for c in made.cells if c.metadata.get("nbgrader", {}).get("grade_id") not in ("wire", "wire-check")
        ]
    file = folder / student / f"{name}.ipynb"
    file.parent.mkdir(parents=True, exist_ok=True)
    if kind == "no notebook":
        file.write_text("<html>Please log in</html>")
    else:
        _write(made, file)
    return file


#: points of those that are made otherwise
OTHERS = {"untouched": 0.0, "no notebook": 0.0, "cell twice": 24.0, "cells gone": 21.0}


def expected(kind: str) -> float:
    return KINDS[kind][1] if kind in KINDS else OTHERS[kind]
