"""Stands for `pygraphviz`: the same Graphviz, compiled for the browser, that lies beside the page."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def _graphviz() -> Any:
    from pyodide.code import run_js
    from pyodide.ffi import run_sync

    from mailcourse.browser.page import beside

    return run_sync(run_js(f"import({beside('graphviz/index.js')!r}).then(module => module.Graphviz.load())"))


class AGraph:
    """A graph, as its text."""

    def __init__(self, string: str) -> None:
        self._text = string

    def draw(self, format: str, prog: str) -> bytes:
        """Draw it as SVG; nothing for other forms."""
        if format != "svg":
            return b""
        return str(_graphviz().layout(self._text, "svg", prog)).encode()
