"""All that is found out about a message together: no octets raise, nothing takes long, everything can be shown."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from fake_dns import FakeDns, cpu, run
from hypothesis import given
from hypothesis import strategies as st
from signed import LETTER, NOW, proof, signer, zone

from mailcourse.authentication import octets
from mailcourse.authentication.results import read
from mailcourse.authentication.signing import sign
from mailcourse.authentication.verdict import Proof, prove

HELD = sign(signer(), LETTER, NOW) + LETTER


def test_everything_has_a_result_and_steps() -> None:
    found = proof(HELD, zone())
    assert found.summary == "spf=pass dkim=pass dmarc=pass"
    for part in (found.spf, found.dkim, found.dmarc):
        assert part.result == "pass"
        assert part.steps
        assert all(step.what and step.verdict for step in part.steps)
    results = read(found.field().partition(b":")[2])
    assert results is not None
    assert [(each.method, each.result) for each in results.methods] == [
        ("spf", "pass"),
        ("dkim", "pass"),
        ("dmarc", "pass"),
    ]


def test_the_trace_can_keep_it() -> None:
    for message in (HELD, LETTER, b"", HELD.replace(b"Forty", b"Fifty")):
        checks = proof(message, zone()).checks()
        assert json.loads(json.dumps(checks)) == checks
        assert [checks[0]["check"], checks[-1]["check"]] == ["spf", "dmarc"]


def test_a_message_with_the_line_ends_of_a_cell_is_read_too() -> None:
    assert proof(HELD.replace(b"\r\n", b"\n"), zone()).summary == "spf=pass dkim=pass dmarc=pass"


def test_a_null_sender_is_known_by_its_helo() -> None:
    table = zone() | {"mail.academy.test": ["TXT v=spf1 ip4:192.0.2.25 -all"]}
    found = proof(HELD, table, sender="")
    assert (found.spf.result, found.spf.domain) == ("pass", "mail.academy.test")
    assert b"smtp.helo=mail.academy.test" in found.field()


def test_a_domain_beyond_ascii_is_asked_for_as_the_dns_has_it() -> None:
    name = "xn--bckerei-5wa.test"
    table = {name: ["TXT v=spf1 ip4:192.0.2.25 -all"], f"_dmarc.{name}": ["TXT v=DMARC1; p=reject"]}
    found = proof("From: a@bäckerei.test\r\n\r\n".encode(), table, sender="a@bäckerei.test")
    assert found.summary == "spf=pass dkim=none dmarc=pass"
    assert found.field().isascii()


TEXT = st.text(max_size=60)
OCTETS = st.binary(max_size=120)
NAMES = ["DKIM-Signature", "From", "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results", "X"]
FIELDS = st.lists(st.tuples(st.sampled_from(NAMES), OCTETS), max_size=5).map(
    lambda fields: b"".join(name.encode() + b": " + value + b"\r\n" for name, value in fields)
)


@given(FIELDS, OCTETS, TEXT, TEXT, OCTETS)
def test_no_octets_of_a_stranger_raise(header: bytes, body: bytes, helo: str, sender: str, record: bytes) -> None:
    text = record.decode("latin-1")
    table = {
        name: [f"TXT {prefix}{text}"]
        for name, prefix in (
            ("academy.test", "v=spf1 "),
            ("_dmarc.academy.test", "v=DMARC1; "),
            ("rsa._domainkey.academy.test", ""),
        )
    }
    for mail_from in (sender, f"{sender}@academy.test"):
        for message in (header + b"\r\n" + body, header + HELD):
            found = run(prove(message, "192.0.2.25", helo, mail_from, FakeDns(table).lookup, NOW, "bakery.test"))
            assert isinstance(found, Proof)
            assert found.field().endswith(b"\r\n")
            json.dumps(found.checks())


HEAD = LETTER.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
LARGE = {
    "lines": b"x" * 70 + b"\r\n",
    "spaces": b" " * 60_000 + b"\r\n",
    "empty lines": b"\r\n",
    "short lines": b"a \r\n",
}


@pytest.mark.parametrize("what", LARGE)
def test_ten_megabytes_with_eight_signatures_do_not_hold_up_the_loop(what: str) -> None:
    message = HEAD + LARGE[what] * (10_000_000 // len(LARGE[what]))
    body = len(message) - len(HEAD)
    signatures = [sign(signer(length=body - number), message, NOW) for number in range(8)]
    waits: list[float] = []

    async def beside() -> None:
        while True:
            begin = time.perf_counter()
            await asyncio.sleep(0.002)
            waits.append(time.perf_counter() - begin)

    async def both() -> Proof:
        watch = asyncio.create_task(beside())
        lookup = FakeDns(zone()).lookup
        found = await prove(
            b"".join(signatures) + message,
            "192.0.2.25",
            "mail.academy.test",
            "alice@academy.test",
            lookup,
            NOW,
            "x.test",
        )
        watch.cancel()
        return found

    assert run(both()).dkim.result == "pass"
    assert max(waits) < 1


HUGE = {
    "signatures": sign(signer(), LETTER, NOW) * 200 + LETTER,
    "seals": b"ARC-Seal: i=1; cv=none\r\n" * 4000 + LETTER,
    "authors": b"From: " + b"a@b.test, " * 10_000 + b"\r\n" + LETTER,
    "one field": b"X: " + b"x" * 100_000 + b"\r\n" + LETTER,
    "fields": b"X:\r\n" * 25_000 + LETTER,
    "folds": b"DKIM-Signature: v=1;" + b"\r\n\t" * 33_000 + b"\r\n" + LETTER,
    "tags": b"DKIM-Signature: " + b"a" * 100_000 + b"\r\n" + LETTER,
    "no field": b"x" * 100_000,
    "colons": b":" * 100_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("what", HUGE)
def test_a_hundred_kilobytes_of_nonsense_take_a_tenth_of_a_second(what: str) -> None:
    proof(LETTER, zone())  # what is loaded once
    assert cpu(lambda: proof(HUGE[what], zone())) < 0.4  # hundreds of times as long, if it were not linear


@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"b ", b"\r", b"\n"]), max_size=30).map(b"".join))
def test_a_body_in_pieces_is_the_body_in_one(body: bytes) -> None:
    from dkim.canonicalization import Relaxed

    whole, octets.PIECE = octets.PIECE, 3
    try:
        assert octets.Bodies(body).form(b"relaxed") == Relaxed.canonicalize_body(body)
    finally:
        octets.PIECE = whole
