"""The webmail, used as a person does: log in, look, read, write, put in order, log out."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from web_user import ALICE, BEA, BRUNO, HOME, WEBMAIL, Seen, WebUser, put

from mailcourse import Lab


@pytest.fixture
def user(lab: Lab) -> WebUser:
    lab.person(ALICE).send(BRUNO, "Fresh bread", "Forty rolls, please.")
    lab.settle()
    user = WebUser(lab)
    user.log_in()
    return user


def test_who_is_not_logged_in_is_led_to_the_form(lab: Lab) -> None:
    user = WebUser(lab)
    user.open("folder?name=INBOX")
    assert (user.page.address, user.page.status) == (f"{HOME}login", 200)


def test_the_inbox_shows_what_imap_shows(user: WebUser) -> None:
    assert "Fresh bread" in user.seen.links
    assert "1 message" in user.seen.text
    assert "new" in user.seen.text
    assert user.lab.person(BRUNO).inbox()[0].state == "new"  # looking at a list marks nothing


def test_reading_marks_as_seen_for_every_program(user: WebUser) -> None:
    seen = user.press("Fresh bread")
    assert "Forty rolls, please." in seen.text
    assert user.lab.person(BRUNO).inbox()[0].state == "seen"


def test_a_reply_goes_by_submission_and_marks_the_message(user: WebUser) -> None:
    user.press("Fresh bread")
    form = user.press("Reply").forms["/write"]
    assert (form["to"], form["subject"]) == (ALICE, "Re: Fresh bread")
    assert "> Forty rolls, please." in form["text"]
    seen = user.send("/write", text="Gladly.")
    assert f"Sent to {ALICE}." in seen.text
    user.lab.settle()
    [answer] = user.lab.person(ALICE).fetch()
    [asked] = user.lab.person(BRUNO).inbox()
    assert (answer.subject, answer.text) == ("Re: Fresh bread", "Gladly.\n")
    assert answer.field("In-Reply-To") == asked.field("Message-ID")
    assert asked.state == "answered seen"
    assert [mail.subject for mail in user.lab.person(BRUNO).folder("Sent")] == ["Re: Fresh bread"]


def test_a_letter_of_the_webmail_has_a_journey(user: WebUser) -> None:
    user.open("write")
    user.send("/write", to=f"{ALICE}, {BEA}", bcc=BRUNO, subject="Rolls äöü", text="x")
    user.lab.settle()
    [name] = {event.message for event in user.lab.trace if event.what == "composed" and event.host == WEBMAIL}
    events = user.lab.trace.journey(str(name))
    assert {event.facts["mailbox"] for event in events if event.what == "delivered"} == {ALICE, BEA, BRUNO}
    assert f"{WEBMAIL} asks" in repr(user.lab.journey(str(name)))
    assert all("bcc" not in mail.raw.lower().decode() for mail in user.lab.person(ALICE).fetch())


def test_flags_are_set_and_taken_off(user: WebUser) -> None:
    user.press("Fresh bread")
    user.send("/mark", act="star")
    assert "starred" in user.seen.text
    assert user.lab.person(BRUNO).inbox()[0].state == "flagged seen"
    user.press("Fresh bread")
    user.send("/mark", act="unstar")
    user.press("Fresh bread")
    user.send("/mark", act="unread")
    assert user.lab.person(BRUNO).inbox()[0].state == "new"


def test_what_is_deleted_is_in_the_trash_first(user: WebUser) -> None:
    user.press("Fresh bread")
    assert "This folder is empty." in user.send("/mark", act="delete").text
    user.press("Trash")
    user.press("Fresh bread")
    assert "This folder is empty." in user.send("/mark", act="delete").text
    assert user.lab.person(BRUNO).folder("Trash") == []


def test_a_message_is_moved_into_a_folder_of_any_name(user: WebUser) -> None:
    user.lab.person(BRUNO).create_folder("Brötchen & <b>/2026")
    user.press("Fresh bread")
    user.send("/mark", act="move", target="Brötchen & <b>/2026")
    assert "Fresh bread" in user.press("Brötchen & <b>/2026").links


def test_log_out_ends_the_session_on_the_server(user: WebUser) -> None:
    copied = WebUser(user.lab)
    copied.browser._cookies = user.browser._cookies.__class__()
    for cookie in user.browser._cookies:
        copied.browser._cookies.set_cookie(cookie)
    assert "Fresh bread" in copied.open("").links
    assert "You are logged out." in user.send("/logout").text
    assert "This session has ended" in copied.open("").text
    assert copied.page.status == 403


def test_a_list_has_pages_by_uid_and_keeps_its_place_when_mail_comes(lab: Lab) -> None:
    alice, bruno = lab.person(ALICE), lab.person(BRUNO)
    put(lab, [f"Subject: Letter {number}\r\n\r\nx\r\n".encode() for number in range(90)])
    user = WebUser(lab)
    pages = [letters(user.log_in())]
    alice.send(BRUNO, "Letter 90", "x")
    lab.settle()
    bruno.delete(bruno.inbox()[0])
    while "Older" in user.seen.links:
        pages.append(letters(user.press("Older")))
    assert pages == [[*range(89, 49, -1)], [*range(49, 9, -1)], [*range(9, 0, -1)]]
    pages = [letters(user.press("Newer")), letters(user.press("Newer"))]
    assert pages == [[*range(49, 9, -1)], [*range(89, 49, -1)]]
    assert letters(user.press("Newer"))[0] == 90
    assert "Newer" not in user.seen.links


def letters(seen: Seen) -> list[int]:
    return [int(link.removeprefix("Letter ")) for link in seen.links if link.startswith("Letter ")]


def test_a_file_is_offered_with_its_name_and_never_opened_here(lab: Lab) -> None:
    lab.person(ALICE).send(BRUNO, "Plan", "see file", attachments=[("plan ä.html", b"<script>1</script>")])
    lab.settle()
    user = WebUser(lab)
    user.log_in()
    file = user.browser.fetch(user.press("Plan").links["plan ä.html"])
    assert (file.body, file.type) == (b"<script>1</script>", "application/octet-stream")


def test_port_80_leads_to_port_443(lab: Lab) -> None:
    user = WebUser(lab)
    with lab.tap("laptop.bakery.test", WEBMAIL) as tap:
        user.browser.open(f"http://{WEBMAIL}/folder?name=INBOX")
    assert user.page.address == f"{HOME}login"
    assert "HTTP/1.1 308" in tap.text()
    assert f"Location: {HOME}folder?name=INBOX" in tap.text()


def test_the_trace_shows_http_and_then_imap_and_then_submission(user: WebUser) -> None:
    user.open("write")
    with user.lab.tap() as tap:
        user.send("/write", to=ALICE, subject="x", text="x")
    ports = [packet.port for packet in tap.packets if packet.kind == "open"]
    assert [port for port in ports if port != 53][:2] == [443, 465]
    assert 993 in ports
    lines = [event.facts["line"] for event in user.lab.trace if event.what == "said" and not event.facts["secret"]]
    asked = lines.index("POST /write HTTP/1.1")
    ehlo = next(place for place, line in enumerate(lines) if place > asked and line.startswith("ehlo webmail"))
    append = next(place for place, line in enumerate(lines) if place > ehlo and "APPEND" in line)
    assert lines.index("HTTP/1.1 303 See Other", append) > append


def test_nothing_that_is_typed_or_read_passes_in_the_clear(user: WebUser) -> None:
    with user.lab.tap(WEBMAIL) as tap:
        WebUser(user.lab).log_in()
        user.press("Fresh bread")
    passed = b"".join(packet.data for packet in tap.packets)
    assert passed
    for secret in (b"warm-bread-23", b"Forty rolls", b"Fresh bread", b"session="):
        assert secret not in passed


def test_in_the_clear_a_tap_reads_http_and_then_imap(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab("open-webmail")
    user = WebUser(lab)
    with lab.tap() as tap:
        user.browser.open(f"http://{WEBMAIL}/")
        user.browser.submit("/login", {**user.seen.forms["/login"], "address": BRUNO, "password": "warm-bread-23"})
        user.browser.open(f"http://{WEBMAIL}/write")
        assert f"Sent to {ALICE}." in user.send("/write", to=ALICE, subject="x", text="Plain words.").text
    lines = tap.text().split("\n")
    told = iter(line.partition(" ")[2] for line in lines)
    for start in (
        "→ POST /login HTTP/1.1",
        "→ token=",
        "→ A1 LOGIN bruno",
        "← HTTP/1.1 303",
        "→ POST /write",
        "→ A5 APPEND",
    ):
        assert any(line.startswith(start) for line in told), start
    assert "password=warm-bread-23" in tap.text()
    ports = {packet.port for packet in tap.packets}
    assert ports >= {80, 143, 465}
    assert ports.isdisjoint({443, 993})
    assert lab.host(WEBMAIL).ports == [80]


def test_many_at_one_time_see_their_own_mail_and_no_other(lab: Lab) -> None:
    people = [BRUNO, BEA] * 6
    for person in (BRUNO, BEA):
        lab.person(ALICE).send(person, f"For {person}", "x")
    lab.settle()

    def look(person: str) -> list[str]:
        user = WebUser(lab, person)
        user.log_in()
        return [line for _ in range(5) for line in user.open().links if line.startswith("For ")]

    with ThreadPoolExecutor(12) as pool:
        seen = [*pool.map(look, people)]
    assert seen == [[f"For {person}"] * 5 for person in people]


def test_a_page_of_a_folder_with_5000_messages_is_made_in_time(lab: Lab) -> None:
    folder = lab.mailbox_of(BRUNO).path / "new"
    header = (
        "From: Alice <alice@academy.test>\r\nSubject: Letter {}\r\nDate: Mon, 07 Sep 2026 08:00:00 +0000\r\n\r\nx\r\n"
    )
    for number in range(5000):
        (folder / f"{1_000_000_000 + number}.{number}.academy.test").write_bytes(header.format(number).encode())
    user = WebUser(lab)
    assert letters(user.log_in())[0] == 4999
    for path in ("", "folder?name=INBOX&before=2500", "message?folder=INBOX&validity=1&uid=2500", "write"):
        assert min(cpu(user, path) for _ in range(5)) < 0.15, path  # 10 to 50 ms on a quiet machine


def cpu(user: WebUser, path: str) -> float:
    began = time.process_time()
    user.open(path)
    assert user.page.status == 200
    return time.process_time() - began
