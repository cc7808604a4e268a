"""Authentication-Results: written, read, and taken off when somebody else has written it in our name (RFC 8601)."""

from __future__ import annotations

import pytest
from fake_dns import cpu
from hypothesis import given
from hypothesis import strategies as st

from mailcourse.authentication.results import MethodResult, Results, authserv_id, read, without_forged, write

OURS = ("bakery.test", "mx1.bakery.test")

FIELDS = [
    (
        Results("bakery.test", (MethodResult("spf", "pass", {"smtp.mailfrom": "alice@academy.test"}),)),
        b"Authentication-Results: bakery.test;\r\n\tspf=pass smtp.mailfrom=alice@academy.test\r\n",
    ),
    (
        Results(
            "bakery.test",
            (
                MethodResult("dkim", "fail", {"header.d": "academy.test"}, 'the "body" was changed; \\ or so'),
                MethodResult("dmarc", "fail", {"header.from": "academy.test", "policy.dmarc": "reject"}),
            ),
        ),
        b'Authentication-Results: bakery.test;\r\n\tdkim=fail reason="the \\"body\\" was changed; \\\\ or so"'
        b" header.d=academy.test;\r\n\tdmarc=fail header.from=academy.test policy.dmarc=reject\r\n",
    ),
    (Results("bakery.test"), b"Authentication-Results: bakery.test;\r\n\tnone\r\n"),
]


@pytest.mark.parametrize(("results", "octets"), FIELDS)
def test_what_is_written_is_read_again(results: Results, octets: bytes) -> None:
    assert write(results.authserv_id, results.methods) == octets
    assert read(octets.partition(b":")[2]) == results


LONG = st.one_of(st.text(max_size=50), st.text('"\\x', min_size=250, max_size=600))


@given(LONG, LONG)
def test_nothing_that_a_stranger_said_breaks_the_field(value: str, reason: str) -> None:
    octets = write(
        "bakery.test", [MethodResult("spf", "fail", {"smtp.mailfrom": value}, reason), MethodResult("dkim", "none")]
    )
    assert octets.isascii()
    assert all(len(line) <= 998 for line in octets.split(b"\r\n"))
    assert octets.count(b"\r\n") == octets.count(b"\r\n\t") + 1
    found = read(octets.partition(b":")[2])
    assert found is not None
    assert [each.method for each in found.methods] == ["spf", "dkim"]


#: how an attacker may write our name
FORGED = [
    b"Authentication-Results: bakery.test; spf=pass",
    b"authentication-results:BAKERY.TEST;spf=pass",
    b"AUTHENTICATION-RESULTS : bakery.test; spf=pass",
    b"Authentication-Results: (really) bakery.test (yes) 1; spf=pass",
    b"Authentication-Results: ((a) (b\\)) c) mx1.bakery.test; spf=pass",
    b'Authentication-Results: "bakery.test"; spf=pass',
    b'Authentication-Results: "bak\\ery.test"; spf=pass',
    b"Authentication-Results:\r\n bakery.test;\r\n\tspf=pass",
    b"Authentication-Results: (\r\n )\r\n\tbakery.test\r\n ; spf=pass",
    b"Authentication-Results: bakery.test",
    b"Authentication-Results: bakery.test.; spf=pass",
    b"Authentication-Results: bakery.test 1 ; none",
    b"Authentication-Results:",
    b"Authentication-Results: ;",
    b"Authentication-Results: bakery.test/1; spf=pass",
    b"Authentication-Results: (" + b"(x)" * 3000 + b") bakery.test; spf=pass",
    b"Authentication-Results: " + b"(x)" * 3000 + b" bakery.test; spf=pass",
    b"Authentication-Results: =?utf-8?q?bakery.test?=; spf=pass",
    b'Authentication-Results: "bakery.test; spf=pass',
]
HONEST = [
    b"Authentication-Results: academy.test; spf=pass smtp.mailfrom=bakery.test",
    b"Authentication-Results: notbakery.test; spf=pass",
    b"Authentication-Results: bakery.test.example.com; spf=pass",
    b"X-Authentication-Results: bakery.test; spf=pass",
    b"ARC-Authentication-Results: i=1; bakery.test; spf=pass",
    b"Subject: Authentication-Results: bakery.test; spf=pass",
    b"Subject: x\r\n Authentication-Results: bakery.test",
]


@pytest.mark.parametrize("field", FORGED)
def test_what_says_our_name_is_taken_off(field: bytes) -> None:
    for before, after in ((b"", b"To: x\r\n"), (b"To: x\r\n", b""), (b"To: x\r\n", b"Cc: y\r\n z\r\n"), (b"", b"")):
        message = before + field + b"\r\n" + after + b"\r\nAuthentication-Results: bakery.test; body\r\n"
        clean, forged = without_forged(message, OURS)
        assert clean == before + after + b"\r\nAuthentication-Results: bakery.test; body\r\n"
        assert len(forged) == 1


@pytest.mark.parametrize("field", HONEST)
def test_what_does_not_say_our_name_stays(field: bytes) -> None:
    message = field + b"\r\nTo: x\r\n\r\nbody"
    assert without_forged(message, OURS) == (message, [])


@given(st.binary(max_size=300))
def test_a_message_without_the_field_stays_as_it_is(message: bytes) -> None:
    if b"uthentication" not in message:
        assert without_forged(message, OURS) == (message, [])
        assert authserv_id(message) is None or read(message) is not None


@pytest.mark.parametrize(
    "octets",
    [
        b"(" * 100_000,
        b'"' * 100_000,
        b'"\\"' * 33_000,
        b"a" * 100_000,
        b"a=b;" * 25_000,
        b" " * 100_000,
        b"x " * 50_000,
        b'";' * 50_000,
    ],
    ids=lambda octets: repr(octets[:6]),
)
def test_a_hundred_kilobytes_take_less_than_a_tenth_of_a_second(octets: bytes) -> None:
    assert cpu(lambda: read(octets)) < 0.4  # hundreds of times as long, if it were not linear
    assert cpu(lambda: read(b"bakery.test;" + octets)) < 0.4  # hundreds of times as long, if it were not linear
    assert (
        cpu(lambda: without_forged(b"Authentication-Results: " + octets + b"\r\n\r\n", OURS)) < 0.4
    )  # hundreds of times as long, if it were not linear
