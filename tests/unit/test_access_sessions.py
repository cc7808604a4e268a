"""What one dialogue cannot show: two sessions side by side, the step into TLS, and what the trace keeps."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from access_world import BRUNO, START, World

from mailcourse.access.imap.session import ImapSession
from mailcourse.access.pop3 import Pop3Session


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# ---- two sessions ------------------------------------------------------------------------------------


def test_flags_set_by_two_sessions_are_both_kept(world: World) -> None:
    one, two = world.imap(), world.imap()
    one.receive(b"c STORE 1 +FLAGS (\\Deleted)\r\n")
    two.receive(b"c STORE 1 +FLAGS (\\Seen)\r\n")
    assert world.flags() == ["ST", "", ""]
    two.receive(b"d STORE 1 -FLAGS (\\Deleted)\r\n")
    one.receive(b"d FETCH 2 BODY[]\r\n")
    assert world.flags() == ["S", "S", ""]


def test_expunge_is_told_only_when_numbers_may_move(world: World) -> None:
    one, two = world.imap(), world.imap()
    assert b"* 1 EXPUNGE\r\n" in one.receive(b"c STORE 1 +FLAGS.SILENT (\\Deleted)\r\nd EXPUNGE\r\n")
    quiet = two.receive(b"c FETCH 1:3 UID\r\nd SEARCH ALL\r\ne STORE 2 +FLAGS (\\Seen)\r\n")
    assert b"EXPUNGE" not in quiet
    assert b"* SEARCH 1 2 3\r\n" in quiet
    assert b"* 3 FETCH (UID 3)\r\n" in quiet
    assert two.receive(b"f NOOP\r\n") == b"* 1 EXPUNGE\r\nf OK NOOP done\r\n"
    assert two.receive(b"g FETCH 1:2 UID\r\n") == b"* 1 FETCH (UID 2)\r\n* 2 FETCH (UID 3)\r\ng OK FETCH done\r\n"


def test_a_message_removed_by_another_session_is_passed_over(world: World) -> None:
    session = world.imap()
    world.inbox.remove(world.inbox.scan()[0])
    told = session.receive(b"c FETCH 1:2 BODY.PEEK[TEXT]\r\nd STORE 1 +FLAGS (\\Seen)\r\ne SEARCH TEXT body\r\n")
    assert told.endswith(b")\r\nc OK FETCH done\r\nd OK STORE done\r\n* SEARCH 2 3\r\ne OK SEARCH done\r\n")
    assert b"* 1 FETCH" not in told


def test_noop_tells_of_new_mail_and_of_new_flags(world: World) -> None:
    session = world.imap()
    world.inbox.change_flags(world.inbox.scan()[1], lambda now: frozenset("F"))
    (world.inbox.path / "new" / "by-hand").write_bytes(b"Subject: 4\n\nx\n")
    told = session.receive(b"c NOOP\r\n")
    assert told == b"* 2 FETCH (FLAGS (\\Flagged \\Recent))\r\n* 4 EXISTS\r\n* 4 RECENT\r\nc OK NOOP done\r\n"


def test_a_maildrop_is_held_by_one_pop3_session_and_free_at_once_after_quit(world: World) -> None:
    first, second = world.pop3(), world.open(Pop3Session)
    assert b"-ERR [IN-USE]" in second.receive(b"USER bruno@bakery.test\r\nPASS loaf\r\n")
    first.receive(b"DELE 1\r\nQUIT\r\n")
    assert second.receive(b"PASS loaf\r\n") == b"+OK 2 messages\r\n"


def test_a_pop3_session_that_breaks_deletes_nothing(world: World) -> None:
    session = world.pop3()
    session.receive(b"DELE 1\r\nDELE 2\r\n")
    session.end()
    assert len(world.inbox.scan()) == 3
    assert world.pop3().receive(b"STAT\r\n").startswith(b"+OK 3 ")


def test_pop3_says_so_when_another_program_took_the_message(world: World) -> None:
    session = world.pop3()
    world.inbox.remove(world.inbox.scan()[0])
    assert session.receive(b"RETR 1\r\nNOOP\r\n") == b"-ERR the message was removed by another program\r\n+OK\r\n"


def test_uid_expunge_removes_only_what_is_named(world: World) -> None:
    session = world.imap()
    session.receive(b"c STORE 1:3 +FLAGS.SILENT (\\Deleted)\r\n")
    assert session.receive(b"d UID EXPUNGE 2\r\n") == b"* 2 EXPUNGE\r\nd OK UID EXPUNGE done\r\n"
    assert [one.uid for one in world.inbox.scan()] == [1, 3]


# ---- TLS -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1000, 7, 1])
@pytest.mark.parametrize(
    ("kind", "injected", "promise", "then", "answer"),
    [
        (
            Pop3Session,
            b"STLS\r\nUSER bruno@bakery.test\r\n",
            b"+OK begin TLS\r\n",
            b"PASS loaf\r\n",
            b"-ERR say USER first\r\n",
        ),
        (
            ImapSession,
            b"a STARTTLS\r\nb LOGIN bruno@bakery.test loaf\r\n",
            b"a OK begin TLS\r\n",
            b"c CHECK\r\n",
            b"c BAD not allowed in this state",
        ),
        (ImapSession, b"a STARTTLS\r\nb LOGIN {99}\r\n", b"a OK begin TLS\r\n", b"c NOOP\r\n", b"c OK NOOP done\r\n"),
    ],
)
def test_what_is_said_behind_starttls_does_not_count(
    world: World,
    kind: type[Pop3Session] | type[ImapSession],
    injected: bytes,
    promise: bytes,
    then: bytes,
    answer: bytes,
    size: int,
) -> None:
    session = world.open(kind)
    said = [session.receive(injected[start : start + size]) for start in range(0, len(injected), size)]
    assert b"".join(said) == promise
    assert session.wants_tls
    session.encrypted()
    assert session.receive(then).startswith(answer)
    assert session.person is None


@pytest.mark.parametrize(("kind", "ask"), [(Pop3Session, b"CAPA\r\n"), (ImapSession, b"a CAPABILITY\r\n")])
def test_tls_is_offered_until_it_is_on(world: World, kind: type[Pop3Session] | type[ImapSession], ask: bytes) -> None:
    session = world.open(kind)
    assert session.receive(ask).count(b"STLS") + session.receive(ask).count(b"STARTTLS") == 1
    session.encrypted()
    assert b"TLS" not in session.receive(ask)


@pytest.mark.parametrize(
    ("kind", "ask", "login", "refusal"),
    [
        (Pop3Session, b"CAPA\r\n", b"USER bruno@bakery.test\r\n", b"-ERR start TLS first"),
        (Pop3Session, b"CAPA\r\n", b"AUTH PLAIN\r\n", b"-ERR start TLS first"),
        (ImapSession, b"a CAPABILITY\r\n", b"a LOGIN bruno@bakery.test loaf\r\n", b"a NO [PRIVACYREQUIRED]"),
        (ImapSession, b"a CAPABILITY\r\n", b"a AUTHENTICATE PLAIN\r\n", b"a NO [PRIVACYREQUIRED]"),
    ],
)
def test_a_password_is_not_taken_in_the_clear_where_that_is_forbidden(
    world: World, kind: type[Pop3Session] | type[ImapSession], ask: bytes, login: bytes, refusal: bytes
) -> None:
    session = world.open(kind, may_log_in=False)
    offered = session.receive(ask)
    assert (b"LOGINDISABLED" in offered) == (kind is ImapSession)
    assert b"PLAIN" not in offered
    assert session.receive(login).startswith(refusal)
    session.encrypted()
    assert b"PLAIN" in session.receive(ask)
    assert session.receive(login)[:3] not in (b"-ER", b"a N")


def test_a_wrong_password_takes_longer_each_time(world: World) -> None:
    session = world.open(ImapSession)
    waits = []
    for _ in range(3):
        session.receive(b"a LOGIN bruno@bakery.test wrong\r\n")
        waits.append(session.pause)
    assert waits == sorted({*waits})
    assert session.closed


@pytest.mark.parametrize("start", [World.imap, World.pop3], ids=["imap", "pop3"])
def test_thirty_errors_in_a_row_end_a_session_and_not_thirty_in_a_day(
    world: World, start: Callable[[World], Pop3Session | ImapSession]
) -> None:
    session = start(world)
    good = b"NOOP\r\n" if isinstance(session, Pop3Session) else b"a NOOP\r\n"
    for _ in range(2):
        session.receive(b"a FLY\r\n" * 30 + good)
    assert not session.closed
    session.receive(b"a FLY\r\n" * 31)
    assert session.closed


@pytest.mark.parametrize(("kind", "good"), [(ImapSession, b"a NOOP\r\n"), (Pop3Session, b"CAPA\r\n")])
def test_five_errors_in_a_row_end_a_session_before_login(
    world: World, kind: type[Pop3Session] | type[ImapSession], good: bytes
) -> None:
    session = world.open(kind)
    for _ in range(2):
        session.receive(b"a FLY\r\n" * 4 + good)
    assert not session.closed
    session.receive(b"a FLY\r\n" * 5 + good)
    assert session.closed


# ---- adding -----------------------------------------------------------------------------------------------


def test_a_full_mailbox_takes_nothing_by_imap_either(world: World) -> None:
    session = world.imap()
    world.accounts.full.add(BRUNO)
    told = session.receive(b"c APPEND INBOX {4+}\r\nx\r\n\r\nd COPY 1:2 INBOX\r\n")
    assert [line[:16] for line in told.split(b"\r\n")] == [b"c NO [OVERQUOTA]", b"d NO [OVERQUOTA]", b""]
    assert len(world.inbox.scan()) == 3
    assert list((world.inbox.path / "tmp").glob("[!.]*")) == []


def test_a_long_message_is_kept_on_the_disk_as_it_comes_and_appended_whole(world: World) -> None:
    session = world.imap()
    content = b"Subject: long\r\n\r\n" + b"a line of a long message\r\n" * 20_000
    session.receive(b"c APPEND INBOX (\\Seen) {%d+}\r\n" % len(content))
    for start in range(0, len(content), 50_000):
        session.receive(content[start : start + 50_000])
    assert b"c OK [APPENDUID 1 4]" in session.receive(b"\r\n")
    assert world.inbox.find(4).read() == content
    assert list((world.inbox.path / "tmp").glob("[!.]*")) == []


def test_who_vanishes_in_the_middle_of_a_message_leaves_nothing(world: World) -> None:
    session = world.imap()
    session.receive(b"c APPEND INBOX {200000+}\r\n" + b"x" * 100_000)
    assert len(list((world.inbox.path / "tmp").glob("[!.]*"))) == 1
    session.end()
    assert list((world.inbox.path / "tmp").glob("[!.]*")) == []
    assert len(world.inbox.scan()) == 3


def test_the_folder_that_is_renamed_stays_open_and_the_one_deleted_does_not(world: World) -> None:
    session = world.imap()
    session.receive(b"c CREATE Work\r\nd COPY 1 Work\r\ne SELECT Work\r\nf RENAME Work Play\r\n")
    assert session.receive(b"g FETCH 1 UID\r\n") == b"* 1 FETCH (UID 1)\r\ng OK FETCH done\r\n"
    told = session.receive(b"h DELETE Play\r\ni FETCH 1 UID\r\n")
    assert told == b"h OK DELETE done\r\ni BAD not allowed in this state: select a folder first: SELECT INBOX\r\n"


def test_the_client_hears_of_keywords_that_another_session_made(world: World) -> None:
    one, two = world.imap(), world.imap()
    one.receive(b"c STORE 1 +FLAGS.SILENT (urgent)\r\n")
    told = two.receive(b"c NOOP\r\n")
    assert told.startswith(
        b"* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft urgent)\r\n* 1 FETCH (FLAGS (urgent"
    )


def test_a_thousand_lines_of_an_answer_are_summed_up_in_the_trace(world: World) -> None:
    for number in range(100):
        world.inbox.deliver([b"\r\nx"], f"1788768001.m{number}.1.h", START)
    session = world.imap()
    before = len(world.lines())
    assert session.receive(b"c FETCH 1:* FLAGS\r\n").count(b"\r\n") == 104
    said = world.lines()[before:]
    assert len(said) == 1 + 40 + 2
    assert said[-2:] == ["… and 63 lines more", "c OK FETCH done"]


# ---- a client that means harm, a folder that is gone -----------------------------------------------------------

HOSTILE = [
    b"c SEARCH " + b"NOT " * 9000 + b"ALL\r\n",
    b"c SEARCH " + b"(" * 9000 + b"\r\n",
    b"c FETCH 1:4294967295 FLAGS\r\n",
    b"c UID FETCH " + b"1:*," * 1900 + b"1 UID\r\n",
    b"c FETCH 1 " + b"[" * 60000 + b"\r\n",
    b'c LIST "" "' + b"*a" * 3000 + b'"\r\n',
    b"c SELECT {8+}\r\na\r\nX OK!\r\n",
    b"c CREATE {5+}\r\na\r\nb!\r\n",
    b"c CREATE " + b"x" * 5000 + b"\r\n",
    b"c APPEND INBOX {99999999999+}\r\n",
    b"c STATUS INBOX MESSAGES\r\n",
    b"c STORE 1 FLAGS\r\n",
    b"c FETCH\r\nd UID\r\ne COPY 1\r\nf APPEND INBOX\r\ng SELECT\r\n",
    b'c APPEND INBOX "32-Foo-2026" {1+}\r\nx\r\n',
    b"\xff\xfe\r\n\x00\r\n",
]


@pytest.mark.timeout(10)
@pytest.mark.parametrize("octets", HOSTILE, ids=[repr(octets[:30]) for octets in HOSTILE])
def test_nothing_a_client_says_breaks_a_session(world: World, octets: bytes) -> None:
    replies = world.imap().receive(octets)
    assert replies.endswith(b"\r\n")
    tags = (b"* ", b"c ", b"d ", b"e ", b"f ", b"g ")
    assert all(line.startswith(tags) for line in replies.split(b"\r\n")[:-1])
    assert len(world.inbox.scan()) == 3


@pytest.mark.parametrize("start", [World.imap, World.pop3], ids=["imap", "pop3"])
def test_a_folder_that_is_gone_is_a_refusal(world: World, start: Callable[[World], Pop3Session | ImapSession]) -> None:
    world.lose()
    session = start(world)
    assert session.receive(b"z NOOP\r\n").endswith(b"\r\n")
    assert any(re.search("is temporarily unavailable", line) for line in world.lines())
    assert not session.closed


def test_advice_to_whoever_runs_the_server_stays_off_the_wire(world: World) -> None:
    session = world.imap()
    (world.inbox.path / ".uidvalidity").write_text("damaged")
    for command in (b"c STATUS INBOX (UIDNEXT)\r\n", b"c APPEND INBOX {1+}\r\nx\r\n", b"c SELECT INBOX\r\n"):
        told = session.receive(command)
        assert b"c NO [UNAVAILABLE] the folder is temporarily unavailable\r\n" in told
        assert str(world.inbox.path).encode() not in told


def test_a_folder_that_is_gone_can_be_left(world: World) -> None:
    session = world.imap()
    world.lose()
    assert b"c NO [UNAVAILABLE]" in session.receive(b"c CLOSE\r\n")
    assert session.receive(b"d CHECK\r\n").startswith(b"d BAD not allowed in this state: select a folder first")


def test_quit_ends_a_pop3_session_even_if_nothing_can_be_removed(world: World) -> None:
    session = world.pop3()
    session.receive(b"DELE 1\r\n")
    world.lose()
    assert session.receive(b"QUIT\r\n").startswith(b"-ERR [SYS/TEMP]")
    assert session.closed
    assert world.accounts.lock(BRUNO)
