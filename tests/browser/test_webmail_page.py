"""The webmail in a real Chromium: through a door, and in the notebook's window; with messages that want to do harm."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bench import OPEN, Bench, wait
from hostile import TRICKS, hostile, message

from mailcourse import Lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
WEBMAIL, ALICE, BRUNO = "webmail.bakery.test", "alice@academy.test", "bruno@bakery.test"
LETTER = f"lab.person({ALICE!r}).send({BRUNO!r}, 'Fresh bread', 'Forty rolls, please.'); lab.settle()"


@pytest.fixture
def page(lab: Lab, browser: Any) -> Iterator[Any]:
    """A page in a browser of its own, at the door of the webmail."""
    address = "https://{}:{}/".format(*lab.endpoint(WEBMAIL, 443))
    context = browser.new_context(ignore_https_errors=True, base_url=address)  # the lab's CA is trusted by nobody
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


def log_in(place: Any, password: str = "warm-bread-23") -> None:
    place.get_by_label("Address").last.fill(BRUNO)
    place.get_by_label("Password").fill(password)
    place.get_by_role("button", name="Log in").click()


def put(lab: Lab, messages: dict[str, bytes]) -> None:
    """Write messages as they are into Bruno's Maildir, in their order."""
    folder = lab.mailbox_of(BRUNO).path / "new"
    for number, raw in enumerate(messages.values()):
        (folder / f"{1_000_000_000 + number}.{number}.evil.test").write_bytes(raw)


def test_a_person_reads_and_writes_through_a_door(lab: Lab, page: Any) -> None:
    said: list[str] = []
    page.on("console", lambda one: said.append(one.text) if one.type == "error" else None)
    lab.person(ALICE).send(BRUNO, "Fresh bread", "Forty rolls, please.", html="<p>Forty <b>rolls</b></p>")
    lab.settle()
    page.goto("/")
    log_in(page)
    page.get_by_role("link", name="Fresh bread").click()
    assert page.locator("section b").inner_text() == "rolls"
    page.get_by_role("link", name="Reply").click()
    page.get_by_label("Text").fill("Gladly.")
    page.get_by_role("button", name="Send").click()
    page.get_by_text(f"Sent to {ALICE}.").wait_for()
    page.get_by_role("link", name="Fresh bread").click()
    page.get_by_role("button", name="Star").click()
    page.get_by_text("starred").wait_for()
    page.get_by_role("button", name="Log out").click()
    page.goto("/")
    assert page.get_by_label("Password").is_visible()
    lab.settle()
    assert [mail.text for mail in lab.person(ALICE).fetch()] == ["Gladly.\n"]
    assert lab.person(BRUNO).inbox()[0].state == "answered flagged seen"
    assert said == []


def test_no_message_runs_fetches_or_covers_anything(lab: Lab, page: Any) -> None:
    messages = hostile()
    assert len(messages) > 20
    put(lab, messages)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/")
    log_in(page)
    page.get_by_role("heading", name="INBOX").wait_for()
    lines = page.locator("table.list a")
    assert lines.count() == 40
    assert page.evaluate("window.__hacked") is None
    for number, name in enumerate(messages, 1):
        for show in ("", "&show=text"):
            page.goto(f"/message?folder=INBOX&validity=1&uid={number}{show}")
            assert page.evaluate("window.__hacked") is None, name
            assert page.locator("main").count() == 1, name
            place = page.locator("section.mail")
            inside = "e => [...e.querySelectorAll('*')].every(o => getComputedStyle(o).position === 'static')"
            assert place.evaluate(inside), name
            assert page.get_by_role("button", name="Log out").is_visible(), name
    own = re.compile(r"https://127\.0\.0\.1:\d+/")
    assert [url for url in asked if not own.match(url)] == []
    lab.settle()
    assert len(lab.person(BRUNO).inbox()) == len(messages)


def test_a_page_of_a_stranger_cannot_act_for_who_is_logged_in(lab: Lab, page: Any) -> None:
    lab.person(ALICE).send(BRUNO, "Fresh bread", "x")
    lab.settle()
    page.goto("/")
    log_in(page)
    page.get_by_role("link", name="Fresh bread").wait_for()
    form = """<form method=post action="{}mark"><input name=folder value=INBOX><input name=validity value=1>
      <input name=uid value=1><input name=act value=delete><input name=token value=x><button>Win</button></form>"""
    base = page.url.partition("/folder")[0].rstrip("/") + "/"
    page.route("https://evil.test/**", lambda route: route.fulfill(body=form.format(base), content_type="text/html"))
    page.goto("https://evil.test/")
    page.get_by_role("button", name="Win").click()
    page.get_by_role("heading", name="403").wait_for()
    page.goto("https://evil.test/")
    framed = page.evaluate(
        """address => new Promise(done => { const frame = document.createElement("iframe"); frame.src = address;
        frame.onload = () => done(frame.contentDocument === null); document.body.append(frame); })""",
        base,
    )
    assert framed  # an error page of the browser's own: nothing can be read, and nothing pressed
    assert [mail.subject for mail in lab.person(BRUNO).inbox()] == ["Fresh bread"]


def shown(page: Bench, number: int) -> Any:
    return page.output(number).frame_locator("iframe")


def test_the_window_in_a_notebook_shows_the_same_pages(bench: Callable[..., Bench]) -> None:
    page = bench(OPEN, LETTER, f"view = lab.person({BRUNO!r}).browser('https://{WEBMAIL}/'); view")
    place = shown(page, 2)
    log_in(place)
    place.get_by_role("link", name="Fresh bread").click()
    place.get_by_text("Forty rolls, please.").wait_for()
    style = "frame => getComputedStyle(frame.contentDocument.querySelector('.acts')).display"
    assert page.output(2).locator("iframe").evaluate(style) == "flex"
    place.get_by_role("link", name="Reply").click()
    place.get_by_label("Text").fill("Gladly.")
    place.get_by_role("button", name="Send").click()
    place.get_by_text(f"Sent to {ALICE}.").wait_for()
    assert "Gladly." in page.kernel(f"lab.settle(); print(lab.person({ALICE!r}).fetch()[0].text)")
    page.press("Back", page.output(2))
    place.get_by_role("heading", name="Reply").wait_for()
    field = page.field("Address", page.output(2))
    field.fill(f"https://{WEBMAIL}/write")
    field.press("Enter")
    place.get_by_role("heading", name="Write").wait_for()
    page.kernel("lab.host('webmail.bakery.test').down()")
    page.press("Reload", page.output(2))
    place.get_by_text("it is switched off").wait_for()


def test_the_window_shows_hostile_pages_and_messages_and_nothing_happens(bench: Callable[..., Bench]) -> None:
    page = bench(OPEN, f"view = lab.person({BRUNO!r}).browser('https://{WEBMAIL}/'); view")
    page.kernel("from mailcourse.widgets.web import WebPage; from mailcourse.widgets.inert import inert")
    for name, trick in TRICKS.items():
        octets = trick.encode("utf-8", "replace")
        page.kernel(
            f"shown = inert(WebPage('https://evil.test/', 200, 'text/html', {octets!r})).document\n"
            "view.frame.document = shown.replace('</body>', '<p id=after>after</p></body>')"
        )
        shown(page, 1).locator("#after").first.wait_for()
        assert page.page.evaluate("window.__hacked") is None, name
        assert page.page.locator(".jp-Notebook").count() == 1, name
    assert page.page.url.startswith(page.address)


def test_the_window_runs_no_script_even_if_one_were_left(bench: Callable[..., Bench]) -> None:
    page = bench(OPEN, f"view = lab.person({BRUNO!r}).browser('https://{WEBMAIL}/'); view")
    harm = "parent.__hacked=true"
    raw = f"<!doctype html><body><script>{harm}</script><img src=x onerror='{harm}'><p id=after>x"
    page.kernel(f"view.frame.document = {raw!r}")
    shown(page, 1).locator("#after").wait_for()
    assert page.page.evaluate("window.__hacked") is None
    wait(lambda: page.errors, "Chromium says that it ran no script")
    assert all("sandboxed" in said or "ERR_" in said or "404" in said for said in page.errors)
    page.errors.clear()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_no_page_keeps_anybody_out(lab: Lab, page: Any, theme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    letter = message("<h1>Bread</h1><p>Forty <a href='https://bakery.test/'>rolls</a>")
    put(lab, {"one": letter, **dict([*hostile().items()][:3])})
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 800})

    def look(name: str) -> None:
        found = Axe().run(page)
        bad = [
            f"{name}: {one['impact']} {one['id']}: {[node['html'][:160] for node in one['nodes'][:4]]}"
            for one in found.response["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        assert not bad, "\n".join(bad)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name

    page.goto("/")
    look("login")
    log_in(page, "wrong")
    page.get_by_role("alert").wait_for()
    look("refused")
    log_in(page)
    page.get_by_role("heading", name="INBOX").wait_for()
    look("list")
    page.goto("/message?folder=INBOX&validity=1&uid=1")
    look("message")
    page.goto("/write")
    look("write")
    page.goto("/nowhere")
    look("error")
