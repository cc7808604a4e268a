"""The envelope: the sender and the recipients, as given in MAIL and RCPT (RFC 5321 §2.3.1).

    MAIL FROM:<alice@academy.test> RET=HDRS ENVID=7x1      sender, and what a report should contain
    RCPT TO:<bruno@bakery.test> NOTIFY=SUCCESS,DELAY       recipient, and when to report about it

It routes the message; the headers inside never do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .address import Address, parse

#: When a report is sent if NOTIFY was not given (RFC 3461 §4.1 leaves DELAY to the server).
DEFAULT_NOTIFY = frozenset({"FAILURE", "DELAY"})


@dataclass(frozen=True, slots=True)
class DsnOptions:
    """Which reports the sender wants about one recipient (RFC 3461 §4.1, §4.2).

    `notify` is a set of "NEVER", "SUCCESS", "FAILURE", "DELAY", empty when NOTIFY was not given;
    `original` is ORCPT as it was given: "rfc822;bruno@bakery.test", in xtext.
    """

    notify: frozenset[str] = frozenset()
    original: str = ""

    def wants(self, event: str) -> bool:
        """True when a report of `event` is to be sent."""
        return event in (self.notify or DEFAULT_NOTIFY)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Sender and recipients of one message.  `sender` is None for `MAIL FROM:<>`, the null sender of bounces."""

    sender: Address | None
    recipients: tuple[Address, ...]
    eight_bit: bool = False  # BODY=8BITMIME, RFC 6152
    utf8: bool = False  # SMTPUTF8, RFC 6531
    returned: str = ""  # RET: "FULL" or "HDRS"
    envelope_id: str = ""  # ENVID, in xtext
    dsn: Mapping[str, DsnOptions] = field(default_factory=dict)  # by `Address.key`; only those that say something

    @property
    def reverse_path(self) -> str:
        """The sender as text; empty for the null sender."""
        return "" if self.sender is None else str(self.sender)

    def dsn_options(self, recipient: Address) -> DsnOptions:
        """Return which reports the sender wants about `recipient`."""
        return self.dsn.get(recipient.key, DsnOptions())

    def to(self, recipient: Address, options: DsnOptions = DsnOptions()) -> Envelope:
        """Return the envelope with one more recipient; one that is there already is not added again."""
        if recipient.key in {known.key for known in self.recipients}:
            return self
        dsn = {**self.dsn, recipient.key: options} if options != DsnOptions() else self.dsn
        return replace(self, recipients=(*self.recipients, recipient), dsn=dsn)


@dataclass(frozen=True, slots=True)
class LocalCopy:
    """One recipient's copy as it is handed from the MTA to the MDA.

    `content` yields the message from its beginning, each time it is called; `message` is its
    identity in the trace.
    """

    recipient: Address
    envelope: Envelope
    content: Callable[[], Iterator[bytes]]
    size: int  # octets
    message: str


def as_json(envelope: Envelope) -> dict[str, Any]:
    """Write an envelope in words that JSON has."""
    written: dict[str, Any] = {
        "sender": envelope.reverse_path,
        "recipients": [str(recipient) for recipient in envelope.recipients],
    }
    written |= {name: True for name in ("eight_bit", "utf8") if getattr(envelope, name)}
    written |= {name: value for name in ("returned", "envelope_id") if (value := getattr(envelope, name))}
    if envelope.dsn:
        written["dsn"] = {key: [sorted(options.notify), options.original] for key, options in envelope.dsn.items()}
    return written


def from_json(written: Mapping[str, Any]) -> Envelope:
    """Read what `as_json` wrote.

    >>> e = Envelope(parse("alice@academy.test"), (parse("bruno@bakery.test"),), utf8=True)
    >>> from_json(as_json(e)) == e
    True
    """
    return Envelope(
        parse(written["sender"]) if written["sender"] else None,
        tuple(parse(text) for text in written["recipients"]),
        written.get("eight_bit", False),
        written.get("utf8", False),
        written.get("returned", ""),
        written.get("envelope_id", ""),
        {key: DsnOptions(frozenset(notify), original) for key, (notify, original) in written.get("dsn", {}).items()},
    )
