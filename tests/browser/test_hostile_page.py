"""The same hostile messages sent through the lab, in the reader, the journey and the map of a real JupyterLab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bench import OPEN, Bench, wait
from hostile import TRICKS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

#: Each message is sent as an attacker would; what no server takes is put into the mailbox by IMAP.
DELIVER = """
import imaplib, smtplib, sys
sys.path.insert(0, {tests!r})
from hostile import hostile
from mailcourse.internet.errors import LabError
HOST, BRUNO = "mail.bakery.test", "bruno@bakery.test"
def dialled(kind, port):
    class Client(kind):
        def _get_socket(self, *_): return lab.internet.host("laptop.bakery.test").dial(ADDRESS, port)
        def _create_socket(self, *_): return lab.internet.host("laptop.bakery.test").dial(ADDRESS, port)
    return Client(HOST)
ADDRESS = lab.internet.host(HOST).addresses[0]
sent, taken = [], 0
for name, raw in hostile().items():
    with dialled(smtplib.SMTP, 25) as client:
        try:
            client.sendmail("a@evil.test", BRUNO, raw)
            taken += 1
        except smtplib.SMTPException:
            with dialled(imaplib.IMAP4, 143) as reader:
                reader.login(BRUNO, lab.scenario.people[BRUNO].password)
                reader.append("INBOX", None, None, raw or b"\\r\\n")
lab.settle()
messages = list(dict.fromkeys(e.message for e in lab.trace if e.what == "accepted"))
"""
#: Nothing of a message lies over the rest of the page, and the page is no wider than the window.
HELD = """() => {
  const strays = [...document.querySelectorAll(".jp-OutputArea *")]
    .filter((one) => getComputedStyle(one).position === "fixed").length;
  return [window.__hacked === undefined, strays, document.documentElement.scrollWidth <= innerWidth,
          [...document.querySelectorAll(".jp-OutputArea-output")]
            .every((one) => one.scrollWidth <= one.clientWidth + 1),
          getComputedStyle(document.body).display !== "none"];
}"""


@pytest.fixture
def page(bench: Callable[..., Bench], request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = bench(
        OPEN,
        "view = lab.person('bruno@bakery.test').mail(); view",
        "from mailcourse.widgets.journey import JourneyView\nway = JourneyView(); way",
        "the_map = lab.map(); the_map",
        height=2600,
    )
    made.kernel(DELIVER.format(tests=str(request.config.rootpath / "tests")))
    yield made
    for error in list(made.errors):  # the browser says that it refused to do what a message wanted
        if "Refused to" in error or "Blocked" in error:
            made.errors.remove(error)


def test_an_attack_works_in_a_widget_that_cleans_nothing(bench: Callable[..., Bench]) -> None:
    attack = f"import ipywidgets\nipywidgets.HTML({TRICKS['svg onload']!r} + '<p style=width:5000px>wide</p>')"
    made = bench(attack, fresh=True)
    made.page.wait_for_function("window.__hacked === true", timeout=10_000)
    is_clean, _, _, outputs, _ = made.page.evaluate(HELD)
    assert not is_clean
    assert not outputs
    made.errors.clear()


def safe(page: Bench, name: str) -> None:
    """Say whether the page is still ours."""
    is_clean, strays, fits, outputs, is_seen = page.page.evaluate(HELD)
    assert is_clean, name
    assert strays == 0, name
    assert fits, name
    assert outputs, name
    assert is_seen, name


def test_no_message_runs_asks_or_spills_in_any_view(page: Bench) -> None:
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    count = int(page.kernel("print(len(hostile()))"))
    assert int(page.kernel("print(taken)")) > 0.8 * count
    reader = page.output(1)
    listed = reader.locator("select option")
    view: Any = reader.locator("select[size], select[multiple]").first
    # the options of the page are those of other lists too, so the list itself is asked
    wait(lambda: int(page.kernel("print(len(view.listed))")) == count <= listed.count(), "not all are in the list")
    uids = page.kernel("print(*[mail.uid for mail in view.listed])").split()
    assert len(uids) == count
    for number, uid in enumerate(uids):
        view.select_option(index=number)
        wait(lambda uid=uid: page.kernel("print(view.mail and view.mail.uid)") == uid, "it is not opened")
        for tab in ("Text", "Source") if number % 10 == 0 else ():
            page.page.get_by_role("tab", name=tab).first.click()
        safe(page, f"reader, message {number}")
    page.page.get_by_role("tab", name="HTML").first.click()
    messages = page.kernel("print(*messages)").split()
    assert len(messages) > 0.8 * count
    told = page.output(2)
    for message in messages:
        page.kernel(f"way.follow(lab.trace, {message!r}); way.stage.step = len(way.steps) - 1")
        steps = page.kernel("print(len(way.steps))")
        wait(
            lambda steps=steps: f"{steps} / {steps}" in told.inner_html() or f"of {steps}" in told.inner_text(), message
        )
        safe(page, f"journey of {message}")
    page.choose("Host", "mail.bakery.test")
    for what in ("log", "queue", "mail"):
        page.press(what, page.output(3))
        safe(page, f"map, {what}")
    page.page.wait_for_timeout(200)
    safe(page, "at the end")
    away = [url for url in asked if not url.startswith(page.address) and not url.startswith(("data:", "blob:"))]
    assert away == []
