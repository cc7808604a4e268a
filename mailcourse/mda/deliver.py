"""Local delivery: the last step on the server, from the queue into a Maildir.

    Return-Path: <alice@academy.test>     the envelope sender, kept for the reader
    Delivered-To: bruno@bakery.test       whose copy this is
    Received: …                           as it came

Knows people, aliases and mailboxes.  Does not know queues or SMTP: it answers with an outcome.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping

from mailcourse.internet.network import Host
from mailcourse.mailbox.accounts import Accounts
from mailcourse.message.address import Address
from mailcourse.message.headers import delivered_to, return_path
from mailcourse.message.reply import Delivered, GiveUp, Outcome, Reply, TryLater

from .aliases import expand


class MailboxDelivery:
    """The MDA of one host.  `people` are the addresses that exist in the domains it answers for."""

    def __init__(
        self, host: Host, accounts: Accounts, people: Collection[str], aliases: Mapping[str, list[str]]
    ) -> None:
        self._host, self._accounts = host, accounts
        self._people, self._aliases = people, aliases
        self._copies = itertools.count(1)

    def knows(self, recipient: Address) -> bool:
        """True when `recipient` can receive mail: a mailbox or an alias."""
        return bool(expand(recipient.key, self._aliases, self._people))

    def deliver(self, recipient: Address, sender: str, content: Iterator[bytes], message: str) -> Outcome:
        """Write the message into every mailbox that `recipient` stands for.  Blocking."""
        people = expand(recipient.key, self._aliases, self._people)
        if not people:
            return GiveUp(Reply(550, "5.1.1", f"there is no mailbox {recipient}"))
        pieces = list(content) if len(people) > 1 else content
        try:
            for person in people:
                self._write(person, recipient, sender, iter(pieces), message)
        except OSError as error:
            return TryLater(Reply(452, "4.3.1", f"the mailbox cannot be written: {error.strerror}"))
        return Delivered(Reply(250, "2.1.5", "in the mailbox"))

    def _write(self, person: str, recipient: Address, sender: str, pieces: Iterator[bytes], message: str) -> None:
        now = self._host.internet.clock.now()
        # Maildir asks for a name that nobody else makes: time, message and copy, host.
        unique = f"{int(now.timestamp())}.{message}.{next(self._copies)}.{self._host.name}"
        head = return_path(sender) + delivered_to(str(recipient))
        name = self._accounts.mailbox(person).deliver(itertools.chain([head], pieces), unique, now)
        self._host.internet.trace.add(
            self._host.name, "mda", "delivered", message, recipient=str(recipient), mailbox=person, file=f"new/{name}"
        )
