"""The decision every MTA takes: is this recipient mine, and if not, who is next?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mailcourse.message.address import Address

from .settings import Settings


class Decision(Enum):
    """The five ways out of an MTA, in the order of its questions."""

    LOCAL = "the mailbox is here"
    INSIDE = "to the host inside"
    SMART_HOST = "to the smart host"
    LITERAL = "to the address in the brackets"
    MX = "to the domain's mail servers"


@dataclass(frozen=True, slots=True)
class Route:
    """Where one recipient's copy goes: the decision, and the host, address or domain to look for."""

    decision: Decision
    target: str


def route(recipient: Address, me: Settings) -> Route:
    """Decide where the message for `recipient` goes from here."""
    domain = recipient.domain.lower()
    if domain in me.local_domains:
        return Route(Decision.LOCAL, domain)
    if domain in me.internal_hosts:
        return Route(Decision.INSIDE, me.internal_hosts[domain])
    if me.smart_host is not None and domain not in me.relay_domains:
        return Route(Decision.SMART_HOST, me.smart_host.host)
    if recipient.literal is not None:
        return Route(Decision.LITERAL, recipient.literal)
    return Route(Decision.MX, domain)
