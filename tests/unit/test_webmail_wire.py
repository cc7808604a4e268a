"""The webmail's connections, and messages that want to do harm to whoever reads them there."""

from __future__ import annotations

import re

import pytest
from hostile import hostile
from web_user import ALICE, BRUNO, HOME, WEBMAIL, Seen, WebUser, ask, put, raw

from mailcourse import Lab
from mailcourse.mua.webmail import connection

# ---- what comes over the wire ------------------------------------------------------------------------------------


def test_a_refusal_is_read_though_more_was_being_sent(lab: Lab) -> None:
    said = raw(lab, b"GET /" + b"a" * 1_000_000)
    assert said.startswith(b"HTTP/1.1 414 ")
    assert b"connection: close" in said.lower()


def test_a_request_that_does_not_come_to_its_end_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.2)
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.2)
    assert raw(lab, b"GET / HTTP/1.1\r\nHost: ").startswith(b"HTTP/1.1 408 ")


def test_a_connection_that_rests_is_closed_without_a_word(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.2)
    assert raw(lab, b"") == b""
    assert raw(lab, f"GET /login HTTP/1.1\r\nHost: {WEBMAIL}\r\n\r\n".encode()).startswith(b"HTTP/1.1 200 ")


def test_requests_in_one_piece_are_answered_one_after_the_other(lab: Lab) -> None:
    one = f"GET /pages.css HTTP/1.1\r\nHost: {WEBMAIL}\r\n\r\n"
    last = f"GET /login HTTP/1.1\r\nHost: {WEBMAIL}\r\nConnection: close\r\n\r\n"
    said = raw(lab, (one * 20 + last).encode())
    assert said.count(b"HTTP/1.1 200 ") == 21
    assert b"<h1>Log in</h1>" in said


@pytest.mark.parametrize("target", ["*", "//evil.test/x", "/", "/a?b=//evil.test"])
def test_port_80_leads_nowhere_else(lab: Lab, target: str) -> None:
    with lab.host("laptop.academy.test").dial(lab.host(WEBMAIL).addresses[0], 80, timeout=10) as client:
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n".encode())
        said = client.recv(65536).decode()
    [place] = re.findall(r"location: (\S+)", said, re.IGNORECASE)
    assert place == f"https://{WEBMAIL}/{target.lstrip('/*')}"


def test_a_client_that_leaves_in_the_middle_breaks_nothing(lab: Lab) -> None:
    plain = lab.host("laptop.academy.test").dial(lab.host(WEBMAIL).addresses[0], 443, timeout=10)
    client = lab.tls_context().wrap_socket(plain, server_hostname=WEBMAIL)
    client.sendall(f"GET /login HTTP/1.1\r\nHost: {WEBMAIL}\r\n\r\n".encode() * 50)
    client.close()
    with lab.host("laptop.academy.test").dial(lab.host(WEBMAIL).addresses[0], 443, timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")  # that is no TLS
        assert b"HTTP" not in plain.recv(1000)
    assert ask(lab, "GET /login")[0] == 200
    lab.settle()
    assert not [event for event in lab.trace if event.what == "warning"]


# ---- messages that want to do harm ---------------------------------------------------------------------------------


def test_no_hostile_message_becomes_more_than_arranged_text(lab: Lab) -> None:
    put(lab, [raw_message or b"\r\n" for raw_message in hostile().values()])
    user = WebUser(lab)
    pages = [user.log_in()]
    links = dict(pages[0].links)
    while "Older" in user.seen.links:
        links |= user.press("Older").links
    found = [link for link in links.values() if link.startswith("/message")]
    for number in range(1, len(hostile()) + 1):
        for show in ("", "&show=text"):
            user.open(f"message?folder=INBOX&validity=1&uid={number}{show}")
            assert user.page.status == 200
            body = user.page.text.partition("<main>")[2]
            assert {"script", "iframe", "object", "embed", "svg", "math", "meta", "base", "style", "video"}.isdisjoint(
                Seen(body).elements
            )
            assert not re.search(r"<[^>]*\s(on\w+|style|id=\"main|src|srcset)\s*=", body, re.IGNORECASE)
            assert user.page.text.count("</main>") == 1
            forms = user.seen.forms
            assert {*forms} == {"/logout", "/mark"}
    assert found


def test_a_link_in_a_message_leads_out_of_the_webmail_and_tells_nobody(lab: Lab) -> None:
    html = f'<a href="/logout">a</a><a href="https://evil.test/">b</a><a href="{HOME}">c</a><img src="cid:1">'
    lab.person(ALICE).send(BRUNO, "links", html=html)
    lab.settle()
    user = WebUser(lab)
    user.log_in()
    body = user.press("links") and user.page.text
    assert 'href="/logout"' not in body
    assert body.count('rel="noopener noreferrer"') == body.count('target="_blank"') == 3
    assert "https://evil.test/" in body
