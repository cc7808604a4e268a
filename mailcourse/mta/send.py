"""The SMTP client of an MTA: hands messages to one host (RFC 5321 §3.3, §4.2).

    220 → EHLO 250 → STARTTLS 220 → EHLO 250 → MAIL, RCPT…, DATA 354 → … 250 → QUIT

MAIL, RCPT and DATA go out together where PIPELINING is offered (RFC 2920), else one by one.
Each recipient ends in an outcome of its own.  What happens to the connection as a whole raises
`HostFailed`, and the caller may try the next host.  How the connection begins is in `smtp_client.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence

from mailcourse.message.address import Address
from mailcourse.message.envelope import Envelope
from mailcourse.message.reply import Diagnosis, Outcome, Reply, outcome, own_outcome

from .queue import Entry
from .smtp_client import FINAL_SECONDS, REPLY_SECONDS, HostFailed, SmtpClient

#: Recipients of one transaction; every server takes as many (RFC 5321 §4.5.3.1.8).
MAX_RECIPIENTS = 100


async def hand_over(client: SmtpClient, entry: Entry, recipients: Sequence[Address]) -> dict[Address, Outcome]:
    """Hand `entry` to the server at the other end; return each recipient's outcome."""
    client.connection.message = entry.message
    refusal = _cannot(entry, client)
    if refusal is not None:
        return dict.fromkeys(recipients, own_outcome(refusal))
    outcomes: dict[Address, Outcome] = {}
    for first in range(0, len(recipients), MAX_RECIPIENTS):
        some = recipients[first : first + MAX_RECIPIENTS]
        replies = await _transaction(client, entry, some)
        reports = "DSN" in client.extensions
        outcomes.update({recipient: outcome(reply, client.peer, reports) for recipient, reply in replies.items()})
    return outcomes


def _cannot(entry: Entry, client: SmtpClient) -> Diagnosis | None:
    """Refuse to hand a message to a server that could not understand it."""
    if entry.envelope.utf8 and "SMTPUTF8" not in client.extensions:
        return Diagnosis("5.6.7", f"{client.peer} does not take international addresses (SMTPUTF8)")
    if entry.envelope.eight_bit and "8BITMIME" not in client.extensions:  # RFC 6152 §3; not here: conversion
        return Diagnosis("5.6.3", f"{client.peer} does not take 8-bit text (8BITMIME)")
    return None


async def _transaction(client: SmtpClient, entry: Entry, recipients: Sequence[Address]) -> dict[Address, Reply]:
    commands = [f"MAIL FROM:<{entry.envelope.reverse_path}>{_mail_parameters(entry, client.extensions)}"]
    commands += [f"RCPT TO:<{r}>{_recipient_parameters(entry.envelope, r, client.extensions)}" for r in recipients]
    if not client.is_clean:
        await client.say("RSET")
    client.is_clean = False
    if "PIPELINING" in client.extensions:
        client.write(*commands, "DATA")
        started, *replies = [await client.reply() for _ in commands]
        ready: Reply | None = await client.reply()
    else:
        started, *replies = await _one_by_one(client, commands)
        ready = await client.say("DATA") if any(reply.is_ok for reply in replies) else None
    if not started.is_ok:
        replies = [started] * len(recipients)
    answered = dict(zip(recipients, replies, strict=True))
    accepted = [recipient for recipient, reply in answered.items() if reply.is_ok]
    return answered | await _final_replies(client, entry, accepted, ready)


async def _final_replies(
    client: SmtpClient, entry: Entry, accepted: list[Address], ready: Reply | None
) -> dict[Address, Reply]:
    """Send the message if the server is `ready` for it; return what it says then, for each accepted recipient."""
    if ready is None or ready.code != 354:
        if accepted and (ready is None or ready.is_ok):
            raise HostFailed(Diagnosis("4.5.0", "354 was expected"))
        return dict.fromkeys(accepted, ready) if ready is not None else {}
    # RFC 2920 §3.1: a server that says 354 though it has no recipient gets an empty message.
    finals = [await _content(client, entry.content() if accepted else ())]
    if client.connection.port == 24:  # RFC 2033 §4.2: LMTP answers once for each recipient
        finals += [await client.reply() for _ in accepted[1:]]
    else:
        finals *= len(accepted)
    client.is_clean = True
    return dict(zip(accepted, finals, strict=False))


async def _one_by_one(client: SmtpClient, commands: list[str]) -> list[Reply]:
    started = await client.say(commands[0])
    if not started.is_ok:
        return [started] * len(commands)
    return [started, *[await client.say(command) for command in commands[1:]]]


def _mail_parameters(entry: Entry, extensions: set[str]) -> str:
    words = []
    if "SIZE" in extensions:
        words.append(f"SIZE={entry.size}")
    if "8BITMIME" in extensions and entry.envelope.eight_bit:
        words.append("BODY=8BITMIME")
    if entry.envelope.utf8:
        words.append("SMTPUTF8")
    if "DSN" in extensions and entry.envelope.returned:
        words.append(f"RET={entry.envelope.returned}")
    if "DSN" in extensions and entry.envelope.envelope_id:
        words.append(f"ENVID={entry.envelope.envelope_id}")
    return "".join(f" {word}" for word in words)


def _recipient_parameters(envelope: Envelope, recipient: Address, extensions: set[str]) -> str:
    if "DSN" not in extensions:
        return ""
    options = envelope.dsn_options(recipient)
    notify = f" NOTIFY={','.join(sorted(options.notify))}" if options.notify else ""
    return notify + (f" ORCPT={options.original}" if options.original else "")


async def _content(client: SmtpClient, pieces: Iterable[bytes]) -> Reply:
    try:
        last = b""
        for piece in stuffed(pieces):  # the last one goes together with the dot
            if last:
                client.writer.write(last)
                async with asyncio.timeout(REPLY_SECONDS):
                    await client.writer.drain()
            last = piece
        client.writer.write(last + b".\r\n")
    except (ConnectionError, TimeoutError) as error:
        raise HostFailed(Diagnosis("4.4.2", f"{client.peer} broke the connection")) from error
    return await client.reply(FINAL_SECONDS)


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
