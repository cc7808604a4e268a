"""A mail program on the screen: what it shows of mail that anybody may have written, and when it asks the server."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hostile import hostile
from waits import until

from mailcourse import Lab
from mailcourse.message.harmless import ELEMENTS, UNSEEN, clean
from mailcourse.mua.mail import Mail
from mailcourse.views import Person
from mailcourse.widgets import reader, reading
from mailcourse.widgets.reader import ReaderView

ALICE, BRUNO = "alice@academy.test", "bruno@bakery.test"
NOW = datetime(2026, 9, 7, 8, tzinfo=UTC)
#: attributes that the frame around a message has, and links and pictures inside
ATTRIBUTES = {"style", "tabindex", "dir", "aria-label", "scope", "href", "target", "rel", "alt"}
STYLES = (
    reading.BOX,
    f"{reading.BOX};white-space:pre-wrap;overflow-wrap:anywhere",
    f"{reading.BOX};max-height:200px",
    f"{reading.BOX};contain:content;overflow-wrap:anywhere",
    reading.LEFT,
    f"{reading.LEFT};white-space:nowrap",
    "line-height:1.4",
    "margin:0",
    reading.LINK,
)


def put(person: Person, *raws: bytes, folder: str = "INBOX") -> None:
    with person.session() as server:
        for raw in raws:
            server.append(folder, raw, (), NOW)


def choose(view: ReaderView, number: int = 0) -> Mail:
    view.list.value = view.list.options[number][1]
    until(lambda: view.mail is not None and view.mail.uid == view.list.value and view.panes["Source"].value)
    assert view.mail is not None
    return view.mail


def press(view: ReaderView, word: str) -> None:
    view.buttons[word].click()
    until(lambda: view.mail is None)


class Seen(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.depth, self.lowest = 0, 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.depth += tag not in ("br", "hr", "img")

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag not in ("br", "hr", "img")
        self.lowest = min(self.lowest, self.depth)


@pytest.fixture(scope="module", params=[*hostile()])
def message(request: pytest.FixtureRequest) -> Mail:
    return Mail("7", (), hostile()[request.param], NOW)


def panes(mail: Mail) -> list[str]:
    return [reading.head(mail), reading.files(mail), *(make(mail) for make in reader.PANES.values())]


# ---- what is shown -------------------------------------------------------------------------------------


def test_nothing_in_a_message_becomes_more_than_arranged_text(message: Mail) -> None:
    began = time.monotonic()
    for pane in panes(message):
        seen = Seen(pane)
        for element, attributes in seen.elements:
            assert element in {*ELEMENTS, "bdi"}
            assert {*attributes} <= ATTRIBUTES
            assert attributes.get("style") in (None, *STYLES)
            assert "src" not in attributes
            href = attributes.get("href")
            assert href is None or re.match(r"(https?://|mailto:)[^/\\]", href)
            if element == "a":
                assert (attributes["rel"], attributes["target"]) == ("noopener noreferrer", "_blank")
        assert (seen.depth, seen.lowest) == (0, 0)  # all that was opened is closed, and nothing else
        assert not UNSEEN.search(pane)
        assert len(pane) < 2_500_000
    assert time.monotonic() - began < 10


def test_a_line_of_the_list_is_one_short_line(message: Mail) -> None:
    line = reading.line(message)
    assert "\n" not in line
    assert len(line) < 330
    assert line.count(reading.ISOLATE) == line.count(reading.END) == 3


def test_every_message_can_be_answered(message: Mail, lab_of_module: Lab) -> None:
    filled = message.reply()
    assert "\n" not in filled["to"] + filled["subject"]
    assert all(line.startswith((">", "On ")) for line in filled["text"].split("\n") if line)
    letter = lab_of_module.person(BRUNO).draft(ALICE, filled["subject"], filled["text"], answers=message)
    header = letter.raw.partition(b"\r\n\r\n")[0]
    assert header.count(b"References:") == header.count(b"In-Reply-To:") <= 1
    assert max(map(len, header.split(b"\r\n"))) < 998


@pytest.fixture(scope="module")
def lab_of_module() -> Iterator[Lab]:
    with Lab("two-offices", name="reader-of-module") as lab:
        yield lab


def test_what_is_left_of_html_can_still_be_read() -> None:
    html = '<h1>Bread</h1><p class=a style="x">Forty <b>rolls</b>, <a href="https://bakery.test/?a=1&b">here</a>.<ul><li>one'
    shown = clean(html, reading.LINK)
    link = re.search(r"<a ([^>]+)>here</a>", shown)
    assert link is not None
    assert {*re.findall(r'(\w+)="([^"]*)"', link[1])} == {
        ("href", "https://bakery.test/?a=1&amp;b"),
        ("target", "_blank"),
        ("rel", "noopener noreferrer"),
        ("style", reading.LINK),
    }
    assert shown.replace(link[0], "here") == "<h1>Bread</h1><p>Forty <b>rolls</b>, here.</p><ul><li>one</li></ul>"


def test_a_link_that_names_another_place_is_told() -> None:
    assert "⚠ it says bakery.test" in reading.html_pane(Mail("1", (), hostile()["html: links that lie"]))


@pytest.mark.parametrize(
    "unit",
    [
        "<i title={}><p>",
        "<b id={}>",
        "<B\nx={}><div>",
        "<font/color={}><p>",
        "<u a='{}<'><li>",
        "<a href=x{}><p>",
        "<s {}><td>",
    ],
)
def test_html_that_repeats_itself_does_not_grow(unit: str) -> None:
    began = time.thread_time()
    shown = clean("".join(unit.format(number) for number in range(6000)) + "<p>x" * 3000)
    assert len(shown) < 20 * reading.MAX_SHOWN
    assert time.thread_time() - began < 3


def test_what_is_cut_is_said() -> None:
    many = hostile()
    assert "and 450 more" in reading.files(Mail("1", (), many["500 attachments"]))
    assert reading.files(Mail("1", (), many["500 attachments"])).count("<li>") == 50
    assert "of 1,050,1" in reading.source(many["subject of a megabyte"])
    assert "more fields" in reading.explained(Mail("1", (), many["500 fields"]))
    assert "Pictures that are not fetched: 1" in reading.html_pane(Mail("1", (), many["html: remote picture"]))


def test_signs_that_cannot_be_seen_are_shown_by_name() -> None:
    mail = Mail("1", (), hostile()["text that runs backwards"], NOW)
    assert "⟦U+202E⟧gpj.exe⟦U+200B⟧ ⟦U+2067⟧x" in reading.line(mail)
    assert "pay ⟦U+202E⟧tsop⟦U+202C⟧" in reading.text_pane(mail)
    assert "⟦U+202E⟧gpj.exe" in reading.html_pane(Mail("1", (), hostile()["html: half a letter"]))


def test_each_field_is_explained_and_hops_are_counted_from_below(lab: Lab) -> None:
    lab.person(ALICE).send(BRUNO, "Bread", "x")
    table = reading.explained(lab.person(BRUNO).read(1))
    assert table.index("Step 3 of 3: mail.bakery.test took") < table.index(
        "Step 1 of 3: mail.academy.test took the message"
    )
    assert reading.UNKNOWN not in table
    assert reading.UNKNOWN in reading.explained(Mail("1", (), b"X-Odd: 1\r\n\r\n"))


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("", "ALL"),
        ("Käse", 'TEXT "Käse"'),
        ('say "hi" \\', r'TEXT "say" TEXT "\"hi\"" TEXT "\\"'),
        ("subject:bread to:", 'SUBJECT "bread" TEXT "to:"'),
        ("a\r\nA1 LOGOUT", 'TEXT "a" TEXT "A1" TEXT "LOGOUT"'),
        ("UNSEEN\r\nA1 LOGOUT", "UNSEEN  A1 LOGOUT"),
    ],
)
def test_words_become_search_keys(words: str, keys: str) -> None:
    assert reading.keys(words) == keys


# ---- what is asked of the server -----------------------------------------------------------------------


def test_a_message_is_chosen_read_and_seen(lab: Lab) -> None:
    bruno = lab.person(BRUNO)
    lab.person(ALICE).send(BRUNO, "Bread", "Forty", html="<b>Forty</b>", attachments=[("rolls.pdf", b"abc")])
    view = bruno.mail()
    assert view.mail is None
    assert "● new" in view.list.options[0][0]
    assert view.folder.options[0] == ("INBOX (1 new)", "INBOX")
    choose(view)
    assert view.folder.options[0] == ("INBOX", "INBOX")
    assert "Forty" in view.panes["Text"].value
    assert "<b>Forty</b>" in view.panes["HTML"].value
    assert "rolls.pdf" in view.files.value
    assert "● new" not in view.list.options[0][0]
    assert bruno.inbox()[0].state == "seen"
    press(view, "Mark unread")
    until(lambda: "● new" in view.list.options[0][0])
    assert view.folder.options[0] == ("INBOX (1 new)", "INBOX")
    assert bruno.inbox()[0].state == "new"


def test_the_list_follows_deliveries_and_nothing_else(lab: Lab) -> None:
    view = lab.person(BRUNO).mail()
    assert view.list.options == ()
    lab.person(ALICE).send(BRUNO, "Bread", "x")
    lab.settle()
    until(lambda: view.list.options)
    time.sleep(0.5)
    lab.settle()
    before = len(lab.trace)
    time.sleep(0.5)  # its own session is no news to it
    assert len(lab.trace) == before
    lab.person(BRUNO).send(ALICE, "Rolls", "x")
    lab.settle()
    logins = sum(event.what == "logged-in" for event in lab.trace)
    time.sleep(0.4)
    assert sum(event.what == "logged-in" for event in lab.trace) == logins


def test_an_open_reader_does_not_change_what_is_sent_next(make_lab: Callable[..., Lab]) -> None:
    def sent(lab: Lab, wait: bool) -> bytes:
        view = lab.person(BRUNO).mail()
        lab.person(ALICE).send(BRUNO, "Bread", "x")
        lab.settle()
        if wait:
            until(lambda: view.list.options)
        else:
            view.stop()
        return lab.person(BRUNO).send(ALICE, "Rolls", "x").raw

    assert sent(make_lab("two-offices"), True) == sent(make_lab("two-offices"), False)


def test_a_message_is_moved_to_a_folder_that_is_made_and_deleted_there(lab: Lab) -> None:
    bruno = lab.person(BRUNO)
    put(bruno, b"Subject: one\r\n\r\nx", b"Subject: two\r\n\r\nx")
    view = bruno.mail()
    choose(view, 1)
    press(view, "Move")
    until(lambda: len(view.list.options) == 1)
    assert bruno.folder("Archive")[0].subject == "one"
    until(lambda: "Archive" in dict(view.folder.options))
    view.folder.value = "Archive"
    until(lambda: "one" in str(view.list.options))
    choose(view)
    press(view, "Delete")
    until(lambda: view.list.options == ())
    assert len(bruno.folder("Archive")) == 0


def test_words_are_searched_for_by_the_server(lab: Lab) -> None:
    bruno = lab.person(BRUNO)
    put(bruno, "Subject: Käse\r\n\r\nx".encode(), b"Subject: bread\r\n\r\nx")
    view = bruno.mail()
    view.words.value = "käse"
    until(lambda: len(view.list.options) == 1)
    assert "Käse" in view.list.options[0][0]
    view.words.value = "OR SUBJECT"
    until(lambda: 'role="alert"' in view.alert.value)
    view.words.value = ""
    until(lambda: len(view.list.options) == 2)
    assert view.alert.value == ""


def test_only_the_newest_are_listed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_LISTED", 3)
    bruno = lab.person(BRUNO)
    put(bruno, *(f"Subject: {number}\r\n\r\nx".encode() for number in range(5)))
    view = bruno.mail()
    assert [uid for _, uid in view.list.options] == ["5", "4", "3"]
    assert "2 older ones are not shown" in view.count.value


def test_an_answer_refers_to_what_it_answers(lab: Lab) -> None:
    lab.person(ALICE).send(BRUNO, "Bread", "Forty rolls?")
    view = lab.person(BRUNO).mail()
    mail = choose(view)
    view.buttons["Reply"].click()
    form = view.reply
    assert form is not None
    assert (form.fields["to"].value, form.fields["subject"].value) == (ALICE, "Re: Bread")
    assert "> Forty rolls?" in form.text.value
    form.button.click()
    until(lambda: form.sent is not None and not form.button.disabled)
    (answer,) = lab.person(ALICE).inbox()
    assert answer.field("In-Reply-To") == answer.field("References") == mail.field("Message-ID")
    until(lambda: "↩" in view.list.options[0][0])
    view.buttons["Reply"].click()
    assert not form.is_live


def test_a_server_that_is_down_is_a_sentence(lab: Lab) -> None:
    lab.host("mail.bakery.test").down()
    view = lab.person(BRUNO).mail()
    assert 'role="alert"' in view.alert.value
    assert "Is the host up?" in view.alert.value
    lab.host("mail.bakery.test").up()
    view.refresh_button.click()
    until(lambda: view.alert.value == "" and not view.refresh_button.disabled)
    assert "0 in the list" in view.count.value


def test_a_message_that_another_device_removed_is_a_sentence(lab: Lab) -> None:
    bruno = lab.person(BRUNO)
    put(bruno, b"Subject: one\r\n\r\nx")
    view = bruno.mail()
    bruno.delete(1)
    view.list.value = "1"
    until(lambda: "no message 1 in INBOX any more" in view.alert.value)
    assert view.mail is None
    assert repr(view).startswith("bruno@bakery.test, INBOX\n")


def test_hostile_mail_goes_through_the_whole_view(lab: Lab) -> None:
    bruno = lab.person(BRUNO)
    put(bruno, *(raw or b"\r\n" for raw in hostile().values()))
    view = bruno.mail()
    assert len(view.list.options) == len(hostile())
    for number in (0, 1, len(hostile()) - 1):
        choose(view, number)
    view.lab.close()
    assert not view.is_live
