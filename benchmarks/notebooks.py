"""How long does nbval take for all lessons, and for as many bare kernels with as many empty cells?  In turn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat

LESSONS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
ROUNDS = 3


def validated(notebooks: list[Path], folder: Path) -> float:
    """Return the seconds that strict nbval takes, with two workers."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "--dist",
        "loadscope",
        "--nbval",
        "--rootdir",
        str(folder),
    ]
    began = time.perf_counter()
    ran = subprocess.run(
        [*command, "-c", "/dev/null", *map(str, notebooks)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-2000:]
    return time.perf_counter() - began


def bare(folder: Path) -> list[Path]:
    """Write each notebook with cells that do nothing."""
    made = []
    for lesson in LESSONS:
        notebook: Any = nbformat.read(lesson, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.source, cell.outputs = "None", []
        made.append(folder / lesson.name)
        nbformat.write(notebook, made[-1])
    return made


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        empty = bare(Path(name))
        seconds = [(validated(LESSONS, LESSONS[0].parent), validated(empty, Path(name))) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(column) for column in zip(*seconds, strict=True))
    print(f"{len(LESSONS)} notebooks under nbval with two workers: {ours:.1f} s")
    print(f"as many bare kernels: {theirs:.1f} s, so {ours / theirs:.2f} times")


if __name__ == "__main__":
    main()
