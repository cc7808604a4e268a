"""The bounds that keep the code readable; the README promises the count."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "mailcourse").rglob("*.py"))
MAIL_SYSTEM = ("internet", "message", "dns", "mta", "mda", "mailbox", "access", "mua")


def lines(path: Path) -> int:
    return path.read_text().count("\n")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_short(path: Path) -> None:
    assert lines(path) <= 400
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert (node.end_lineno or 0) - node.lineno + 1 <= 50, f"{path.name}: {node.name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_opens_with_its_argument_and_is_not_called_after_nothing(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
    assert path.stem not in ("utils", "helpers", "manager", "base", "common", "core")


def test_the_readme_states_the_size_of_the_mail_system() -> None:
    counted = sum(lines(p) for p in FILES if p.relative_to(ROOT / "mailcourse").parts[0] in MAIL_SYSTEM)
    promised = re.search(r"about \*\*([\d,]+) lines\*\*", (ROOT / "README.md").read_text())
    assert promised is not None
    assert abs(counted - int(promised[1].replace(",", ""))) <= 200
    assert counted <= 7000


def test_only_reserved_names_stand_in_scenarios() -> None:
    for path in (ROOT / "mailcourse" / "scenarios").glob("*.toml"):
        for name in re.findall(r"@([\w.-]+)", path.read_text()):
            assert name.rsplit(".")[-1] in ("test", "example", "invalid")
