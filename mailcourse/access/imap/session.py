"""An IMAP session: from octets to commands, and from their results to lines (RFC 3501 §3, §6, §7).

    NOT_AUTHENTICATED ─LOGIN→ AUTHENTICATED ─SELECT→ SELECTED
                                            ←CLOSE──
    octets ─reader, grammar─► Command ─COMMANDS─► Completed: untagged responses ─► updates ─► tag OK

EXPUNGE is never sent during FETCH, STORE or SEARCH by number: `Completed.allow_expunge` (§7.4.1).
Does not know what any command does: `commands.py` has the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from mailcourse.internet.errors import LabError
from mailcourse.mailbox.listing import NoSuchMessage
from mailcourse.mailbox.refusal import MailboxRefusal
from mailcourse.mailbox.temporary import Spool

from ..session import MAX_FAILED_LOGINS, MailboxSession, printable
from .commands import COMMANDS
from .context import ImapContext
from .grammar import Command, parse
from .login import capabilities
from .reader import CommandRejected, Malformed, Piece, Reader, drop
from .responses import BadResponse, Completed, Continuation, NoResponse
from .states import ImapState

#: Lines of one answer that the trace keeps; ten thousand messages would drown everything else.
MAX_RECORDED = 40


class ImapSession(MailboxSession):
    """One IMAP conversation, from greeting to LOGOUT."""

    service = "imap"

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._context = ImapContext(self)
        self._reader = Reader()
        self._waiting: tuple[Command, Continuation] | None = None  # a command that wants the client's next line
        self._recorded = 0  # lines of the present answer

    def greeting(self) -> bytes:
        """Return what the server says first."""
        self.record_connection()
        return self._line(f"* OK [CAPABILITY {capabilities(self._context)}] {self.host} IMAP".encode())

    def replies(self, data: bytes) -> Iterator[bytes]:
        """Take in octets, in any pieces; make the replies they cause, one after the other."""
        self._reader.feed(data)
        while not (self.closed or self.wants_tls):
            try:
                pieces = self._reader.next()
                if pieces is None:
                    break
                if isinstance(pieces, bytes):
                    yield self._line(b"+ ready for literal")
                else:
                    yield from self._obey(pieces)
            except CommandRejected as error:
                yield self._rejected(error)
        if self.wants_tls:
            self._reader.clear()  # RFC 3501 §6.2.1: nothing said behind STARTTLS counts

    def encrypted(self) -> None:
        """TLS has begun."""
        super().encrypted()
        self._reader.clear()

    def farewell(self, why: str) -> bytes:
        """Say BYE: no connection is closed without it (§3.4)."""
        return b"" if self.closed else self._last_line(f"* BYE {why}")

    def end(self) -> None:
        """The connection is over; what was being received is dropped."""
        self._reader.clear()

    def log_in(self, person: str, password: str) -> bool:
        """Check a password; from then on long messages are taken."""
        is_right = super().log_in(person, password)
        if is_right:
            self._reader.spool = self._spool
        return is_right

    def _spool(self) -> Spool:
        """Make a file for a message that is long."""
        return self._context.inbox().temporary.spool(self._context.unique_name(self.trace.now()))

    # ---- from a command to its answer ----------------------------------------------------------------

    def _obey(self, pieces: list[Piece]) -> Iterator[bytes]:
        first = pieces[0]
        assert isinstance(first, bytes)
        try:
            if self._waiting is not None:
                (command, continuation), self._waiting = self._waiting, None
                self.said("C", b"(answer)" if continuation.is_secret else first, secret=continuation.is_secret)
                yield from self._run(command, partial(continuation.finish, first))
            else:
                command = self._understood(first, pieces)
                *_, function = COMMANDS[command.name]
                yield from self._run(command, partial(function, self._context, command))
        finally:
            drop(pieces)

    def _understood(self, first: bytes, pieces: list[Piece]) -> Command:
        words = first.split(None, 3)
        # also when the tag was forgotten
        secret = any(word.upper() in (b"LOGIN", b"AUTHENTICATE") for word in words[:2])
        self.said("C", b" ".join(words[:2]) if secret else first, secret=secret)
        command = parse(pieces)
        if command.name not in COMMANDS:
            raise Malformed(command.tag, f"unknown command {command.name[:40]!r}")
        states, min_count, max_count, _ = COMMANDS[command.name]
        if self._context.state not in states:
            is_too_late = states == (ImapState.NOT_AUTHENTICATED,)
            missing = "you are logged in already" if is_too_late else self._context.state.value
            raise Malformed(command.tag, f"not allowed in this state: {missing}")
        if not min_count <= len(command.arguments) <= max_count:
            raise Malformed(command.tag, f"wrong number of arguments for {command.name}")
        return command

    def _run(self, command: Command, act: Callable[[], Completed | Continuation]) -> Iterator[bytes]:
        """Obey a command: its untagged responses, what is new in the folder, and how it ended."""
        try:
            result = act()
            if isinstance(result, Continuation):
                self._waiting = command, result
                yield self._line(result.prompt)
                if result.is_idle:
                    yield self.updates()
                return
            yield from self._lines(result.untagged)
            yield from self._lines(self._updates(allow_expunge=result.allow_expunge))
            ending = f"OK {result.text or command.name + ' done'}"
            self.errors = 0
        except (NoResponse, MailboxRefusal) as refusal:
            ending = f"NO {printable(str(refusal))}"
        except NoSuchMessage:
            ending = "NO [EXPUNGEISSUED] a message was removed by another session"
        except BadResponse as error:
            raise Malformed(command.tag, str(error)) from None
        except (LabError, OSError, ValueError):  # a folder that another program damaged, a full disk
            ending = "NO [UNAVAILABLE] the folder is temporarily unavailable"
        yield self._last_line(f"{command.tag} {ending}")
        if self.failed_logins >= MAX_FAILED_LOGINS:
            self.closed = True
            yield self._line(b"* BYE too many failed logins")

    def _rejected(self, error: CommandRejected) -> bytes:
        self.closed = self.closed or error.is_fatal
        if isinstance(error, Malformed):
            self.count_error()
        start = "* BYE" if self.closed else f"{error.tag} {error.status}"
        return self._last_line(f"{start} {printable(str(error))}")

    # ---- updates ---------------------------------------------------------------------------------------

    def _updates(self, *, allow_expunge: bool = True) -> list[bytes]:
        selected = self._context.selected
        return [] if selected is None else selected.updates(allow_expunge=allow_expunge)

    @property
    def is_idle(self) -> bool:
        """True between IDLE and DONE."""
        return self._waiting is not None and self._waiting[1].is_idle

    def may_have_updates(self) -> bool:
        """True when the selected folder has changed since the last look."""
        with suppress(OSError):  # damaged or removed by another program; DONE still works
            return self._context.selected is not None and self._context.selected.may_have_changed()
        return False

    def updates(self) -> bytes:
        """Return what is new in the selected folder."""
        with suppress(LabError, OSError):
            return b"".join(self._lines(self._updates()))
        return b""

    # ---- lines -----------------------------------------------------------------------------------------

    def _line(self, line: bytes) -> bytes:
        """Record and write one line of a reply."""
        self._recorded += 1
        if self._recorded <= MAX_RECORDED:
            self.said("S", line.split(b"\r\n", 1)[0])
        return line + b"\r\n"

    def _lines(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        return map(self._line, lines)

    def _last_line(self, line: str) -> bytes:
        """Record and write the line that ends a command; record how much of the answer was left out."""
        hidden, self._recorded = self._recorded - MAX_RECORDED, 0
        if hidden > 0:
            self.said("S", f"… and {hidden} lines more".encode())
        last = self._line(line.encode())
        self._recorded = 0
        return last
