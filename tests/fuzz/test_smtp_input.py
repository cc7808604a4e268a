"""Octets from anybody on ports 25, 587 and 24: every reply is well formed, the server lives, nothing is lost.

`make fuzz` goes on for longer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcourse import Lab

REPLY = re.compile(rb"(?:[2-5]\d\d-[^\r\n]*\r\n)*[2-5]\d\d(?: [^\r\n]*)?\r\n")
MAX_REPLY = 200_000  # octets that a client may get back for what is sent here

words = st.sampled_from(
    [
        b"EHLO x.test",
        b"HELO x",
        b"MAIL FROM:<alice@academy.test>",
        b"MAIL FROM:<>",
        b"RCPT TO:<bruno@bakery.test>",
        b"RCPT TO:<nobody@bakery.test> NOTIFY=SUCCESS",
        b"DATA",
        b".",
        b"RSET",
        b"NOOP",
        b"VRFY x",
        b"HELP",
        b"AUTH PLAIN",
        b"AUTH LOGIN AAAA",
        b"LHLO x",
        b"Subject: x",
        b"",
    ]
)
ends = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b"", b" \r\n", b"\0\r\n"])
lines = st.builds(bytes.__add__, st.one_of(words, st.binary(max_size=40), words.map(bytes.lower)), ends)
mutated = st.builds(lambda word, extra: word + b" " + extra + b"\r\n", words, st.binary(max_size=60))
conversations = st.lists(st.one_of(lines, lines, mutated), max_size=25).map(b"".join)
PORTS = [("mx1.bakery.test", 25), ("mail.academy.test", 587), ("mail.bakery.test", 25)]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab("two-offices", name="smtp-fuzz") as lab:
        yield lab


async def converse(lab: Lab, host: str, port: int, said: bytes, step: int) -> bytes:
    """Say it in pieces of `step` octets, hang up, and return all that was answered."""
    client = lab.internet.hosts["laptop.academy.test"]
    reader, writer, _ = await client.connect(lab.internet.hosts[host].addresses[0], port)
    for start in range(0, len(said), step):
        writer.write(said[start : start + step])
        await asyncio.sleep(0)
    writer.write(b"\r\n.\r\nQUIT\r\n")
    heard = await asyncio.wait_for(reader.read(MAX_REPLY), 5)
    while piece := await asyncio.wait_for(reader.read(MAX_REPLY), 5):
        heard += piece
    writer.close()
    return heard


@given(st.sampled_from(PORTS), conversations, st.sampled_from([1, 7, 10_000]))
def test_every_reply_is_well_formed_and_the_session_ends(
    lab: Lab, place: tuple[str, int], said: bytes, step: int
) -> None:
    heard = lab.runtime.run(converse(lab, *place, said, step), timeout=20)
    assert REPLY.sub(b"", heard) == b""
    assert len(heard) < MAX_REPLY
    assert b"Traceback" not in heard
    assert b"Error" not in heard
    warnings = [event.sentence() for event in lab.trace if event.what == "warning"]
    assert warnings == []
    lab.settle()


@given(st.lists(st.binary(max_size=80), max_size=30).map(b"\r\n".join))
def test_what_is_accepted_arrives_octet_for_octet(lab: Lab, body: bytes) -> None:
    stuffed = re.sub(rb"(?m)^\.", b"..", body)
    head = b"EHLO x.test\r\nMAIL FROM:<alice@academy.test>\r\nRCPT TO:<bruno@bakery.test>\r\nDATA\r\n"
    heard = lab.runtime.run(
        converse(lab, "mail.bakery.test", 25, head + b"Subject: x\r\n\r\n" + stuffed, 10_000), timeout=20
    )
    lab.settle()
    inbox = lab.accounts["mail.bakery.test"].mailbox("bruno@bakery.test")
    found = inbox.scan()
    bare = re.search(rb"\r(?!\n)|(?<!\r)\n", body)
    if bare or b"550 5.6.11" in heard:
        assert found == []
        return
    assert len(found) == 1, heard
    assert found[0].path.read_bytes().partition(b"Subject: x\r\n\r\n")[2] == body + b"\r\n"
    inbox.remove(found[0])
