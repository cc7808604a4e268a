"""Which name a check looks for, and which names a cell defines: so that a misnamed answer is told what it is called.

    check("02-dns", "who-takes", first)     looks for `first`
    primero = {…}                           "This task looks for `first`; your cell defines `primero`."

Both in a notebook, where `explain_misnamed_answers` says so below the check, and when a class is marked.  Reads code,
and runs none.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SHOWN = 3


@dataclass(frozen=True)
class Check:
    """A call of `check` in a notebook: which task, and the expression that is the answer."""

    assignment: str
    task: str
    answer: str
    is_alone: bool  # nothing else is in its cell


def check_in(source: str) -> Check | None:
    """Return what a cell has checked, if it has.

    >>> check_in('from mailcourse.checks import check\\ncheck("02-dns", "zone", zone)')
    Check(assignment='02-dns', task='zone', answer='zone', is_alone=True)
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for line in tree.body:
        call = line.value if isinstance(line, (ast.Expr, ast.Assign)) else None
        if not isinstance(call, ast.Call) or getattr(call.func, "id", getattr(call.func, "attr", "")) != "check":
            continue
        names = [arg.value for arg in call.args[:2] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        if len(names) == 2 and len(call.args) > 2:
            others = [one for one in tree.body if one is not line and not isinstance(one, (ast.Import, ast.ImportFrom))]
            return Check(names[0], names[1], ast.unparse(call.args[2]), not others)
    return None


def defined_names(sources: Sequence[str]) -> list[str]:
    """Return the names that cells define at their left margin, in order.

    >>> defined_names(["primero = 5\\ndef f(): x = 1", "a, b = 1, 2"])
    ['primero', 'f', 'a', 'b']
    """
    found: dict[str, None] = {}
    for source in sources:
        try:
            body = ast.parse(source).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for line in body:
            if isinstance(line, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found[line.name] = None
            targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
            for target in targets:
                found |= {node.id: None for node in ast.walk(target) if isinstance(node, ast.Name)} if target else {}
    return list(found)


def misnamed(check: Check, sources: Sequence[str]) -> str:
    """Say that an answer is not there under its name, and which names the cells before its check define."""
    own = [source for source in sources if "begin(" not in source]
    others = [name for name in defined_names(own) if name != check.answer]
    defines = f"your cell defines `{'`, `'.join(others[:SHOWN])}`" if others else "no cell defines it"
    return f"This task looks for `{check.answer}`; {defines}."


def explain_misnamed_answers(shell: Any) -> None:
    """From now on, let a check whose answer has another name say so, in place of a NameError of Python's."""
    if not getattr(shell, "custom_exceptions", ()):
        shell.set_custom_exc((NameError,), _explain)


def _explain(shell: Any, kind: type[NameError], error: NameError, tb: Any, tb_offset: int | None = None) -> None:
    *before, cell = shell.user_ns.get("In", ["", ""])
    check = check_in(cell)
    if check is None or error.name != check.answer:
        shell.showtraceback((kind, error, tb), tb_offset=tb_offset)
        return
    since = max((n for n, source in enumerate(before) if check_in(source) is not None), default=-1)
    shell._showtraceback(kind, error, [misnamed(check, before[since + 1 :])])
