"""POP3: the owner fetches copies, and may have the originals deleted (RFC 1939).

    AUTHORIZATION ─USER, PASS→ TRANSACTION ─QUIT→ UPDATE
    who are you?               look, fetch, mark    what was marked is deleted now

Nothing is deleted unless QUIT is said: a connection that breaks deletes nothing (§6).
Knows one folder, as it was at login.  Does not know other folders or flags: POP3 has none.
# Not here: APOP, for which the server would have to keep passwords as they are; LANG (RFC 6856 §3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from mailcourse.internet.errors import LabError
from mailcourse.mailbox.maildir import Maildir, NoSuchMessage
from mailcourse.mailbox.names import MessageFile
from mailcourse.message.sasl import SaslFailure, parse_plain

from .session import MAX_ERRORS, MAX_LOGINS, Session, printable


class State(Enum):
    """The states of RFC 1939 §3; UPDATE is over before anybody can see it."""

    AUTHORIZATION = "log in first: USER, then PASS"
    TRANSACTION = "you are logged in already"


A, T = State.AUTHORIZATION, State.TRANSACTION

#: command -> the states in which it may be said, the least and the most arguments
ALLOWED: dict[str, tuple[tuple[State, ...], int, int]] = {
    "CAPA": ((A, T), 0, 0),
    "STLS": ((A,), 0, 0),
    "UTF8": ((A,), 0, 0),
    "USER": ((A,), 1, 1),
    "PASS": ((A,), 1, 1),
    "AUTH": ((A,), 0, 2),
    "STAT": ((T,), 0, 0),
    "LIST": ((T,), 0, 1),
    "UIDL": ((T,), 0, 1),
    "RETR": ((T,), 1, 1),
    "TOP": ((T,), 2, 2),
    "DELE": ((T,), 1, 1),
    "RSET": ((T,), 0, 0),
    "NOOP": ((T,), 0, 0),
    "QUIT": ((A, T), 0, 0),
}

MAX_LINE = 512  # octets of a command; RFC 2449 §4 allows 255


class Refusal(Exception):
    """-ERR and the reason."""


class Pop3Session(Session):
    """One POP3 conversation, from greeting to QUIT."""

    service = "pop3"

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.state = A
        self._user = ""
        self._is_utf8 = False  # the client takes headers beyond ASCII
        self._is_asked = False  # AUTH waits for its answer
        self._folder: Maildir | None = None
        self._messages: list[MessageFile] = []
        self._sizes: dict[int, int] = {}
        self._deleted: set[int] = set()

    def greeting(self) -> bytes:
        """Return what the server says first."""
        self.begin()
        return self._line(b"+OK " + self.host.encode() + b" POP3")

    def replies(self, data: bytes) -> Iterator[bytes]:
        """Take in octets, in any pieces; make the replies they cause, one after the other."""
        self._buffer += data
        while not (self.closed or self.wants_tls):
            line, end, rest = self._buffer.partition(b"\n")
            if len(line) > MAX_LINE:
                self.closed = True
                yield self._line(b"-ERR the line is too long, closing")
                break
            if not end:
                break
            self._buffer = rest
            yield self._obey(bytes(line).rstrip(b"\r"))
        if self.wants_tls:
            self._buffer.clear()  # RFC 2595 §4: nothing said behind STLS counts

    def _obey(self, line: bytes) -> bytes:
        if self._is_asked:
            self._is_asked = False
            self.said("C", b"(answer)", secret=True)
            return self._tried(lambda: self._by_plain(line))
        words = line.decode("utf-8", "replace").split(" ")
        verb = words[0].upper()
        secret = line.strip().upper().startswith((b"PASS", b"AUTH"))  # also when misspelt
        self.said("C", line[:4] if secret else line, secret=secret)
        # RFC 1939 §7: spaces may be part of a password; elsewhere one too many is no argument
        given = [" ".join(words[1:])] if verb == "PASS" else [word for word in words[1:] if word]
        return self._tried(lambda: self._answer(verb, given))

    def _tried(self, act: Callable[[], bytes]) -> bytes:
        try:
            answer = act()
            self.errors = 0
            return answer
        except (LabError, OSError):  # the folder was damaged or removed by another program
            return self._line(b"-ERR [SYS/TEMP] the mailbox cannot be read now")
        except Refusal as refusal:
            self.errors += 1
            self.closed = self.closed or self.errors > MAX_ERRORS
            return self._line(f"-ERR {refusal}".encode())

    def _answer(self, verb: str, arguments: list[str]) -> bytes:
        if verb not in ALLOWED:
            raise Refusal("no such command; CAPA lists what there is")
        states, least, most = ALLOWED[verb]
        if self.state not in states:
            raise Refusal(f"not now: {self.state.value}")
        if not least <= len(arguments) <= most:
            raise Refusal(f"{verb} has another number of arguments")
        method: Callable[..., bytes] = getattr(self, f"do_{verb}")
        return method(*arguments)

    def _line(self, line: bytes) -> bytes:
        self.said("S", line)
        return line + b"\r\n"

    def _many(self, first: str, lines: list[str]) -> bytes:
        """A multi-line reply of short lines, all recorded."""
        return b"".join(self._line(line.encode()) for line in [f"+OK {first}", *lines, "."])

    # ---- AUTHORIZATION -----------------------------------------------------------------------------

    def do_CAPA(self) -> bytes:
        """List what this server can do (RFC 2449)."""
        able = ["USER", "SASL PLAIN"] if self.may_log_in else []
        able += ["TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "UTF8 USER"]
        able += ["EXPIRE NEVER", "LOGIN-DELAY 0", "IMPLEMENTATION mailcourse"]
        return self._many("this server can", able + ["STLS"] * self.offers_tls)

    def do_STLS(self) -> bytes:
        """Go on inside TLS (RFC 2595)."""
        if not self.offers_tls:
            raise Refusal("TLS is already on, or not offered")
        self.wants_tls = True
        return self._line(b"+OK begin TLS")

    def do_UTF8(self) -> bytes:
        """Take headers, names and passwords beyond ASCII (RFC 6856 §2)."""
        self._is_utf8 = True
        return self._line(b"+OK UTF-8 it is")

    def do_USER(self, name: str) -> bytes:
        """Say who one is."""
        self._must_be_private()
        self._user = name
        return self._line(b"+OK now PASS")

    def do_PASS(self, password: str) -> bytes:
        """Prove it, and take the maildrop."""
        if not self._user:
            raise Refusal("say USER first")
        return self._log_in(self._user, password)

    def _must_be_private(self) -> None:
        if not self.may_log_in:
            raise Refusal("begin TLS first with STLS, so that nobody reads the password")

    def do_AUTH(self, mechanism: str = "", initial: str | None = None) -> bytes:
        """Prove it by SASL (RFC 5034); without a mechanism, list them."""
        self._must_be_private()
        if not mechanism:
            return self._many("mechanisms", ["PLAIN"])
        if mechanism.upper() != "PLAIN":
            raise Refusal("use AUTH PLAIN")
        if initial is not None:
            return self._by_plain(initial.encode("utf-8", "replace"))
        self._is_asked = True
        return self._line(b"+ ")

    def _by_plain(self, answer: bytes) -> bytes:
        found = parse_plain(answer)
        if found is SaslFailure.OTHER_IDENTITY:
            raise Refusal(f"[AUTH] {found.value}")
        if isinstance(found, SaslFailure):
            raise Refusal("cancelled, or not NUL name NUL password in base64")
        return self._log_in(*found)

    def _log_in(self, name: str, password: str) -> bytes:
        """Check the password and take the maildrop."""
        if not self.log_in(name, password):
            self.closed = self.failed_logins >= MAX_LOGINS
            raise Refusal("[AUTH] name or password is wrong" + ", closing" * self.closed)
        assert self.person is not None
        if not self.accounts.lock(self.person):
            self.person = None
            raise Refusal("[IN-USE] another POP3 session has this maildrop")  # RFC 2449 §8.1.1
        self.state = T  # from here on `end` gives the maildrop back
        try:
            self._folder = self.accounts.mailbox(self.person)
            self._messages = self._folder.scan()
        except (LabError, OSError):
            self.end()
            raise
        return self._line(f"+OK {len(self._messages)} messages".encode())

    # ---- TRANSACTION -------------------------------------------------------------------------------

    def _kept(self) -> list[tuple[int, MessageFile]]:
        return [(n, entry) for n, entry in enumerate(self._messages, 1) if n not in self._deleted]

    def _find(self, number: str) -> tuple[int, MessageFile]:
        for n, entry in self._kept():
            if number.isdecimal() and n == int(number[:9]):
                return n, entry
        raise Refusal(f"there is no message {printable(number[:20])}")

    def _content(self, number: int) -> bytes:
        """The message as it goes on the wire."""
        assert self._folder is not None
        try:
            content = self._folder.read(self._messages[number - 1])
        except (NoSuchMessage, OSError):
            raise Refusal("the message was removed by another program") from None
        return content if content.endswith(b"\r\n") else content + b"\r\n"

    def _shown(self, number: int) -> bytes:
        """The message, unless its header is beyond what the client asked for (RFC 6856 §5)."""
        content = self._content(number)
        header = content.partition(b"\r\n\r\n")[0]
        if not (self._is_utf8 or header.isascii()) and _is_utf8(header):
            raise Refusal("[UTF8] the header is in UTF-8; say UTF8 before you log in")
        return content

    def _size(self, number: int) -> int:
        """The octets that RETR will send, before byte-stuffing (§11)."""
        if number not in self._sizes:
            self._sizes[number] = len(self._content(number))
        return self._sizes[number]

    def do_STAT(self) -> bytes:
        """Count messages and octets."""
        kept = self._kept()
        return self._line(f"+OK {len(kept)} {sum(self._size(n) for n, _ in kept)}".encode())

    def do_LIST(self, number: str = "") -> bytes:
        """Tell the size of one message, or of each."""
        if number:
            n, _ = self._find(number)
            return self._line(f"+OK {n} {self._size(n)}".encode())
        return self._many("number and octets", [f"{n} {self._size(n)}" for n, _ in self._kept()])

    def do_UIDL(self, number: str = "") -> bytes:
        """Tell names that stay the same in every session (§7)."""
        assert self._folder is not None
        validity = self._folder.uidvalidity
        if number:
            n, entry = self._find(number)
            return self._line(f"+OK {n} {validity}.{entry.uid}".encode())
        return self._many("number and name", [f"{n} {validity}.{entry.uid}" for n, entry in self._kept()])

    def do_RETR(self, number: str) -> bytes:
        """Hand out a whole message."""
        n, entry = self._find(number)
        content = self._shown(n)
        self.fetched(entry)
        return self._line(f"+OK {len(content)} octets".encode()) + _stuffed(content)

    def do_TOP(self, number: str, lines: str) -> bytes:
        """Hand out the header and some lines of the body (§7)."""
        n, _ = self._find(number)
        if not lines.isdecimal():
            raise Refusal("TOP wants a message and a number of lines")
        head, gap, body = self._shown(n).partition(b"\r\n\r\n")
        wanted = b"".join(body.splitlines(keepends=True)[: int(lines[:9])])
        return self._line(b"+OK the top") + _stuffed(head + gap + wanted)

    def do_DELE(self, number: str) -> bytes:
        """Mark a message; it is deleted at QUIT."""
        n, _ = self._find(number)
        self._deleted.add(n)
        return self._line(f"+OK message {n} will be deleted at QUIT".encode())

    def do_RSET(self) -> bytes:
        """Take all marks away."""
        self._deleted.clear()
        return self._line(b"+OK nothing will be deleted")

    def do_NOOP(self) -> bytes:
        """Do nothing."""
        return self._line(b"+OK")

    def do_QUIT(self) -> bytes:
        """UPDATE: delete what was marked, then say goodbye (§6)."""
        self.closed = True  # §6: whether or not everything could be removed
        try:
            for n in sorted(self._deleted):
                assert self._folder is not None
                self._folder.remove(self._messages[n - 1])
                self.changed("removed", self._messages[n - 1])
        finally:
            self.end()  # before the reply: the next session may log in at once
        return self._line(f"+OK goodbye, {len(self._deleted)} messages deleted".encode())

    def end(self) -> None:
        """The connection is over: give the maildrop back."""
        if self.person is not None and self.state is T:
            self.accounts.unlock(self.person)
            self.state = A


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:  # an old charset, without a word about it: as it always was
        return False
    return True


def _stuffed(content: bytes) -> bytes:
    """Byte-stuff a message and end it with the dot line (§3)."""
    return (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
