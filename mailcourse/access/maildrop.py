"""The maildrop: an inbox as POP3 shows it, numbered and measured when the client logged in (RFC 1939 §4, §5).

    1  2  3  …      the messages that were there then; numbers never change in a session
       ×            marked by DELE; deleted only when the client says QUIT

Knows one folder.  Does not know other folders or flags: POP3 has none.  Who uses it: `pop3.py`.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

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
        self.messages: list[MessageFile] = []
        self.sizes: list[int] = []  # what RETR will send of each, before byte-stuffing (§11)
        self.uidvalidity = folder.uidvalidity
        self.marked: set[int] = set()
        for entry in folder.scan():
            with suppress(NoSuchMessage):  # removed by another program since
                self.sizes.append(folder.note(entry, "POP3", partial(self._measure, entry)))
                self.messages.append(entry)

    def _measure(self, entry: MessageFile) -> int:
        try:
            return len(_whole(self._folder.read(entry)))
        except OSError:  # RETR will say it
            return self._folder.about(entry)[0]

    def numbered(self) -> list[tuple[int, MessageFile]]:
        """Return number and message, without those that are marked."""
        return [(n, entry) for n, entry in enumerate(self.messages, 1) if n not in self.marked]

    def find(self, number: str) -> tuple[int, MessageFile]:
        """Return the message that a client asks for by its number."""
        n = int(number[:9]) if number.isdecimal() else 0
        if not 0 < n <= len(self.messages) or n in self.marked:
            raise Pop3Refusal(f"no such message: {printable(number[:20])}")
        return n, self.messages[n - 1]

    def content(self, number: int, *, utf8: bool) -> bytes:
        """Return a message, unless its header is in UTF-8 and the client did not ask for that (RFC 6856 §5)."""
        try:
            content = _whole(self._folder.read(self.messages[number - 1]))
        except NoSuchMessage:
            raise Pop3Refusal("the message was removed by another program") from None
        except OSError:
            raise Pop3Refusal("[SYS/TEMP] the message cannot be read") from None
        header = content.partition(b"\r\n\r\n")[0]
        # In an old charset that nobody declared it is sent as it is.
        if not (utf8 or header.isascii() or "\ufffd" in header.decode("utf-8", "replace")):
            raise Pop3Refusal("[UTF8] the header is in UTF-8; say UTF8 before you log in")
        return content

    def remove(self, number: int) -> MessageFile:
        """Delete a message for good."""
        entry = self.messages[number - 1]
        self._folder.remove(entry)
        return entry


def _whole(content: bytes) -> bytes:
    return content if content.endswith(b"\r\n") else content + b"\r\n"
