"""An IMAP session: states, login, and how a command is obeyed (RFC 3501 §3, §6; RFC 9051).

    NOT_AUTHENTICATED ─LOGIN→ AUTHENTICATED ─SELECT→ SELECTED
                                            ←CLOSE──
    octets ─grammar─► Command ─COMMANDS, do_NAME─► Done: what is told ─► news ─► tag OK

EXPUNGE is never told during FETCH, STORE or SEARCH by number: `Done.moves_numbers` (RFC 3501 §7.4.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any

from mailcourse.internet.errors import LabError
from mailcourse.message.sasl import SaslFailure, parse_plain

from ..session import MAX_ERRORS, MAX_FAILED_LOGINS, printable
from .grammar import MAX_MESSAGE, Command, Malformed, Piece, Reader, drop, parse, text_of
from .selected import SelectedCommands
from .states import AUTHENTICATED, COMMANDS, NOT_AUTHENTICATED, Done, No, Wrong

#: what this server can do (the RFC of each is in docs/rfcs.md): all the time, and more after login
ALWAYS = "IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE IDLE"
INSIDE = (
    "NAMESPACE UNSELECT CHILDREN UIDPLUS MOVE SPECIAL-USE CREATE-SPECIAL-USE ESEARCH SEARCHRES LIST-EXTENDED "
    f"LIST-STATUS STATUS=SIZE BINARY MULTIAPPEND APPENDLIMIT={MAX_MESSAGE} UTF8=ACCEPT"
)
#: Lines of one answer that the trace keeps; ten thousand messages would drown everything else.
MAX_RECORDED = 40


class ImapSession(SelectedCommands):
    """One IMAP conversation, from greeting to LOGOUT."""

    service = "imap"

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.state = NOT_AUTHENTICATED
        self._reader = Reader()
        self._waiting: str | None = None  # the tag of an AUTHENTICATE whose answer is to come
        self._idling: str | None = None  # the tag of an IDLE that was not ended by DONE
        self._recorded = 0  # lines of the present answer

    def greeting(self) -> bytes:
        """Return what the server says first."""
        self.record_connection()
        return self.line(f"* OK [CAPABILITY {self._capabilities()}] {self.host} IMAP".encode())

    def replies(self, data: bytes) -> Iterator[bytes]:
        """Take in octets, in any pieces; make the replies they cause, one after the other."""
        self._reader.feed(data)
        while not (self.closed or self.wants_tls):
            try:
                found = self._reader.next()
                if found is None:
                    break
                if isinstance(found, bytes):
                    yield self.line(b"+ go on")
                else:
                    yield from self._obey(found)
            except Malformed as error:
                yield self._bad(error)
        if self.wants_tls:
            self._reader.clear()  # RFC 3501 §6.2.1: nothing said behind STARTTLS counts

    def encrypted(self) -> None:
        """The carrier has switched to TLS."""
        super().encrypted()
        self._reader.clear()

    def end(self) -> None:
        """The connection is over; what was being received is dropped."""
        self._reader.clear()

    def line(self, line: bytes) -> bytes:
        """Record and write one line of a reply."""
        self._recorded += 1
        if self._recorded <= MAX_RECORDED:
            self.said("S", line.split(b"\r\n", 1)[0])
        return line + b"\r\n"

    def lines(self, lines: list[bytes]) -> bytes:
        """Write many lines of a reply; the first are recorded."""
        for line in lines[:MAX_RECORDED]:
            self.line(line)
        self._recorded += len(lines[MAX_RECORDED:])
        return b"\r\n".join([*lines, b""])

    def _last_line(self, line: str) -> bytes:
        """Record and write the line that ends a command; tell how much of the answer was not recorded."""
        hidden, self._recorded = self._recorded - MAX_RECORDED, 0
        if hidden > 0:
            self.said("S", f"… and {hidden} lines more".encode())
        last = self.line(line.encode())
        self._recorded = 0
        return last

    def _bad(self, error: Malformed) -> bytes:
        self.errors += error.kind == "BAD"
        if error.is_fatal or self.errors > MAX_ERRORS:
            self.closed = True
            return self._last_line(f"* BYE {printable(str(error))}")
        return self._last_line(f"{error.tag} {error.kind} {printable(str(error))}")

    def _obey(self, pieces: list[Piece]) -> Iterator[bytes]:
        first = pieces[0]
        assert isinstance(first, bytes)
        try:
            if self._waiting is not None:
                yield self._authenticated(first)
            elif self._idling is not None:
                yield self._wake(first)
            else:
                yield from self._run(self._understood(first, pieces))
        finally:
            drop(pieces)

    def _understood(self, first: bytes, pieces: list[Piece]) -> Command:
        words = first.split(None, 3)
        # also when the tag was forgotten
        secret = any(word.upper() in (b"LOGIN", b"AUTHENTICATE") for word in words[:2])
        self.said("C", b" ".join(words[:2]) if secret else first, secret=secret)
        command = parse(pieces)
        if command.name not in COMMANDS:
            raise Malformed(command.tag, f"there is no command {command.name[:40]!r} here")
        states, least, most = COMMANDS[command.name]
        if self.state not in states:
            missing = "you are logged in already" if states == (NOT_AUTHENTICATED,) else self.state.value
            raise Malformed(command.tag, f"not now: {missing}")
        if not least <= len(command.arguments) <= most:
            raise Malformed(command.tag, f"{command.name} has another number of arguments")
        return command

    def _run(self, command: Command) -> Iterator[bytes]:
        """Obey a command: what it tells, what is new in the folder, and how it ended."""
        try:
            method: Callable[[Command], Done | bytes] = getattr(self, f"do_{command.name}")
            done = method(command)
            if isinstance(done, bytes):  # it has ended itself, or goes on with the next line
                yield done
                return
            yield from done.told
            yield self.news(moves_numbers=done.moves_numbers)
            said = f"OK {done.said or command.name + ' done'}"
            self.errors = 0
        except (No, LabError) as refusal:
            said = f"NO {printable(str(refusal))}"
        except Wrong as error:
            raise Malformed(command.tag, str(error)) from None
        except OSError:  # the folder was damaged or removed by another program, or the disk is full
            said = "NO [UNAVAILABLE] the folder cannot be used now"
        yield self._last_line(f"{command.tag} {said}")

    # ---- in any state ------------------------------------------------------------------------------

    def _capabilities(self) -> str:
        if self.state is not NOT_AUTHENTICATED:
            return f"{ALWAYS} {INSIDE}"
        return ALWAYS + (" AUTH=PLAIN" if self.may_log_in else " LOGINDISABLED") + " STARTTLS" * self.offers_tls

    def do_CAPABILITY(self, command: Command) -> Done:
        """Tell what this server can do."""
        return Done([self.line(f"* CAPABILITY {self._capabilities()}".encode())])

    def do_NOOP(self, command: Command) -> Done:
        """Do nothing; a good moment to hear what is new."""
        return Done()

    def do_ID(self, command: Command) -> Done:
        """Tell who we are (RFC 2971)."""
        given = command.arguments[0]
        if not isinstance(given, list) and text_of(given).upper() != "NIL":
            raise Wrong("ID wants NIL, or a list of names and values")
        return Done([self.line(b'* ID ("name" "mailcourse")')])

    def do_LOGOUT(self, command: Command) -> Done:
        """Say goodbye."""
        self.closed = True
        return Done([self.line(f"* BYE {self.host} says goodbye".encode())])

    def do_ENABLE(self, command: Command) -> Done:
        """Switch on what changes the answers (RFC 5161): IMAP4rev2 (RFC 9051), UTF8=ACCEPT (RFC 6855)."""
        asked = [text_of(word).upper() for word in command.arguments]
        enabled = [word for word in ("IMAP4REV2", "UTF8=ACCEPT") if word in asked]
        self.is_rev2 = self.is_rev2 or "IMAP4REV2" in enabled
        self.is_utf8 = self.is_utf8 or bool(enabled)  # RFC 9051 §5.1: names in UTF-8 too
        self.has_one_charset = self.has_one_charset or "UTF8=ACCEPT" in enabled
        return Done([self.line(" ".join(["* ENABLED", *enabled]).encode())])

    def do_IDLE(self, command: Command) -> bytes:
        """Tell what happens as soon as it happens, until the client says DONE (RFC 2177)."""
        self._idling = command.tag
        self.folder_changed()
        return self.line(b"+ idling") + self.news()

    @property
    def is_idle(self) -> bool:
        """True between IDLE and DONE."""
        return self._idling is not None

    def may_have_updates(self) -> bool:
        """True when the selected folder has changed since the last look."""
        try:
            return self.folder_changed()
        except OSError:  # damaged or removed by another program; DONE goes on
            return False

    def updates(self) -> bytes:
        """Return what is new in the selected folder."""
        try:
            return self.news()
        except (LabError, OSError):
            return b""

    def _wake(self, line: bytes) -> bytes:
        tag, self._idling = self._idling, None
        self.said("C", line)
        if line.strip().upper() != b"DONE":
            raise Malformed(str(tag), "IDLE ends with DONE")
        return self.updates() + self._last_line(f"{tag} OK IDLE done")

    # ---- before login ------------------------------------------------------------------------------

    def do_STARTTLS(self, command: Command) -> Done:
        """Go on inside TLS."""
        if not self.offers_tls:
            raise Wrong("TLS is already on, or not offered")
        self.wants_tls = True
        return Done(said="begin TLS")

    def do_LOGIN(self, command: Command) -> bytes:
        """Prove who one is, with name and password."""
        name, password = (text_of(argument) for argument in command.arguments)
        return self._log_in(command.tag, name, password)

    def do_AUTHENTICATE(self, command: Command) -> bytes:
        """Prove who one is, by SASL (RFC 4616, RFC 4959)."""
        if text_of(command.arguments[0]).upper() != "PLAIN":
            raise No("[CANNOT] this server knows AUTHENTICATE PLAIN")
        if not self.may_log_in:
            return self._log_in(command.tag, "", "")
        self._waiting = command.tag
        if len(command.arguments) > 1:
            initial = text_of(command.arguments[1])
            return self._authenticated(initial.encode("utf-8", "replace"), shown=False)
        return self.line(b"+ ")

    def _authenticated(self, answer: bytes, *, shown: bool = True) -> bytes:
        tag, self._waiting = self._waiting, None
        assert tag is not None
        if shown:
            self.said("C", b"(answer)", secret=True)
        found = parse_plain(answer)
        if found is SaslFailure.OTHER_IDENTITY:
            return self._last_line(f"{tag} NO [AUTHORIZATIONFAILED] {found.value}")
        if isinstance(found, SaslFailure):
            raise Malformed(tag, "cancelled, or not NUL name NUL password in base64")
        return self._log_in(tag, *found)

    def _log_in(self, tag: str, name: str, password: str) -> bytes:
        if not self.may_log_in:
            return self._last_line(f"{tag} NO [PRIVACYREQUIRED] begin TLS first, so that nobody reads the password")
        if self.log_in(name, password):
            self.state, self._reader.spool = AUTHENTICATED, self._spool
            return self._last_line(f"{tag} OK [CAPABILITY {self._capabilities()}] welcome, {self.person}")
        failed = self._last_line(f"{tag} NO [AUTHENTICATIONFAILED] name or password is wrong")
        if self.failed_logins >= MAX_FAILED_LOGINS:
            self.closed = True
            failed += self.line(b"* BYE too many failed logins")
        return failed

    def _spool(self) -> tuple[Path, FileIO]:
        """Make a file for a message that is long."""
        return self.inbox().open_temporary(self.unique(self.trace.now()))
