"""What a peer has sent and nobody has read yet.

A command is a line; a message is everything up to CR LF . CR LF; and a client that pipelines
(RFC 2920) has sent the next command before this one is read.
Who uses it: the server's session and the SMTP client.  Does not know connections: octets are fed to it.
"""

from __future__ import annotations

END = b"\r\n.\r\n"


class LineTooLong(Exception):
    """A line is longer than it may be, or will be."""


class InputBuffer:
    """The octets between a connection and the dialogue."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Drop what was sent before TLS began: it may be somebody else's (RFC 3207 §4.2)."""
        self._octets, self._read = b"", 0  # what has come, and how much of it has been read
        self._kept = 0  # octets before the next piece of a message that are kept: its end mark begins with a line end

    def feed(self, octets: bytes) -> None:
        """Add what has arrived."""
        self._octets, self._read = self._octets[self._read - self._kept :] + octets, self._kept

    def is_empty(self) -> bool:
        """True when everything has been read."""
        return self._read == len(self._octets)

    def line(self, max_octets: int) -> bytes | None:
        """Return the next line with its line end; None when it has not come whole.  Raises `LineTooLong`."""
        end = self._octets.find(b"\n", self._read) + 1
        if (end or len(self._octets)) - self._read > max_octets:
            raise LineTooLong
        if not end:
            return None
        line, self._read = self._octets[self._read : end], end
        return line

    def begin_message(self) -> None:
        """Read a message from here on, as if a line had ended before it."""
        self._octets, self._read, self._kept = b"\r\n" + self._octets[self._read :], 2, 2

    def message(self) -> tuple[bytes, bool]:
        """Return what has come of the message since the last call, and whether it has ended.

        What could be the beginning of the end mark is held back.
        """
        end = self._octets.find(END, self._read - 2)
        if end >= 0:
            piece = self._octets[self._read : end + 2]
            self._read, self._kept = end + len(END), 0
            return piece, True
        until = max(self._read, len(self._octets) - len(END) + 1)
        piece, self._read = self._octets[self._read : until], until
        return piece, False
