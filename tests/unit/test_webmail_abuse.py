"""The webmail against strangers, forged forms, other programs and servers that fail: a 4xx or 5xx, and nothing lost."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator

import pytest
from web_user import ALICE, BEA, BRUNO, WEBMAIL, WebUser, ask, cookie, put

from mailcourse import Lab
from mailcourse.mua.webmail.sessions import MAX_OWN, MAX_SENT, MAX_SESSIONS, Sessions


@pytest.fixture(scope="module")
def lab_of_module() -> Iterator[Lab]:
    with Lab("two-offices", name="webmail-of-module") as lab:
        lab.person(ALICE).send(BRUNO, "Fresh bread", "x")
        lab.settle()
        yield lab


@pytest.fixture
def user(lab: Lab) -> WebUser:
    lab.person(ALICE).send(BRUNO, "Fresh bread", "Forty rolls, please.")
    lab.settle()
    user = WebUser(lab)
    user.log_in()
    return user


# ---- who asks --------------------------------------------------------------------------------------------


def test_a_cookie_of_nobody_shows_a_form_and_no_mail(user: WebUser) -> None:
    status, said = ask(user.lab, "GET /folder?name=INBOX", "Cookie: __Host-session=00112233445566778899aabbccddeeff")
    assert status == 403
    assert "Log in again." in said
    assert "Fresh bread" not in said


@pytest.mark.parametrize(
    "text", ["", "=", ";", "__Host-session", "__Host-session=\x01", "a" * 20_000, "é" * 3, "=;" * 9]
)
def test_a_cookie_that_is_none_is_nobody(lab: Lab, text: str) -> None:
    status, said = ask(lab, "GET /folder?name=INBOX", f"Cookie: {text}")
    assert status in (303, 403, 400)
    assert "Traceback" not in said


def test_the_cookie_is_kept_from_scripts_and_strangers(lab: Lab) -> None:
    user = WebUser(lab)
    user.open("login")
    fields = {**user.seen.forms["/login"], "address": BRUNO, "password": user.person.password}
    body = "&".join(f"{name}={value}" for name, value in fields.items())
    status, said = ask(lab, "POST /login", cookie(user), body=body)
    assert status == 303
    [session] = re.findall(r"set-cookie: (__Host-session=.*)\r", said, re.IGNORECASE)
    assert session.endswith("; Path=/; HttpOnly; SameSite=Strict; Secure")


def test_only_its_own_names_are_answered(lab: Lab) -> None:
    for host in (
        "evil.test",
        f"{WEBMAIL}.evil.test",
        "127.0.0.1.evil.test",
        "[::1]",
        f"{WEBMAIL}:x",
        f"a@{WEBMAIL}",
        "",
    ):
        assert ask(lab, "GET /login", host=host)[0] == 421, host
    for host in (WEBMAIL, WEBMAIL.upper(), f"{WEBMAIL}:443", "127.0.0.1:40443", "localhost:40443"):
        assert ask(lab, "GET /login", host=host)[0] == 200, host


def test_a_form_without_our_token_or_from_elsewhere_changes_nothing(user: WebUser) -> None:
    user.press("Fresh bread")
    form, bea = {**user.seen.forms["/mark"], "act": "delete"}, WebUser(user.lab, BEA)
    bea.log_in()
    foreign = bea.open("write").forms["/write"]["token"]
    for change, *fields in (
        ({"token": ""},),
        ({"token": "x" * 64},),
        ({"token": foreign},),
        ({"token": "é\ud7ff"},),
        ({}, "Origin: https://evil.test"),
        ({}, "Origin: null"),
        ({}, f"Origin: http://{WEBMAIL}"),
        ({}, f"Origin: https://{WEBMAIL}:444"),
        ({}, "Sec-Fetch-Site: cross-site"),
        ({}, "Sec-Fetch-Site: same-site"),
    ):
        body = "&".join(f"{name}={value}" for name, value in {**form, **change}.items())
        status, said = ask(user.lab, "POST /mark", cookie(user), *fields, body=body.encode().decode("latin-1"))
        assert status == 403, (change, fields)
        assert "not from this webmail" in said
    assert [mail.subject for mail in user.lab.person(BRUNO).inbox()] == ["Fresh bread"]
    assert ask(user.lab, "POST /mark", cookie(user), "Content-Length: 0")[0] == 415


def test_log_in_needs_a_form_of_ours_too(lab: Lab) -> None:
    body = f"address={BRUNO}&password=warm-bread-23"
    assert ask(lab, "POST /login", body=body)[0] == 403
    assert ask(lab, "POST /login", "Cookie: __Host-visitor=1", body=f"{body}&token=1")[0] == 403


@pytest.mark.parametrize(
    "address", ["", "bruno", "x@bakery.test", 'a"@b', "a@b\r\nA1 LOGOUT", "ü@bakery.test", "a" * 5_000]
)
@pytest.mark.parametrize(
    "password", ["", "wrong", 'x" "y', "a\r\nA9 DELETE INBOX\r\n", "\0", "\ud83d\ude00", "ü", "x" * 5_000]
)
def test_a_wrong_name_or_password_is_told_and_says_nothing_else(
    lab_of_module: Lab, address: str, password: str
) -> None:
    user = WebUser(lab_of_module)
    user.open("login")
    user.send("/login", address=address, password=password.encode("utf-16", "surrogatepass").decode("utf-16"))
    assert user.page.status == 403
    assert "/login" in user.seen.forms
    assert not [event for event in lab_of_module.trace if "DELETE" in str(event.facts.get("line"))]


# ---- what is asked for -----------------------------------------------------------------------------------------


def test_a_page_that_is_not_there_is_404_and_a_wrong_way_405(user: WebUser) -> None:
    assert ask(user.lab, "GET /admin", cookie(user))[0] == 404
    assert ask(user.lab, "GET /../../etc/passwd", cookie(user))[0] == 404
    status, said = ask(user.lab, "DELETE /folder", cookie(user))
    assert (status, "allow: get" in said.lower()) == (405, True)
    assert ask(user.lab, "GET /mark", cookie(user))[0] == 405
    assert ask(user.lab, "OPTIONS *", cookie(user))[0] == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("folder?name=<script>alert(1)</script>", 404),
        ("folder?name=INBOX%0d%0aA9%20DELETE%20Sent", 404),
        ("folder?name=INBOX&before=<b>", 400),
        ("folder?name=INBOX&before=99999999999", 400),
        ("folder?name=INBOX&before=1", 200),
        ("folder?name=INBOX&after=4000000000", 200),
        ("folder?name=" + "a" * 7000, 404),
        ("folder?name=%ff%fe%00", 404),
        ("message?folder=INBOX&validity=1&uid=999", 404),
        ("message?folder=INBOX&validity=1&uid=0", 400),
        ("message?folder=INBOX&validity=1&uid=-1", 400),
        ("message?folder=INBOX&validity=1&uid=1,2", 400),
        ("message?folder=INBOX&validity=1&uid=%D9%A1", 400),
        ("message?folder=INBOX&validity=7&uid=1", 410),
        ("message?folder=Nowhere&validity=1&uid=1", 404),
        ("message?folder=../bea&validity=1&uid=1", 404),
        ("message", 400),
        ("file?folder=INBOX&validity=1&uid=1&number=3", 404),
        ("file?folder=INBOX&validity=1&uid=1", 400),
        ("source?folder=INBOX&validity=1&uid=2", 404),
        ("write?uid=1", 400),
    ],
)
def test_what_is_not_there_is_told_and_shown_as_text(lab_of_module: Lab, path: str, status: int) -> None:
    user = WebUser(lab_of_module)
    user.log_in()
    user.open(path)
    assert user.page.status == status
    assert "script" not in user.seen.elements


@pytest.mark.parametrize(
    ("act", "target"), [("", ""), ("burn", ""), ("move", ""), ("move", "a\r\nb"), ("move", "\x7f"), ("move", "/")]
)
def test_an_act_that_there_is_not_changes_nothing(user: WebUser, act: str, target: str) -> None:
    user.press("Fresh bread")
    user.send("/mark", act=act, target=target)
    assert user.page.status in (400, 409)
    assert [mail.subject for mail in user.lab.person(BRUNO).inbox()] == ["Fresh bread"]


# ---- what others do meanwhile ------------------------------------------------------------------------------------


def test_a_mailbox_that_another_program_emptied_is_shown_as_it_is(user: WebUser) -> None:
    user.press("Fresh bread")
    user.lab.person(BRUNO).delete(1)
    assert "not here any more" in user.send("/mark", act="star").text
    assert user.page.status == 404
    assert "This folder is empty." in user.open("folder?name=INBOX&before=2").text


def test_a_folder_made_again_shows_no_other_message(user: WebUser) -> None:
    bruno = user.lab.person(BRUNO)
    bruno.create_folder("Work")
    bruno.move(1, "Work")
    user.open("folder?name=Work")
    old = user.seen.links["Fresh bread"]
    bruno.delete_folder("Work")
    bruno.create_folder("Work")
    put(user.lab, [b"Subject: another\r\n\r\nx\r\n"], "Work")
    user.browser.follow(old)
    assert user.page.status == 410
    assert "another" not in user.seen.links


def test_a_password_that_changed_ends_the_session(user: WebUser) -> None:
    user.lab.administration.set_password(BRUNO, "new-password")
    assert "does not accept this password any more" in user.open().text
    assert user.page.status == 403
    assert "This session has ended" not in user.log_in("new-password").text
    assert "Fresh bread" in user.seen.links


def test_a_letter_whose_session_ended_is_kept_and_sent_after_the_next_log_in(user: WebUser) -> None:
    user.open("write")
    user.lab.clock.advance(hours=1)
    seen = user.send("/write", to=ALICE, subject="kept", text="every word <b>")
    assert user.page.status == 403
    assert seen.forms["/write"]["text"].strip() == "every word <b>"
    other = WebUser(user.lab)
    other.browser._cookies = user.browser._cookies  # another window of the same browser
    other.log_in()
    assert f"Sent to {ALICE}." in user.send("/write").text


def test_a_session_ends_after_half_an_hour_of_lab_time_without_a_request(user: WebUser) -> None:
    for _ in range(3):
        user.lab.clock.advance(minutes=29)
        assert "Fresh bread" in user.open().links
    user.lab.clock.advance(minutes=31)
    assert "This session has ended" in user.open().text


def test_a_server_that_is_down_is_told_and_no_letter_is_lost(user: WebUser) -> None:
    user.open("write")
    user.lab.host("mail.bakery.test").down()
    seen = user.send("/write", to=ALICE, subject="x", text="not lost")
    assert user.page.status == 422
    assert "Not sent." in seen.text
    form = seen.forms["/write"]
    assert "cannot be reached" in user.open().text
    assert user.page.status == 502
    user.lab.host("mail.bakery.test").up()
    user.browser.submit("/write", form)
    user.lab.settle()
    assert [mail.text for mail in user.lab.person(ALICE).fetch()] == ["not lost\n"]


def test_a_server_that_is_silent_is_told_after_a_time(user: WebUser, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = type(user.lab.host(WEBMAIL)).dial

    def dial(self: object, address: str, port: int, timeout: float = 30.0, message: str | None = None) -> socket.socket:
        if port != 993:
            return plain(self, address, port, timeout, message)  # type: ignore[arg-type]
        near, _far = socket.socketpair()
        silent.append(_far)
        near.settimeout(0.2)
        return near

    silent: list[socket.socket] = []
    monkeypatch.setattr(type(user.lab.host(WEBMAIL)), "dial", dial)
    assert "is silent for too long" in user.open().text
    assert user.page.status == 504
    for end in silent:
        end.close()


def test_a_form_that_is_sent_twice_is_one_letter(user: WebUser) -> None:
    form = {**user.open("write").forms["/write"], "to": ALICE, "subject": "once", "text": "x"}
    for _ in range(3):
        user.browser.submit("/write", form)
    user.lab.settle()
    assert [mail.subject for mail in user.lab.person(ALICE).inbox()] == ["once"]
    assert "already" in user.seen.text


@pytest.mark.parametrize(
    ("to", "sentence"),
    [("", "no recipient"), ("alice", "Not sent"), ("nobody@bakery.test", "refused"), (f"{ALICE}, <>", "Not sent")],
)
def test_a_letter_that_cannot_be_sent_stays_in_its_form(user: WebUser, to: str, sentence: str) -> None:
    user.open("write")
    seen = user.send("/write", to=to, subject="<b>kept</b>", text="kept\n  too")
    assert user.page.status == 422
    assert sentence in seen.text
    form = seen.forms["/write"]
    assert (form["to"], form["subject"], form["text"].strip("\n")) == (to, "<b>kept</b>", "kept\n  too")


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "a " * 200_000},
        {"subject": "ä" * 100_000},
        {"to": ", ".join(f"a{number}@academy.test" for number in range(20_000))},
        {"bcc": "," * 300_000},
        {"cc": "(" * 300_000},
        {"text": "x" * 900_000},
        {"text": "ä\n" * 100_000},
        {"text": "\r.\r\n" * 50_000},
        {"draft": "x" * 900_000},
    ],
    ids=lambda fields: " ".join([*fields, *(value[:2] for value in fields.values())]),
)
def test_a_letter_of_any_size_is_sent_or_kept_in_time(user: WebUser, fields: dict[str, str]) -> None:
    user.open("write")
    began = time.process_time()
    seen = user.send("/write", **{"to": ALICE, "subject": "x", "text": "x", **fields})
    assert time.process_time() - began < 4
    assert user.page.status in (200, 422)
    assert "Sent to" in seen.text or "Shorten them" in seen.text


def test_sessions_and_what_they_remember_have_bounds(lab: Lab) -> None:
    numbers = iter(range(10_000))
    sessions = Sessions(lab.clock.now, lambda: str(next(numbers)))
    opened = [sessions.new(f"{number}@bakery.test", "x") for number in range(MAX_SESSIONS + 5)]
    for one in opened:
        sessions.begin(one)
    assert [sessions.find(one.number) is None for one in opened] == [True] * 5 + [False] * MAX_SESSIONS
    for _ in range(MAX_SESSIONS):  # who logs in again and again ends sessions of her own
        sessions.begin(sessions.new(BEA, "x"))
    assert sum(sessions.find(one.number) is not None for one in opened) == MAX_SESSIONS - MAX_OWN
    for number in range(MAX_SENT + 5):
        assert sessions.start_sending(opened[-1], str(number))
        opened[-1].note("x" * 10)
    assert len(opened[-1].sent) == MAX_SENT
    assert len(opened[-1].notices) == 10
    lab.clock.advance(minutes=31)
    assert sessions.find(opened[-1].number) is None
