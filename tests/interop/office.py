"""A mailbox in `mailcourse up` that tests and other people's programs look into."""

from __future__ import annotations

import imaplib
import re
import ssl
import subprocess
from typing import Any

Outside = dict[str, Any]


def run(*command: str, **named: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, for a minute at most."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **named)


def at(outside: Outside, person: str, port: int) -> tuple[str, int]:
    """Return where a port of the person's own server is."""
    host, real = outside["hosts"][f"mail.{person.partition('@')[2]}"][str(port)]
    return str(host), int(real)


def trust(outside: Outside, *, check: bool = False) -> ssl.SSLContext:
    """Trust the lab's CA; who connects to 127.0.0.1 cannot check the name."""
    context = ssl.create_default_context(cafile=outside["ca"])
    context.check_hostname = check
    return context


class Office:
    """One person's mailbox, seen and changed with imaplib."""

    def __init__(self, outside: Outside, person: str) -> None:
        self.outside, self.person, self.password = outside, person, str(outside["people"][person])
        self._client = imaplib.IMAP4(*at(outside, person, 143))
        self._client.login(person, self.password)
        self.empty()

    def close(self) -> None:
        """Hang up."""
        self._client.logout()

    def empty(self) -> None:
        """Delete everything."""
        for folder in self.folders():
            if folder == "INBOX":
                self._client.select("INBOX")
                self._client.uid("STORE", "1:*", "+FLAGS.SILENT", "(\\Deleted)")
                self._client.close()
            else:
                self._client.delete(f'"{folder}"')

    def folders(self) -> list[str]:
        """Return the names of all folders that can be opened."""
        lines = [line.decode() for line in self._client.list()[1] if isinstance(line, bytes)]
        return [line.rpartition('"/" ')[2].strip('"') for line in lines if "\\Noselect" not in line]

    def create(self, folder: str) -> None:
        """Make a folder."""
        assert self._client.create(f'"{folder}"')[0] == "OK"

    def put(self, *subjects: str, folder: str = "INBOX", flags: str = "") -> None:
        """Put messages into a folder."""
        for subject in subjects:
            raw = (
                f"From: a@academy.test\r\nSubject: {subject}\r\nMessage-ID: <{subject}@x.test>\r\n\r\n.x {subject}\r\n"
            )
            assert self._client.append(f'"{folder}"', f"({flags})", "", raw.encode())[0] == "OK"

    def change(self, subject: str, how: str, flags: str, folder: str = "INBOX") -> None:
        """Change the flags of a message; \\Deleted takes it away."""
        self._client.select(f'"{folder}"')
        _, found = self._client.uid("SEARCH", "SUBJECT", f'"{subject}"')
        assert found[0], f"{subject} is not there"
        self._client.uid("STORE", found[0].decode(), how, f"({flags})")
        self._client.close() if "Deleted" in flags else self._client.unselect()

    def there(self) -> list[tuple[str, str, str]]:
        """Return folder, subject and flags of every message."""
        found = []
        for folder in self.folders():
            self._client.select(f'"{folder}"', readonly=True)
            _, items = self._client.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            for item in items:
                if isinstance(item, tuple):
                    flags = re.search(rb"FLAGS \(([^)]*)\)", item[0])
                    words = sorted({*flags[1].decode().split()} - {"\\Recent"}) if flags else []
                    found.append((folder, item[1].decode().split()[1], " ".join(words)))
        return sorted(found)
