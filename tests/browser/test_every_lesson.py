"""Each lesson run whole in JupyterLab: every cell ends, every widget is drawn, nothing is cut off or empty.

MAILCOURSE_PICTURES=folder keeps a picture of each lesson, to be looked at.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bench import Jupyter, prompts, run_all, wait

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
LESSONS = sorted((Path(__file__).parents[2] / "notebooks").glob("0*.ipynb"))
#: Outputs that are empty, wider than the page, or show the text of a widget instead of the widget.
LOOK = """() => {
  const outputs = [...document.querySelectorAll(".jp-OutputArea-output")];
  const name = (one) => one.closest(".jp-CodeCell").querySelector(".cm-content").innerText.slice(0, 60);
  return {
    empty: outputs.filter((one) => one.offsetHeight < 4).map(name),
    wide: outputs
      .filter((one) => one.scrollWidth > one.clientWidth + 2 && !one.querySelector("pre, table, svg"))
      .map(name),
    broken: outputs.filter((one) => /Error displaying widget|Loading widget/.test(one.innerText)).map(name),
  };
}"""


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_whole(jupyter: Jupyter, browser: Any, path: Path) -> None:
    notebook: Any = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":  # what is seen was made here, and not saved before
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, jupyter.folder / path.name)
    session, client = jupyter.start_kernel(path.name)
    wrong: list[str] = []
    page, hear = jupyter.page(browser), lambda error: wrong.append(str(error))
    page.on("pageerror", hear)
    jupyter.show(page, path.name, 1300, 900)
    run_all(page, 120)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    seen = [number for number, cell in enumerate(cells, 1) if not cell.metadata.get("jupyter", {}).get("source_hidden")]
    assert len(seen) < len(cells), "comparisons are folded, and show no number"
    assert prompts(page) == [f"[{number}]:" for number in seen], "each cell was run once, in order"
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    wait(lambda: not any(page.evaluate(LOOK)[kind] for kind in ("empty", "broken")), f"{page.evaluate(LOOK)}", 30)
    assert page.evaluate(LOOK)["wide"] == []
    if folder := os.environ.get("MAILCOURSE_PICTURES"):
        keep_pictures(page, Path(folder), path.stem)
    page.remove_listener("pageerror", hear)
    jupyter.keep(page)
    jupyter.end_kernel(session, client)
    assert wrong == []


def keep_pictures(page: Any, folder: Path, name: str) -> None:
    """Save a lesson from top to bottom, a screen a file."""
    screen = 1500
    page.set_viewport_size({"width": 1300, "height": screen + 100})
    whole = int(page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollHeight"))
    for number, top in enumerate(range(0, whole, screen)):
        page.evaluate("top => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = top }", top)
        page.wait_for_timeout(200)
        page.screenshot(path=str(folder / f"{name}-{number:02}.png"))
