"""The course in a browser tab: every lesson prints what it printed when it was saved, in Chromium and in Firefox."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from firefox import Firefox
from site_pages import READY, RUN, SUB, build, cells_of, differences, served, texts

from mailcourse.marking.found import people_in
from mailcourse.marking.grading import Job, exercise_of, grade
from mailcourse.marking.notebook import Sheet, laid_out

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SOLUTIONS = sorted((ROOT / "solutions").glob("*/*.ipynb"))
FIRST = "lab/index.html?path=notebooks/00-start-here.ipynb"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(build()) as address:
        yield address


@pytest.fixture(scope="module")
def page(browser: Any, address: str) -> Iterator[Any]:
    """A tab with lesson 00; at the end nothing was asked of anybody else, and nothing went wrong."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    tab, outside, errors = context.new_page(), list[str](), list[str]()
    own = (address.removesuffix(SUB), "blob:", "data:")
    tab.on(
        "request",
        lambda asked: outside.append(asked.url) if not asked.url.startswith(own) else 0,
    )
    tab.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    tab.goto(f"{address}{FIRST}")
    tab.get_by_role("status").filter(has_text="are being loaded").wait_for(timeout=60_000)
    tab.wait_for_function(READY, timeout=60_000)
    yield tab
    context.close()
    assert outside == []
    assert errors == []


def run_in(page: Any) -> Any:
    return lambda cells: json.loads(page.evaluate(RUN, cells))


def test_every_lesson_prints_in_chromium_what_was_saved(page: Any) -> None:
    assert [line for lesson in LESSONS for line in differences(lesson, run_in(page))] == []
    assert page.locator("#course-loading").count() == 0, "what was waited for is there"


def test_every_lesson_prints_in_firefox_what_was_saved(address: str) -> None:
    with Firefox() as firefox:
        firefox.open(f"{address}{FIRST}")
        firefox.wait_for(READY)

        def run(cells: list[str]) -> Any:
            return json.loads(firefox.evaluate(RUN, cells))

        assert [line for lesson in LESSONS for line in differences(lesson, run)] == []


def test_every_exercise_gets_full_marks_in_the_page(page: Any) -> None:
    run, wrong = run_in(page), []
    for solution in SOLUTIONS:
        cells = ["".join(cell["source"]).replace('STUDENT = ""', 'STUDENT = "Ana"') for cell in cells_of(solution)]
        said = [texts(outputs) for outputs in run(cells)]
        begun = next(text for text in said if "points to earn" in text.get("text/plain", ""))
        worth = int(begun["text/plain"].partition(" points to earn")[0].split()[-1])
        verdicts = [text for cell, text in zip(cells, said, strict=True) if "\ncheck(" in cell]
        earned = sum(float(text.get("text/plain", "0")) for text in verdicts)
        is_told = all("Your teacher's program marks" in unescape(text.get("text/html", "")) for text in verdicts)
        wrong += [] if earned == worth and is_told else [f"{solution.name}: {earned} of {worth}, {verdicts}"]
    assert wrong == []


SOLVE = """async ([path, answers]) => {
  const app = window.jupyterapp;
  const kernelPreference = {shouldStart: false, canStart: false, autoStartDefault: false};
  const panel = await app.commands.execute("docmanager:open", {path, kernelPreference});
  await panel.context.ready;
  for (const cell of panel.content.model.cells)
    if (cell.id in answers) cell.sharedModel.setSource(answers[cell.id]);
  await panel.context.save();
}"""


#: says nothing: what a command returns, a whole tab, would take most of a minute to be told
REVEAL = "async path => { await window.jupyterapp.commands.execute('docmanager:open', {path}); }"


def sheet(folder: Path, name: str) -> Sheet:
    """Return what the teacher's program reads of the one submission in a folder."""
    (learner,), _ = people_in(folder, name, [solution.stem for solution in SOLUTIONS])
    return laid_out(learner.cells, exercise_of(name, None))


def test_what_is_downloaded_from_the_page_is_what_the_teachers_program_reads(page: Any, tmp_path: Path) -> None:
    """`test_grading.py` says of each exercise that it gets full marks with these answers; one is marked here."""
    for solution in SOLUTIONS:
        name, cells = solution.stem, json.loads(solution.read_text())["cells"]
        answers = {cell["id"]: "".join(cell["source"]) for cell in cells}
        answers = {cell: text.replace('STUDENT = ""', 'STUDENT = "Ana"') for cell, text in answers.items()}
        page.evaluate(SOLVE, [f"exercises/{name}/{solution.name}", answers])
        with page.expect_download() as download:
            page.evaluate("() => window.jupyterapp.commands.execute('docmanager:download')")
        got, wanted = (tmp_path / where / name / "ana" for where in ("downloaded", "solved"))
        download.value.save_as(got / download.value.suggested_filename)  # exercises_01-addresses_01-addresses.ipynb
        solved = json.loads((ROOT / "exercises" / name / solution.name).read_text())
        for cell in solved["cells"]:
            cell["source"] = answers[cell["id"]]
        wanted.mkdir(parents=True)
        (wanted / solution.name).write_text(json.dumps(solved))
        assert sheet(got.parent, name) == sheet(wanted.parent, name)
    page.evaluate(REVEAL, f"notebooks/{LESSONS[0].name}")
    (marks,) = grade(Job(name, got.parent, tmp_path / "marks")).marks
    assert (marks.total + marks.waiting, marks.notes) == (marks.most, [])


def test_a_lesson_goes_on_without_a_network(page: Any) -> None:
    run = run_in(page)
    run(["import mailcourse"])  # the kernel has begun
    page.context.set_offline(True)
    try:
        assert differences(LESSONS[0], run) == []
    finally:
        page.context.set_offline(False)


def test_what_was_written_is_there_after_a_reload(browser: Any, address: str) -> None:
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(f"{address}{FIRST}")
    tab.wait_for_function(READY, timeout=60_000)
    tab.evaluate(
        """async () => {
          const panel = window.jupyterapp.shell.currentWidget;
          panel.content.model.cells.get(0).sharedModel.setSource("what Ana wrote");
          await panel.context.save();
        }"""
    )
    tab.goto(f"{address}{FIRST}")  # a reload, and the lesson opened again
    tab.wait_for_function(READY, timeout=60_000)
    written = "() => window.jupyterapp.shell.currentWidget.content.model.cells.get(0).sharedModel.getSource()"
    assert tab.evaluate(written) == "what Ana wrote"
    context.close()


def test_the_start_page_leads_to_each_lesson_and_everybody_can_use_it(browser: Any, address: str) -> None:
    tab = browser.new_page()
    for place in ("", "read/04-smtp-by-hand.html"):
        tab.goto(f"{address}{place}")
        faults = Axe().run(tab).response["violations"]
        assert [fault["id"] for fault in faults if fault["impact"] in ("serious", "critical")] == []
    tab.goto(address)
    assert tab.locator('a[href^="lab/"]').count() == 1 + 10 + len(SOLUTIONS)
    tab.get_by_role("link", name="Begin").click()
    tab.wait_for_function(READY, timeout=60_000)
    tab.close()


def test_on_a_phone_the_lesson_has_the_whole_width(browser: Any, address: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    tab = context.new_page()
    for place in ("", "read/05-relays-and-mx.html"):
        tab.goto(f"{address}{place}")
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{place} is cut"
    tab.goto(f"{address}{FIRST}")
    tab.wait_for_function(READY, timeout=60_000)
    tab.wait_for_function("window.jupyterapp.shell.currentWidget.node.getBoundingClientRect().width > 370")
    context.close()


def test_no_link_of_a_page_to_read_leads_nowhere(address: str) -> None:
    pages = sorted((ROOT / "_site" / "read").glob("*.html"))
    assert {lesson.stem for lesson in LESSONS if lesson.name[0].isdigit()} <= {page.stem for page in pages}
    for page in pages:
        links = set(re.findall(r'(?:href|src)="([^"#:]+)(?:#[^"]*)?"', page.read_text()))
        assert links
        for link in links:
            target = page.parent / link.partition("?")[0]
            assert target.exists(), f"{page.name}: {link}"
            notebook = link.partition("?path=")[2]
            assert not notebook or (ROOT / "_site" / "files" / notebook).exists(), f"{page.name}: {link}"
