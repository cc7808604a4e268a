"""A mail program's side of IMAP, with `imaplib`: one connection, and the commands behind each thing a person does.

    read      SELECT, UID FETCH            file      UID MOVE
    mark      UID STORE                    remove    UID STORE +FLAGS (\\Deleted), UID EXPUNGE
    look for  UID SEARCH                   wait      IDLE … DONE

Messages are always named by UID: numbers change when another device deletes something.
Who uses it: `device.py`, and `person.py`.
"""

from __future__ import annotations

import imaplib
import re
import select
import socket
import ssl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from mailcourse.internet.errors import LabError

from .account import PORTS, Account, Dial, LoginRefused, ServerUnreachable, unreachable
from .mail import Mail, Messages

NAME = re.compile(rb'\((?P<flags>[^)]*)\) (?:NIL|"[^"]*") (?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<atom>\S+))$')
ABOUT = "UID FLAGS INTERNALDATE"


class _DiallingImap(imaplib.IMAP4):
    # imaplib draws the beginning of its tags by lot; in a lab the same actions give the same bytes.
    tagpre = property(lambda self: b"A", lambda self, drawn: None)

    def __init__(self, account: Account, dial: Dial) -> None:
        self._account, self._dial = account, dial
        super().__init__(account.server, PORTS[account.reads_by][1])

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        return self._account.dialled(self._dial, 1, self._account.reads_by)


@contextmanager
def imap(account: Account, dial: Dial) -> Iterator[Imap]:
    """Log in, and out at the end.  Raises `LoginRefused`, or `LabError` when the server says no or is not there."""
    try:
        client = _DiallingImap(account, dial)
        try:
            if account.reads_by == "starttls":
                client.starttls(account.trust)
            try:
                client.login(account.person, account.password)
            except imaplib.IMAP4.abort:  # the server went away; it said nothing of the password
                raise
            except imaplib.IMAP4.error as error:
                raise LoginRefused(
                    f"{account.server} did not let {account.person} in: {_text(error)}. "
                    "The right password is in lab.people."
                ) from None
            client.enable("UTF8=ACCEPT")  # names of folders as people write them
            yield Imap(client)
        finally:
            with suppress(OSError, imaplib.IMAP4.error):  # the server may have gone
                client.logout()
    except imaplib.IMAP4.error as error:
        kind = ServerUnreachable if isinstance(error, imaplib.IMAP4.abort) else LabError
        raise kind(f"{account.server} says: {_text(error)}") from None
    except OSError as error:
        raise ServerUnreachable(unreachable(account.server, error), is_slow=isinstance(error, TimeoutError)) from None


def _text(error: imaplib.IMAP4.error) -> str:
    """imaplib raises what the server said as octets."""
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


class Imap:
    """A connection that is logged in."""

    def __init__(self, client: imaplib.IMAP4) -> None:
        self._client = client

    def folders(self) -> list[str]:
        """Return the names of all folders that can be opened."""
        lines = self._ask("LIST", '""', "*")
        found = [match for line in lines if isinstance(line, bytes) and (match := NAME.search(line))]
        names = [match["quoted"] if match["quoted"] is not None else match["atom"] for match in found]
        return [
            re.sub(rb"\\(.)", rb"\1", name).decode()
            for name, match in zip(names, found, strict=True)
            if b"\\Noselect" not in match["flags"] and b"\\NonExistent" not in match["flags"]
        ]

    def create(self, folder: str) -> None:
        """Make a folder."""
        self._ask("CREATE", _quoted(folder))

    def delete(self, folder: str) -> None:
        """Remove a folder and all its messages."""
        self._ask("DELETE", _quoted(folder))

    def rename(self, folder: str, new: str) -> None:
        """Give a folder another name."""
        self._ask("RENAME", _quoted(folder), _quoted(new))

    def open(self, folder: str, *, read_only: bool = False) -> int:
        """Select a folder; return its UIDVALIDITY."""
        said = self._client.select(_quoted(folder), readonly=read_only)
        if b"[NONEXISTENT]" in (said[1][0] or b""):
            raise LabError(f"There is no folder {folder!r}. bruno.folders() lists those that there are.")
        _done(said)
        kind, data = self._client.response("UIDVALIDITY")
        return int(data[0]) if kind and data[0] else 0

    def messages(self, uids: str = "1:*", *, whole: bool = False, sees: bool = False, fields: str = "") -> Messages:
        """Return messages of the open folder, with their headers, some `fields`, or `whole`; `sees` marks them."""
        header = f"BODY.PEEK[HEADER{f'.FIELDS ({fields})' if fields else ''}]"
        section = ("BODY[]" if sees else "BODY.PEEK[]") if whole else header
        return Messages(_read(self._uid("FETCH", uids, f"({ABOUT} {section})")))

    def flags(self) -> dict[int, frozenset[str]]:
        r"""Return the flags of every message of the open folder: {7: {"\\Seen"}}."""
        said = [item.decode() for item in self._uid("FETCH", "1:*", "(FLAGS)") if isinstance(item, bytes)]
        pairs = [(re.search(r"UID (\d+)", line), re.search(r"FLAGS \(([^)]*)\)", line)) for line in said]
        return {int(uid[1]): frozenset(flags[1].split()) - {"\\Recent"} for uid, flags in pairs if uid and flags}

    def flag(self, uids: Iterable[int | str], flags: Sequence[str], *, on: bool = True) -> None:
        """Put flags on messages of the open folder, or take them off."""
        self._uid("STORE", _set(uids), ("+" if on else "-") + "FLAGS", f"({' '.join(flags)})")

    def move(self, uids: Iterable[int | str], folder: str) -> None:
        """Move messages of the open folder to another one."""
        self._uid("MOVE", _set(uids), _quoted(folder))

    def remove(self, uids: Iterable[int | str]) -> None:
        """Remove messages of the open folder, and nothing else."""
        chosen = _set(uids)
        self._uid("STORE", chosen, "+FLAGS", "(\\Deleted)")
        self._uid("EXPUNGE", chosen)

    def search(self, keys: str) -> list[int]:
        """Return the UIDs that fit IMAP's search keys, such as 'UNSEEN FROM "bruno"'."""
        return [int(uid) for line in self._uid("SEARCH", keys) if line for uid in line.split()]

    def append(self, folder: str, raw: bytes, flags: Iterable[str], when: datetime) -> int:
        """Put a message into a folder; return its UID there."""
        date = imaplib.Time2Internaldate(when)
        self._client.utf8_enabled = False  # else imaplib puts "UTF8 (" inside the message
        _done(self._client.append(_quoted(folder), f"({' '.join(flags)})", date, raw))
        self._client.utf8_enabled = True
        _, code = self._client.response("APPENDUID")
        return int(code[0].split()[-1]) if code and code[0] else 0

    @contextmanager
    def idle(self) -> Iterator[Updates]:
        """Let the server report each change of the open folder at once (RFC 2177)."""
        self._client.send(b"IDLING IDLE\r\n")
        updates = Updates(self._client)
        while (line := self._client.readline()).startswith(b"* "):  # what happened just before
            updates.lines.append(line.decode().rstrip())
        if not line.startswith(b"+"):
            raise LabError("The server does not let us wait. It may not know IDLE.")
        try:
            yield updates
        finally:
            self._client.send(b"DONE\r\n")
            while not (line := self._client.readline()).startswith(b"IDLING"):
                if not line:
                    break
                updates.lines.append(line.decode().rstrip())

    def _ask(self, command: str, *arguments: str) -> list[Any]:
        return _done(getattr(self._client, command.lower())(*arguments))

    def _uid(self, command: str, *arguments: str) -> list[Any]:
        return _done(self._client.uid(command, *arguments))


def _done(answer: tuple[str, list[Any]]) -> list[Any]:
    """Return what the server said before OK; NO is an error, whatever came before it."""
    kind, said = answer
    if kind != "OK":
        raise LabError(f"The server says: {said[0].decode('utf-8', 'replace') if said and said[0] else kind}")
    return said


class Updates:
    """What a server reports of a folder during IDLE.  `lines` are its untagged responses: "* 3 EXISTS"."""

    def __init__(self, client: imaplib.IMAP4) -> None:
        self._client, self.lines = client, list[str]()

    def wait(self, seconds: float = 5) -> list[str]:
        """Wait until the server says something, for so many real seconds at most; return what it has said."""
        connection = self._client.socket()  # TLS may hold what it has read and nobody has asked for
        held = isinstance(connection, ssl.SSLSocket) and connection.pending()
        if not self.lines and (held or select.select([connection], [], [], seconds)[0]):
            self.lines.append(self._client.readline().decode().rstrip())
        return list(self.lines)

    def __repr__(self) -> str:
        return "\n".join(self.lines) or "nothing new"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _set(uids: Iterable[int | str]) -> str:
    chosen = ",".join(str(uid) for uid in uids)
    if not chosen:
        raise LabError("There is no message chosen. Give the uid of one: bruno.inbox() shows them.")
    return chosen


def _read(found: list[Any]) -> Iterator[Mail]:
    for place, item in enumerate(found):
        if not isinstance(item, tuple):
            continue
        rest = found[place + 1] if place + 1 < len(found) and isinstance(found[place + 1], bytes) else b""
        said = (item[0] + rest).decode()
        uid, flags = re.search(r"UID (\d+)", said), re.search(r"FLAGS \(([^)]*)\)", said)
        date = re.search(r'INTERNALDATE "([^"]*)"', said)
        when = parsedate_to_datetime(date[1].replace("-", " ", 2)) if date else None
        yield Mail(uid[1] if uid else "", tuple(flags[1].split()) if flags else (), item[1], when)
