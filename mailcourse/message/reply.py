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


#: The codes that servers say with some statuses; with the others it is 451 or 550 (RFC 5321 §4.2.2, RFC 7505 §4).
CODES = {"4.4.1": 421, "4.4.2": 421, "4.5.0": 421, "5.1.10": 556, "5.4.7": 554}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What this server found out by itself, with its enhanced code: nobody there, no such domain, too late.

    Never goes on the wire.  In a queue and a report it is shown with the code that a server would have said.

    >>> str(Diagnosis("4.4.1", "connection refused"))
    '421 4.4.1 connection refused'
    """

    enhanced: str
    text: str

    def __str__(self) -> str:
        usual = 451 if self.enhanced.startswith("4") else 550
        return f"{CODES.get(self.enhanced, usual)} {self.enhanced} {self.text}"


@dataclass(frozen=True, slots=True)
class Delivered:
    """The next host, or the mailbox, has the message.

    `reports`: the next host tells the sender of success if that was asked for, so we need not.
    `action`: "delivered", or "expanded" when it went to all behind a list or an alias.
    """

    reply: Reply
    peer: str = ""
    reports: bool = False
    action: str = "delivered"


@dataclass(frozen=True, slots=True)
class TryLater:
    """It did not work now, and may work later.  `is_host`: no host could be talked to at all."""

    reason: Reply | Diagnosis
    peer: str = ""
    is_host: bool = False


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It will never work."""

    reason: Reply | Diagnosis
    peer: str = ""


Outcome = Delivered | TryLater | GiveUp


def outcome(reply: Reply, peer: str, reports: bool = False) -> Outcome:
    """Turn a peer's reply into the end of an attempt."""
    if reply.code < 400:
        return Delivered(reply, peer, reports, "relayed")
    return TryLater(reply, peer) if reply.code < 500 else GiveUp(reply, peer)


def own_outcome(diagnosis: Diagnosis) -> TryLater | GiveUp:
    """Turn what this server found out into the end of an attempt: 4.x.x or 5.x.x."""
    return TryLater(diagnosis) if diagnosis.enhanced.startswith("4") else GiveUp(diagnosis)


def reply_to(ended: Outcome) -> Reply:
    """Return what is said of a delivery that was made at once (LMTP)."""
    reply = ended.reply if isinstance(ended, Delivered) else ended.reason
    assert isinstance(reply, Reply)  # the MDA has found out everything itself
    return reply
