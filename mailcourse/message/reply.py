"""What a server answers, and how an attempt to deliver ends.

    2xx  done          →  Delivered   somebody else has the responsibility now
    4xx  not now       →  TryLater    the message stays in the queue
    5xx  never         →  GiveUp      the sender gets a bounce

Codes: RFC 5321 §4.2; enhanced codes ("5.1.1"): RFC 3463.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """One SMTP reply; `text` has one line, or several for EHLO and HELP."""

    code: int
    enhanced: str
    text: str

    def lines(self) -> list[str]:
        r"""Write the reply as it goes on the wire, without line ends.

        >>> Reply(550, "5.1.1", "no such mailbox").lines()
        ['550 5.1.1 no such mailbox']
        >>> Reply(250, "", "mail.academy.test\nSIZE 1000").lines()
        ['250-mail.academy.test', '250 SIZE 1000']
        """
        texts = self.text.split("\n")
        middle = f"{self.enhanced} " if self.enhanced else ""
        last = len(texts) - 1
        return [f"{self.code}{' ' if n == last else '-'}{middle}{text}" for n, text in enumerate(texts)]

    @property
    def is_ok(self) -> bool:
        """True for 2xx and 3xx."""
        return self.code < 400

    def __str__(self) -> str:
        return " / ".join(self.lines())


@dataclass(frozen=True, slots=True)
class Delivered:
    """The next host, or the mailbox, has the message.

    `reports`: the next host tells the sender of success if that was wished, so we need not.
    `action`: "delivered", or "expanded" when it went to all behind a list or an alias.
    """

    reply: Reply
    peer: str = ""
    reports: bool = False
    action: str = "delivered"


@dataclass(frozen=True, slots=True)
class TryLater:
    """It did not work now, and may work later.  `is_host`: no host could be talked to at all."""

    reply: Reply
    peer: str = ""
    is_host: bool = False


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It will never work."""

    reply: Reply
    peer: str = ""


Outcome = Delivered | TryLater | GiveUp


def outcome(reply: Reply, peer: str, reports: bool = False) -> Outcome:
    """Turn a peer's reply into the end of an attempt."""
    if reply.code < 400:
        return Delivered(reply, peer, reports, "relayed")
    return TryLater(reply, peer) if reply.code < 500 else GiveUp(reply, peer)
