"""OpenDKIM, the signer and verifier that stands beside Postfix, as Debian has it; on 127.0.0.1 and nowhere else.

It asks the lab's resolver, through the door on a port of 127.0.0.1 (libunbound takes a port).  Its tool
opendkim-testmsg knows only port 53 of the address in /etc/resolv.conf: it runs where that file is another, and
`Relay53` answers there.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from postfix import free_port

UNBOUND = """server:
 do-not-query-localhost: no
 module-config: iterator
 local-zone: test. nodefault
forward-zone:
 name: .
 forward-addr: {address}@{port}
"""
#: an address of this machine at which nobody else listens on port 53
ADDRESS_53 = "127.0.0.153"


class OpenDkim:
    """One instance, a milter on `port`; `settings` are lines of opendkim.conf."""

    def __init__(self, dns: tuple[str, int], *settings: str) -> None:
        self.folder, self.port = Path(tempfile.mkdtemp(prefix="mailcourse-opendkim-")), free_port()
        self.folder.chmod(0o700)
        (self.folder / "unbound.conf").write_text(UNBOUND.format(address=dns[0], port=dns[1]))
        self.conf = self.folder / "opendkim.conf"
        lines = [
            f"Socket inet:{self.port}@127.0.0.1",
            f"ResolverConfiguration {self.folder}/unbound.conf",
            "Background no",
            "Syslog no",
            "AutoRestart no",
            "RequireSafeKeys no",
            *settings,
        ]
        self.conf.write_text("\n".join(lines) + "\n")

    def __enter__(self) -> OpenDkim:
        self.process = subprocess.Popen(["opendkim", "-f", "-x", str(self.conf)])
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise AssertionError("opendkim does not listen")

    def __exit__(self, *exc: object) -> None:
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def says(self, message: bytes) -> str:
        """Return what it says of one message, without a milter's connection."""
        file = self.folder / "message"
        file.write_bytes(message)
        run = subprocess.run(
            ["opendkim", "-x", str(self.conf), "-t", str(file), "-v"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return run.stdout


class Relay53:
    """Answers on port 53 with what a DNS server on another port says; needs root, as port 53 does."""

    def __init__(self, dns: tuple[str, int]) -> None:
        self._dns, self._is_open = dns, True
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((ADDRESS_53, 53))
        self._socket.settimeout(0.1)
        self._thread = threading.Thread(target=self._relay, daemon=True)
        self._thread.start()

    def _relay(self) -> None:
        while self._is_open:
            with suppress(TimeoutError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
                question, who = self._socket.recvfrom(4096)
                there.settimeout(5)
                there.sendto(question, self._dns)
                self._socket.sendto(there.recv(4096), who)

    def close(self) -> None:
        """Stop answering."""
        self._is_open = False
        self._thread.join()
        self._socket.close()

    def run(self, folder: Path, *command: str, message: bytes) -> subprocess.CompletedProcess[bytes]:
        """Run a program that asks here, with `message` as its input."""
        (folder / "resolv.conf").write_text(f"nameserver {ADDRESS_53}\n")
        inside = ["bwrap", "--bind", "/", "/", "--dev-bind", "/dev", "/dev"]
        # The file may be a link: it is put where the link leads.
        inside += ["--ro-bind", str(folder / "resolv.conf"), str(Path("/etc/resolv.conf").resolve())]
        return subprocess.run([*inside, *command], input=message, capture_output=True, timeout=60, check=False)
