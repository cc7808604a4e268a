"""What comes in place of a request: cut, doubled, too long, smuggled.  Each ends in a 4xx with a sentence, in time."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_user import WEBMAIL

from mailcourse.internet.certificates import secret
from mailcourse.mua.webmail.http import MAX_BODY, HttpConversation, HttpError, Request, Response

NOW = datetime(2026, 9, 7, 8, tzinfo=UTC)
HOST = f"Host: {WEBMAIL}\r\n"
GET = f"GET /login HTTP/1.1\r\n{HOST}\r\n"


def request(line: str = "GET / HTTP/1.1", *fields: str, body: str = "", host: str = HOST) -> bytes:
    return (f"{line}\r\n{host}" + "".join(f"{field}\r\n" for field in fields) + f"\r\n{body}").encode()


def read(octets: bytes, step: int | None = None) -> list[Request]:
    """Give the octets to a server, whole or in pieces; return the requests."""
    server, found = HttpConversation(), []
    for start in range(0, len(octets), step or len(octets)):
        server.receive(octets[start : start + (step or len(octets))])
        while (one := server.next_request()) is not None:
            found.append(one)
            server.reply(Response(200, b"x"), NOW)
            if not server.next_cycle():
                return found
    return found


SMUGGLED = {
    "a length and chunks": (
        400,
        request("POST / HTTP/1.1", "Content-Length: 4", "Transfer-Encoding: chunked", body="0"),
    ),
    "chunks": (411, request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body="zz\r\n\r\n")),
    "a coding that nobody knows": (501, request("POST / HTTP/1.1", "Transfer-Encoding: xchunked")),
    "two lengths": (400, request("POST / HTTP/1.1", "Content-Length: 4", "Content-Length: 5", body="abcd")),
    "two lengths in one": (400, request("POST / HTTP/1.1", "Content-Length: 4, 5", body="abcd")),
    "a length that is none": (400, request("POST / HTTP/1.1", "Content-Length: -4")),
    "a length with a sign": (400, request("POST / HTTP/1.1", "Content-Length: +4")),
    "two hosts": (400, request("GET / HTTP/1.1", HOST.strip())),
    "no host": (400, request(host="")),
    "no host in HTTP/1.0": (400, request("GET / HTTP/1.0", host="")),
    "another host in the address": (400, request("GET https://evil.test/ HTTP/1.1")),
    "no address": (400, request("GET evil HTTP/1.1")),
    "a user in the address": (400, request(f"GET https://a@{WEBMAIL}/ HTTP/1.1")),
    "two cookies": (400, request("GET / HTTP/1.1", "Cookie: a=1", "Cookie: a=2")),
    "two origins": (400, request("GET / HTTP/1.1", "Origin: https://a.test", "Origin: https://b.test")),
    "a space before the colon": (400, request("GET / HTTP/1.1", "Content-Length : 4", body="abcd")),
    "a line end in a field": (400, request("GET / HTTP/1.1", "X: a\rb")),
    "octets in a name": (400, request("GET / HTTP/1.1", "Ho\0st: x")),
    "no version": (400, request("GET /")),
    "another version": (400, request("GET / HTTP/9")),
}
LONG = {
    "a request line of a megabyte": (414, b"GET /" + b"a" * 1_000_000),
    "a request line of a megabyte, whole": (414, request(f"GET /{'a' * 1_000_000} HTTP/1.1")),
    "a header without end": (431, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200_000),
    "a field of a megabyte": (431, request("GET / HTTP/1.1", f"X: {'y' * 1_000_000}")),
    "a body of a gigabyte": (413, request("POST / HTTP/1.1", "Content-Length: 1000000000")),
    "a length of 5,000 digits": (413, request("POST / HTTP/1.1", f"Content-Length: {'9' * 5_000}")),
}


@pytest.mark.parametrize("name", SMUGGLED)
@pytest.mark.parametrize("step", [None, 1, 7])
def test_what_two_readers_could_understand_in_two_ways_is_refused(name: str, step: int | None) -> None:
    status, octets = SMUGGLED[name]
    with pytest.raises(HttpError, match=r"[A-Z].*\.$") as refused:
        read(octets, step)
    assert refused.value.status == status


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("step", [None, 4096])
def test_a_request_that_is_too_long_gets_its_own_refusal(name: str, step: int | None) -> None:
    status, octets = LONG[name]
    began = time.process_time()
    with pytest.raises(HttpError) as refused:
        read(octets, step)
    assert refused.value.status in (status, 400 if "digits" in name else status)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("step", [None, 1, 7])
def test_requests_that_come_together_are_answered_in_their_order(step: int | None) -> None:
    form = request(
        "POST /login HTTP/1.1", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 3", body="a=b"
    )
    found = read((GET.encode() + form) * 3, step)
    assert [one.method for one in found] == ["GET", "POST"] * 3
    assert [one.form for one in found if one.method == "POST"] == [{"a": "b"}] * 3


def test_a_whole_address_is_understood_when_it_names_the_host_that_is_asked() -> None:
    [one] = read(request(f"GET https://{WEBMAIL}/folder?name=A%20B HTTP/1.1"))
    assert (one.path, one.query) == ("/folder", {"name": "A B"})


@pytest.mark.parametrize("text", ["a=1&a=2", "&".join(f"f{number}=" for number in range(51))])
def test_a_field_that_stands_twice_or_too_many_are_refused(text: str) -> None:
    [one] = read(request(f"GET /?{text} HTTP/1.1"))
    with pytest.raises(HttpError, match=r"\.$"):
        _ = one.query


def test_a_browser_that_waits_is_told_to_go_on() -> None:
    server = HttpConversation()
    server.receive(request("POST / HTTP/1.1", "Expect: 100-continue", "Content-Length: 1"))
    assert server.next_request() is None
    assert server.go_on().startswith(b"HTTP/1.1 100 ")
    server.receive(b"x")
    found = server.next_request()
    assert found is not None
    assert found.body == b"x"


def test_head_has_no_body() -> None:
    server = HttpConversation()
    server.receive(request("HEAD / HTTP/1.1"))
    assert server.next_request() is not None
    reply = server.reply(Response(200, b"12345"), NOW)
    assert reply.endswith(b"\r\n\r\n")
    assert b"Content-Length: 5\r\n" in reply


def test_a_head_that_is_refused_has_no_body_and_the_next_refusal_has_one() -> None:
    server = HttpConversation()
    server.receive(request("HEAD / HTTP/1.1"))
    server.next_request()
    assert server.reply(Response(200, b"12345"), NOW).endswith(b"\r\n\r\n")
    assert server.next_cycle()
    server.receive(b"nonsense\r\n\r\n")
    with pytest.raises(HttpError):
        server.next_request()
    assert server.reply(Response(400, b"12345"), NOW, last=True).endswith(b"\r\n\r\n12345")
    server = HttpConversation()
    server.receive(request("HEAD https://evil.test/ HTTP/1.1"))
    with pytest.raises(HttpError):
        server.next_request()
    assert server.reply(Response(400, b"12345"), NOW, last=True).endswith(b"\r\n\r\n")


def test_every_response_forbids_scripts_and_frames() -> None:
    server = HttpConversation()
    server.receive(GET.encode())
    server.next_request()
    reply = server.reply(Response(200, b""), NOW).decode()
    for field in (
        "default-src 'none'",
        "frame-ancestors 'none'",
        "nosniff",
        "no-store",
        "Date: Mon, 07 Sep 2026 08:00",
    ):
        assert field in reply
    assert "unsafe" not in reply


PIECES = st.sampled_from(
    [
        *(
            b"GET ",
            b"POST / HTTP/1.1\r\n",
            b"Host: x\r\n",
            b"\r\n",
            b"\n",
            b"\0",
            b" ",
            b"Content-Length: 5\r\n",
            b"a=b",
        ),
        *(b"Transfer-Encoding: ", b"Connection: close\r\n", b"HTTP/1.0\r\n", b"Expect: 100-continue\r\n", b"chunked"),
        *(
            b"Upgrade: h2c\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"CONNECT x:1 HTTP/1.1\r\n",
            b"\x16\x03\x01",
            b"\xff",
        ),
    ]
)


@given(st.lists(st.one_of(PIECES, st.binary(max_size=20)), max_size=30), st.integers(1, 50))
def test_anything_else_than_http_ends_in_a_sentence(pieces: list[bytes], step: int) -> None:
    server = HttpConversation()
    try:
        everything(server, b"".join(pieces), step)
        refused = None
    except HttpError as error:
        refused = error
    if refused is not None:
        assert 400 <= refused.status < 600
        assert str(refused).endswith(".")
        assert re.match(rb"HTTP/1.1 \d{3} ", server.reply(Response(refused.status, b"x"), NOW, last=True))


def everything(server: HttpConversation, octets: bytes, step: int) -> None:
    for start in range(0, len(octets), step):
        server.receive(octets[start : start + step])
        server.go_on()
        while server.next_request() is not None:
            assert server.reply(Response(200, b"x"), NOW).startswith(b"HTTP/1.1 200 ")
            if not server.next_cycle():
                return
    server.receive(b"")
    assert server.next_request() is None
    assert server.is_over


def test_a_form_of_the_greatest_size_is_read_in_time() -> None:
    began = time.process_time()
    kind = "Content-Type: application/x-www-form-urlencoded"
    body = "text=" + "%E4" * ((MAX_BODY - 5) // 3)
    [one] = read(request("POST / HTTP/1.1", kind, f"Content-Length: {len(body)}", body=body), 4096)
    assert len(one.form["text"]) == (MAX_BODY - 5) // 3
    assert time.process_time() - began < 3


def test_secrets_are_long_and_never_the_same() -> None:
    assert len({secret() for _ in range(1000)}) == 1000
    assert len(secret()) == 32
