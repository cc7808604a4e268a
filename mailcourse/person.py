"""A person of the lab: somebody with an address, a password and a machine to write from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from .dns.stub import NoAnswer
from .internet.errors import LabError
from .message.address import parse
from .mua.compose import Draft, addresses, compose
from .mua.device import Device as Device  # views may know it too
from .mua.device import Way
from .mua.imap import Idle, Imap, imap
from .mua.mail import Mail, Messages
from .mua.pop3 import pop3
from .mua.submit import Account, submit
from .scenario import PersonPlan
from .sent import Sent

if TYPE_CHECKING:
    import socket

    from .lab import Lab


class Person:
    """Somebody who writes and reads mail."""

    def __init__(self, lab: Lab, address: str, plan: PersonPlan, server: str) -> None:
        self._lab, self.address, self.server = lab, address, server
        self.name, self.password, self.machine = plan.name, plan.password, plan.device

    @property
    def _account(self) -> Account:
        return Account(self.server, self.address, self.password)

    def send(
        self,
        to: str | Sequence[str],
        subject: str = "",
        text: str = "",
        *,
        cc: str | Sequence[str] = (),
        bcc: str | Sequence[str] = (),
    ) -> Sent:
        """Write a message and submit it to one's own server; return at once, with the message on its way.

        Recipients that the server refuses show in `.status`; if it refuses all, `NotSent` is raised.
        """
        lab = self._lab
        draft = Draft(parse(self.address), self.name, addresses(to), addresses(cc), addresses(bcc), subject, text)
        if not draft.recipients:
            raise LabError('There is no recipient. Give one: to="bruno@bakery.test".')
        with lab.turn():
            host = lab.host(self.machine)
            message = lab.trace.new_message()
            message_id = f"<{host.random.randbytes(8).hex()}@{self.machine}>"
            raw = compose(draft, message_id, lab.clock.now())
            names = [str(recipient) for recipient in draft.recipients]
            lab.trace.add(host.name, "mua", "composed", message, sender=self.address, recipients=names, subject=subject)
            dial = partial(self._dial, 587, message)
            submit(
                self._account,
                dial,
                lab.certificates.client(),
                host.name,
                draft.sender,
                draft.recipients,
                raw,
                utf8=draft.is_utf8,
            )
        return Sent(lab.trace, message, names, raw, lab.look)

    # ---- reading -------------------------------------------------------------------------------------

    def inbox(self) -> Messages:
        """List the inbox by IMAP: headers only, nothing is marked as seen."""
        return self.folder("INBOX")

    def folder(self, name: str) -> Messages:
        """List a folder by IMAP: headers only, nothing is marked as seen."""
        with self._imap() as server:
            server.open(name, read_only=True)
            return server.messages()

    def fetch(self, protocol: str = "imap", *, delete: bool = False) -> Messages:
        """Fetch the whole messages by "imap" or "pop3"; POP3 can `delete` them from the server."""
        if protocol not in ("imap", "pop3"):
            raise LabError(f'There is no protocol {protocol!r} for reading mail. Use "imap" or "pop3".')
        if delete and protocol == "imap":
            raise LabError('Only POP3 fetches and deletes in one go. Use protocol="pop3".')
        if protocol == "imap":
            with self._imap() as server:
                server.open("INBOX")
                return server.messages(whole=True, sees=True)
        with self._lab.turn(), pop3(self._account, partial(self._dial, 110, None)) as drop:
            names = drop.names()
            found = Messages(drop.fetch(names))
            drop.delete(names if delete else ())
            return found

    def search(self, keys: str, folder: str = "INBOX") -> Messages:
        """Let the server search: `keys` are IMAP's, such as 'UNSEEN FROM "alice"' or 'SUBJECT "bread"'."""
        with self._imap() as server:
            server.open(folder, read_only=True)
            found = server.search(keys)
            return server.messages(",".join(map(str, found))) if found else Messages()

    @contextmanager
    def waiting(self, folder: str = "INBOX") -> Iterator[Idle]:
        """Keep a connection open that is told of news at once (IMAP's IDLE):

        `with bruno.waiting() as bell: …`; then `bell.news` are the lines that the server said.
        """
        with imap(self._account, partial(self._dial, 143, None)) as server:
            server.open(folder)
            with server.idle() as bell:
                yield bell

    # ---- putting in order ----------------------------------------------------------------------------

    def folders(self) -> list[str]:
        """Return the names of all folders on the server."""
        with self._imap() as server:
            return server.folders()

    def create_folder(self, name: str) -> None:
        """Make a folder on the server; a / in its name makes levels."""
        with self._imap() as server:
            server.create(name)

    def rename_folder(self, name: str, new: str) -> None:
        """Give a folder another name."""
        with self._imap() as server:
            server.rename(name, new)

    def delete_folder(self, name: str) -> None:
        """Remove a folder and all its messages."""
        with self._imap() as server:
            server.delete(name)

    def flag(self, mail: Mail | str | int, *flags: str, folder: str = "INBOX", on: bool = True) -> None:
        """Put flags on a message, or with `on=False` take them off: "seen", "flagged", "answered", or any word."""
        with self._imap() as server:
            server.open(folder)
            server.flag([_uid(mail)], [_flag(flag) for flag in flags or ("flagged",)], on=on)

    def move(self, mail: Mail | str | int, target: str, folder: str = "INBOX") -> None:
        """Move a message to another folder."""
        with self._imap() as server:
            server.open(folder)
            server.move([_uid(mail)], target)

    def delete(self, mail: Mail | str | int, folder: str = "INBOX") -> None:
        r"""Remove a message from the server, for every device: \Deleted, then EXPUNGE."""
        with self._imap() as server:
            server.open(folder)
            server.remove([_uid(mail)])

    def device(self, name: str, protocol: str = "imap", *, keep: bool = True) -> Device:
        """Return a device with its own copy of the mail; with POP3 and not `keep`, it takes the mail off the server.

        The same name means the same device, also after the lab was opened anew on its folder.
        """
        if not name.isprintable() or not name or {*name} & {*'/\\:*?"<>|.'} or len(name) > 60:
            raise LabError(f'{name[:60]!r} cannot be the name of a device. Use letters and digits, such as "phone".')
        lab, account = self._lab, self._account
        owner = "".join(sign if sign.isalnum() or sign in "@.+-_" else "%" for sign in self.address)
        folder = lab.path / "devices" / f"{owner} {name}"
        way = Way(account, lambda port: partial(self._dial, port, None), lab.clock.now, lab.turn)
        return Device(name, way, folder, protocol, keep=keep)

    @contextmanager
    def _imap(self) -> Iterator[Imap]:
        with self._lab.turn(), imap(self._account, partial(self._dial, 143, None)) as server:
            yield server

    def forward(self, *targets: str) -> None:
        """Forward all mail to `targets` from now on; one's own address among them keeps a copy, none stops it."""
        wanted = [str(parse(target)) for target in targets]
        with self._lab.turn():
            self._lab.accounts[self.server].forward(self.address, wanted)

    def _dial(self, port: int, message: str | None) -> socket.socket:
        """Find the server's address in the DNS and connect to it, as a mail program does."""
        lab = self._lab
        try:
            found = lab.runtime.run(lab.stub(self.machine).addresses(self.server, message))
        except NoAnswer as error:
            raise OSError(f"the DNS gave no answer for {self.server}: {error}") from None
        if not found:
            raise OSError(f"the DNS knows no address of {self.server}")
        return lab.host(self.machine).dial(found[0], port, message=message)

    def __repr__(self) -> str:
        return f"<Person {self.name} {self.address}, writes from {self.machine}>"


def _uid(mail: Mail | str | int) -> str:
    return mail.uid if isinstance(mail, Mail) else str(mail)


def _flag(word: str) -> str:
    bare = word.lstrip("\\")
    return f"\\{bare.title()}" if bare.lower() in ("seen", "answered", "flagged", "deleted", "draft") else word
