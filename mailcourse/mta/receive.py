"""The SMTP server's verbs: what MAIL, RCPT, DATA, AUTH … do (RFC 5321 §4.1.1).

    port  service      takes
    25    smtp         mail for this server's own domains, from anybody
    587   submission   mail for everywhere, from our own people: STARTTLS, AUTH, MAIL (RFC 6409)
    465   submission   the same, and TLS comes first (RFC 8314)
    24    lmtp         mail for mailboxes here, with a reply for each recipient (RFC 2033, `lmtp.py`)

Knows the dialogue.  Does not know where a message goes: it ends in the queue.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import TYPE_CHECKING

from aiosmtpd.smtp import TLSSetupException

from mailcourse.internet.network import Connection
from mailcourse.message.envelope import Envelope, Wish
from mailcourse.message.headers import Hop, received
from mailcourse.message.reply import Reply

from .arguments import BadArgument, is_xtext, read_path, read_wish
from .auth import MECHANISMS, credentials
from .data import read_data
from .queue import Incoming, NotKept
from .session import Closing, Session, State
from .trouble import Planned

if TYPE_CHECKING:
    from .server import MailServer

MOST_LOGINS = 3  # failed ones, then the session ends
MOST_AUTH_LINE = 12288  # octets, RFC 4954 §4.5


class Receiver(Session):
    """One client's session; `service` is "smtp", "submission" or "lmtp"."""

    family = "SMTP"

    def __init__(self, server: MailServer, connection: Connection, service: str) -> None:
        super().__init__(server.host, connection, service)
        self.server, self.submission = server, service == "submission"
        self.extended = False
        self.person: str | None = None
        self.failed_logins = 0
        self.envelope_begun = Envelope(None, ())

    def forget(self) -> None:
        """Forget sender and recipients."""
        super().forget()
        self.envelope_begun = Envelope(None, ())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; who logged in outside TLS is not logged in inside."""
        super().connection_made(transport)
        self.person = None

    def trouble(self, stage: str) -> Planned | None:
        """Return what was planned to go wrong at `stage`."""
        return self.server.trouble.next(stage)

    async def do_EHLO(self, argument: str) -> Reply:
        """Greet, and learn what the server can do (RFC 5321 §4.1.1.1)."""
        if not argument:
            return Reply(501, "5.5.4", "say your name: EHLO laptop.academy.test")
        self.claimed, self.extended = argument, True
        self.forget()
        return Reply(250, "", "\n".join([self.host.name, *self._extensions()]))

    def _extensions(self) -> list[str]:
        offered = [f"SIZE {self.server.settings.most_octets}", "8BITMIME", "SMTPUTF8", "PIPELINING"]
        offered += ["ENHANCEDSTATUSCODES", "DSN"]
        if self._may_encrypt() and not self.is_encrypted:
            offered.append("STARTTLS")
        if self.submission and self.is_encrypted:
            offered.append("AUTH " + " ".join(MECHANISMS))
        return [*offered, "HELP"]

    def _may_encrypt(self) -> bool:
        return self.submission or self.server.settings.offers_tls

    async def do_HELO(self, argument: str) -> Reply:
        """Greet in the manner of 1982, without extensions."""
        if not argument:
            return Reply(501, "5.5.4", "say your name: HELO laptop.academy.test")
        self.claimed, self.extended = argument, False
        self.forget()
        return Reply(250, "", self.host.name)

    async def do_MAIL(self, argument: str) -> Reply:
        """Begin a message: who sends it."""
        if self.submission and not self.is_encrypted:
            return Reply(530, "5.7.0", "say STARTTLS first: passwords do not travel in the clear here")
        if self.submission and self.person is None:
            return Reply(530, "5.7.0", "authentication required; say AUTH first")
        path = read_path(argument, "FROM:", self.server.home)
        for keyword, value in path.parameters.items():
            refusal = self._parameter(keyword, value)
            if refusal is not None:
                return refusal
        utf8 = "SMTPUTF8" in path.parameters
        if path.address is not None and not utf8 and not str(path.address).isascii():
            return Reply(553, "5.6.7", "this address needs SMTPUTF8")
        said = path.parameters
        eight_bit = said.get("BODY", "").upper() == "8BITMIME"
        returned, envelope_id = said.get("RET", "").upper(), said.get("ENVID", "")
        self.envelope_begun = Envelope(path.address, (), eight_bit, utf8, returned, envelope_id)
        return Reply(250, "2.1.0", f"sender <{path.address or ''}> ok")

    def _parameter(self, keyword: str, value: str) -> Reply | None:
        if not self.extended:
            return Reply(501, "5.5.4", "parameters need EHLO instead of HELO")
        if keyword == "SIZE":  # RFC 1870 §6.1
            if not value.isdecimal() or len(value) > 20:
                return Reply(501, "5.5.4", "SIZE wants a number of octets")
            too_big = int(value) > self.server.settings.most_octets
            return Reply(552, "5.3.4", "the message is bigger than this server takes") if too_big else None
        if keyword == "BODY" and value.upper() in ("7BIT", "8BITMIME"):
            return None
        if keyword == "BODY":
            return Reply(555, "5.5.4", "BODY is 7BIT or 8BITMIME here")
        if keyword == "SMTPUTF8":
            return Reply(501, "5.5.4", "SMTPUTF8 stands alone") if value else None
        if keyword == "AUTH":  # RFC 4954 §5: accepted and not believed
            return None
        if keyword == "RET":  # RFC 3461 §4.3
            return None if value.upper() in ("FULL", "HDRS") else Reply(501, "5.5.4", "RET is FULL or HDRS")
        if keyword == "ENVID":  # RFC 3461 §4.4
            return None if value.isascii() and is_xtext(value) else Reply(501, "5.5.4", "ENVID is written in xtext")
        return Reply(555, "5.5.4", f"the parameter {keyword} is not offered here")

    async def do_RCPT(self, argument: str) -> Reply:
        """Add a recipient, if this server takes or may send mail for it."""
        path = read_path(argument, "TO:", self.server.home)
        wish = self._wish(path.parameters)
        assert path.address is not None  # only MAIL may have <>
        recipient = self.server.at_home(path.address)
        if len(self.envelope_begun.recipients) >= self.server.settings.most_recipients:
            return Reply(452, "4.5.3", "too many recipients; send the rest in another message")
        if not self.envelope_begun.utf8 and not str(recipient).isascii():
            refusal: Reply | None = Reply(553, "5.6.7", "this address needs SMTPUTF8")
        else:
            refusal = self.server.refusal(recipient, self.connection.source_address, self.person)
        if refusal is not None:
            self._refused(str(recipient), refusal)
            return refusal
        if recipient != path.address:  # an address in brackets, which is ours
            sender = self.envelope_begun.reverse_path
            self.server.record(
                "forwarded", self.message, recipient=str(path.address), targets=[str(recipient)], sender=sender
            )
        self.envelope_begun = self.envelope_begun.to(recipient, wish)
        return Reply(250, "2.1.5", f"recipient <{recipient}> ok")

    def _wish(self, parameters: dict[str, str]) -> Wish:
        for keyword in parameters:
            if keyword not in ("NOTIFY", "ORCPT"):
                raise BadArgument(Reply(555, "5.5.4", f"the parameter {keyword} is not offered here"))
            if not self.extended:
                raise BadArgument(Reply(501, "5.5.4", "parameters need EHLO instead of HELO"))
        return read_wish(parameters)

    def _refused(self, recipient: str | None, reply: Reply) -> None:
        self.record("refused", recipient=recipient, reply=str(reply))

    async def do_DATA(self, argument: str) -> Reply | None:
        """Take in the message; 250 means that it is safe on disk and is now our responsibility."""
        if argument:
            return Reply(501, "5.5.4", "DATA stands alone")
        refusal: Reply | None = None
        taken = False
        try:
            incoming = self._begin()
        except NotKept as error:
            return error.reply
        try:
            await self.say(Reply(354, "", "go on; end with a line that has one dot"))
            await self.flush()
            size = await read_data(self.unread, incoming.write, self.server.settings.most_octets, self._reset_timeout)
            refusal = size if isinstance(size, Reply) else await self.planned(".")
            taken = refusal is None
            replies = self._to_all(refusal) if refusal else await self._keep(incoming)
        except NotKept as error:
            refusal, replies = error.reply, self._to_all(error.reply)
        finally:
            if not taken:
                incoming.abandon()
        if refusal is not None:
            self._refused(None, refusal)
        for reply in replies:
            await self.say(reply)
        self.forget()
        return None

    def _begin(self) -> Incoming:
        assert self.message is not None
        arrived = self.host.now()
        incoming = self.server.queue.begin(self.server.new_queue_id(), self.envelope_begun, self.message, arrived)
        incoming.write(self._received(incoming.queue_id))
        return incoming

    async def _keep(self, incoming: Incoming) -> list[Reply]:
        """Take the responsibility.  P7: from here on, a client that goes away changes nothing."""
        await self.server.take(incoming, self.connection.number)
        return [Reply(250, "2.0.0", f"ok, queued as {incoming.queue_id}")]

    def _to_all(self, reply: Reply) -> list[Reply]:
        return [reply]

    def _received(self, queue_id: str) -> bytes:
        begun = self.envelope_begun
        protocol = (f"UTF8{self.family}" if begun.utf8 else self.protocol) if self.extended else "SMTP"
        return received(
            Hop(
                claimed=self.claimed,
                source=self.connection.source,
                source_address=self.connection.source_address,
                by=self.host.name,
                protocol=protocol + "S" * self.is_encrypted + "A" * (self.person is not None),  # RFC 3848
                queue_id=queue_id,
                only_recipient=str(begun.recipients[0]) if len(begun.recipients) == 1 else None,
                when=self.host.now(),
            )
        )

    async def do_RSET(self, argument: str) -> Reply:
        """Forget the message that was begun."""
        self.forget()
        return Reply(250, "2.0.0", "forgotten")

    async def do_NOOP(self, argument: str) -> Reply:
        """Do nothing."""
        return Reply(250, "2.0.0", "ok")

    async def do_VRFY(self, argument: str) -> Reply:
        """Say who lives here, or, as most servers do, say nothing (RFC 5321 §3.5.3, §7.3)."""
        if not self.server.settings.tells_who_lives_here:
            return Reply(252, "2.5.2", "send a message and see")
        path = read_path(f"TO:<{argument.strip('<>')}>", "TO:", self.server.home)
        assert path.address is not None
        refusal = self.server.refusal(path.address, self.connection.source_address, self.person)
        return refusal or Reply(250, "2.1.5", f"<{path.address}>")

    async def do_HELP(self, argument: str) -> Reply:
        """List the commands."""
        known = "EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT"
        return Reply(214, "2.0.0", known + " STARTTLS" * self._may_encrypt() + " AUTH" * self.submission)

    async def do_QUIT(self, argument: str) -> None:
        """Say goodbye."""
        await self.say(Reply(221, "2.0.0", f"{self.host.name} says goodbye"))
        raise Closing

    async def do_STARTTLS(self, argument: str) -> Reply | None:
        """Go on inside TLS (RFC 3207)."""
        if not self._may_encrypt() or self.is_encrypted:
            return Reply(503, "5.5.1", "already inside TLS" if self.is_encrypted else "STARTTLS is not offered")
        if argument:
            return Reply(501, "5.5.4", "STARTTLS stands alone")
        self.tls_context = self.server.authority.server(self.host.name)
        await self.smtp_STARTTLS("")
        if self.transport is None or self.transport.is_closing():
            raise TLSSetupException
        return None

    async def do_AUTH(self, argument: str) -> Reply:
        """Prove to be one of our people."""
        if not self.submission:
            return Reply(503, "5.5.1", "AUTH is not offered on this port; people submit on 587")
        if not self.is_encrypted:
            return Reply(538, "5.7.11", "say STARTTLS first: passwords do not travel in the clear here")
        if self.state is not State.GREETED or self.person is not None:
            return Reply(503, "5.5.1", "wrong order: say AUTH once, after EHLO and before MAIL")
        mechanism, _, initial = argument.partition(" ")
        if mechanism.upper() not in MECHANISMS:
            return Reply(504, "5.5.4", f"use one of {', '.join(MECHANISMS)}")
        found = await credentials(mechanism.upper(), initial or None, self._challenge)
        if isinstance(found, Reply):
            return found
        return await self._log_in(*found)

    async def _challenge(self, text: str) -> bytes:
        await self.say(Reply(334, "", b64encode(text.encode()).decode()))
        line = await self.line(MOST_AUTH_LINE)
        self.said("C", line, secret=True)
        return line.encode("utf-8", "surrogateescape")

    async def _log_in(self, name: str, password: str) -> Reply:
        facts = {"person": name, "service": self.service}
        if await self.server.may_log_in(name, password):
            self.person = name
            self.record("logged-in", **facts)
            return Reply(235, "2.7.0", f"welcome, {name}")
        self.failed_logins += 1
        self.record("login-failed", **facts)
        if self.failed_logins >= MOST_LOGINS:
            return Reply(421, "4.7.0", "too many failed logins, closing")
        return Reply(535, "5.7.8", "name or password is wrong")
