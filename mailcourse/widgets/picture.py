"""From Graphviz text to SVG, on every machine.

With a `dot` program, that is used; without, the Graphviz libraries in pygraphviz's wheel draw in
this process.  Both are asked for the same picture; fonts may differ by a little.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import graphviz

_one_at_a_time = threading.Lock()  # the Graphviz libraries are not safe for threads


def engine() -> str:
    """Say what draws the pictures here."""
    return f"dot program {shutil.which('dot')}" if shutil.which("dot") else "pygraphviz, no dot program needed"


@lru_cache(maxsize=64)
def svg(source: str) -> str:
    """Draw a graph; return the <svg> element alone, without an XML head."""
    drawn = _by_program(source) if shutil.which("dot") else _by_library(source)
    return re.sub(r"<!--.*?-->\n?", "", drawn[drawn.index("<svg") :], flags=re.DOTALL).strip()


def _by_program(source: str) -> str:
    return graphviz.Source(source).pipe(format="svg", encoding="utf-8", quiet=True)  # type: ignore[no-any-return]


def _by_library(source: str) -> str:
    import pygraphviz  # 90 ms, so only when something is drawn

    with _one_at_a_time, _without_stderr():
        graph = pygraphviz.AGraph(string=source)
        return bytes(graph.draw(format="svg", prog="dot")).decode("utf-8")


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Keep the font library's warnings out of the notebook; what is wrong with a graph is raised anyway."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
