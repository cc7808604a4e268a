"""POP3: the owner fetches copies, and may have the originals deleted (RFC 1939).

    AUTHORIZATION ─USER, PASS→ TRANSACTION ─QUIT→ UPDATE
    who are you?               look, fetch, mark    what was marked is deleted now

    line ─COMMANDS─► do_VERB(session, arguments) ─► Pop3Reply, or Pop3Refusal ─► +OK …, or -ERR …

Nothing is deleted unless QUIT is said: a connection that breaks deletes nothing (§6).
# Not here: APOP, for which the server would have to keep passwords as they are; LANG (RFC 6856 §3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mailcourse.internet.errors import LabError
from mailcourse.mailbox.names import MessageFile
from mailcourse.message.sasl import SaslFailure, parse_plain

from .maildrop import Maildrop, Pop3Refusal
from .session import MAX_FAILED_LOGINS, MailboxSession

MAX_LINE = 512  # octets of a command; RFC 2449 §4 allows 255


class Pop3State(Enum):
    """The states of RFC 1939 §3; UPDATE is over before anybody can see it."""

    AUTHORIZATION = "log in first: USER, then PASS"
    TRANSACTION = "you are logged in already"


@dataclass(frozen=True, slots=True)
class Pop3Reply:
    """+OK and a text; then perhaps lines, or a message, and a line with a dot."""

    text: str = ""
    lines: Sequence[str] | None = None
    message: bytes | None = None
    status: str = "+OK"


class Pop3Session(MailboxSession):
    """One POP3 conversation, from greeting to QUIT."""

    service = "pop3"

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.user = ""
        self.is_utf8 = False  # the client takes headers beyond ASCII
        self.awaits_answer = False  # AUTH waits for the client's answer
        self._buffer = bytearray()
        self._maildrop: Maildrop | None = None

    @property
    def state(self) -> Pop3State:
        """Where the session is."""
        return Pop3State.AUTHORIZATION if self._maildrop is None else Pop3State.TRANSACTION

    @property
    def maildrop(self) -> Maildrop:
        """What the client sees after it has logged in."""
        assert self._maildrop is not None
        return self._maildrop

    def greeting(self) -> bytes:
        """Return what the server says first."""
        self.record_connection()
        return self._write(Pop3Reply(f"{self.host} POP3"))

    def replies(self, data: bytes) -> Iterator[bytes]:
        """Take in octets, in any pieces; make the replies they cause, one after the other."""
        self._buffer += data
        while not (self.closed or self.wants_tls):
            line, end, rest = self._buffer.partition(b"\n")
            if len(line) > MAX_LINE:
                self.closed = True
                yield self._line("-ERR the line is too long, closing")
                break
            if not end:
                break
            self._buffer = rest
            yield self._respond(bytes(line).rstrip(b"\r"))
        if self.wants_tls:
            self._buffer.clear()  # RFC 2595 §4: nothing said behind STLS counts

    def _respond(self, line: bytes) -> bytes:
        try:
            reply = self._obey(line)
            self.errors = 0
            return self._write(reply)
        except (LabError, OSError):  # the folder was damaged or removed by another program
            return self._line("-ERR [SYS/TEMP] the mailbox is temporarily unavailable")
        except Pop3Refusal as refusal:
            self.count_error()
            return self._line(f"-ERR {refusal}")

    def _obey(self, line: bytes) -> Pop3Reply:
        if self.awaits_answer:
            self.awaits_answer = False
            self.said("C", b"(answer)", secret=True)
            return _log_in_by_plain(self, line)
        words = line.decode("utf-8", "replace").split(" ")
        verb = words[0].upper()
        secret = line.strip().upper().startswith((b"PASS", b"AUTH"))  # also when misspelt
        self.said("C", line[:4] if secret else line, secret=secret)
        if verb not in COMMANDS:
            raise Pop3Refusal("no such command; CAPA lists what there is")
        states, min_count, max_count, function = COMMANDS[verb]
        # RFC 1939 §7: spaces may be part of a password; elsewhere one too many is no argument
        arguments = [" ".join(words[1:])] if verb == "PASS" else [word for word in words[1:] if word]
        if self.state not in states:
            raise Pop3Refusal(f"not allowed in this state: {self.state.value}")
        if not min_count <= len(arguments) <= max_count:
            raise Pop3Refusal(f"wrong number of arguments for {verb}")
        return function(self, *arguments)

    def _write(self, reply: Pop3Reply) -> bytes:
        first = self._line(f"{reply.status} {reply.text}" if reply.text or reply.status == "+" else reply.status)
        if reply.message is not None:
            return first + _stuffed(reply.message)
        if reply.lines is not None:
            return first + b"".join(map(self._line, [*reply.lines, "."]))
        return first

    def _line(self, line: str) -> bytes:
        self.said("S", line.encode())
        return line.encode() + b"\r\n"

    def open_maildrop(self, person: str) -> None:
        """Take the maildrop; from here on `end` gives it back."""
        if not self.accounts.lock(person):
            self.person = None
            raise Pop3Refusal("[IN-USE] another POP3 session has this maildrop")  # RFC 2449 §8.1.1
        try:
            self._maildrop = Maildrop(self.accounts.mailbox(person))
        except BaseException:
            self.person = None
            self.accounts.unlock(person)
            raise

    def end(self) -> None:
        """The connection is over: give the maildrop back."""
        if self._maildrop is not None and self.person is not None:
            self._maildrop = None
            self.accounts.unlock(self.person)


def _stuffed(content: bytes) -> bytes:
    """Byte-stuff a message and end it with the dot line (§3)."""
    return (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"


# ---- AUTHORIZATION -------------------------------------------------------------------------------------


def do_CAPA(session: Pop3Session) -> Pop3Reply:
    """List what this server can do (RFC 2449)."""
    able = ["USER", "SASL PLAIN"] if session.may_log_in else []
    able += ["TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "UTF8 USER"]
    able += ["EXPIRE NEVER", "LOGIN-DELAY 0", "IMPLEMENTATION mailcourse"]
    return Pop3Reply("capabilities follow", able + ["STLS"] * session.offers_tls)


def do_STLS(session: Pop3Session) -> Pop3Reply:
    """Go on inside TLS (RFC 2595)."""
    if not session.offers_tls:
        raise Pop3Refusal("TLS is already on, or not offered")
    session.wants_tls = True
    return Pop3Reply("begin TLS")


def do_UTF8(session: Pop3Session) -> Pop3Reply:
    """Take headers, names and passwords beyond ASCII (RFC 6856 §2)."""
    session.is_utf8 = True
    return Pop3Reply("UTF-8 enabled")


def do_USER(session: Pop3Session, name: str) -> Pop3Reply:
    """Say who one is."""
    _must_be_private(session)
    session.user = name
    return Pop3Reply("send PASS")


def do_PASS(session: Pop3Session, password: str) -> Pop3Reply:
    """Prove it, and take the maildrop."""
    if not session.user:
        raise Pop3Refusal("say USER first")
    return _log_in(session, session.user, password)


def do_AUTH(session: Pop3Session, mechanism: str = "", initial: str | None = None) -> Pop3Reply:
    """Prove it by SASL (RFC 5034); without a mechanism, list them."""
    _must_be_private(session)
    if not mechanism:
        return Pop3Reply("mechanisms", ["PLAIN"])
    if mechanism.upper() != "PLAIN":
        raise Pop3Refusal("use AUTH PLAIN")
    if initial is not None:
        return _log_in_by_plain(session, initial.encode("utf-8", "replace"))
    session.awaits_answer = True
    return Pop3Reply(status="+")


def _must_be_private(session: Pop3Session) -> None:
    if not session.may_log_in:
        raise Pop3Refusal("start TLS first with STLS: passwords are not accepted in the clear")


def _log_in_by_plain(session: Pop3Session, answer: bytes) -> Pop3Reply:
    credentials = parse_plain(answer)
    if credentials is SaslFailure.OTHER_IDENTITY:
        raise Pop3Refusal(f"[AUTH] {credentials.value}")
    if isinstance(credentials, SaslFailure):
        raise Pop3Refusal("cancelled, or not NUL name NUL password in base64")
    return _log_in(session, *credentials)


def _log_in(session: Pop3Session, name: str, password: str) -> Pop3Reply:
    if not session.log_in(name, password):
        session.closed = session.failed_logins >= MAX_FAILED_LOGINS
        raise Pop3Refusal("[AUTH] name or password is wrong" + ", closing" * session.closed)
    assert session.person is not None
    session.open_maildrop(session.person)
    return Pop3Reply(_messages(len(session.maildrop.messages)))


# ---- TRANSACTION ---------------------------------------------------------------------------------------


def do_STAT(session: Pop3Session) -> Pop3Reply:
    """Count messages and octets."""
    sizes = [session.maildrop.sizes[n - 1] for n, _ in session.maildrop.numbered()]
    return Pop3Reply(f"{len(sizes)} {sum(sizes)}")


def do_LIST(session: Pop3Session, number: str = "") -> Pop3Reply:
    """Tell the size of one message, or of each."""
    return _one_or_all(session, number, "octets", lambda n, entry: session.maildrop.sizes[n - 1])


def do_UIDL(session: Pop3Session, number: str = "") -> Pop3Reply:
    """Tell names that stay the same in every session (§7)."""
    return _one_or_all(session, number, "name", lambda n, entry: f"{session.maildrop.uidvalidity}.{entry.uid}")


def _one_or_all(session: Pop3Session, number: str, what: str, tell: Callable[[int, MessageFile], object]) -> Pop3Reply:
    asked = [session.maildrop.find(number)] if number else session.maildrop.numbered()
    lines = [f"{n} {tell(n, entry)}" for n, entry in asked]
    return Pop3Reply(lines[0]) if number else Pop3Reply(f"number and {what}", lines)


def do_RETR(session: Pop3Session, number: str) -> Pop3Reply:
    """Hand out a whole message."""
    n, entry = session.maildrop.find(number)
    content = session.maildrop.content(n, utf8=session.is_utf8)
    session.fetched(entry)
    return Pop3Reply(f"{len(content)} octets", message=content)


def do_TOP(session: Pop3Session, number: str, lines: str) -> Pop3Reply:
    """Hand out the header and some lines of the body (§7)."""
    n, _ = session.maildrop.find(number)
    if not lines.isdecimal():
        raise Pop3Refusal("TOP needs a message and a number of lines")
    head, gap, body = session.maildrop.content(n, utf8=session.is_utf8).partition(b"\r\n\r\n")
    top = b"".join(body.splitlines(keepends=True)[: int(lines[:9])])
    return Pop3Reply("the top", message=head + gap + top)


def do_DELE(session: Pop3Session, number: str) -> Pop3Reply:
    """Mark a message; it is deleted at QUIT."""
    n, _ = session.maildrop.find(number)
    session.maildrop.marked.add(n)
    return Pop3Reply(f"message {n} will be deleted at QUIT")


def do_RSET(session: Pop3Session) -> Pop3Reply:
    """Take all marks away."""
    session.maildrop.marked.clear()
    return Pop3Reply("nothing will be deleted")


def do_NOOP(session: Pop3Session) -> Pop3Reply:
    """Do nothing."""
    return Pop3Reply()


def do_QUIT(session: Pop3Session) -> Pop3Reply:
    """UPDATE: delete what was marked, then say goodbye (§6)."""
    session.closed = True  # §6: whether or not everything could be removed
    marked = [] if session.state is A else sorted(session.maildrop.marked)
    try:
        for n in marked:
            session.changed("removed", session.maildrop.remove(n))
    finally:
        session.end()  # before the reply: the next session may log in at once
    return Pop3Reply(f"goodbye, {_messages(len(marked))} deleted")


A, T = Pop3State.AUTHORIZATION, Pop3State.TRANSACTION

#: command -> the states in which it may be said, its min and max number of arguments, and its function
COMMANDS: dict[str, tuple[tuple[Pop3State, ...], int, int, Callable[..., Pop3Reply]]] = {
    "CAPA": ((A, T), 0, 0, do_CAPA),
    "STLS": ((A,), 0, 0, do_STLS),
    "UTF8": ((A,), 0, 0, do_UTF8),
    "USER": ((A,), 1, 1, do_USER),
    "PASS": ((A,), 1, 1, do_PASS),
    "AUTH": ((A,), 0, 2, do_AUTH),
    "STAT": ((T,), 0, 0, do_STAT),
    "LIST": ((T,), 0, 1, do_LIST),
    "UIDL": ((T,), 0, 1, do_UIDL),
    "RETR": ((T,), 1, 1, do_RETR),
    "TOP": ((T,), 2, 2, do_TOP),
    "DELE": ((T,), 1, 1, do_DELE),
    "RSET": ((T,), 0, 0, do_RSET),
    "NOOP": ((T,), 0, 0, do_NOOP),
    "QUIT": ((A, T), 0, 0, do_QUIT),
}
