"""Imports go one way only: from what is seen, over the lab and the roles, down to the wire; and never in a circle.

An import counts wherever it stands: at the head of a file, inside a function, or for types alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from sources import forget, nodes

PACKAGE = Path(__file__).parents[2] / "mailcourse"
FILES = sorted(PACKAGE.rglob("*.py"))

#: folder -> what it may import; `views.py`, `saved.py`, `host_log.py`, `course_copy.py`, `leftovers.py`, `patient.py`
#: and `cli.py` at the top are rooms of one file
MAY: dict[str, set[str]] = {
    "internet": set(),
    "leftovers": set(),
    "browser": {"internet"},
    "message": {"internet"},
    "dns": {"internet", "message"},
    "mailbox": {"internet", "message"},
    "authentication": {"internet", "message", "dns", "mailbox"},
    "mta": {"internet", "message", "dns", "mailbox", "authentication"},
    "mda": {"internet", "message", "dns", "mailbox", "authentication"},
    "access": {"internet", "message", "dns", "mailbox", "authentication"},
    "mua": {"internet", "message", "dns", "mailbox", "authentication"},
    "lab": {"internet", "leftovers", "message", "dns", "mailbox", "authentication", "mta", "mda", "access", "mua"},
    "scene": {"internet", "message", "lab"},
    "widgets": {"internet", "message", "lab", "scene"},
    "saved": {"internet"},
    "host_log": {"internet"},
    "course_copy": {"internet"},
    "patient": {"lab"},
    "views": {"internet", "message", "lab", "scene", "widgets", "saved", "host_log"},
    "lessons": {"internet", "message", "authentication", "lab", "mailcourse", "patient", "scene", "views", "widgets"},
    "checks": {"internet", "leftovers", "message", "lab", "patient", "views"},
    "marking": {"internet", "leftovers", "checks", "mailcourse"},
    "mailcourse": {"browser", "internet", "views"},
    "cli": {"internet", "course_copy", "lab", "scene", "views", "widgets", "checks", "marking"},
}


def name_of(path: Path) -> str:
    """Return the dotted name of a file: "mta.queue", and "mailcourse" for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "mailcourse"


KNOWN = {name_of(file) for file in FILES}


def imports(path: Path) -> set[str]:
    """Return the dotted names of the package's files that a file imports, wherever the import stands."""
    package = ("mailcourse", *path.relative_to(PACKAGE).parts[:-1])
    found = set()
    for node in nodes(path):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1]] if node.level else []
            base += node.module.split(".") if node.module else []
            names = [".".join([*base, alias.name]) for alias in node.names]
        for name in names:
            head, _, rest = name.partition(".")
            if head == "mailcourse":
                # "mta.queue.Entry" is in the file mta.queue; "mta.queue" may itself be the file
                found.add(next((n for n in (rest, rest.rpartition(".")[0]) if n in KNOWN), "mailcourse"))
    return found - {name_of(path)}


@cache
def arrows() -> dict[str, set[str]]:
    """Return what each file imports; once."""
    return {name_of(path): imports(path) for path in FILES}


@pytest.fixture(scope="module", autouse=True)
def _forget() -> Iterator[None]:
    yield
    forget()


def circles(between: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of files that import each other, over however many others (Tarjan's components)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in sorted(between.get(node, ())):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(between):
        if node not in order:
            visit(node)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_arrows(path: Path) -> None:
    here = name_of(path).partition(".")[0]
    for there in sorted(arrows()[name_of(path)]):
        room = there.partition(".")[0]
        assert room == here or room in MAY[here], f"{path.name} is in {here}/ and must not import {there}"


def test_no_file_imports_itself_over_others() -> None:
    assert circles(arrows()) == []


def test_a_circle_is_found_over_two_files_and_over_three() -> None:
    assert circles({"a": {"b"}, "b": {"a"}, "c": {"a"}}) == [["a", "b"]]
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}) == [["a", "b", "c"]]


def test_an_import_counts_in_a_function_and_for_types() -> None:
    assert "widgets.map" in arrows()["views"]  # imported inside a function
    assert "internet.capture" in arrows()["lab.lab"]  # and for types


#: an exercise's client and the lab it talks to are in two processes, and so are an answer and its judge
BETWEEN_PROCESSES = (
    "checks.recording_proxy",
    "checks.remote_names",
    "marking.confine",
    "marking.doorway",
    "marking.room",
    "marking.runner",
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_internet_opens_sockets_reads_the_time_or_draws_numbers(path: Path) -> None:
    here = name_of(path)
    if here.partition(".")[0] in ("internet", "browser", "cli") or here in BETWEEN_PROCESSES:
        return
    source = path.read_text()
    modules = {alias.name for node in nodes(path) if isinstance(node, ast.Import) for alias in node.names}
    assert not modules & {"random", "secrets", "time", "uuid"}
    for call in ("socket.socket(", "create_connection(", "datetime.now(", "utcnow(", "date.today("):
        assert call not in source


#: what a lab is built from, and nobody above its face needs to know
INSIDE = {"accounts", "certificates", "deliveries", "disks", "internet", "resolvers", "runtime"}


@pytest.mark.parametrize("room", ["widgets", "views", "lessons", "checks", "marking", "cli"])
def test_what_stands_above_a_lab_asks_its_face(room: str) -> None:
    reached = [
        f"{name_of(path)}, line {node.lineno}: lab.{node.attr}"
        for path in FILES
        if name_of(path).partition(".")[0] == room
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and node.attr in INSIDE
        if getattr(node.value, "id", getattr(node.value, "attr", "")) == "lab"
    ]
    assert reached == []
