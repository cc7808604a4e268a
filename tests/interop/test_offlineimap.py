"""offlineimap keeps a Maildir equal to ours, with its own idea of flags and folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from office import Office, at, run

pytestmark = pytest.mark.interop
AMIR = "amir@academy.test"


@pytest.fixture
def office(outside: dict[str, Any]) -> Iterator[Office]:
    made = Office(outside, AMIR)
    yield made
    made.close()


def files(folder: Path) -> dict[str, tuple[str, str]]:
    """Return subject → folder and flags."""
    found = {}
    for file in folder.rglob("*"):
        if file.parent.name in ("new", "cur"):
            lines = [line for line in file.read_text().splitlines() if line.startswith("Subject: ")]
            found[lines[0].split()[1]] = str(file.parent.parent.relative_to(folder)), file.name.partition(":2,")[2]
    return found


def test_offlineimap_keeps_both_sides_equal(office: Office, need: Callable[..., str], tmp_path: Path) -> None:
    program = need("offlineimap", "offlineimap3")
    host, port = at(office.outside, AMIR, 143)
    settings = tmp_path / "offlineimaprc"
    settings.write_text(
        f"[general]\naccounts = lab\nmetadata = {tmp_path}/state\nui = quiet\n"
        "[Account lab]\nlocalrepository = near\nremoterepository = far\n"
        f"[Repository near]\ntype = Maildir\nlocalfolders = {tmp_path}/mail\n"
        f"[Repository far]\ntype = IMAP\nremotehost = {host}\nremoteport = {port}\nremoteuser = {AMIR}\n"
        f"remotepass = {office.password}\nssl = no\nstarttls = no\nauth_mechanisms = PLAIN\n"
    )

    def sync() -> None:
        told = run(program, "-o", "-c", str(settings), env={**os.environ, "HOME": str(tmp_path)})
        assert told.returncode == 0, told.stdout + told.stderr

    office.create("Work")
    office.put("one", "two", "three")
    office.put("old", folder="Work", flags="\\Seen")
    sync()
    mail = tmp_path / "mail"
    assert files(mail) == {"one": ("INBOX", ""), "two": ("INBOX", ""), "three": ("INBOX", ""), "old": ("Work", "S")}

    for _ in range(2):  # what is done on both sides, done twice, stays done
        office.change("one", "+FLAGS", "\\Flagged")
        (file,) = [file for file in (mail / "INBOX").rglob("*,S=*") if "Subject: two\n" in file.read_text()] or [
            next(f for f in (mail / "INBOX").rglob("*") if f.is_file() and "Subject: two\n" in f.read_text())
        ]
        file.rename(mail / "INBOX" / "cur" / f"{file.name.partition(':2,')[0]}:2,S")
        sync()
    assert office.there() == [
        ("INBOX", "one", "\\Flagged"),
        ("INBOX", "three", ""),
        ("INBOX", "two", "\\Seen"),
        ("Work", "old", "\\Seen"),
    ]
    office.change("three", "+FLAGS", "\\Deleted")
    next(f for f in (mail / "Work").rglob("*") if f.is_file() and "Subject: old\n" in f.read_text()).unlink()
    sync()
    assert files(mail) == {"one": ("INBOX", "F"), "two": ("INBOX", "S")}
    assert office.there() == [("INBOX", "one", "\\Flagged"), ("INBOX", "two", "\\Seen")]
