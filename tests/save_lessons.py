"""Run lessons and keep their outputs: python tests/save_lessons.py notebooks/01-addresses.ipynb …

What a saved notebook must not keep is taken out: widgets (they live in a kernel), run times, counters
that are not in order.  What a question asks is not told before it is answered: outputs between `x = predict(…)` and
`x.compare(…)` are held back in `tests/held_back/`, where nbval finds them, and the comparison is folded.  The answers
are sealed in `mailcourse/lessons/seals.json`.  Look at the difference before you commit it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import nbformat
from held_back import hold_back
from nbclient import NotebookClient

from mailcourse.lessons.prediction import digest

ROOT = Path(__file__).parents[1]
SEALS = ROOT / "mailcourse" / "lessons" / "seals.json"
#: run at the end, and taken out again
TOLD = "from mailcourse.lessons.prediction import happened\nimport json\nprint(json.dumps(happened()))"
WIDGET = "application/vnd.jupyter.widget-view+json"


def save(path: Path) -> None:
    """Run one notebook from the top, and write it with what it showed."""
    notebook: Any = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(TOLD))
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(path.parent)}}).execute()
    seal(path.name[:2], json.loads(notebook.cells.pop().outputs[0].text))
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(WIDGET, None)
    hold_back(notebook, path)
    nbformat.write(notebook, path)


def seal(lesson: str, happened: dict[str, str]) -> None:
    """Write digests of what happened after each question of a lesson."""
    seals = json.loads(SEALS.read_text())
    seals[lesson] = {question: digest(question, answer) for question, answer in happened.items()}
    SEALS.write_text(json.dumps(seals, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(map(str, (ROOT / "notebooks").glob("0*.ipynb"))):
        save(Path(name))
        print("saved", name)
