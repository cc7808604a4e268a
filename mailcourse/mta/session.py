"""The rules of an SMTP dialogue from the server's side: octets in, replies out (RFC 5321 §4.1.4).

    CONNECTED ─EHLO→ GREETED ─MAIL→ SENDER ─RCPT→ RECIPIENT ─DATA→ GREETED
                        ↑                            ↺ RCPT
                        └── RSET, EHLO, and the end of each message

`NEXT` is that picture as a table; every other command is allowed at any time.  What each command
does is in `commands.py`.

    session.greeting()          → octets to send
    session.receive(octets)     → octets to send, however the input is cut
    session.request             what must be done outside before the session goes on: it is slow, or
                                needs the connection.  Then one of the methods under "answers" is called.

Knows no sockets, threads or clocks: `receive.py` carries its octets, and a test or a notebook cell can.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from mailcourse.authentication.spf import SpfResult
from mailcourse.internet.connection import Connection
from mailcourse.internet.network import Host
from mailcourse.message.envelope import Envelope
from mailcourse.message.reply import Reply

from . import replies
from .arguments import BadArgument
from .data import Content
from .fault_injector import FaultInjector
from .input_buffer import InputBuffer, LineTooLong
from .local import LocalDelivery
from .queue import Incoming, Queue
from .settings import Settings


class SmtpState(Enum):
    """How far the dialogue has come."""

    CONNECTED = "say EHLO first"
    GREETED = "say MAIL FROM first"
    SENDER = "say RCPT TO first"
    RECIPIENT = "say RCPT TO or DATA"


#: state -> command -> next state, when the command succeeds
NEXT: dict[SmtpState, dict[str, SmtpState]] = {
    SmtpState.CONNECTED: {},
    SmtpState.GREETED: {"MAIL": SmtpState.SENDER},
    SmtpState.SENDER: {"RCPT": SmtpState.RECIPIENT},
    SmtpState.RECIPIENT: {"RCPT": SmtpState.RECIPIENT, "DATA": SmtpState.GREETED},
}
#: commands that have their place in the order; and those that start again at any time
ORDERED = ("MAIL", "RCPT", "DATA")
RESTART = {"EHLO": SmtpState.GREETED, "HELO": SmtpState.GREETED, "LHLO": SmtpState.GREETED}
#: commands of RFC 5321 and its ancestors that this server knows and does not have
UNIMPLEMENTED = ("EXPN", "TURN", "ETRN", "SEND", "SOML", "SAML", "BDAT")

MAX_LINE = 4096  # octets of a command; RFC 5321 §4.5.3.1.4 asks for 512 and room for parameters
MAX_AUTH_LINE = 12288  # octets, RFC 4954 §4.5
#: Errors that end a session: before the client has logged in or begun a message, and after.
MAX_EARLY_ERRORS, MAX_ERRORS = 5, 20
MAX_LOGINS = 3  # failed ones
MAX_TRACED = 2000  # characters of a line

CONTROL = re.compile("[\x00-\x1f\x7f\udc80-\udcff]")


class ConnectionCut(Exception):
    """A fault was injected: the connection must break now, without a word."""


# ---- what the session asks for ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartTls:
    """Begin TLS, then call `tls_begun`."""


@dataclass(frozen=True, slots=True)
class CheckPassword:
    """Find out whether the password is right, then call `password_checked`."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class StoreMessage:
    """Take the responsibility for a message; LMTP: deliver it.  Then call `message_stored` or `refuse_message`."""

    incoming: Incoming


@dataclass(frozen=True, slots=True)
class CheckSender:
    """Find out whether the client may send for the domain in MAIL FROM, then call `sender_checked`."""

    argument: str  # of the RCPT that waits for it


Request = StartTls | CheckPassword | StoreMessage | CheckSender
Answer = Reply | Request


class Site(Protocol):
    """The server that a session belongs to; nothing here is slow."""

    host: Host
    settings: Settings
    queue: Queue
    delivery: LocalDelivery
    faults: FaultInjector

    @property
    def home(self) -> str:
        """The domain of a bare `<postmaster>`."""

    def new_queue_id(self) -> str:
        """Draw a queue identifier."""


class SmtpSession:
    """One client's session; `service` is "smtp", "submission" or "lmtp".

    A command is a function of the session and the argument: it returns a reply, or a request.
    """

    def __init__(self, site: Site, connection: Connection, service: str, commands: Mapping[str, Command]) -> None:
        self.site, self.host, self.connection = site, site.host, connection
        self.service, self.commands = service, commands
        self.submission, self.is_lmtp = service == "submission", service == "lmtp"
        self.input = InputBuffer()
        self.request: Request | None = None
        self.closed = False
        self.is_encrypted = connection.port == 465
        self.lines_read = 0  # and pieces of messages: a client that adds to them is alive
        self.next_line: Callable[[str], Answer] | None = None  # for whom the next line is, if it is not a command
        self.incoming: Incoming | None = None  # the message that is arriving
        self._output = bytearray()
        self._errors, self._failed_logins, self._may_err = 0, 0, MAX_EARLY_ERRORS
        self._restart()

    def _restart(self) -> None:
        """Know nothing of the client: at the beginning, and again inside TLS (RFC 3207 §4.2)."""
        self.claimed, self.is_extended = "", False
        self.person: str | None = None
        self.forget()

    def forget(self) -> None:
        """Forget what was said of a message: at RSET, EHLO, STARTTLS and after each message."""
        self.state = SmtpState.GREETED if self.claimed else SmtpState.CONNECTED
        self.message = self.connection.message
        self.envelope = Envelope(None, ())
        self.spf: SpfResult | None = None

    @property
    def is_stranger(self) -> bool:
        """True for a client that brings mail from outside: nobody who logged in, and not on a network of ours."""
        return self.service == "smtp" and not self.site.settings.trusts(self.connection.source_address)

    # ---- octets in, octets out ----------------------------------------------------------------------------------

    def greeting(self) -> bytes:
        """Return what the server says first."""
        peer, address = self.connection.source, self.connection.source_address
        self.record("connected", peer=peer, address=address, port=self.connection.port, service=self.service)
        protocol = "LMTP" if self.is_lmtp else "ESMTP"
        greeting = self.forced("CONNECT") or Reply(220, "", f"{self.host.name} {protocol}")
        self.say(greeting)
        self.closed = not greeting.is_ok
        return self._take_output()

    def receive(self, octets: bytes) -> bytes:
        """Take in octets, cut anywhere; return the replies that they cause.  Raises `ConnectionCut`."""
        self.input.feed(octets)
        return self._work()

    def break_off(self, why: str) -> bytes:
        """Say that something is broken here, nothing of what it is, and end."""
        self.host.record("mta", "warning", self.message, text=why)
        self.say(replies.BROKEN_HERE)
        return self._take_output()

    def end(self) -> None:
        """The connection is over, however it ended."""
        if self.incoming is not None:
            self.incoming.abandon()

    def _work(self) -> bytes:
        while not self.closed and self.request is None:
            if not (self._read_line() if self.incoming is None else self._read_message(self.incoming)):
                break
        return self._take_output()

    def _take_output(self) -> bytes:
        octets, self._output = bytes(self._output), bytearray()
        return octets

    # ---- lines --------------------------------------------------------------------------------------------------

    def _read_line(self) -> bool:
        """Read one line and act on it; False when it has not come yet."""
        try:
            line = self.input.line(MAX_LINE if self.next_line is None else MAX_AUTH_LINE)
        except LineTooLong:
            self.say(replies.LINE_TOO_LONG)
            self.closed = True
            return False
        if line is None:
            return False
        self.lines_read += 1
        if not line.endswith(b"\r\n"):
            self._answer(replies.BARE_LF)
            return True
        text = line[:-2].decode("utf-8", "surrogateescape")
        if self.next_line is None:
            self._answer(self._command(text))
        else:
            self._said("C", text, secret=True)
            take, self.next_line = self.next_line, None
            self._answer(take(text))
        return True

    def _command(self, line: str) -> Answer:
        verb, _, argument = line.partition(" ")
        verb, argument = verb.upper(), argument.strip()
        # Known before the line is recorded, so that it is recorded as part of the message.
        if verb == "MAIL" and self.state is SmtpState.GREETED:
            self.message = self.connection.message or self.host.internet.trace.new_message()
        self._said("C", line, secret=verb == "AUTH" and " " in argument)
        if verb in UNIMPLEMENTED:
            return replies.not_implemented(verb)
        if verb not in self.commands:
            return replies.NO_SUCH_COMMAND
        forced = self.forced("EHLO" if verb in RESTART else verb)
        if forced is not None:
            return forced
        if verb in ORDERED and verb not in NEXT[self.state]:
            return replies.wrong_order(self.state.value)
        if CONTROL.search(argument):
            return replies.NOT_PLAIN
        return self._obey(verb, argument)

    def _obey(self, verb: str, argument: str) -> Answer:
        before = self.state
        try:
            answer = self.commands[verb](self, argument)
        except BadArgument as error:
            return error.reply
        if isinstance(answer, Reply) and answer.is_ok:
            self.state = RESTART.get(verb) or NEXT[before].get(verb, self.state)
            if verb == "MAIL":
                self._may_err = MAX_ERRORS
        return answer

    def _answer(self, answer: Answer) -> None:
        """Reply, or ask; too many permanent errors end the session."""
        if not isinstance(answer, Reply):
            self.request = answer
            return
        self._errors += answer.code >= 500
        self.say(answer if self._errors <= self._may_err else replies.TOO_MANY_ERRORS)

    def forced(self, stage: str) -> Reply | None:
        """Return the reply that a fault forces on us at `stage`, or break the connection if it wants that."""
        fault = self.site.faults.next(stage)
        if fault is None:
            return None
        if fault.reply is None:
            raise ConnectionCut
        return fault.reply

    # ---- a message ----------------------------------------------------------------------------------------------

    def begin_message(self, incoming: Incoming) -> None:
        """Read a message from the next octet on, and write it to `incoming`."""
        self.incoming, self._content = incoming, Content(self.site.settings.max_octets)
        self.input.begin_message()

    def _read_message(self, incoming: Incoming) -> bool:
        """Read what has come of the message; False when there must be more."""
        piece, is_whole = self.input.message()
        self.lines_read += bool(piece)
        if clear := self._content.take(piece):
            incoming.write(clear)
        if not is_whole:
            return False
        size = self._content.end()
        refusal = size if isinstance(size, Reply) else self.forced(".")
        self.incoming = None
        if refusal is None:
            self.request = StoreMessage(incoming)
        else:
            incoming.abandon()
            self._refuse(refusal)
        return True

    # ---- answers to requests ------------------------------------------------------------------------------------

    def tls_begun(self) -> None:
        """Go on inside TLS; what was said before does not count."""
        self.request, self.is_encrypted = None, True
        self.input.clear()
        self._restart()

    def password_checked(self, is_right: bool) -> bytes:
        """Go on after `CheckPassword`."""
        assert isinstance(self.request, CheckPassword)
        name, self.request = self.request.name, None
        facts = {"person": name, "service": self.service}
        if is_right:
            self.person, self._may_err = name, MAX_ERRORS
            self.record("logged-in", **facts)
            self._answer(Reply(235, "2.7.0", f"welcome, {name}"))
        else:
            self._failed_logins += 1
            self.record("login-failed", **facts)
            self._answer(replies.TOO_MANY_LOGINS if self._failed_logins >= MAX_LOGINS else replies.WRONG_PASSWORD)
        return self._work()

    def sender_checked(self, result: SpfResult) -> bytes:
        """Go on after `CheckSender`, with the same RCPT."""
        assert isinstance(self.request, CheckSender)
        argument, self.request, self.spf = self.request.argument, None, result
        self._answer(self._obey("RCPT", argument))
        return self._work()

    def message_stored(self, *finals: Reply) -> bytes:
        """Go on after `StoreMessage`; LMTP has a reply for each recipient."""
        self._end_message(*finals)
        return self._work()

    def refuse_message(self, refusal: Reply) -> bytes:
        """Go on after `StoreMessage`: it could not be stored."""
        self._refuse(refusal)
        return self._work()

    def _refuse(self, refusal: Reply) -> None:
        self.record("refused", recipient=None, reply=str(refusal))
        self._end_message(*[refusal] * (len(self.envelope.recipients) if self.is_lmtp else 1))

    def _end_message(self, *finals: Reply) -> None:
        self.request = None
        for reply in finals:
            self.say(reply)
        self.forget()

    # ---- what is said and seen ----------------------------------------------------------------------------------

    def say(self, reply: Reply) -> None:
        """Say a reply.  421 ends the session (RFC 5321 §3.8)."""
        for line in reply.lines():
            self._said("S", line)
            self._output += f"{line}\r\n".encode()
        self.closed = self.closed or reply.code == 421

    def _said(self, side: str, line: str, *, secret: bool = False) -> None:
        """Record a line of the dialogue: side "C" or "S"."""
        shown = line if line.isascii() else line.encode("utf-8", "backslashreplace").decode()
        self.record("said", side=side, line=shown[:MAX_TRACED], secret=secret)

    def record(self, what: str, **facts: Any) -> None:
        """Record an event of this session."""
        self.host.record("mta", what, self.message, session=self.connection.number, **facts)


Command = Callable[[SmtpSession, str], Answer]
