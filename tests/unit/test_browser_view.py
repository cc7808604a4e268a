"""The browser's window: what it shows is inert, what is pressed is a number, and what goes wrong is a page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from hostile import TRICKS
from web_user import ALICE, BRUNO, HOME, Seen

from mailcourse import Lab
from mailcourse.widgets.browser import BrowserView
from mailcourse.widgets.inert import Reading, inert
from mailcourse.widgets.web import WebPage

#: what may change the page around a frame, load something or run
DANGEROUS = {
    "script",
    "iframe",
    "object",
    "embed",
    "svg",
    "math",
    "base",
    "link",
    "video",
    "audio",
    "source",
    "template",
}


@pytest.fixture
def view(lab: Lab) -> Iterator[BrowserView]:
    lab.person(ALICE).send(BRUNO, "Fresh bread", "Forty rolls, please.")
    lab.settle()
    view = lab.person(BRUNO).browser(HOME)
    yield view
    view.close()


def waits(view: BrowserView, act: Callable[[], object]) -> None:
    """Press something, and wait until the page it leads to is shown."""
    begun: list[object] = []
    do = view.do
    view.do = lambda *given: begun.append(do(*given)) or begun[-1]  # type: ignore[method-assign, func-returns-value, return-value]
    act()
    for thread in begun:
        thread.join(20)  # type: ignore[attr-defined]
    view.do = do  # type: ignore[method-assign]


def press(view: BrowserView, words: str) -> None:
    number = re.search(r"#(\d+)$", Seen(view.shown.document).links[words])
    assert number is not None
    waits(view, lambda: view.frame._handle_custom_msg({"link": int(number[1])}, []))


def send(view: BrowserView, action: str, **fields: str) -> None:
    number = view.shown.forms.index(action)
    filled = {**Seen(view.shown.document).forms[f"about:blank#{number}"], **fields}
    said = {"form": number, "method": "post", "fields": [[name, value] for name, value in filled.items()]}
    waits(view, lambda: view.frame._handle_custom_msg(said, []))


def test_a_person_logs_in_reads_and_goes_back(view: BrowserView) -> None:
    assert "Password" in repr(view)
    send(view, "/login", address=BRUNO, password=view.lab.person(BRUNO).password)
    press(view, "Fresh bread")
    assert "Forty rolls, please." in repr(view)
    assert view.address.value == view.page.address != HOME
    waits(view, view.back.click)
    assert "1 message" in repr(view)
    waits(view, view.again.click)
    assert view.page.address == HOME


def test_an_address_that_is_typed_is_opened(view: BrowserView) -> None:
    def type_in() -> None:
        view.address.value = "webmail.bakery.test/nowhere"

    waits(view, type_in)
    assert (view.page.status, view.address.value) == (404, f"{HOME}nowhere")


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("https://nobody.bakery.test/", "the DNS knows no address"),
        ("https://mail.bakery.test/", "connection refused"),
        ("http://mail.bakery.test:25/", "cannot be reached"),
        ("https://198.51.100.80/", "certificate"),
        ("http://127.0.0.1:8888/", "cannot be reached"),
        ("https://example.com/", "cannot be reached"),
        ("javascript:alert(1)", "no address of a page"),
        ("file:///etc/passwd", "no address of a page"),
        ("https://webmail.bakery.test:99999/", "no address of a page"),
        ("https://[/", "no address of a page"),
        ("", "no address of a page"),
        ("https://x\r\ny/", "cannot be reached"),
        ("https://webmail.bakery.test/" + "a" * 9000, "no address of a page"),
    ],
)
def test_what_cannot_be_opened_is_a_page_with_a_sentence(view: BrowserView, address: str, sentence: str) -> None:
    view._visit(lambda: view.browser.open(address))
    assert view.page.status == 0
    assert sentence in repr(view)


def test_a_certificate_for_another_name_is_told(view: BrowserView) -> None:
    view.lab.administration.issue_certificate("webmail.bakery.test", "other.bakery.test")
    view._visit(lambda: view.browser.open(HOME))
    assert "certificate" in repr(view)


@pytest.mark.parametrize("name", TRICKS)
def test_nothing_of_a_page_runs_loads_or_leads_anywhere(name: str) -> None:
    page = WebPage("https://evil.test/", 200, "text/html", TRICKS[name].encode("utf-8", "replace"))
    shown = inert(page, "</style><script>window.__hacked=true</script>")
    body = shown.document.partition("<body>")[2]
    seen = Seen(body)
    assert DANGEROUS.isdisjoint(seen.elements)
    assert not re.search(r"<[^>]*\s(on\w+|src|srcset|formaction|style|autofocus|target)\s*=", body)
    for address in re.findall(r'<[^>]*\s(?:href|action)="([^"]*)"', body):
        assert re.fullmatch(r"about:blank#\d+", address)
    assert shown.document.count("</style>") == 1


@pytest.mark.parametrize("kind", ["text/plain", "application/pdf", "text/xml"])
def test_what_is_no_page_is_shown_as_text_or_named(kind: str) -> None:
    shown = inert(WebPage(HOME, 200, kind, b"<b>\xff\0"))
    assert "<b>" not in shown.document.partition("<body>")[2]


def test_a_long_page_is_cut_and_takes_no_long_time() -> None:
    page = WebPage(HOME, 200, "text/html", b"<a href='x'>y</a><form action=z>" * 100_000)
    assert len(inert(page).document) < 5_000_000
    assert len(Reading(page.text).lines) < 200_000


@pytest.mark.parametrize(
    "said",
    [
        None,
        "x",
        {"link": 99},
        {"link": -1},
        {"link": "0"},
        {"form": 7, "method": "post", "fields": []},
        {"form": 0, "method": "post", "fields": [["a"]]},
        {"form": 0, "method": "post", "fields": [["a", {}]]},
        {"form": 0, "method": "post", "fields": [["a", "b"]] * 51},
        {"form": 0, "method": {}, "fields": []},
    ],
)
def test_a_press_that_there_is_not_does_nothing(view: BrowserView, said: object) -> None:
    before = view.page
    waits(view, lambda: view.frame._handle_custom_msg(said, []))
    assert view.page is before


def test_a_closed_lab_leaves_the_page_and_stops(view: BrowserView) -> None:
    view.lab.close()
    assert not view.is_live
    assert "Log in" in repr(view)
    assert view.frame.disabled


def test_a_strangers_page_does_not_act_in_a_persons_name(view: BrowserView) -> None:
    send(view, "/login", address=BRUNO, password=view.lab.person(BRUNO).password)
    token = Seen(view.shown.document).forms["about:blank#0"]["token"]
    view.browser.page = WebPage("https://evil.test/", 200, "text/html", b"")
    view.browser.submit(f"{HOME}logout", {"token": token})
    assert view.page.status == 403
    view._visit(lambda: view.browser.open(HOME))
    assert "Fresh bread" in repr(view)
