"""Local delivery: the last step on the server, from the queue into a Maildir.

    Return-Path: <alice@academy.test>     the envelope sender, kept for the reader
    Delivered-To: bruno@bakery.test       whose copy this is; met again, it betrays a loop
    Received: …                           as it came

A copy for somebody elsewhere goes back to the MTA, with the same envelope sender; a list sends with
its owner as sender.  What the server in front has found worth quarantine goes into the folder Junk.
Knows people, aliases and mailboxes.  Does not know queues or SMTP: it answers with an outcome.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from mailcourse.authentication.results import is_quarantined
from mailcourse.internet.network import Host
from mailcourse.mailbox.accounts import Accounts
from mailcourse.mailbox.folders import Mailbox
from mailcourse.mailbox.maildir import Maildir
from mailcourse.message.address import Address, parse
from mailcourse.message.envelope import Envelope, LocalCopy
from mailcourse.message.headers import delivered_to, list_id, return_path, traced
from mailcourse.message.reply import Delivered, GiveUp, Outcome, Reply, TryLater

from .aliases import AddressBook, MailingList, Meaning, expand

#: The MTA's door for what is forwarded: envelope, message, its identity in the trace.  Blocking.
Resend = Callable[[Envelope, Iterable[bytes], str], None]

MAX_HEADER = 64 * 1024


class MailboxDelivery:
    """The MDA of one host.  `resend` is plugged in by the lab."""

    def __init__(self, host: Host, accounts: Accounts, book: AddressBook) -> None:
        self._host, self._accounts, self.book = host, accounts, book
        self._copies = itertools.count(1)
        self.resend: Resend | None = None
        #: Under whose name Authentication-Results are believed; plugged in by the lab too.
        self.authserv_id: Callable[[], str] = lambda: ""

    def refusal(self, recipient: Address) -> Reply | None:
        """Return why `recipient` cannot receive mail now; None when it can."""
        meaning = expand(recipient.key, self.book, self._accounts.forwards)
        if meaning.is_nobody:
            return _nobody(recipient, meaning)
        full = [person for person in meaning.people if self._accounts.is_full(person)]
        if full == list(meaning.people) and not meaning.elsewhere:
            return self._accounts.full_reply(full[0])
        return None

    def deliver(self, copy: LocalCopy) -> Outcome:
        """Write the message into every mailbox that the recipient stands for, or send it on.  Blocking."""
        if _has_been_at(copy.recipient, next(copy.content(), b"")):
            why = f"mail loop detected: the message was already delivered to {copy.recipient}"
            return GiveUp(Reply(554, "5.4.6", why))
        listed = self.book.lists.get(self.book.plain(copy.recipient.key))
        if listed is not None:
            return self._distribute(copy, listed)
        meaning = expand(copy.recipient.key, self.book, self._accounts.forwards)
        if meaning.is_nobody:
            return GiveUp(_nobody(copy.recipient, meaning))
        refusal = next((r for person in meaning.people if (r := self._accounts.no_room(person, copy.size))), None)
        if refusal is not None:
            return TryLater(refusal) if refusal.code < 500 else GiveUp(refusal)
        try:
            for person in meaning.people:
                self._write(person, copy)
        except OSError as error:
            return TryLater(Reply(452, "4.3.1", f"the mailbox cannot be written: {error.strerror}"))
        if meaning.elsewhere:
            options = copy.envelope.dsn_options(copy.recipient)
            envelope = replace(copy.envelope, recipients=(), dsn={})
            for target in meaning.elsewhere:
                envelope = envelope.to(target, options)
            self._send_on(copy, envelope, delivered_to(str(copy.recipient)))
        several = len(meaning.people) + len(meaning.elsewhere) > 1
        return Delivered(
            Reply(250, "2.1.5", "in the mailbox" if meaning.people else "sent on"),
            reports=not meaning.people,  # the next server will see the options
            action="expanded" if several else "delivered",
        )

    def _write(self, person: str, copy: LocalCopy) -> None:
        now = self._host.now()
        # Maildir asks for a name that nobody else makes: time, message and copy, host.
        unique = f"{int(now.timestamp())}.{copy.message}.{next(self._copies)}.{self._host.name}"
        head = return_path(copy.envelope.reverse_path) + delivered_to(str(copy.recipient))
        beginning = next(iter(copy.content()), b"")
        inbox, is_junk = self._accounts.mailbox(person), is_quarantined(beginning[:MAX_HEADER], self.authserv_id())
        box, folder = (_junk(inbox), ".Junk/") if is_junk else (inbox, "")
        name = box.deliver(itertools.chain([head], copy.content()), unique, now)
        header = traced(head + beginning)
        self._record("delivered", copy, mailbox=person, file=f"{folder}new/{name}", header=header)

    def _distribute(self, copy: LocalCopy, listed: MailingList) -> Outcome:
        members = tuple(parse(member) for member in listed.members)
        envelope = replace(copy.envelope, sender=parse(listed.owner), recipients=members, dsn={}, envelope_id="")
        footer = f"{listed.footer}\r\n".encode() if listed.footer else b""
        self._send_on(copy, envelope, delivered_to(str(copy.recipient)) + list_id(str(copy.recipient)), footer)
        return Delivered(Reply(250, "2.1.5", f"sent to the {len(members)} members of the list"), action="expanded")

    def _send_on(self, copy: LocalCopy, envelope: Envelope, head: bytes, footer: bytes = b"") -> None:
        assert self.resend is not None
        targets = [str(target) for target in envelope.recipients]
        self._record("forwarded", copy, targets=targets, sender=envelope.reverse_path)
        self.resend(envelope, itertools.chain([head], copy.content(), [footer]), copy.message)

    def _record(self, what: str, copy: LocalCopy, **facts: Any) -> None:
        recipient = str(copy.recipient)
        self._host.record("mda", what, copy.message, recipient=recipient, **facts)


def _junk(inbox: Mailbox) -> Maildir:
    """Return the folder Junk of a mailbox, made when it is first needed (RFC 6154)."""
    return inbox.folder("Junk") if "Junk" in inbox.folders() else inbox.create_folder("Junk", r"\Junk")


def _nobody(recipient: Address, meaning: Meaning) -> Reply:
    if meaning.is_loop:
        return Reply(554, "5.4.6", f"alias loop detected: {recipient}")
    return Reply(550, "5.1.1", f"there is no mailbox {recipient}")


def _has_been_at(recipient: Address, beginning: bytes) -> bool:
    """True when the header says that the message was delivered to `recipient` before."""
    head = beginning[:MAX_HEADER].split(b"\r\n\r\n", 1)[0]
    mark = re.escape(delivered_to(str(recipient)).strip())
    return b"elivered-" in head and re.search(rb"(?im)^" + mark + rb"\r?$", head) is not None
