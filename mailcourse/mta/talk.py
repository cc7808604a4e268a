"""How a connection to another mail server begins, is used and ends; the client's side (RFC 5321 §3.1, §3.2, §3.8).

    connect → 220 → EHLO → [STARTTLS → TLS → EHLO] → [AUTH] → … messages … → QUIT

Where TLS is optional and does not come about, the server is called again without (RFC 7435: some
protection rather than none).  Where it is a must, nothing is sent without.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from dataclasses import dataclass, field

from mailcourse.internet.certificates import Authority
from mailcourse.internet.network import Connection, Host, Unreachable
from mailcourse.message.reply import Reply

from .settings import Terms

#: Real seconds to wait for one reply; for the one after the dot (RFC 5321 §4.5.3.2); for QUIT's.
REPLY_SECONDS, FINAL_SECONDS, QUIT_SECONDS = 60.0, 600.0, 5.0
MOST_REPLY_LINES = 100


class HostFailed(Exception):
    """Nothing came of this host: nobody there, not willing, or gone in the middle.

    `said_by`: the host that said `reply`; empty when the words are our own.
    """

    def __init__(self, reply: Reply, said_by: str = "") -> None:
        super().__init__(str(reply))
        self.reply = reply
        self.said_by = said_by


class NoTls(HostFailed):
    """STARTTLS was offered and did not come about."""


@dataclass(slots=True)
class Talk:
    """The client's end of one session.  `is_clean` when no message has been begun and not ended."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    peer: str
    connection: Connection
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
                while len(texts) < MOST_REPLY_LINES:
                    line = (await self.reader.readuntil(b"\r\n")).decode("utf-8", "replace").rstrip("\r\n")
                    texts.append(line[4:])
                    if line[3:4] != "-":
                        return read_reply(line[:3], texts)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError) as error:
            raise HostFailed(Reply(421, "4.4.2", f"{self.peer} broke the connection")) from error
        except TimeoutError as error:
            raise HostFailed(Reply(421, "4.4.1", f"{self.peer} did not answer in time")) from error
        raise HostFailed(Reply(421, "4.5.0", f"{self.peer} talks without end"))


def read_reply(code: str, texts: list[str]) -> Reply:
    """Make a reply of its code and texts, with the enhanced code when there is one (RFC 2034).

    >>> read_reply("550", ["5.1.1 no such mailbox"])
    Reply(code=550, enhanced='5.1.1', text='no such mailbox')
    """
    if not (code.isdecimal() and len(code) == 3 and code[0] in "2345"):
        raise HostFailed(Reply(421, "4.5.0", "the peer does not speak SMTP"))
    enhanced, _, rest = texts[-1].partition(" ")
    if [part.isdecimal() for part in enhanced.split(".")] == [True] * 3:
        return Reply(int(code), enhanced, rest)
    return Reply(int(code), "", "\n".join(texts))


async def begin(host: Host, peer: str, address: str, terms: Terms, authority: Authority, message: str | None) -> Talk:
    """Connect to the server called `peer` at `address`, until messages can be handed over."""
    try:
        return await _begin(host, peer, address, terms, authority, message)
    except NoTls:
        if terms.tls == "must":
            raise
        in_clear = Terms("never", terms.port, terms.login)
        return await _begin(host, peer, address, in_clear, authority, message)


async def _begin(host: Host, peer: str, address: str, terms: Terms, authority: Authority, message: str | None) -> Talk:
    try:
        reader, writer, connection = await host.connect(address, terms.port, message)
    except Unreachable as error:
        facts = {"peer": peer, "address": address, "port": terms.port, "reason": str(error)}
        host.record("mta", "unreachable", message, **facts)
        raise HostFailed(Reply(421, "4.4.1", str(error))) from error
    talk = Talk(reader, writer, peer, connection)
    try:
        _want(talk, await talk.reply())
        await _greet(talk, host.name)
        if terms.tls != "never":
            await _encrypt(talk, host.name, authority, is_must=terms.tls == "must")
        if terms.login is not None:
            await _log_in(talk, *terms.login)
    except BaseException:
        writer.close()
        raise
    return talk


async def _greet(talk: Talk, own_name: str) -> None:
    """Say EHLO, or HELO to a server that does not know it; note the extensions' keywords."""
    reply = await talk.say(f"{'LHLO' if talk.connection.port == 24 else 'EHLO'} {own_name}")
    talk.extensions = set()
    if reply.code // 100 == 5:  # RFC 5321 §3.2
        _want(talk, await talk.say(f"HELO {own_name}"))
        return
    _want(talk, reply)
    talk.extensions = {line.split(" ")[0].upper() for line in reply.text.split("\n")[1:] if line}


def _want(talk: Talk, reply: Reply) -> None:
    if not reply.is_ok:
        raise HostFailed(reply, talk.peer)


async def _encrypt(talk: Talk, own_name: str, authority: Authority, *, is_must: bool) -> None:
    """Go on inside TLS if the server offers it (RFC 3207); what it said before does not count."""
    if "STARTTLS" not in talk.extensions:
        if is_must:
            raise HostFailed(Reply(451, "4.7.4", f"{talk.peer} offers no TLS, and this server sends nothing without"))
        return
    reply = await talk.say("STARTTLS")
    if reply.code != 220 or talk.reader._buffer:  # type: ignore[attr-defined]
        # The peer may not speak before TLS has begun: somebody else could have put that in.
        raise NoTls(Reply(451, "4.7.5", f"{talk.peer} offered TLS and then did not begin it: {reply}"))
    try:
        context = authority.client() if is_must else authority.anyone()
        await talk.writer.start_tls(context, server_hostname=talk.peer, ssl_handshake_timeout=REPLY_SECONDS)
    except (ssl.SSLError, OSError) as error:
        why = getattr(error, "verify_message", "") or "TLS failed"
        raise NoTls(Reply(451, "4.7.5", f"no trust in {talk.peer}: {why}")) from error
    talk.is_encrypted = True
    await _greet(talk, own_name)


async def _log_in(talk: Talk, name: str, password: str) -> None:
    if not talk.is_encrypted:
        raise HostFailed(Reply(451, "4.7.4", f"no TLS with {talk.peer}: the password is not sent in the clear"))
    proof = b64encode(f"\0{name}\0{password}".encode()).decode()
    _want(talk, await talk.say(f"AUTH PLAIN {proof}"))


async def end(talk: Talk) -> None:
    """Say QUIT and close.  The messages are theirs; what becomes of the connection does not matter."""
    try:
        await talk.say("QUIT", QUIT_SECONDS)
    except HostFailed:
        return
    finally:
        talk.writer.close()
