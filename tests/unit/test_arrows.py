"""Imports go one way only: from what is seen, over the lab and the roles, down to the wire."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "mailcourse"

#: folder -> what it may import; modules at the top are "lab", the views above it "widgets", "cli"
MAY: dict[str, set[str]] = {
    "internet": set(),
    "message": {"internet"},
    "dns": {"internet", "message"},
    "mailbox": {"internet", "message"},
    "mta": {"internet", "message", "dns", "mailbox"},
    "mda": {"internet", "message", "dns", "mailbox"},
    "access": {"internet", "message", "dns", "mailbox"},
    "mua": {"internet", "message", "dns", "mailbox"},
    "scenarios": set(),
    "lab": {"internet", "message", "dns", "mailbox", "mta", "mda", "access", "mua", "scenarios"},
    "widgets": {"internet", "lab"},
    "lessons": {"internet", "message", "lab", "widgets"},
    "checks": {"internet", "message", "lab"},
    "cli": {"internet", "lab", "widgets", "checks"},
}
#: the public face offers the views; they are imported only when asked for, inside functions
LATE = {("lab", "widgets")}


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    if len(parts) > 1:
        return parts[0]
    return "cli" if path.stem == "cli" else "lab"


def imported(path: Path) -> list[tuple[str, bool]]:
    """The rooms that a file imports, and whether it does so late (in a function, or for types only)."""
    found = []
    tree = ast.parse(path.read_text())
    late = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.If))
        for inner in ast.walk(node)
    }
    package = ("mailcourse", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) + "." if node.level else ""
            names = [f"{base}{node.module or ''}.{alias.name}" for alias in node.names]
        for name in names:
            parts = [part for part in name.split(".") if part]
            if parts[0] == "mailcourse" and len(parts) > 1:
                found.append((parts[1] if parts[1] in MAY else "lab", id(node) in late))
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_follow_the_arrows(path: Path) -> None:
    here = room(path)
    for there, late in imported(path):
        allowed = there == here or there in MAY[here] or (late and (here, there) in LATE)
        assert allowed, f"{path.name} is in {here}/ and must not import {there}/"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_internet_opens_sockets_reads_the_time_or_draws_numbers(path: Path) -> None:
    if room(path) in ("internet", "cli"):
        return
    source = path.read_text()
    modules = {
        alias.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import) for alias in node.names
    }
    assert not modules & {"random", "secrets", "time", "uuid"}
    for call in ("socket.socket(", "create_connection(", "datetime.now(", "utcnow(", "date.today("):
        assert call not in source
