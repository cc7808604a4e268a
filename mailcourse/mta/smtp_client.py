"""How a connection to another mail server begins, is used and ends; the client's side (RFC 5321 §3.1, §3.2, §3.8).

    connect → 220 → EHLO → [STARTTLS → TLS → EHLO] → [AUTH] → … messages … → QUIT

Where TLS is optional and does not come about, the server is called again without (RFC 7435: some
protection rather than none).  Where it is a must, nothing is sent without.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field

from mailcourse.internet.certificates import Authority
from mailcourse.internet.connection import Connection, Unreachable
from mailcourse.internet.network import Host
from mailcourse.message.reply import Diagnosis, Reply

from .input_buffer import InputBuffer, LineTooLong
from .settings import TransportPolicy

#: Real seconds to wait for one reply; for the one after the dot (RFC 5321 §4.5.3.2); for QUIT's.
REPLY_SECONDS, FINAL_SECONDS, QUIT_SECONDS = 60.0, 600.0, 5.0
MAX_REPLY_LINES, MAX_LINE, CHUNK = 100, 64 * 1024, 64 * 1024


class HostFailed(Exception):
    """Nothing came of this host: nobody there, not willing, or gone in the middle.

    `said_by`: the host that gave the reply; empty for a diagnosis of our own.
    """

    def __init__(self, reason: Reply | Diagnosis, said_by: str = "") -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.said_by = said_by


class NoTls(HostFailed):
    """STARTTLS was offered and did not come about."""


@dataclass(slots=True)
class SmtpClient:
    """The client's end of one session.  `is_clean` when no message has been begun and not ended."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    peer: str
    connection: Connection
    input: InputBuffer = field(default_factory=InputBuffer)
    extensions: set[str] = field(default_factory=set)
    is_encrypted: bool = False
    is_clean: bool = True
    messages: int = 0

    def write(self, *lines: str) -> None:
        """Send commands, all at once."""
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())

    async def say(self, line: str, seconds: float = REPLY_SECONDS) -> Reply:
        """Send one command and return the reply to it."""
        self.write(line)
        return await self.reply(seconds)

    async def reply(self, seconds: float = REPLY_SECONDS) -> Reply:
        """Read one reply, of any number of lines."""
        try:
            async with asyncio.timeout(seconds):
                await self.writer.drain()
                texts: list[str] = []
                while len(texts) < MAX_REPLY_LINES:
                    line = (await self._line()).decode("utf-8", "replace").rstrip("\r\n")
                    texts.append(line[4:])
                    if line[3:4] != "-":
                        return read_reply(line[:3], texts)
        except (LineTooLong, ConnectionError) as error:
            raise HostFailed(Diagnosis("4.4.2", f"{self.peer} broke the connection")) from error
        except TimeoutError as error:
            raise HostFailed(Diagnosis("4.4.1", f"{self.peer} did not answer in time")) from error
        raise HostFailed(Diagnosis("4.5.0", f"{self.peer}: reply too long"))

    async def _line(self) -> bytes:
        while (line := self.input.line(MAX_LINE)) is None:
            octets = await self.reader.read(CHUNK)
            if not octets:
                raise ConnectionResetError
            self.input.feed(octets)
        return line

    async def quit(self) -> None:
        """Say QUIT and close.  The messages are theirs; what becomes of the connection does not matter."""
        with suppress(HostFailed):
            await self.say("QUIT", QUIT_SECONDS)
        self.writer.close()


def read_reply(code: str, texts: list[str]) -> Reply:
    """Make a reply of its code and texts, with the enhanced code when there is one (RFC 2034).

    >>> read_reply("550", ["5.1.1 no such mailbox"])
    Reply(code=550, enhanced='5.1.1', text='no such mailbox')
    """
    if not (code.isdecimal() and len(code) == 3 and code[0] in "2345"):
        raise HostFailed(Diagnosis("4.5.0", "the peer does not speak SMTP"))
    enhanced, _, rest = texts[-1].partition(" ")
    if [part.isdecimal() for part in enhanced.split(".")] == [True] * 3:
        return Reply(int(code), enhanced, rest)
    return Reply(int(code), "", "\n".join(texts))


async def open_client(
    host: Host, peer: str, address: str, policy: TransportPolicy, authority: Authority, message: str | None
) -> SmtpClient:
    """Connect to the server called `peer` at `address`, until messages can be handed over."""
    try:
        return await _open(host, peer, address, policy, authority, message)
    except NoTls:
        if policy.tls == "must":
            raise
        in_clear = TransportPolicy("never", policy.port, policy.login)
        return await _open(host, peer, address, in_clear, authority, message)


async def _open(
    host: Host, peer: str, address: str, policy: TransportPolicy, authority: Authority, message: str | None
) -> SmtpClient:
    try:
        reader, writer, connection = await host.connect(address, policy.port, message)
    except Unreachable as error:
        facts = {"peer": peer, "address": address, "port": policy.port, "reason": str(error)}
        host.record("mta", "unreachable", message, **facts)
        raise HostFailed(Diagnosis("4.4.1", str(error))) from error
    client = SmtpClient(reader, writer, peer, connection)
    try:
        _require(client, await client.reply())
        await _greet(client, host.name)
        if policy.tls != "never":
            await _encrypt(client, host.name, authority, is_must=policy.tls == "must")
        if policy.login is not None:
            await _log_in(client, *policy.login)
    except BaseException:
        writer.close()
        raise
    return client


async def _greet(client: SmtpClient, own_name: str) -> None:
    """Say EHLO, or HELO to a server that does not know it; note the extensions' keywords."""
    reply = await client.say(f"{'LHLO' if client.connection.port == 24 else 'EHLO'} {own_name}")
    client.extensions = set()
    if reply.code // 100 == 5:  # RFC 5321 §3.2
        _require(client, await client.say(f"HELO {own_name}"))
        return
    _require(client, reply)
    client.extensions = {line.split(" ")[0].upper() for line in reply.text.split("\n")[1:] if line}


def _require(client: SmtpClient, reply: Reply) -> None:
    if not reply.is_ok:
        raise HostFailed(reply, client.peer)


async def _encrypt(client: SmtpClient, own_name: str, authority: Authority, *, is_must: bool) -> None:
    """Go on inside TLS if the server offers it (RFC 3207); what it said before does not count."""
    if "STARTTLS" not in client.extensions:
        if is_must:
            raise HostFailed(Diagnosis("4.7.4", f"{client.peer} does not offer TLS, which is required"))
        return
    reply = await client.say("STARTTLS")
    if reply.code != 220 or not client.input.is_empty():
        # The peer may not speak before TLS has begun: somebody else could have put that in.
        raise NoTls(Diagnosis("4.7.5", f"{client.peer} offered TLS and then did not begin it: {reply}"))
    try:
        context = authority.client if is_must else authority.anyone
        await client.writer.start_tls(context, server_hostname=client.peer, ssl_handshake_timeout=REPLY_SECONDS)
    except (ssl.SSLError, OSError) as error:
        why = getattr(error, "verify_message", "") or "TLS failed"
        raise NoTls(Diagnosis("4.7.5", f"certificate of {client.peer} is not trusted: {why}")) from error
    client.is_encrypted = True
    await _greet(client, own_name)


async def _log_in(client: SmtpClient, name: str, password: str) -> None:
    if not client.is_encrypted:
        raise HostFailed(Diagnosis("4.7.4", f"no TLS with {client.peer}: the password is not sent in the clear"))
    proof = b64encode(f"\0{name}\0{password}".encode()).decode()
    _require(client, await client.say(f"AUTH PLAIN {proof}"))
