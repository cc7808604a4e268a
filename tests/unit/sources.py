"""The text of the package's files, as trees: read once for all tests of a file that look at them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Return all nodes of a file's tree; the first is the module."""
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))


def module(path: Path) -> ast.Module:
    """Return the tree of a file."""
    first = nodes(path)[0]
    assert isinstance(first, ast.Module)
    return first


def forget() -> None:
    """Let the trees go: a million small things would make each collection of garbage slow for the tests that follow."""
    nodes.cache_clear()
