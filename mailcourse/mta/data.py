r"""Reading a message after 354, up to the line with one dot (RFC 5321 §4.1.1.4, §4.5.2).

    C: Subject: hello          →  Subject: hello
    C:                         →
    C: ..a line with a dot     →  .a line with a dot       one dot is taken off
    C: .                           end

Whatever is wrong, everything is read to its real end before the reply: what is left of a refused
message must never be read as commands.  A CR or LF alone ends nothing here and makes the message
unacceptable, so nobody can smuggle a second message past us.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mailcourse.message.reply import Reply

#: More Received lines than this are a loop (RFC 5321 §6.3 asks for at least 100 to be allowed).
MOST_HOPS = 100

BARE = Reply(550, "5.6.11", "a CR or LF stands alone in the message; lines end with CR LF, RFC 5321 2.3.8")
TOO_LONG = Reply(554, "5.6.0", "a line of the message is longer than 65,536 octets")
TOO_BIG = Reply(552, "5.3.4", "the message is bigger than this server takes; see SIZE in the answer to EHLO")
LOOP = Reply(554, "5.4.6", f"the message has more than {MOST_HOPS} Received lines, it goes in circles")


async def read_data(
    reader: asyncio.StreamReader, write: Callable[[bytes], None], most_octets: int, alive: Callable[[], None]
) -> Reply | int:
    """Read one message, giving it to `write` line by line; return its size, or the reply that refuses it.

    `alive` is called for every line, so that a long message on a slow link is not cut off.
    Raises `asyncio.IncompleteReadError` when the client goes away in the middle.
    """
    size, hops, in_header, wrong = 0, 0, True, None
    is_rest = False  # of a line that was too long: a dot there ends nothing
    while True:
        alive()
        try:
            line = await reader.readuntil(b"\r\n")
        except asyncio.LimitOverrunError as error:
            await reader.readexactly(error.consumed)
            wrong, is_rest = wrong or TOO_LONG, True
            continue
        if line == b".\r\n" and not is_rest:
            break
        is_rest = False
        if line.startswith(b"."):
            line = line[1:]
        size += len(line)
        if size > most_octets:
            wrong = wrong or TOO_BIG
        if b"\r" in line[:-2] or b"\n" in line[:-2]:
            wrong = wrong or BARE
        in_header = in_header and line != b"\r\n"
        hops += in_header and line[:9].lower() == b"received:"
        if wrong is None:
            write(line)
    return wrong or (LOOP if hops > MOST_HOPS else size)
