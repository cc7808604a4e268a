"""A real Postfix in a folder of its own, on 127.0.0.1 and nowhere else.  Needs root, as Postfix does."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

SERVICES = """
{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


#: Below the ports that the kernel gives out by itself: no other test gets one between our look and its use.
PORTS = range(12_000, 32_000)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses now."""
    for port in random.sample(PORTS, 50):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("50 ports were tried, and all are in use")


class Postfix:
    """One instance; `settings` are lines of main.cf.  Mail for `domains` goes into Maildirs below `boxes`."""

    def __init__(self, *settings: str, domains: str = "") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mailcourse-postfix-"))
        self.folder.chmod(0o755)
        self.port, self.boxes = free_port(), self.folder / "boxes"
        for name in ("conf", "queue", "data", "boxes"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        shutil.chown(self.boxes, "nobody")
        lines = [
            "compatibility_level = 3.6",
            f"queue_directory = {self.folder}/queue",
            f"data_directory = {self.folder}/data",
            f"maillog_file = {self.folder}/log",
            f"maillog_file_prefixes = {self.folder}",
            "inet_interfaces = 127.0.0.1",
            "inet_protocols = ipv4",
            "disable_dns_lookups = yes",
            "smtpd_peername_lookup = no",
            "myhostname = postfix.factory.test",
            "mydestination =",
            "alias_maps =",
            "local_recipient_maps =",
            "mynetworks = 127.0.0.0/8",
            f"virtual_mailbox_domains = {domains}",
            f"virtual_mailbox_base = {self.boxes}",
            "virtual_mailbox_maps = static:inbox/",
            "virtual_uid_maps = static:65534",
            "virtual_gid_maps = static:65534",
            *settings,
        ]
        (self.folder / "conf/main.cf").write_text("\n".join(lines) + "\n")
        (self.folder / "conf/master.cf").write_text(SERVICES.format(port=f"127.0.0.1:{self.port}"))

    def _run(self, command: str) -> None:
        subprocess.run(
            ["postfix", "-c", str(self.folder / "conf"), command],
            check=True,
            capture_output=True,
            timeout=60,
        )

    def __enter__(self) -> Postfix:
        try:
            self._run("start")
        except subprocess.CalledProcessError:
            said = self.log()
            shutil.rmtree(self.folder, ignore_errors=True)
            raise AssertionError(said) from None
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise AssertionError(self.log())

    def __exit__(self, *exc: object) -> None:
        self._run("stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """What Postfix wrote into its log."""
        file = self.folder / "log"
        return file.read_text() if file.exists() else ""

    def arrived(self) -> list[Path]:
        """The messages in its Maildir."""
        return sorted((self.boxes / "inbox/new").glob("*"))
