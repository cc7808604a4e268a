"""The maildrop: an inbox as POP3 shows it, numbered when the client logged in (RFC 1939 §4, §5).

    1  2  3  …      the messages that were there then; numbers never change in a session
       ×            marked by DELE; deleted only when the client says QUIT

Knows one folder.  Does not know other folders or flags: POP3 has none.  Who uses it: `pop3.py`.
"""

from __future__ import annotations

from mailcourse.mailbox.listing import NoSuchMessage
from mailcourse.mailbox.maildir import Maildir
from mailcourse.mailbox.names import MessageFile

from .session import printable


class Pop3Refusal(Exception):
    """-ERR and the reason."""


class Maildrop:
    """The messages of one session, and which of them are marked."""

    def __init__(self, folder: Maildir) -> None:
        self._folder = folder
        self.messages = folder.scan()
        self.uidvalidity = folder.uidvalidity
        self.marked: set[int] = set()
        self._sizes: dict[int, int] = {}

    def numbered(self) -> list[tuple[int, MessageFile]]:
        """Return number and message, without those that are marked."""
        return [(n, entry) for n, entry in enumerate(self.messages, 1) if n not in self.marked]

    def find(self, number: str) -> tuple[int, MessageFile]:
        """Return the message that a client asks for by its number."""
        for n, entry in self.numbered():
            if number.isdecimal() and n == int(number[:9]):
                return n, entry
        raise Pop3Refusal(f"no such message: {printable(number[:20])}")

    def size(self, number: int) -> int:
        """Return the octets that RETR will send, before byte-stuffing (§11)."""
        if number not in self._sizes:
            self._sizes[number] = len(self._content(number))
        return self._sizes[number]

    def content(self, number: int, *, utf8: bool) -> bytes:
        """Return a message, unless its header is in UTF-8 and the client did not ask for that (RFC 6856 §5)."""
        content = self._content(number)
        header = content.partition(b"\r\n\r\n")[0]
        if not (utf8 or header.isascii()) and _is_utf8(header):
            raise Pop3Refusal("[UTF8] the header is in UTF-8; say UTF8 before you log in")
        return content

    def _content(self, number: int) -> bytes:
        try:
            content = self._folder.read(self.messages[number - 1])
        except (NoSuchMessage, OSError):
            raise Pop3Refusal("the message was removed by another program") from None
        return content if content.endswith(b"\r\n") else content + b"\r\n"

    def remove(self, number: int) -> MessageFile:
        """Delete a message for good."""
        entry = self.messages[number - 1]
        self._folder.remove(entry)
        return entry


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:  # an old charset that nobody declared: sent as it is
        return False
    return True
