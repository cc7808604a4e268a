"""A person of the lab: somebody with an address, a password and a machine to write from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from .dns.stub import NoAnswer
from .internet.errors import LabError
from .message.address import parse
from .mua.compose import Draft, addresses, compose
from .mua.read import Messages, by_imap, by_pop3
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
        self.name, self.password, self.device = plan.name, plan.password, plan.device

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
            host = lab.host(self.device)
            message = lab.trace.new_message()
            message_id = f"<{host.random.randbytes(8).hex()}@{self.device}>"
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

    def inbox(self) -> Messages:
        """List the inbox by IMAP: headers only, nothing is marked as seen."""
        with self._lab.turn():
            return by_imap(self._account, partial(self._dial, 143, None), whole=False)

    def fetch(self, protocol: str = "imap", *, delete: bool = False) -> Messages:
        """Fetch the whole messages by "imap" or "pop3"; POP3 can `delete` them from the server."""
        if protocol not in ("imap", "pop3"):
            raise LabError(f'There is no protocol {protocol!r} for reading mail. Use "imap" or "pop3".')
        if delete and protocol == "imap":
            raise LabError('Only POP3 fetches and deletes in one go. Use protocol="pop3".')
        with self._lab.turn():
            if protocol == "imap":
                return by_imap(self._account, partial(self._dial, 143, None), whole=True)
            return by_pop3(self._account, partial(self._dial, 110, None), delete=delete)

    def forward(self, *targets: str) -> None:
        """Forward all mail to `targets` from now on; one's own address among them keeps a copy, none stops it."""
        wanted = [str(parse(target)) for target in targets]
        with self._lab.turn():
            self._lab.accounts[self.server].forward(self.address, wanted)

    def _dial(self, port: int, message: str | None) -> socket.socket:
        """Find the server's address in the DNS and connect to it, as a mail program does."""
        lab = self._lab
        try:
            found = lab.runtime.run(lab.stub(self.device).addresses(self.server, message))
        except NoAnswer as error:
            raise OSError(f"the DNS gave no answer for {self.server}: {error}") from None
        if not found:
            raise OSError(f"the DNS knows no address of {self.server}")
        return lab.host(self.device).dial(found[0], port, message=message)

    def __repr__(self) -> str:
        return f"<Person {self.name} {self.address}, writes from {self.device}>"
