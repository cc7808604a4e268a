"""Fuzz one target, guided by coverage:  python tests/fuzz/guided.py headers 600

What is kept in corpus/TARGET is tried first, then changed; what breaks the target is written to the folder of the
call as crash-…, and the call fails.  A new input of the corpus is worth keeping when it reaches new lines.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

HERE = Path(__file__).parent


def main(target: str, seconds: str) -> None:
    """Fuzz for so many seconds."""
    sys.path.insert(0, str(HERE))
    with atheris.instrument_imports(include=["mailcourse"]):
        from targets import TARGETS
    found = tempfile.mkdtemp()
    options = [
        f"-max_total_time={seconds}",
        "-timeout=10",
        "-rss_limit_mb=3000",
        "-max_len=20000",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], found, str(HERE / "corpus" / target), *options], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
