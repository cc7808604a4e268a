"""The SMTP dialogue from the server's side: one command, one reply, in order (RFC 5321 §4.1.4).

    CONNECTED ─EHLO→ GREETED ─MAIL→ SENDER ─RCPT→ RECIPIENT ─DATA→ GREETED
                        ↑                            ↺ RCPT
                        └── RSET, EHLO, and the end of each message

`NEXT` is that picture as a table; every other verb is allowed at any time.
aiosmtpd's `SMTP` gives the connection, the STARTTLS switch and the timer; the loop is ours, because
every line must be seen, every reply coded and every limit kept.  The verbs are in `receive.py`.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import AnyStr

from aiosmtpd.smtp import SMTP, TLSSetupException

from mailcourse.internet.network import Connection, Host
from mailcourse.message.reply import Reply

from .arguments import BadArgument
from .trouble import Planned
from .unread import Unread


class State(Enum):
    """How far the dialogue has come."""

    CONNECTED = "say EHLO first"
    GREETED = "say MAIL FROM first"
    SENDER = "say RCPT TO first"
    RECIPIENT = "say RCPT TO or DATA"


#: state -> verb -> next state, when the verb succeeds
NEXT: dict[State, dict[str, State]] = {
    State.CONNECTED: {},
    State.GREETED: {"MAIL": State.SENDER},
    State.SENDER: {"RCPT": State.RECIPIENT},
    State.RECIPIENT: {"RCPT": State.RECIPIENT, "DATA": State.GREETED},
}
#: verbs that have their place in the order; and those that begin anew wherever they are said
ORDERED = ("MAIL", "RCPT", "DATA")
RESTART = {"EHLO": State.GREETED, "HELO": State.GREETED, "LHLO": State.GREETED}
#: verbs of RFC 5321 and its ancestors that this server knows and does not do
KNOWN_ELSEWHERE = ("EXPN", "TURN", "ETRN", "SEND", "SOML", "SAML", "BDAT")

MOST_LINE = 4096  # octets of a command; RFC 5321 §4.5.3.1.4 asks for 512 and room for parameters
MOST_ERRORS = 20
REAL_SECONDS = 300.0  # of silence, RFC 5321 §4.5.3.2.7
GOODBYE_SECONDS = 5.0  # for a silent client to read why it is sent away


class Closing(Exception):
    """The session ends after the reply that was just sent."""


class NoHooks:
    """The handler that aiosmtpd wants; ours has no hooks, and says so quickly."""

    def __dir__(self) -> tuple[str, ...]:
        return ()


class Session(SMTP):
    """One client's session.  A verb is a method `do_VERB(argument)` that returns its reply.

    The method returns None when it has already spoken.
    """

    protocol = "ESMTP"

    def __init__(self, host: Host, connection: Connection, service: str) -> None:
        super().__init__(NoHooks(), hostname=host.name, timeout=REAL_SECONDS, loop=asyncio.get_running_loop())
        self.host, self.connection, self.service = host, connection, service
        self.state = State.CONNECTED
        self.claimed = ""
        self.message = connection.message
        self.errors = 0
        self._unsent = b""

    def __dir__(self) -> tuple[str, ...]:
        """Hide everything: aiosmtpd looks through all names at each connection, for hooks that we do not use."""
        return ()

    @property
    def is_encrypted(self) -> bool:
        """True after STARTTLS, and always where TLS comes first (port 465)."""
        return self._tls_protocol is not None or self.connection.port == 465

    def trouble(self, stage: str) -> Planned | None:
        """Return what was planned to go wrong at `stage`."""
        return None

    def forget(self) -> None:
        """Forget what was said of a message: at RSET, EHLO, STARTTLS and after each message."""
        self.state = State.GREETED if self.claimed else State.CONNECTED
        self.message = self.connection.message

    # ---- the connection ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; and begin anew inside TLS (RFC 3207 §4.2), when aiosmtpd empties the reader."""
        super().connection_made(transport)
        self.unread = Unread(self._reader)
        self.claimed = ""
        self.forget()

    def eof_received(self) -> bool:
        """Answer what was already sent before the client stopped sending."""
        asyncio.StreamReaderProtocol.eof_received(self)
        return not self.is_encrypted

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Put the end of patience off; the timer itself looks again only when it rings."""
        self._patience = self.loop.time() + (duration or REAL_SECONDS)
        if self._timeout_handle is None:
            self._timeout_handle = self.loop.call_at(self._patience, self._timeout_cb)

    def _timeout_cb(self) -> None:
        if self._patience > self.loop.time():
            self._timeout_handle = self.loop.call_at(self._patience, self._timeout_cb)
            return
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.write(b"421 4.4.2 nothing was said for 5 minutes, closing\r\n")
            self.transport.close()
            self.loop.call_later(GOODBYE_SECONDS, self._cut)

    def _cut(self) -> None:
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    async def _handle_client(self) -> None:
        peer, address = self.connection.source, self.connection.source_address
        self.record("connected", peer=peer, address=address, port=self.connection.port, service=self.service)
        try:
            greeting = await self.planned("CONNECT") or Reply(220, "", f"{self.host.name} {self.protocol}")
            await self.say(greeting)
            while greeting.is_ok:
                await self._obey_one()
        except TimeoutError:  # a client that does not read: what is left for it would be kept for ever
            self._cut()
        except (Closing, asyncio.IncompleteReadError, ConnectionError):
            pass  # the client is gone, or was told goodbye
        except TLSSetupException:
            self.connection_lost(None)  # asyncio tells nobody when a connection ends within the handshake
        except Exception as error:  # P11: nothing internal on the wire
            text = f"{type(error).__name__}: {error}"
            self.host.record("mta", "warning", self.message, text=text)
            await self._send(Reply(421, "4.3.0", "something went wrong here; try again later").lines())
        finally:
            self._writer.write(self._unsent)
            self._writer.close()

    async def push(self, status: AnyStr) -> None:
        """Send what aiosmtpd itself says (STARTTLS)."""
        line = status if isinstance(status, str) else status.decode()
        await self._send([line.replace("220 Ready", "220 2.0.0 ready")])
        await self.flush()

    async def say(self, reply: Reply) -> None:
        """Send a reply: all its lines in one write.  421 ends the session (RFC 5321 §3.8)."""
        await self._send(reply.lines())
        if reply.code == 421:
            raise Closing

    async def _send(self, lines: list[str]) -> None:
        for line in lines:
            self.said("S", line)
        self._unsent += "".join(f"{line}\r\n" for line in lines).encode()
        if not self.unread.has_line():  # RFC 2920 §3.2: replies to commands that came together go together
            await self.flush()

    async def flush(self) -> None:
        """Put on the wire what was said."""
        self._writer.write(self._unsent)
        self._unsent = b""
        if self._writer.transport.get_write_buffer_size() > 0:
            async with asyncio.timeout(REAL_SECONDS):  # a client that never reads
                await self._writer.drain()

    def said(self, side: str, line: str, *, secret: bool = False) -> None:
        """Record a line of the dialogue: side "C" or "S"."""
        shown = line.encode("utf-8", "backslashreplace").decode()[:2000]
        self.record("said", side=side, line=shown, secret=secret)

    def record(self, what: str, **facts: object) -> None:
        """Record an event of this session."""
        facts["session"] = self.connection.number
        self.host.record("mta", what, self.message, **facts)

    # ---- one command ---------------------------------------------------------------------------------

    async def _obey_one(self) -> None:
        line = await self.line()
        verb, _, argument = line.partition(" ")
        verb, argument = verb.upper(), argument.strip()
        # Known before the line is recorded, so that it is recorded as part of the message.
        if verb == "MAIL" and self.state is State.GREETED:
            self.message = self.connection.message or self.host.internet.trace.new_message()
        self.said("C", line, secret=verb == "AUTH" and " " in argument)
        self._reset_timeout()
        reply = await self._obey(verb, argument)
        if reply is None:  # STARTTLS, QUIT and DATA have spoken for themselves
            return
        await self.say(self.counted(reply))

    async def line(self, most: int = MOST_LINE) -> str:
        """Return the client's next line, without its line end."""
        while True:
            line = await self.unread.line(most)
            if line is None:
                await self.say(Reply(500, "5.5.2", "the line is too long, closing"))
                raise Closing
            if line.endswith(b"\r\n"):
                return line[:-2].decode("utf-8", "surrogateescape")
            await self.say(
                self.counted(Reply(500, "5.5.2", "a line ends with CR LF, not with LF alone (nc -C does it)"))
            )

    async def planned(self, stage: str) -> Reply | None:
        """Return the reply that was planned for `stage`, or break the connection if that was planned."""
        one = self.trouble(stage)
        if one is None:
            return None
        if one.reply is not None:
            return one.reply
        self._cut()
        raise Closing

    def counted(self, reply: Reply) -> Reply:
        """Count a refusal for good; too many end the session."""
        self.errors += reply.code >= 500
        if self.errors > MOST_ERRORS:
            return Reply(421, "4.7.0", "too many errors, closing")
        return reply

    async def _obey(self, verb: str, argument: str) -> Reply | None:
        method = getattr(self, f"do_{verb}", None) if verb.isascii() and verb.isalpha() else None
        if verb in KNOWN_ELSEWHERE:
            return Reply(502, "5.5.1", f"{verb} is not done here; HELP lists what is")
        if method is None:
            return Reply(500, "5.5.1", "no such command; HELP lists them")
        forced = await self.planned("EHLO" if verb in RESTART else verb)
        if forced is not None:
            return forced
        if verb in ORDERED and verb not in NEXT[self.state]:
            return Reply(503, "5.5.1", f"wrong order: {self.state.value}")
        if not _is_plain(argument):
            return Reply(501, "5.5.2", "control characters or broken UTF-8 in the command")
        before = self.state
        try:
            reply: Reply | None = await method(argument)
        except BadArgument as error:
            return error.reply
        if reply is not None and reply.is_ok:
            self.state = RESTART.get(verb) or NEXT[before].get(verb, self.state)
        return reply


def _is_plain(argument: str) -> bool:
    return all(c >= " " and c != "\x7f" and not "\udc80" <= c <= "\udcff" for c in argument)
