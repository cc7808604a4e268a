"""The bounds that keep the code readable; the README promises the count."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from sources import forget, module, nodes

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "mailcourse").rglob("*.py"))
#: tests, benchmarks and what is beside them are read too
ALL_FILES = [*FILES, *(path for folder in ("tests", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py")))]
#: what carries mail, the Internet beneath that knows nothing of mail, the public face, who may use a name, the web page
#: in front of a mailbox; code lines that each may have, in the README's order
MAX_LINES = {
    ("message", "dns", "mta", "mda", "mailbox", "access", "mua"): 7250,
    ("internet",): 1_760,
    ("lab",): 1850,
    ("authentication",): 1350,
    ("mua/webmail",): 700,
}
ROOMS = [room for rooms in MAX_LINES for room in rooms]


@pytest.fixture(scope="module", autouse=True)
def _forget() -> Iterator[None]:
    yield
    forget()


def lines(path: Path) -> int:
    return path.read_text().count("\n")


def code_lines(path: Path) -> int:
    """Count the lines that do something: without docstrings, comments and empty lines."""
    text = path.read_text()
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in silent:
            found.update(range(token.start[0], token.end[0] + 1))
    for node in nodes(path):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(
            node
        ):
            found -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(found)


@pytest.mark.parametrize("path", ALL_FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_short(path: Path) -> None:
    assert lines(path) <= 400
    for node in nodes(path):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert (node.end_lineno or 0) - node.lineno + 1 <= 50, f"{path.name}: {node.name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_opens_with_its_argument_and_is_not_called_after_nothing(path: Path) -> None:
    assert ast.get_docstring(module(path))
    assert path.stem not in ("utils", "helpers", "manager", "base", "common", "core")


def room_of(path: Path) -> str:
    """Return the innermost room of `MAX_LINES` that a file is in: "mua/webmail" before "mua"."""
    place = path.relative_to(ROOT / "mailcourse").as_posix()
    return max((room for room in ROOMS if place.startswith(f"{room}/")), key=len, default="")


def test_the_readme_states_the_size_of_the_mail_system() -> None:
    promised = re.findall(r"\*\*([\d,]+) lines of code\*\*", (ROOT / "README.md").read_text())
    counts = [(sum(code_lines(p) for p in FILES if room_of(p) in rooms), bound) for rooms, bound in MAX_LINES.items()]
    built = [(counted, bound) for counted, bound in counts if counted]
    for (counted, bound), number in zip(built, promised, strict=True):
        assert abs(counted - int(number.replace(",", ""))) <= 100
        assert counted <= bound


def test_only_reserved_names_stand_in_scenarios() -> None:
    scenarios = list((ROOT / "mailcourse" / "lab" / "scenarios").glob("*.toml"))
    assert scenarios
    for path in scenarios:
        for name in re.findall(r"@([\w.-]+)", path.read_text()):
            assert name.rsplit(".")[-1] in ("test", "example", "invalid")


def test_nothing_is_kept_from_the_formatter() -> None:
    mark = "# fmt: " + "skip"
    assert [str(path.relative_to(ROOT)) for path in ALL_FILES if mark in path.read_text()] == []


def test_no_class_name_stands_twice() -> None:
    names = [node.name for path in FILES for node in nodes(path) if isinstance(node, ast.ClassDef)]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_a_script_or_a_style_sheet_is_beside_the_file_that_uses_it() -> None:
    sheets = [path for kind in ("js", "css") for path in (ROOT / "mailcourse").rglob(f"*.{kind}")]
    assert sheets
    assert [path for path in sheets if not path.with_suffix(".py").exists()] == []
