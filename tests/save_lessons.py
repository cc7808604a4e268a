"""Run lessons and keep their outputs: python tests/save_lessons.py notebooks/01-addresses.ipynb …

What a saved notebook must not keep is taken out: widgets (they live in a kernel), run times, counters
that are not in order.  Look at the difference before you commit it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
WIDGET = "application/vnd.jupyter.widget-view+json"


def save(path: Path) -> None:
    """Run one notebook from the top, and write it with what it showed."""
    notebook: Any = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(path.parent)}}).execute()
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(WIDGET, None)
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(map(str, (ROOT / "notebooks").glob("0*.ipynb"))):
        save(Path(name))
        print("saved", name)
