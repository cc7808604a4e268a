"""What teachers and students read after marking: nothing keeps anybody out, and nothing that a student wrote runs.

MAILCOURSE_PICTURES=folder keeps pictures, to be looked at.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200)]
ROOT = Path(__file__).parents[2]
NAME = "01-addresses"
EVIL = "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
WRONG = f"def split(address):\n    return [address, {EVIL!r}]"
#: who → their answers, by cell
CLASS = {
    f"Ana López_4711_assignsubmission_file/{NAME}.ipynb": {"split": WRONG},
    f"eva {EVIL.replace('/', '')[:30]}/{NAME}.ipynb": {"wire": "def primero(domain):\n    return domain"},
    f"leo/{NAME}.ipynb": {"taken": f"print('''{EVIL}''')\nraise ValueError('''{EVIL}''')"},
    f"leo2/{NAME}.ipynb": {"taken": "import os\nos._exit(1)"},
}


@pytest.fixture(scope="module")
def grading(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("marks")
    for path, answers in CLASS.items():
        made = json.loads((ROOT / "exercises" / NAME / f"{NAME}.ipynb").read_text("utf-8"))
        for cell in made["cells"]:
            if "begin(" in "".join(cell["source"]):
                cell["source"] = "".join(cell["source"]).replace('STUDENT = ""', f"STUDENT = {EVIL[:60]!r}")
            cell["source"] = answers.get(cell.get("id"), cell["source"])
        (folder / "in" / path).parent.mkdir(parents=True)
        (folder / "in" / path).write_text(json.dumps(made), "utf-8")
    (folder / "in" / f"{EVIL.replace('/', '')[:40]}.txt").write_text("x")
    command = [sys.executable, "-m", "mailcourse.cli", "grade", NAME, "in"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=150)
    return folder / "grading"


@pytest.mark.parametrize("which", ["class", "Ana López_4711", "leo", "eva"])
def test_a_page_of_marks_keeps_nobody_out_and_runs_nothing(grading: Path, browser: Any, which: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    path = grading / f"{NAME}.html"
    if which != "class":
        path = next((grading / "feedback").glob(f"{which}*")) / NAME / f"{NAME}.html"
    asked: list[str] = []
    page = browser.new_page(viewport={"width": 1200, "height": 1400})
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri(), wait_until="load")
    assert page.title() != "run"
    assert asked == [path.as_uri()]
    for more in page.locator("details").all():
        more.evaluate("e => e.open = true")
    if folder := os.environ.get("MAILCOURSE_PICTURES"):
        page.screenshot(path=f"{folder}/marks-{which}.png", full_page=True)
    found = Axe().run(page)
    bad = [f"{one['impact']} {one['id']}: {one['nodes'][0]['html'][:160]}" for one in found.response["violations"]]
    assert not bad, "\n".join(bad)
    page.close()


def test_a_card_says_what_was_expected_and_what_happened(grading: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto((grading / "feedback" / "Ana López_4711" / NAME / f"{NAME}.html").as_uri())
    card = page.locator("section", has_text="A function that cuts an address in two").inner_text()
    assert "expected" in card
    assert "happened" in card
    assert "Traceback" not in page.locator("body").inner_text()
    page.goto((grading / "feedback" / "leo2" / NAME / f"{NAME}.html").as_uri())
    card = page.locator("section", has_text="Will it be taken?").inner_text()
    assert "This task looks for `taken`, and the cell that should define it did not: it ended the kernel." in card
    page.close()
