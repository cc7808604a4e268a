r"""Reading a message after 354, up to the line with one dot (RFC 5321 §4.1.1.4, §4.5.2).

    C: Subject: hello          →  Subject: hello
    C:                         →
    C: ..a line with a dot     →  .a line with a dot       one dot is taken off
    C: .                           end

Whatever is wrong, everything is read to its real end before the reply: what is left of a refused
message must never be read as commands.  A CR or LF alone ends nothing here and makes the message
unacceptable, so nobody can smuggle a second message past us.  The message passes through in pieces;
nothing here ever holds it whole.
"""

from __future__ import annotations

import re

from mailcourse.message.reply import Reply

#: More Received lines than this are a loop (RFC 5321 §6.3 asks for at least 100 to be allowed).
MAX_HOPS = 100
MAX_LINE, MAX_HEADER = 64 * 1024, 256 * 1024

BARE_END = re.compile(rb"\r[^\n]|[^\r]\n")
RECEIVED = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)

BARE = Reply(550, "5.6.11", "bare CR or LF in the message; lines end with CR LF, RFC 5321 2.3.8")
TOO_LONG = Reply(554, "5.6.0", "a line of the message is longer than 65,536 octets")
TOO_BIG = Reply(552, "5.3.4", "the message is bigger than this server takes; see SIZE in the answer to EHLO")
LOOP = Reply(554, "5.4.6", f"the message has more than {MAX_HOPS} Received lines: mail loop detected")


class Content:
    """A message passing by: dots are taken off, and what is wrong with it is noted."""

    def __init__(self, max_octets: int) -> None:
        self._max = max_octets
        self.size = 0
        self.wrong: Reply | None = None
        self._before = b"\r\n"  # the two octets in front of the next piece
        self._line = 0  # octets of the line so far
        self._header: bytes | None = b""  # the header section so far; None when it has ended

    def take(self, piece: bytes) -> bytes:
        """Return `piece` as it belongs into the file; nothing once something is wrong."""
        whole = self._before + piece
        if BARE_END.search(whole):
            self.wrong = self.wrong or BARE
        self._measure(piece)
        clear = whole.replace(b"\r\n.", b"\r\n")[len(self._before) :]
        if not self.size and clear.startswith((b" ", b"\t")):  # no field: the body, which continues no line on top
            clear = b"\r\n" + clear
        self._before = whole[-2:]
        self.size += len(clear)
        if self.size > self._max:
            self.wrong = self.wrong or TOO_BIG
        self._read_header(clear)
        return b"" if self.wrong else clear

    def _measure(self, piece: bytes) -> None:
        first, last = piece.find(b"\n"), piece.rfind(b"\n")
        longest = self._line + (len(piece) if first < 0 else first)
        self._line = longest if last < 0 else len(piece) - last - 1
        if len(piece) > MAX_LINE:  # a line in its middle may be too long
            longest = max(longest, *map(len, piece.split(b"\n")))
        if max(longest, self._line) > MAX_LINE:
            self.wrong = self.wrong or TOO_LONG

    def _read_header(self, clear: bytes) -> None:
        if self._header is None:
            return
        self._header += clear
        end = 0 if self._header.startswith(b"\r\n") else self._header.find(b"\r\n\r\n")
        if end >= 0 or len(self._header) > MAX_HEADER:
            hops = len(RECEIVED.findall(self._header[:end] if end >= 0 else self._header))
            self.wrong = self.wrong or (LOOP if hops > MAX_HOPS else None)
            self._header = None

    def end(self) -> Reply | int:
        """Return the size in octets, or the reply that refuses the message."""
        self._read_header(b"\r\n\r\n")  # a message may be a header and nothing else
        return self.wrong or self.size
