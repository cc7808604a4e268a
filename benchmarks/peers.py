"""The servers whose mailboxes are measured: ours, Dovecot, pymap; each in processes of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "interop"))
from dovecot import Dovecot, program
from postfix import free_port

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


class Peer(ABC):
    """A server with one mailbox.  `maildir` is None when it keeps nothing on the disk."""

    name = ""
    user, password = "alice@academy.test", "apple-tree-41"
    imap = 0
    pop3: int | None = None
    maildir: Path | None = None

    @abstractmethod
    def start(self) -> None:
        """Start, and return when it answers."""

    @abstractmethod
    def stop(self) -> None:
        """Stop."""

    @abstractmethod
    def processes(self) -> list[int]:
        """Return the ids of its processes."""

    def fill(self, messages: list[bytes]) -> None:
        """Write messages into the Maildir while the server is down; what was there goes."""
        assert self.maildir is not None
        shutil.rmtree(self.maildir, ignore_errors=True)
        for part in ("tmp", "new", "cur"):
            (self.maildir / part).mkdir(parents=True)
        for number, message in enumerate(messages, 1):
            path = self.maildir / "cur" / f"{1_788_000_000 + number}.b{number}.1.mail.academy.test:2,"
            path.write_bytes(message)
            os.utime(path, (1_788_000_000 + number,) * 2)

    def memory(self) -> tuple[float, float]:
        """Return the kB of all processes: resident, and with shared pages counted once."""
        resident = shared_once = 0
        for process in self.processes():
            about = Path(f"/proc/{process}")
            resident += int((about / "statm").read_text().split()[1]) * PAGE // 1024
            lines = (about / "smaps_rollup").read_text().splitlines()
            shared_once += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return resident, shared_once

    def busy(self) -> float:
        """Return the seconds of processor time that its processes have taken."""
        spent = 0
        for process in self.processes():
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            spent += int(fields[11]) + int(fields[12])
        return spent / TICKS


def _ended(process: subprocess.Popen[bytes] | None, how: int) -> None:
    if process is None:
        return
    process.send_signal(how)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:  # it still works for a client that has given up
        process.kill()
        process.wait(20)


class Ours(Peer):
    """`mailcourse up`, and alice's mailbox."""

    name = "mailcourse"

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "ours"
        self._folder.mkdir()
        self.maildir = self._folder / "lab/hosts/mail.academy.test/mail" / self.user / "Maildir"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the lab; its ports are others each time."""
        file = self._folder / "endpoints.json"
        file.unlink(missing_ok=True)
        words = ["up", "two-offices", "--path", str(self._folder / "lab"), "--endpoints", str(file)]
        command = [sys.executable, "-m", "mailcourse.cli", *words]
        root = str(Path(__file__).parents[1])
        self._process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while not file.exists():
            if self._process.poll() is not None or time.monotonic() > end:
                raise SystemExit("`mailcourse up` does not start")
            time.sleep(0.02)
        ports = json.loads(file.read_text())["hosts"]["mail.academy.test"]
        self.imap, self.pop3 = ports["143"][1], ports["110"][1]

    def stop(self) -> None:
        """Stop the lab; the folder stays."""
        _ended(self._process, signal.SIGINT)

    def processes(self) -> list[int]:
        """Return the only one."""
        assert self._process is not None
        return [self._process.pid]


class ByDovecot(Peer):
    """Dovecot, IMAP and POP3, Maildir."""

    name = "Dovecot"

    def __init__(self) -> None:
        self._server = Dovecot()
        self.imap, self.pop3, self.maildir = self._server.imap, self._server.pop3, self._server.maildir
        self.user, self.password = self._server.user, self._server.password

    def start(self) -> None:
        """Start it on the same ports."""
        self._server.own(self._server.boxes)
        self._server.start()

    def stop(self) -> None:
        """Stop it; the folder stays."""
        self._server.stop()

    def processes(self) -> list[int]:
        """Return the master, the logins, and one for each session."""
        return self._server.processes()

    def remove(self) -> None:
        """Remove its folder."""
        shutil.rmtree(self._server.folder, ignore_errors=True)


class Pymap(Peer):
    """pymap with its backend "dict": everything in memory, nothing synced, gone when it stops."""

    name = "pymap"

    def __init__(self, path: str) -> None:
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, empty."""
        self.imap = free_port()
        words = ["--host", "127.0.0.1", "--port", str(self.imap), "--no-tls", "dict"]
        who = ["--demo-user", self.user, "--demo-password", self.password]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen([self._path, *words, *who], **quiet)  # type: ignore[call-overload]
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.imap)) == 0:
                    return
            time.sleep(0.05)
        raise SystemExit("pymap does not start")

    def stop(self) -> None:
        """Stop it."""
        _ended(self._process, signal.SIGTERM)

    def processes(self) -> list[int]:
        """Return the only one."""
        assert self._process is not None
        return [self._process.pid]


def there(folder: Path, only: list[str], *, in_memory: bool) -> list[Peer]:
    """Return the peers of this machine, ours first; say which are left out."""
    found: list[Peer] = [Ours(folder)]
    pymap = os.environ.get("PYMAP") or shutil.which("pymap")
    if "Dovecot" in only:
        if program():
            found.append(ByDovecot())
        else:
            print("\nDovecot is left out: it is not installed (Debian: apt install dovecot-imapd dovecot-pop3d).")
    if "pymap" in only and in_memory:
        if pymap:
            found.append(Pymap(pymap))
        else:
            print("\npymap is left out: it is neither on PATH nor named by PYMAP (pip install pymap).")
    return found
