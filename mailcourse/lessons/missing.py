"""What to do when a cell needs a name that an earlier cell makes: say which cell that is.

In IPython, a NameError then reads: 'sent' is not there yet.  Run the cell with `sent = …` first; it
stands under the heading "A letter to Bruno".  JupyterLab tells its kernel where the notebook is.
"""

from __future__ import annotations

import ast
import json
import os
import re
from pathlib import Path
from typing import Any

SOMEWHERE = "{!r} is not there yet. It is made in a cell further up: choose Run > Run All Above Selected Cell."
THERE = (
    "{!r} is not there yet. It is made under the heading “{}”, by the cell that begins with: {}  Run that cell first."
)


def explain(name: str, notebook: Path | None) -> str:
    """Say where `name` is made, as far as the notebook tells."""
    try:
        cells = json.loads(notebook.read_text("utf-8"))["cells"] if notebook else []
    except (OSError, ValueError, KeyError):
        cells = []
    heading = ""
    for cell in cells:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            heading = (re.findall(r"^#+ +(.+)$", text, re.MULTILINE) or [heading])[-1]
        elif cell["cell_type"] == "code" and name in made_by(text):
            return THERE.format(name, heading, text.splitlines()[0])
    return SOMEWHERE.format(name)


def made_by(source: str) -> set[str]:
    """Return the names that a cell makes.

    >>> sorted(made_by("from a import b as c\\nd, e = 1, 2"))
    ['c', 'd', 'e']
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
    return names


def explain_missing_names() -> None:
    """From now on, let a NameError in a cell say which cell is needed; outside IPython, do nothing."""
    try:
        from IPython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is not None:
        shell.set_custom_exc((NameError,), _show)


def _show(shell: Any, kind: type[NameError], error: NameError, tb: Any, tb_offset: int | None = None) -> None:
    where = os.environ.get("JPY_SESSION_NAME")
    if error.name and f"name {error.name!r} is not defined" in str(error):
        error.args = (explain(error.name, Path(where) if where else None),)
    shell.showtraceback((kind, error, tb), tb_offset=tb_offset)
