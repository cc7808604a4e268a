"""Octets from anybody on the ports of POP3 and IMAP: replies are well formed whatever the pieces, nothing is harmed.

`make fuzz` goes on for longer.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcourse.access.imap.session import ImapSession
from mailcourse.access.imap.strings import read_folder, write_folder
from mailcourse.access.pop3 import Pop3Session
from mailcourse.internet.connection import Connection
from mailcourse.internet.trace import Trace
from mailcourse.mailbox.accounts import COST, Accounts
from mailcourse.message.address_list import addresses
from mailcourse.message.mime import split

START = datetime(2026, 9, 7, 8, tzinfo=UTC)
BRUNO = "bruno@bakery.test"
MESSAGES = (
    b"From: Bea <bea@bakery.test>\r\nSubject: one\r\nDate: Mon, 07 Sep 2026 08:00:00 +0000\r\n\r\n.a dot\r\n",
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\none\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: in\r\n\r\nin\r\n--x--\r\n",
    b"no header at all",
)


@pytest.fixture(scope="module", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Proving a password is slow on purpose; here it is not the point."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(COST, "n", 2)
        yield


class Still:
    def now(self) -> datetime:
        return START


class World:
    """Bruno, Bea, and one session after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.trace = folder, Trace(Still())
        self.accounts = Accounts(folder)
        for person in (BRUNO, "bea@bakery.test"):
            self.accounts.add(person, "loaf", b"salt")
        self.inbox = self.accounts.mailbox(BRUNO)
        for number, content in enumerate(MESSAGES):
            self.inbox.deliver([content], f"1788768000.m{number}.1.h", START)

    def hears(self, kind: type[ImapSession] | type[Pop3Session], said: bytes, step: int) -> bytes:
        """Say it in pieces; return all that was answered."""
        connection = Connection(1, "laptop.bakery.test", "198.51.100.10", "198.51.100.25", 143)
        session: Any = kind(self.accounts, "mail.bakery.test", self.trace, connection, tls=True)
        heard = session.greeting()
        for start in range(0, len(said), step):
            if session.closed or session.wants_tls:
                break
            heard += session.receive(said[start : start + step])
        session.end()
        return bytes(heard)

    def others(self) -> list[str]:
        """Everything outside Bruno's mailbox."""
        inside = self.inbox.path.parent
        return sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*") if inside not in p.parents)


def in_pieces(kind: type[ImapSession] | type[Pop3Session], said: bytes) -> bytes:
    """Say the same to three fresh worlds: whole, in sevens, byte by byte; return the one answer that all give."""
    heard = set()
    for step in (1_000_000, 7, 1):
        with tempfile.TemporaryDirectory() as name:
            world = World(Path(name) / "mail")
            before = world.others()
            heard.add(world.hears(kind, said, step))
            assert world.others() == before, "nothing outside the mailbox may change"
            uids = [stored.uid for stored in world.inbox.scan()]
            assert len({*uids}) == len(uids)
            assert max(uids, default=0) < world.inbox.uidnext
            warnings = [event.sentence() for event in world.trace if event.what == "warning"]
            assert warnings == []
    assert len(heard) == 1
    return heard.pop()


# ---- IMAP ------------------------------------------------------------------------------------------------

ATOMS = rb"""INBOX Work Work/2026 * % 1 1:* 2,3 $ 0 99 4294967296 FLAGS +FLAGS -FLAGS.SILENT (\Seen) (\Deleted) (urgent)
(FLAGS UID) ENVELOPE BODYSTRUCTURE BODY[] BODY.PEEK[1.2.TEXT] BODY[2.HEADER.FIELDS.NOT (Subject)]<1.9> BINARY[1] RFC822
(MESSAGES UIDNEXT SIZE) RETURN (MIN ALL COUNT) (SAVE) ALL NOT OR UNSEEN SUBJECT one BODY x SINCE 1-Sep-2026
UID CHARSET UTF-8 "" "a b" "\"\\" {3+} {0+} ~{2+} {70000} ( ) () [ ] & &- &APw- ../.. NIL DONE (USE (\Sent))
(SUBSCRIBED) PLAIN ="""
NAMES = b"""CAPABILITY NOOP LOGOUT ID STARTTLS LOGIN AUTHENTICATE ENABLE IDLE NAMESPACE SELECT EXAMINE LIST LSUB
SUBSCRIBE UNSUBSCRIBE CREATE DELETE RENAME STATUS APPEND CHECK CLOSE UNSELECT EXPUNGE SEARCH FETCH STORE COPY
MOVE UID DONE X"""
atoms = st.one_of(st.sampled_from(ATOMS.split()), st.sampled_from(ATOMS.split()), st.binary(max_size=12))
names = st.one_of(
    st.sampled_from(NAMES.split()), st.sampled_from([b"UID FETCH", b"UID STORE", b"UID SEARCH", b"UID COPY"])
)
ends = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"", b" \r\n", b"\0\r\n"])
commands = st.builds(
    lambda name, words, end: b" ".join([b"a", name, *words]) + end, names, st.lists(atoms, max_size=5), ends
)
logins = st.sampled_from(
    [b"l LOGIN bruno@bakery.test loaf\r\n", b"l LOGIN bruno@bakery.test loaf\r\ns SELECT INBOX\r\n"] * 4 + [b""]
)
imap = st.builds(
    lambda login, rest: login + b"".join(rest),
    logins,
    st.lists(st.one_of(commands, commands, st.binary(max_size=30)), max_size=8),
)
LINE = re.compile(rb'(?:\*|\+|[^\x00-\x20(){"%*+\\\x7f-\xff]+) [^\r\n\0]*|\+ ?')


def lines(heard: bytes) -> list[bytes]:
    """Cut an answer into its lines as a client does: a literal is as long as it says."""
    found, line = [], b""
    while heard:
        piece, end, heard = heard.partition(b"\r\n")
        assert end, "an answer ends with its line"
        line += piece
        size = re.search(rb"\{(\d+)\}$", piece)
        if size:
            assert len(heard) >= int(size[1]), "a literal is as long as it says"
            heard = heard[int(size[1]) :]
            continue
        found.append(line)
        line = b""
    return found


@given(imap)
def test_imap_answers_are_well_formed_and_the_same_in_any_pieces(said: bytes) -> None:
    heard = in_pieces(ImapSession, said)
    for line in lines(heard):
        assert LINE.fullmatch(line), line
        assert b"Traceback" not in line
        assert b"Error" not in line


# ---- POP3 ------------------------------------------------------------------------------------------------

verbs = st.sampled_from(
    b"CAPA STLS UTF8 USER PASS AUTH STAT LIST UIDL RETR TOP DELE RSET NOOP QUIT APOP LAST X".split()
)
words = st.one_of(
    st.sampled_from(b"1 2 3 0 -1 99999999999999999999 bruno@bakery.test loaf PLAIN = * AAAA".split()),
    st.binary(max_size=12),
)
calls = st.builds(lambda verb, rest, end: b" ".join([verb, *rest]) + end, verbs, st.lists(words, max_size=3), ends)
entered = st.sampled_from([b"USER bruno@bakery.test\r\nPASS loaf\r\n"] * 3 + [b""])
pop3 = st.builds(
    lambda login, rest: login + b"".join(rest),
    entered,
    st.lists(st.one_of(calls, calls, st.binary(max_size=30)), max_size=8),
)
REPLY = re.compile(rb"(?:\+OK|-ERR)(?: [^\r\n\0]*)?|\+ |(?!\.$)[^\r\n]*|\.")


@given(pop3)
def test_pop3_answers_are_well_formed_and_the_same_in_any_pieces(said: bytes) -> None:
    heard = in_pieces(Pop3Session, said)
    assert heard.endswith(b"\r\n")
    for line in heard.split(b"\r\n")[:-1]:
        assert REPLY.fullmatch(line), line
        assert b"Traceback" not in line


# ---- what is read on the way -------------------------------------------------------------------------------


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=30))
def test_a_name_of_a_folder_that_is_written_reads_back(name: str) -> None:
    wire = write_folder(name, utf8=False)
    assert wire.isascii()
    bare = re.sub(r"\\(.)", r"\1", wire[1:-1].decode())
    assert read_folder(bare, utf8=False) == name


@given(st.binary(max_size=200))
def test_any_octets_are_some_list_of_addresses_and_some_message(octets: bytes) -> None:
    assert isinstance(addresses(octets), list)
    part = split(octets)
    assert part.header + part.body == octets
    assert isinstance(part.text(), str)


@pytest.mark.parametrize("piece", [b"Content-Type: multipart/mixed; boundary=\r\n\r\n", b"Content-Type: (((\r\n\r\n"])
@given(st.binary(max_size=100))
def test_broken_mime_has_a_structure(piece: bytes, rest: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        world = World(Path(name) / "mail")
        world.inbox.deliver([piece + rest], "1788768000.m9.1.h", START)
        said = b"l LOGIN bruno@bakery.test loaf\r\ns SELECT INBOX\r\n"
        said += b"a FETCH 4 (BODYSTRUCTURE ENVELOPE BODY[1] BINARY.SIZE[1])\r\n"
        assert lines(world.hears(ImapSession, said, 1000))[-1].startswith((b"a OK", b"a NO [UNKNOWN-CTE]"))
