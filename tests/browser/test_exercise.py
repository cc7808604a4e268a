"""An exercise as a student does it: open, fail, read the hint, mend, begin again, Validate; then the feedback page.

MAILCOURSE_PICTURES=folder keeps pictures, to be looked at.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bench import Jupyter, prompts, wait

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
NAME = "01-addresses"
AGAIN = 'world.again("split")'
WRONG = "def split(address):\n    return address.split('@')"


def answers() -> dict[str, str]:
    """The solution's answers, by task."""
    solution: Any = nbformat.read(ROOT / "solutions" / NAME / f"{NAME}.ipynb", as_version=4)
    return {c.metadata.mailcourse.task: c.source for c in solution.cells if "mailcourse" in c.metadata}


class Page:
    """An exercise in JupyterLab."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.texts: list[str] = page.locator(".jp-CodeCell .cm-content").all_inner_texts()

    def number(self, words: str) -> int:
        """The first code cell with these words."""
        return next(n for n, text in enumerate(self.texts) if words in text)

    def cell(self, words: str) -> Any:
        return self.page.locator(".jp-CodeCell").nth(self.number(words))

    def run(self, words: str) -> str:
        """Run a cell with the keyboard; return what stands below it."""
        number, before = self.number(words), prompts(self.page)[self.number(words)]
        self.cell(words).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        wait(lambda: prompts(self.page)[number] not in ("[*]:", before), f"{words} did not end")
        return "\n".join(self.cell(words).locator(".jp-OutputArea-output").all_inner_texts())

    def write(self, words: str, text: str) -> None:
        """Replace the text of a cell."""
        self.cell(words).locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)


def test_fail_read_the_hint_mend_and_validate(jupyter: Jupyter, browser: Any, tmp_path: Path) -> None:
    _with_a_cell_of_her_own(jupyter.folder / f"{NAME}.ipynb")
    session, client = jupyter.start_kernel(f"{NAME}.ipynb")
    page = browser.new_page(viewport={"width": 1300, "height": 1600})
    page.set_default_timeout(60_000)
    page.goto(f"{jupyter.address}/doc/tree/{NAME}.ipynb?reset")
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for()
    keep = _keeper(page)
    sheet = Page(page)

    said = sheet.run("begin(")
    assert "Write your name between the quotes" in said
    assert "Traceback" not in said
    sheet.write("begin(", sheet.texts[sheet.number("begin(")].replace('STUDENT = ""', 'STUDENT = "Ana"'))
    assert "The world of Ana" in sheet.run("begin(")

    sheet.write("def split(", WRONG)
    sheet.run("def split(")
    first, second = sheet.run('"split", split)'), sheet.run('"split", split)')
    assert "0 of 6 points" in first
    assert "Hint 1 of 3" in first
    assert "Hint 2 of 3" in second
    keep("hint")
    count = page.locator(".jp-CodeCell").count()
    sheet.run(AGAIN)
    wait(lambda: page.locator(".jp-CodeCell").count() == count + 1, "the cell as it was is not put below")
    assert "your answer here" in page.locator(".jp-CodeCell").last.locator(".cm-content").inner_text()
    page.keyboard.press("Escape")
    assert "Hint 1 of 3" in sheet.run('"split", split)'), "the tries are counted anew"
    _answer_all(sheet)
    keep("passed")

    page.get_by_text("Validate", exact=True).first.click()
    page.locator(".jp-Dialog").get_by_text("Success").wait_for()
    keep("validate")
    page.locator(".jp-Dialog-button.jp-mod-accept").click()
    wait(lambda: page.locator(".jp-Dialog").count() == 0, "the dialog stays")
    page.keyboard.press("Control+s")
    wait(lambda: "return local, domain.lower()" in (jupyter.folder / f"{NAME}.ipynb").read_text("utf-8"), "not saved")
    jupyter.end_kernel(session, client)
    page.close()
    _feedback(jupyter, browser, tmp_path)


def _answer_all(sheet: Page) -> None:
    for task, answer in answers().items():
        words = {"split": "def split(", "same": "def same(", "wire": "def on_the_wire("}.get(task)
        words = words or {"reply-to-whom": "replies = ", "taken": "taken = ", "servers": "servers = {"}[task]
        if task == "servers":
            sheet.run('world.lab("servers")')
        sheet.write(words, answer)
        sheet.run(words)
        said = sheet.run(f'"{task}",')
        assert "not yet" not in said, said
        assert "✔ passed" in said


def _with_a_cell_of_her_own(file: Path) -> None:
    """Copy the exercise, with one cell more, as a student adds it."""
    notebook: Any = nbformat.read(ROOT / "exercises" / NAME / f"{NAME}.ipynb", as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(AGAIN))
    nbformat.write(notebook, file)


def _keeper(page: Any) -> Callable[[str], None]:
    folder = os.environ.get("MAILCOURSE_PICTURES")
    return lambda name: page.screenshot(path=f"{folder}/exercise-{name}.png") if folder else None


def _feedback(jupyter: Jupyter, browser: Any, folder: Path) -> None:
    """Mark what was saved, and open the page that the student gets."""
    (folder / "in" / "ana").mkdir(parents=True)
    shutil.copy(jupyter.folder / f"{NAME}.ipynb", folder / "in" / "ana")
    command = [sys.executable, "-m", "mailcourse.cli", "grade", NAME, str(folder / "in"), "--into", str(folder / "out")]
    subprocess.run(command, check=True, capture_output=True, timeout=200)
    page = browser.new_page(viewport={"width": 1300, "height": 1600})
    page.goto((folder / "out" / "feedback" / "ana" / NAME / f"{NAME}.html").as_uri(), wait_until="domcontentloaded")
    text = page.locator("body").inner_text()
    assert "24 of 24 points" in text
    assert text.count("✔ passed") >= 10
    _keeper(page)("feedback")
    page.goto((folder / "out" / f"{NAME}.html").as_uri())
    assert page.locator("svg rect").count() >= 6
    _keeper(page)("class")
    page.close()
