"""What a lesson shows between a question and its comparison: kept beside the notebook, so that nobody reads it first.

notebook    the cell has no output, and two tags: `held-back`, and nbval's own to ignore what comes
held_back/  lesson → cell → outputs; conftest.py gives them to nbval, site_pages.py to the pages in a browser
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("held_back")
TAG, IGNORED = "held-back", "nbval-ignore-output"
ASKED, COMPARED = re.compile(r"(\w+)\s*=\s*predict\("), re.compile(r"(\w+)\.compare\(")


def told_too_early(cells: list[Any]) -> list[int]:
    """Return which cells run after a question and before its comparison; a view or a task tells nothing by itself.

    >>> code = ["a = predict('?', 1, 2)", "look()", "fill_in('x')", "a.compare(1)"]
    >>> told_too_early([{"cell_type": "code", "source": each, "outputs": []} for each in code])
    [1]
    """
    found, asked = list[int](), dict[str, int]()
    for number, cell in enumerate(cells):
        source = "".join(cell["source"]) if cell["cell_type"] == "code" else ""
        for name in COMPARED.findall(source):
            found += range(asked.pop(name, number) + 1, number)
        asked |= dict.fromkeys(ASKED.findall(source), number)
    return sorted(number for number in set(found) if _tells(cells[number]))


def _tells(cell: Any) -> bool:
    if cell["cell_type"] != "code" or re.search(r"fill_in\(|predict\(|\.compare\(", "".join(cell["source"])):
        return False
    return not any("image/png" in output.get("data", {}) for output in cell["outputs"])


def hold_back(notebook: Any, path: Path) -> None:
    """Take the outputs that tell too early out of a notebook, and fold the comparisons."""
    held = {}
    for cell in notebook.cells:
        about = cell.metadata
        if COMPARED.search("".join(cell.source)) and cell.cell_type == "code":
            about.setdefault("jupyter", {})["source_hidden"] = True
        if TAG in about.get("tags", ()):
            about["tags"] = [tag for tag in about["tags"] if tag not in (TAG, IGNORED)]
    for number in told_too_early(notebook.cells):
        cell = notebook.cells[number]
        held[cell.id], cell.outputs, cell.execution_count = cell.outputs, [], None
        cell.metadata["tags"] = sorted({*cell.metadata.get("tags", ()), TAG, IGNORED})
    FOLDER.mkdir(exist_ok=True)
    place(path).write_text(json.dumps(held, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")


def place(notebook: Path) -> Path:
    """Return where the outputs of a lesson are kept."""
    return FOLDER / f"{notebook.stem}.json"


def held(notebook: Path) -> dict[str, Any]:
    """Return the outputs that are held back from a notebook, by cell; none where it holds nothing back."""
    file = place(notebook)
    return dict(json.loads(file.read_text("utf-8"))) if file.exists() else {}
