"""From Graphviz text to SVG, on every machine.

With a `dot` program, that is used; without, the Graphviz libraries in pygraphviz's wheel draw in
this process.  Both are asked for the same picture; fonts may differ by a little.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import graphviz

NO_PROGRAM, PROGRAM = "pygraphviz, no dot program needed", "dot program {}"
_one_at_a_time = threading.Lock()  # the Graphviz libraries are not safe for threads


def engine() -> str:
    """Say what draws the pictures here."""
    return PROGRAM.format(shutil.which("dot")) if shutil.which("dot") else NO_PROGRAM


@lru_cache(maxsize=64)
def svg(source: str) -> str:
    """Draw a graph; return the <svg> element alone, without an XML head."""
    drawn = _draw(source, "svg").decode("utf-8")
    return re.sub(r"<!--.*?-->\n?", "", drawn[drawn.index("<svg") :], flags=re.DOTALL).strip()


def png(source: str) -> bytes:
    """Draw a graph as PNG; empty where only SVG can be drawn (a web page)."""
    return _draw(source, "png")


def still(source: str) -> dict[str, str]:
    """Return a graph as what a saved notebook shows where scripts and SVG are not trusted, if it can be drawn here."""
    drawn = png(source)
    return {"image/png": b64encode(drawn).decode()} if drawn else {}


def _draw(source: str, form: str) -> bytes:
    if shutil.which("dot"):
        return bytes(graphviz.Source(source).pipe(format=form, quiet=True))
    import pygraphviz  # 90 ms, so only when something is drawn

    # In the first graph of a process, a node with an empty label would take the labels of all others away.
    named = source.replace("{", '{\n\tnode [label="\\N"]', 1)
    with _one_at_a_time, _without_stderr():
        return bytes(pygraphviz.AGraph(string=named).draw(format=form, prog="dot"))


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
