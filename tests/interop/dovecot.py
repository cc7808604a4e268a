"""A real Dovecot (IMAP and POP3) in a folder of its own, on 127.0.0.1 and nowhere else.

Root is not needed: started by root it gives up its rights to the users that its package made, and mail
belongs to `nobody`; started by anybody else it does everything as that user.  /etc/dovecot is not read.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from postfix import free_port

#: Debian keeps it where only root's PATH leads.
PLACES = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"

#: where things are, for a Dovecot in a folder of its own
HERE = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
listen = 127.0.0.1
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""

SETTINGS = (
    HERE
    + """
protocols = imap pop3
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_username_format = %Lu
auth_failure_delay = 0
mail_max_userip_connections = 1000
mail_location = maildir:~/Maildir
mailbox_list_index = yes
mail_fsync = always
first_valid_uid = 1
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/boxes/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
default_process_limit = 500
default_client_limit = 1000
"""
)

#: Only for those who may not change to another user.
UNPRIVILEGED = """
default_internal_user = {name}
default_internal_group = {group}
default_login_user = {name}
"""


def program() -> str | None:
    """Return the path of Dovecot's master process, if it is installed."""
    return shutil.which("dovecot", path=PLACES)


class Dovecot:
    """One instance; `settings` are further lines of its configuration.

    Whatever name logs in with the password has a mailbox, made at the first login; `user` is one of them.
    """

    user, password = "alice@academy.test", "apple-tree-41"

    def __init__(self, *settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dovecot-", dir="/tmp"))  # paths of sockets must be short
        self.folder.chmod(0o755)
        self.imap, self.pop3 = free_port(), free_port()
        self.owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self.boxes = self.folder / "boxes"
        for made in (self.folder / "run", self.maildir):
            made.mkdir(parents=True)
        self.own(self.boxes)
        text = SETTINGS.format(
            folder=self.folder,
            imap=self.imap,
            pop3=self.pop3,
            password=self.password,
            uid=self.owner.pw_uid,
            gid=self.owner.pw_gid,
        )
        if os.geteuid() != 0:
            text += UNPRIVILEGED.format(name=self.owner.pw_name, group=grp.getgrgid(self.owner.pw_gid).gr_name)
        self.configuration = self.folder / "dovecot.conf"
        self.configuration.write_text("\n".join([text, *settings, ""]))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def maildir(self) -> Path:
        """The folder of the user's inbox."""
        return self.boxes / self.user / "Maildir"

    def own(self, folder: Path) -> None:
        """Give a folder and what is in it to the user that reads mail."""
        for path in (folder, *folder.rglob("*")):
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def __enter__(self) -> Dovecot:
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, and wait until both ports answer."""
        found = program()
        assert found is not None, "dovecot is not installed (Debian: apt install dovecot-imapd dovecot-pop3d)"
        with (self.folder / "said").open("ab") as said:
            command = [found, "-F", "-c", str(self.configuration)]
            self._process = subprocess.Popen(command, stdout=said, stderr=said, stdin=subprocess.DEVNULL)
        try:
            for port in (self.imap, self.pop3):
                self._wait_for(port)
        except BaseException:
            self.stop()
            raise

    def _wait_for(self, port: int) -> None:
        assert self._process is not None
        end = time.monotonic() + 30
        while time.monotonic() < end and self._process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", port), 5) as probe:
                    probe.settimeout(5)
                    if probe.recv(100).startswith((b"* OK", b"+OK")):
                        return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"Dovecot does not answer; its log ends:\n{self.log()[-2000:]}")

    def stop(self) -> None:
        """Stop it, and all processes of it; what it keeps stays."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)

    def log(self) -> str:
        """What Dovecot wrote into its log, and before it had one."""
        files = [self.folder / "said", self.folder / "log"]
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def processes(self) -> list[int]:
        """The ids of all its processes: the master and its children."""
        assert self._process is not None
        master = self._process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        return [master, *map(int, children)]
