"""An IMAP session: states, commands, and a view of one folder (RFC 3501 §3, §6).

    NOT_AUTHENTICATED ─LOGIN→ AUTHENTICATED ─SELECT→ SELECTED
                                            ←CLOSE──
The view is what the client believes: number 1 is the first of `view`, and so on.  It changes only
when the client was told (EXISTS, EXPUNGE), and EXPUNGE is never told during FETCH, STORE or SEARCH
(§7.4.1).
"""

from __future__ import annotations

from collections.abc import Callable

from mailcourse.internet.errors import LabError
from mailcourse.internet.network import Connection
from mailcourse.internet.trace import Trace
from mailcourse.mailbox.accounts import Accounts

from ..session import MOST_ERRORS, MOST_LOGINS, Session, plain, printable
from .folders import FolderCommands
from .grammar import MOST_MESSAGE, Command, Malformed, Reader, parse, text_of
from .selected import SelectedCommands
from .states import ANY, AUTHENTICATED, NOT_AUTHENTICATED, SELECTED, No, State, Wrong

#: command -> the states in which it may be said (RFC 3501 §6)
ALLOWED: dict[str, tuple[State, ...]] = {
    "CAPABILITY": ANY,
    "NOOP": ANY,
    "LOGOUT": ANY,
    "ID": ANY,
    "STARTTLS": (NOT_AUTHENTICATED,),
    "LOGIN": (NOT_AUTHENTICATED,),
    "AUTHENTICATE": (NOT_AUTHENTICATED,),
    **dict.fromkeys(
        (
            "IDLE",
            "SELECT",
            "EXAMINE",
            "LIST",
            "LSUB",
            "SUBSCRIBE",
            "UNSUBSCRIBE",
            "CREATE",
            "DELETE",
            "RENAME",
            "STATUS",
            "APPEND",
            "NAMESPACE",
        ),
        (AUTHENTICATED, SELECTED),
    ),
    **dict.fromkeys(
        ("CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "SEARCH", "FETCH", "STORE", "COPY", "MOVE", "UID"), (SELECTED,)
    ),
}


class ImapSession(SelectedCommands, FolderCommands, Session):
    """One IMAP conversation, from greeting to LOGOUT."""

    service = "imap"

    def __init__(self, accounts: Accounts, host: str, trace: Trace, connection: Connection, *, tls: bool) -> None:
        super().__init__(accounts, host, trace, connection, tls=tls)
        self.state = NOT_AUTHENTICATED
        self._reader = Reader()
        self._waiting: str | None = None  # the tag of an AUTHENTICATE whose answer is to come
        self._idling: str | None = None  # the tag of an IDLE that was not ended by DONE

    def greeting(self) -> bytes:
        """Return what the server says first."""
        self.begin()
        return self.line(f"* OK [CAPABILITY {self._capabilities()}] {self.host} IMAP".encode())

    def receive(self, data: bytes) -> bytes:
        """Take in octets, in any pieces; return the replies they cause."""
        self._reader.feed(data)
        replies = bytearray()
        while not (self.closed or self.wants_tls):
            try:
                found = self._reader.next()
                if found is None:
                    break
                replies += self.line(b"+ go on") if isinstance(found, bytes) else self._obey(found)
            except Malformed as error:
                replies += self._bad(error)
        if self.wants_tls:
            self._reader.clear()  # RFC 3501 §6.2.1: nothing said behind STARTTLS counts
        return bytes(replies)

    def encrypted(self) -> None:
        """The carrier has switched to TLS."""
        super().encrypted()
        self._reader.clear()

    def end(self) -> None:
        """The connection is over; there is nothing to give back."""

    def line(self, line: bytes) -> bytes:
        """Record and write one line of a reply."""
        self.said("S", line.split(b"\r\n")[0])
        return line + b"\r\n"

    def _bad(self, error: Malformed) -> bytes:
        self.errors += 1
        if error.is_fatal or self.errors > MOST_ERRORS:
            self.closed = True
            return self.line(f"* BYE {printable(str(error))}".encode())
        return self._said_no(error.tag, "BAD", error)

    def _said_no(self, tag: str, kind: str, reason: Exception) -> bytes:
        return self.line(f"{tag} {kind} {printable(str(reason))}".encode())

    def _obey(self, pieces: list[bytes]) -> bytes:
        if self._waiting is not None:
            return self._authenticated(pieces[0])
        if self._idling is not None:
            return self._wake(pieces[0])
        words = pieces[0].split(None, 3)
        # also when the tag was forgotten
        secret = any(word.upper() in (b"LOGIN", b"AUTHENTICATE") for word in words[:2])
        self.said("C", b" ".join(words[:2]) if secret else pieces[0], secret=secret)
        command = parse(pieces)
        if command.name not in ALLOWED:
            raise Malformed(command.tag, f"there is no command {command.name[:40]!r} here")
        if self.state not in ALLOWED[command.name]:
            raise Malformed(command.tag, f"not now: {self.state.value}")
        return self._run(command)

    def _run(self, command: Command) -> bytes:
        method: Callable[[Command], bytes] = getattr(self, f"do_{command.name}")
        try:
            done = method(command)
        except No as refusal:
            return self._said_no(command.tag, "NO", refusal)
        except Wrong as error:
            raise Malformed(command.tag, str(error)) from None
        except (ValueError, IndexError):  # what Python says of it is nobody's business on the wire
            raise Malformed(command.tag, f"{command.name} has too few or wrong arguments") from None
        except LabError as error:
            return self._said_no(command.tag, "NO", error)
        except OSError:  # the folder was damaged or removed by another program
            return self._said_no(command.tag, "NO", No("[UNAVAILABLE] the folder cannot be read now"))
        return done

    def ok(self, command: Command, said: str = "") -> bytes:
        """Write the line that ends a command."""
        return self.line(f"{command.tag} OK {said or command.name + ' done'}".encode())

    # ---- in any state ------------------------------------------------------------------------------

    def _capabilities(self) -> str:
        able = "IMAP4rev1 LITERAL+ SASL-IR AUTH=PLAIN ID NAMESPACE UNSELECT CHILDREN UIDPLUS MOVE IDLE"
        return able + " STARTTLS" * self.offers_tls

    def do_CAPABILITY(self, command: Command) -> bytes:
        """Tell what this server can do."""
        return self.line(f"* CAPABILITY {self._capabilities()}".encode()) + self.ok(command)

    def do_NOOP(self, command: Command) -> bytes:
        """Do nothing; a good moment to hear what is new."""
        return self.news() + self.ok(command)

    def do_IDLE(self, command: Command) -> bytes:
        """Tell what happens as soon as it happens, until the client says DONE (RFC 2177)."""
        self._idling = command.tag
        self.folder_changed()
        return self.line(b"+ idling") + self.news()

    @property
    def is_idle(self) -> bool:
        """True between IDLE and DONE."""
        return self._idling is not None

    def look(self) -> bytes:
        """Return what is new in the selected folder."""
        try:
            return self.news() if self.folder_changed() else b""
        except (LabError, OSError):  # damaged or removed by another program; DONE goes on
            return b""

    def _wake(self, line: bytes) -> bytes:
        tag, self._idling = self._idling, None
        self.said("C", line)
        if line.strip().upper() != b"DONE":
            raise Malformed(str(tag), "IDLE ends with DONE")
        return self.news() + self.line(f"{tag} OK IDLE done".encode())

    def do_ID(self, command: Command) -> bytes:
        """Tell who we are (RFC 2971)."""
        return self.line(b'* ID ("name" "mailcourse")') + self.ok(command)

    def do_LOGOUT(self, command: Command) -> bytes:
        """Say goodbye."""
        self.closed = True
        return self.line(f"* BYE {self.host} says goodbye".encode()) + self.ok(command)

    # ---- before login ------------------------------------------------------------------------------

    def do_STARTTLS(self, command: Command) -> bytes:
        """Go on inside TLS."""
        if not self.offers_tls:
            raise No("TLS is already on, or not offered")
        self.wants_tls = True
        return self.ok(command, "begin TLS")

    def do_LOGIN(self, command: Command) -> bytes:
        """Prove who one is, with name and password."""
        if len(command.arguments) != 2:
            raise Wrong("LOGIN wants a name and a password")
        name, password = (text_of(argument) for argument in command.arguments)
        return self._log_in(command.tag, name, password)

    def do_AUTHENTICATE(self, command: Command) -> bytes:
        """Prove who one is, by SASL (RFC 4616, RFC 4959)."""
        if text_of(command.arguments[0]).upper() != "PLAIN":
            raise No("this server knows AUTHENTICATE PLAIN")
        self._waiting = command.tag
        if len(command.arguments) > 1:
            return self._authenticated(text_of(command.arguments[1]).encode(), shown=False)
        return self.line(b"+ ")

    def _authenticated(self, answer: bytes, *, shown: bool = True) -> bytes:
        tag, self._waiting = self._waiting, None
        assert tag is not None
        if shown:
            self.said("C", b"(answer)", secret=True)
        found = plain(answer)
        if found is None:
            return self.line(f"{tag} BAD cancelled, or not NUL name NUL password in base64".encode())
        asked, name, password = found
        if asked not in ("", name):  # RFC 4616 §2: to act for somebody else is not offered
            return self.line(f"{tag} NO [AUTHORIZATIONFAILED] one may only be oneself".encode())
        return self._log_in(tag, name, password)

    def _log_in(self, tag: str, name: str, password: str) -> bytes:
        if self.log_in(name, password):
            self.state, self._reader.most_message = AUTHENTICATED, MOST_MESSAGE
            return self.line(f"{tag} OK [CAPABILITY {self._capabilities()}] welcome, {self.person}".encode())
        failed = self.line(f"{tag} NO [AUTHENTICATIONFAILED] name or password is wrong".encode())
        if self.failed_logins >= MOST_LOGINS:
            self.closed = True
            failed += self.line(b"* BYE too many failed logins")
        return failed
