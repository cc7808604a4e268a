"""mbsync keeps a Maildir of its own equal to ours: two ways, twice, inside TLS, with the name checked."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from office import Office, at, run

pytestmark = pytest.mark.interop
ALICE = "alice@academy.test"


@pytest.fixture
def office(outside: dict[str, object]) -> Iterator[Office]:
    made = Office(outside, ALICE)
    yield made
    made.close()


class Mirror:
    """The other side: a Maildir that mbsync writes."""

    def __init__(self, office: Office, folder: Path, program: str, security: str, port: int) -> None:
        self._program, self._folder = program, folder
        (folder / "mail").mkdir()
        settings = f"""
            IMAPAccount lab
            Host mail.academy.test
            Tunnel "{sys.executable} {Path(__file__).with_name("tunnel.py")} {at(office.outside, ALICE, port)[1]}"
            User {ALICE}
            Pass {office.password}
            {security}

            IMAPStore far
            Account lab

            MaildirStore near
            Path {folder}/mail/
            Inbox {folder}/mail/INBOX
            SubFolders Verbatim

            Channel lab
            Far :far:
            Near :near:
            Patterns *
            Create Both
            Remove Both
            Expunge Both
            SyncState *
        """
        self.settings = folder / "mbsyncrc"
        self.settings.write_text("\n".join(line.strip() for line in settings.splitlines()))

    def sync(self) -> str:
        told = run(self._program, "-c", str(self.settings), "-V", "lab", env={**os.environ, "HOME": str(self._folder)})
        assert told.returncode == 0, told.stdout + told.stderr
        return told.stdout

    def files(self) -> list[Path]:
        return [file for file in sorted((self._folder / "mail").rglob("*")) if file.parent.name in ("new", "cur")]

    def file(self, subject: str) -> Path:
        (found,) = [file for file in self.files() if f"Subject: {subject}\n" in file.read_text()]
        return found

    def flag(self, subject: str, flags: str) -> None:
        file = self.file(subject)
        file.rename(file.parent.parent / "cur" / f"{file.name.partition(':2,')[0]}:2,{flags}")

    def put(self, subject: str, folder: str, flags: str = "") -> None:
        place = self._folder / "mail" / folder / ("cur" if flags else "new")
        raw = f"From: b@academy.test\nSubject: {subject}\nMessage-ID: <{subject}@y.test>\n\nx\n"
        (place / f"1788768000.{subject}.near{':2,' + flags if flags else ''}").write_text(raw)

    def there(self) -> list[tuple[str, str, str]]:
        words = {"S": "\\Seen", "F": "\\Flagged", "R": "\\Answered", "D": "\\Draft"}
        found = []
        for file in self.files():
            subject = re.search(r"^Subject: (\S+)$", file.read_text(), re.MULTILINE)
            assert subject is not None
            flags = sorted(words[flag] for flag in file.name.partition(":2,")[2])
            folder = str(file.parent.parent.relative_to(self._folder / "mail"))
            found.append((folder, subject[1], " ".join(flags)))
        return sorted(found)


@pytest.mark.parametrize("security", ["clear", "starttls", "imaps"])
def test_mbsync_keeps_both_sides_equal(office: Office, need: Callable[..., str], tmp_path: Path, security: str) -> None:
    ca = f"SSLType {security.upper()}\nCertificateFile {office.outside['ca']}\nSystemCertificates no"
    line, port = ("SSLType None", 143) if security == "clear" else (ca, 993 if security == "imaps" else 143)
    mirror = Mirror(office, tmp_path, need("mbsync", "isync"), line, port)
    office.create("Work/2026")
    office.put("one", "two", "three", "four")
    office.put("old", folder="Work/2026", flags="\\Seen \\Answered")
    mirror.sync()
    assert mirror.there() == office.there()
    assert len(mirror.there()) == 5

    # changes on both sides at once, twice
    office.change("one", "+FLAGS", "\\Flagged")
    office.change("two", "+FLAGS", "\\Deleted")
    office.put("five")
    mirror.flag("three", "S")
    mirror.file("four").unlink()
    mirror.put("six", "Work/2026", "S")
    (tmp_path / "mail" / "Near" / "new").mkdir(parents=True)
    for part in ("cur", "tmp"):
        (tmp_path / "mail" / "Near" / part).mkdir()
    mirror.put("seven", "Near")
    mirror.sync()
    after = [
        ("INBOX", "five", ""),
        ("INBOX", "one", "\\Flagged"),
        ("INBOX", "three", "\\Seen"),
        ("Near", "seven", ""),
        ("Work/2026", "old", "\\Answered \\Seen"),
        ("Work/2026", "six", "\\Seen"),
    ]
    assert office.there() == after
    assert mirror.there() == after

    office.change("three", "-FLAGS", "\\Seen")
    mirror.flag("one", "FS")
    mirror.file("seven").unlink()
    mirror.sync()
    changed = [("INBOX", "five", ""), ("INBOX", "one", "\\Flagged \\Seen"), ("INBOX", "three", ""), *after[4:]]
    assert office.there() == changed
    assert mirror.there() == changed
    mirror.sync()
    assert (office.there(), mirror.there()) == (changed, changed), "nothing changes when nothing was changed"


def test_mbsync_does_not_talk_to_a_server_with_another_name(
    office: Office, need: Callable[..., str], tmp_path: Path
) -> None:
    line = f"SSLType STARTTLS\nCertificateFile {office.outside['ca']}\nSystemCertificates no"
    mirror = Mirror(office, tmp_path, need("mbsync", "isync"), line, 143)
    text = mirror.settings.read_text()
    mirror.settings.write_text(text.replace("Host mail.academy.test", "Host mail.bakery.test"))
    with pytest.raises(AssertionError, match=r"cannot get certificate|does not match"):
        mirror.sync()
