"""Messages that want to do harm, in a real browser: nothing runs, nothing is fetched, nothing leaves its box."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hostile import TRICKS, hostile

from mailcourse.mua.mail import Mail
from mailcourse.widgets import reader, reading

pytestmark = pytest.mark.browser
NOW = datetime(2026, 9, 7, 8, tzinfo=UTC)
PLACES = {
    "as a whole page": lambda page, html: page.set_content(f"<div id=box>{html}</div><p id=after>after</p>"),
    "as ipywidgets puts it": lambda page, html: page.evaluate(
        "html => { document.body.innerHTML = '<div id=box></div><p id=after>after</p>';"
        " document.getElementById('box').innerHTML = html }",
        html,
    ),
}


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(offline=True)
    page = context.new_page()
    yield page
    context.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("place", [*PLACES])
def test_nothing_that_somebody_wrote_runs_or_is_fetched(page: Any, place: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name, raw in hostile().items():
        mail = Mail("1", (), raw, NOW)
        panes = [reading.head(mail), reading.files(mail), *(make(mail) for make in reader.PANES.values())]
        for html in panes:
            PLACES[place](page, html)
            assert page.evaluate("window.__hacked") is None, name
            assert page.evaluate("document.getElementById('after').parentElement.tagName") == "BODY", name
            assert page.evaluate("document.querySelectorAll('#after').length") == 1, name
        page.wait_for_timeout(1)  # what would run a moment later
        assert page.evaluate("window.__hacked") is None, name
    assert asked == []


def test_the_attacks_work_where_nothing_is_cleaned(page: Any) -> None:
    for name in ("script", "event handler", "svg onload"):
        page.goto("about:blank")
        page.set_content(TRICKS[name])
        page.wait_for_function("window.__hacked === true", timeout=5000)
