"""The SMTP client of an MTA: hands one message to one host (RFC 5321 §3.3, §4.2).

    220 → EHLO 250 → MAIL 250 → RCPT 250|4xx|5xx each → DATA 354 → … 250 → QUIT

Each recipient ends in an outcome of its own.  What happens to the connection as a whole raises
`HostFailed`, and the caller may try the next host.
# Not here yet: STARTTLS between servers, PIPELINING, reuse of connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mailcourse.internet.network import Host, Unreachable
from mailcourse.message.address import Address
from mailcourse.message.reply import Outcome, Reply, outcome

from .queue import Entry

#: Real seconds to wait for one reply; for the one after the dot (RFC 5321 §4.5.3.2).
REPLY_SECONDS, FINAL_SECONDS = 60.0, 600.0
MOST_REPLY_LINES = 100


class HostFailed(Exception):
    """Nothing came of this host: nobody there, not willing, or gone in the middle."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


@dataclass(slots=True)
class Dialogue:
    """The client's end of one session."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    peer: str

    async def say(self, line: str, seconds: float = REPLY_SECONDS) -> Reply:
        """Send one command and return the reply to it."""
        self.writer.write(f"{line}\r\n".encode())
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


async def send(
    host: Host, peer: str, address: str, entry: Entry, recipients: list[Address], port: int = 25
) -> dict[Address, Outcome]:
    """Hand `entry` to the server called `peer` at `address`; return each recipient's outcome."""
    try:
        reader, writer, _ = await host.connect(address, port, entry.message)
    except Unreachable as error:
        host.internet.trace.add(
            host.name, "mta", "unreachable", entry.message, peer=peer, address=address, port=port, reason=str(error)
        )
        raise HostFailed(Reply(421, "4.4.1", str(error))) from error
    try:
        return await _converse(Dialogue(reader, writer, peer), host.name, entry, recipients)
    finally:
        writer.close()


async def _converse(talk: Dialogue, own_name: str, entry: Entry, recipients: list[Address]) -> dict[Address, Outcome]:
    _want(await talk.reply())
    extensions = await _greet(talk, own_name)
    refusal = _cannot(entry, extensions, talk.peer)
    if refusal is not None:
        return dict.fromkeys(recipients, outcome(refusal, talk.peer))
    started = await talk.say(f"MAIL FROM:<{entry.envelope.reverse_path}>{_parameters(entry, extensions)}")
    if not started.is_ok:
        return dict.fromkeys(recipients, outcome(started, talk.peer))
    replies = {recipient: await talk.say(f"RCPT TO:<{recipient}>") for recipient in recipients}
    accepted = [recipient for recipient, reply in replies.items() if reply.is_ok]
    if accepted:
        final = await _data(talk, entry)
        replies.update(dict.fromkeys(accepted, final))
    await _quit(talk)
    return {recipient: outcome(reply, talk.peer) for recipient, reply in replies.items()}


async def _greet(talk: Dialogue, own_name: str) -> set[str]:
    """Say EHLO, or HELO to a server that does not know it; return the extensions' keywords."""
    talk.writer.write(f"EHLO {own_name}\r\n".encode())
    reply = await talk.reply()
    if reply.code // 100 == 5:  # RFC 5321 §3.2
        _want(await talk.say(f"HELO {own_name}"))
        return set()
    _want(reply)
    return {line.split(" ")[0].upper() for line in reply.text.split("\n")[1:] if line}


def _want(reply: Reply) -> None:
    if not reply.is_ok:
        raise HostFailed(reply)


def _cannot(entry: Entry, extensions: set[str], peer: str) -> Reply | None:
    """Refuse to hand a message to a server that could not understand it."""
    if entry.envelope.utf8 and "SMTPUTF8" not in extensions:
        return Reply(550, "5.6.7", f"{peer} does not take international addresses (SMTPUTF8)")
    return None


def _parameters(entry: Entry, extensions: set[str]) -> str:
    words = []
    if "SIZE" in extensions:
        words.append(f"SIZE={entry.size}")
    if "8BITMIME" in extensions and entry.envelope.eight_bit:
        words.append("BODY=8BITMIME")
    if entry.envelope.utf8:
        words.append("SMTPUTF8")
    return "".join(f" {word}" for word in words)


async def _data(talk: Dialogue, entry: Entry) -> Reply:
    ready = await talk.say("DATA")
    if ready.code != 354:
        return ready if ready.code >= 400 else Reply(451, "4.5.0", "the peer did not say 354")
    try:
        for piece in stuffed(entry.content()):
            talk.writer.write(piece)
            async with asyncio.timeout(REPLY_SECONDS):
                await talk.writer.drain()
    except (ConnectionError, TimeoutError) as error:
        raise HostFailed(Reply(421, "4.4.2", f"{talk.peer} broke the connection")) from error
    return await talk.say(".", FINAL_SECONDS)


def stuffed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    r"""Put a second dot before each line that begins with one (RFC 5321 §4.5.2), whatever the pieces.

    >>> list(stuffed([b".a\r\n", b".", b"b\r", b"\n.c\r\n"]))
    [b'..a\r\n', b'..', b'b\r', b'\n..c\r\n']
    """
    before = b"\r\n"
    for piece in pieces:
        whole = before + piece
        yield whole.replace(b"\r\n.", b"\r\n..")[len(before) :]
        before = whole[-2:]


async def _quit(talk: Dialogue) -> None:
    try:
        await talk.say("QUIT")
    except HostFailed:
        return  # the message is theirs; what becomes of the connection does not matter
