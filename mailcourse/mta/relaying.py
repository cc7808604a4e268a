"""May this client hand us mail for this recipient?  The rule that keeps a server from being an open relay.

    the domain is ours            if the MDA knows the mailbox                from anybody
    we are a relay for it         if the MDA knows the address                from anybody
    any other domain              only for people who logged in, and for clients on trusted networks

RFC 5321 §3.6.2, §7.9.  Who uses it: RCPT and VRFY (`commands.py`).
"""

from __future__ import annotations

from collections.abc import Collection

from mailcourse.message.address import Address
from mailcourse.message.reply import Reply

from . import replies
from .local import LocalDelivery
from .settings import Settings


def refusal(
    recipient: Address, client: str, person: str | None, settings: Settings, delivery: LocalDelivery
) -> Reply | None:
    """Return why a server does not take mail for `recipient` from the address `client`; None when it does."""
    domain = recipient.domain.lower()
    if domain in settings.local_domains | settings.relay_domains:
        return delivery.refusal(recipient)
    if person is not None or settings.trusts(client):
        return None
    return replies.relaying_denied(domain)


def resolve_literal(recipient: Address, own_addresses: Collection[str], home: str) -> Address:
    """Return `<bruno@[198.51.100.25]>`, said to the host with that address, with the domain it means."""
    return Address(recipient.local, home) if recipient.literal in own_addresses else recipient
