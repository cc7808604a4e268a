"""A person of the lab: somebody with an address, a password and a machine to write from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from copy import copy
from functools import partial
from socket import socket
from typing import Self, TypeVar

from mailcourse.internet.errors import LabError
from mailcourse.message.address import parse
from mailcourse.mua.account import Account
from mailcourse.mua.compose import Draft, addresses, compose, references
from mailcourse.mua.compose import Letter as Letter
from mailcourse.mua.device import Device as Device  # views may know it too
from mailcourse.mua.device import ServerAccess
from mailcourse.mua.imap import Imap, Updates, imap
from mailcourse.mua.mail import Mail as Mail
from mailcourse.mua.mail import Messages as Messages
from mailcourse.mua.pop3 import pop3
from mailcourse.mua.submit import send

from . import dial
from .interrupt import aside, uninterrupted
from .scenario import PersonPlan
from .sent import PlainSent
from .table import Table, table
from .world import LabWorld

T = TypeVar("T")


class PlainPerson:
    """Somebody who writes and reads mail."""

    def __init__(self, world: LabWorld, address: str, plan: PersonPlan, server: str) -> None:
        self._world, self.address, self.server = world, address, server
        self.name, self.password, self.machine = plan.name, plan.password, plan.device
        #: how the mail program connects, a way of `mailcourse.mua.account`: "tls", "starttls" or "clear"
        self.sends_by, self.reads_by = plan.sends_by, plan.reads_by
        self._found: list[str] | None = None  # the server's addresses, when they are remembered
        self._remembers = False

    @property
    def _account(self) -> Account:
        trust = self._world.tls_context()
        return Account(self.server, self.address, self.password, trust, self.sends_by, self.reads_by)

    # ---- writing -------------------------------------------------------------------------------------

    @uninterrupted
    def send(
        self,
        to: str | Sequence[str] = (),
        subject: str = "",
        text: str = "",
        *,
        cc: str | Sequence[str] = (),
        bcc: str | Sequence[str] = (),
        html: str = "",
        attachments: Sequence[tuple[str, bytes]] = (),
        answers: Mail | None = None,
        from_header: str = "",
        sender: str | None = None,
        recipients: str | Sequence[str] | None = None,
    ) -> PlainSent:
        """Write a message and submit it to one's own server; return at once, with the message on its way.

        Recipients that the server refuses show in `.status`; if it refuses all, `NotSent` is raised.
        `draft` says what can be given.
        """
        with self._world.turn():
            letter = self.draft(
                to,
                subject,
                text,
                cc=cc,
                bcc=bcc,
                html=html,
                attachments=attachments,
                answers=answers,
                from_header=from_header,
                sender=sender,
                recipients=recipients,
            )
            return self.submit(letter)

    @uninterrupted
    def draft(
        self,
        to: str | Sequence[str] = (),
        subject: str = "",
        text: str = "",
        *,
        cc: str | Sequence[str] = (),
        bcc: str | Sequence[str] = (),
        html: str = "",
        attachments: Sequence[tuple[str, bytes]] = (),
        answers: Mail | None = None,
        from_header: str = "",
        sender: str | None = None,
        recipients: str | Sequence[str] | None = None,
    ) -> Letter:
        """Write a message and do not send it: `.raw` is what `submit` will send, to the octet.

        `attachments` are file names with their octets; `answers` is the message this one replies to.
        `from_header` is what From shows, true or not.  `sender` and `recipients` replace the envelope's
        MAIL FROM ("" is the null sender) and RCPT TO, which else are one's own address, and To, Cc and Bcc.
        """
        own, shown = parse(self.address), (addresses(to), addresses(cc), addresses(bcc))
        chain = () if answers is None else references(answers.field)
        files = tuple((name, bytes(octets)) for name, octets in attachments)
        draft = Draft(own, self.name, *shown, subject, text, html, files, from_header, chain)
        path = "" if sender == "" else str(own if sender is None else parse(sender))
        targets = draft.recipients if recipients is None else addresses(recipients)
        if not targets:
            raise LabError('There is no recipient. Give one: to="bruno@bakery.test".')
        names = tuple(map(str, targets))
        with self._world.turn():
            host = self._world.host(self.machine)
            message_id = f"<{host.random.randbytes(8).hex()}@{self.machine}>"
            raw = compose(draft, message_id, self._world.clock.now(), host.random.randbytes)
        return Letter(
            path,
            names,
            raw,
            subject.encode("utf-8", "replace").decode(),
            draft.is_utf8 or not "".join((path, *names)).isascii(),
        )

    @uninterrupted
    def submit(self, letter: Letter) -> PlainSent:
        """Hand a written message to one's own server; each time it is called, it is sent once more."""
        world, names = self._world, list(letter.recipients)
        with world.turn():
            message, _ = send(
                world.host(self.machine), self._account, lambda name: partial(self._dial, message=name), letter
            )
        return PlainSent(world.trace, message, names, letter.raw, world.look)

    # ---- reading -------------------------------------------------------------------------------------

    @uninterrupted
    def read(self, uid: str | int, folder: str = "INBOX") -> Mail:
        r"""Fetch one whole message; the server marks it as seen (\Seen)."""
        with self.session() as server:
            server.open(folder)
            found = server.messages(_uid(uid), whole=True, sees=True)
        if not found:
            raise LabError(f"There is no message {uid} in {folder} any more. Look at the list again.")
        return found[0]

    def inbox(self) -> Messages:
        """List the inbox by IMAP: headers only, nothing is marked as seen."""
        return self.folder("INBOX")

    @uninterrupted
    def folder(self, name: str) -> Messages:
        """List a folder by IMAP: headers only, nothing is marked as seen."""
        with self.session() as server:
            server.open(name, read_only=True)
            return server.messages()

    @uninterrupted
    def fetch(self, protocol: str = "imap", *, delete: bool = False) -> Messages:
        """Fetch the whole messages by "imap" or "pop3"; POP3 can `delete` them from the server."""
        if protocol not in ("imap", "pop3"):
            raise LabError(f'There is no protocol {protocol!r} for reading mail. Use "imap" or "pop3".')
        if delete and protocol == "imap":
            raise LabError('Only POP3 fetches and deletes in one go. Use protocol="pop3".')
        if protocol == "imap":
            with self.session() as server:
                server.open("INBOX")
                return server.messages(whole=True, sees=True)
        with self._world.turn(), pop3(self._account, self._dial) as drop:
            names = drop.names()
            found = Messages(drop.fetch(names))
            drop.delete(names if delete else ())
            return found

    @uninterrupted
    def search(self, keys: str, folder: str = "INBOX", newest: int | None = None) -> Messages:
        """Let the server search: `keys` are IMAP's, such as 'UNSEEN FROM "alice"' or 'SUBJECT "bread"'.

        With `newest=200`, only the last 200 are fetched; `.more` says how many others there are.
        """
        with self.session() as server:
            server.open(folder, read_only=True)
            found = server.search(keys)
            wanted = found if newest is None else found[max(0, len(found) - newest) :]
            messages = server.messages(",".join(map(str, wanted))) if wanted else Messages()
            messages.more = len(found) - len(wanted)
            return messages

    @contextmanager
    def idle(self, folder: str = "INBOX") -> Iterator[Updates]:
        """Keep a connection open on which the server reports each change of a folder at once (IMAP's IDLE):

        `with bruno.idle() as updates: updates.wait()`; afterwards `updates.lines` are all the lines that it sent.
        """
        with ExitStack() as connection:
            updates = aside(partial(self._begin_idle, connection, folder))
            try:
                yield updates
            finally:  # interrupted, nobody has read the last line, or TLS's last record, to its end
                with suppress(LabError, OSError):
                    aside(connection.close)

    def _begin_idle(self, connection: ExitStack, folder: str) -> Updates:
        server = connection.enter_context(imap(self._account, self._dial))
        server.open(folder)
        return connection.enter_context(server.idle())

    # ---- putting in order ----------------------------------------------------------------------------

    @uninterrupted
    def folders(self) -> list[str]:
        """Return the names of all folders on the server."""
        with self.session() as server:
            return server.folders()

    @uninterrupted
    def create_folder(self, name: str) -> None:
        """Make a folder on the server; a / in its name makes levels."""
        with self.session() as server:
            server.create(name)

    @uninterrupted
    def rename_folder(self, name: str, new: str) -> None:
        """Give a folder another name."""
        with self.session() as server:
            server.rename(name, new)

    @uninterrupted
    def delete_folder(self, name: str) -> None:
        """Remove a folder and all its messages."""
        with self.session() as server:
            server.delete(name)

    @uninterrupted
    def flag(self, mail: Mail | str | int, *flags: str, folder: str = "INBOX", on: bool = True) -> None:
        """Put flags on a message, or with `on=False` take them off: "seen", "flagged", "answered", or any word."""
        with self.session() as server:
            server.open(folder)
            server.flag([_uid(mail)], [_flag(flag) for flag in flags or ("flagged",)], on=on)

    @uninterrupted
    def move(self, mail: Mail | str | int, target: str, folder: str = "INBOX") -> None:
        """Move a message to another folder."""
        with self.session() as server:
            server.open(folder)
            server.move([_uid(mail)], target)

    @uninterrupted
    def delete(self, mail: Mail | str | int, folder: str = "INBOX") -> None:
        r"""Remove a message from the server, for every device: \Deleted, then EXPUNGE."""
        with self.session() as server:
            server.open(folder)
            server.remove([_uid(mail)])

    def device(self, name: str, protocol: str = "imap", *, keep: bool = True) -> Device:
        """Return a device with its own copy of the mail; with POP3 and not `keep`, it takes the mail off the server.

        The same name means the same device, also after the lab was opened again on its folder.
        """
        if not name.isprintable() or not name or {*name} & {*'/\\:*?"<>|.'} or len(name) > 60:
            raise LabError(f'{name[:60]!r} cannot be the name of a device. Use letters and digits, such as "phone".')
        world, account = self._world, self._account
        owner = "".join(sign if sign.isalnum() or sign in "@.+-_" else "%" for sign in self.address)
        folder = world.path / "devices" / f"{owner} {name}"
        server = ServerAccess(account, self._dial, world.clock.now, self.alone)
        return Device(name, server, folder, protocol, keep=keep)

    @uninterrupted
    def alone(self, act: Callable[[], T]) -> T:
        """Act while nothing else moves in the lab."""
        with self._world.turn():
            return act()

    @contextmanager
    def session(self) -> Iterator[Imap]:
        """Log in by IMAP and stay connected: for a program that gives several commands in one session."""
        with self._world.turn(), imap(self._account, self._dial) as server:
            yield server

    @uninterrupted
    def files(self) -> Table:
        """List the files of this person's mailbox on the server, as an administrator sees them."""
        box = self._world.mailbox_of(self.address)
        self._world.look()
        rows = []
        for folder in ("INBOX", *box.folders()):
            stored = (box if folder == "INBOX" else box.folder(folder)).scan()
            rows += [(folder, one.path.parent.name, ascii(one.name)[1:-1]) for one in stored]
        return table(("folder", "in", "file"), rows)

    @uninterrupted
    def forward(self, *targets: str) -> None:
        """Forward all mail to `targets` from now on; one's own address among them keeps a copy, none stops it."""
        wanted = [str(parse(target)) for target in targets]
        with self._world.turn():
            self._world.accounts_of(self.address).forward(self.address, wanted)

    def _dial(self, port: int, message: str | None = None) -> socket:
        """Find the server's address in the DNS and connect to it, as a mail program does."""
        machine = self._world.host(self.machine)
        found = self._found or dial.addresses(machine, self._world.stub(self.machine), self.server, message)
        self._found = found if self._remembers else None
        return dial.connect(machine, found, port, message)

    def reach(self, server: str, port: int) -> socket:
        """Connect to any server by its name, from this person's machine; `OSError` says why not."""
        machine = self._world.host(self.machine)
        return dial.dial(machine, self._world.stub(self.machine), server, port)

    def remembering(self) -> Self:
        """Return the same person at a program that stays open: it asks the DNS for the server once, and remembers.

        What it does by itself then draws no random numbers, and what the person does next stays the same.
        """
        other = copy(self)
        other._found, other._remembers = None, True
        return other

    def __repr__(self) -> str:
        return f"<Person {self.name} {self.address}, writes from {self.machine}>"


def _uid(mail: Mail | str | int) -> str:
    return mail.uid if isinstance(mail, Mail) else str(mail)


def _flag(word: str) -> str:
    bare = word.lstrip("\\")
    return f"\\{bare.title()}" if bare.lower() in ("seen", "answered", "flagged", "deleted", "draft") else word
