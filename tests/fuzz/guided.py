"""Fuzz targets, guided by coverage, one after the other:  python tests/fuzz/guided.py 600 headers mime

Each target has a folder of its own, made where the call is; there its output is, and what breaks it, as crash-….
What is kept in corpus/TARGET is tried first, then changed; a new input is worth keeping when it reaches new lines.
The package is read with its counters once, and each target gets a copy of the process: the fuzzer ends it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

HERE = Path(__file__).parent


def fuzz(name: str, target: Callable[[bytes], None], seconds: str) -> None:
    """Fuzz one target until the time is over; the process does not come back."""
    Path(name).mkdir()
    os.chdir(name)
    with Path("log").open("wb") as log:
        os.dup2(log.fileno(), 2)
    found = tempfile.mkdtemp()
    options = [
        f"-max_total_time={seconds}",
        "-timeout=10",
        "-rss_limit_mb=3000",
        "-max_len=20000",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], found, str(HERE / "corpus" / name), *options], target)
    atheris.Fuzz()


def main(seconds: str, *names: str) -> None:
    """Fuzz each target for so many seconds."""
    sys.path.insert(0, str(HERE))
    with atheris.instrument_imports(include=["mailcourse"]):
        from targets import TARGETS
    ended = {}
    for name in names:
        child = os.fork()
        if child == 0:
            fuzz(name, TARGETS[name], seconds)
        ended[name] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    sys.exit(any(ended.values()))


if __name__ == "__main__":
    main(*sys.argv[1:])
