"""What an MTA is told about itself; the one page that an administrator writes.

Postfix says                  here
mydestination                 local_domains
relay_domains                 relay_domains, with `internal_hosts` where the next host is known
mynetworks                    networks
relayhost, smtp_sasl_…        smart_host
smtp_fallback_relay           fallback
smtpd_tls_security_level      offers_tls
smtp_tls_security_level       tls: "none" → "never", "may" → "may", "verify" → "must"
disable_vrfy_command          tells_who_lives_here
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

#: In front of a host's name: hand over by LMTP (RFC 2033).
LMTP = "lmtp:"


@dataclass(frozen=True, slots=True)
class TransportPolicy:
    """How this server talks to others.

    `tls` is "never"; "may": encrypted where it is offered, to whomever; or "must": encrypted, with
    a certificate that the lab's CA has signed for that name, or not at all.
    """

    tls: str = "may"
    port: int = 25
    login: tuple[str, str] | None = None  # name and password, for a smart host that wants them


@dataclass(frozen=True, slots=True)
class SmartHost:
    """A server to which the rest is left."""

    host: str
    transport: TransportPolicy = TransportPolicy()


@dataclass(frozen=True, slots=True)
class Settings:
    """Which domains are mine, whom I relay for, and whom I leave the rest to."""

    local_domains: frozenset[str] = frozenset()
    relay_domains: frozenset[str] = frozenset()
    internal_hosts: Mapping[str, str] = field(
        default_factory=dict
    )  # domain -> the host behind this one, or "lmtp:host"
    networks: tuple[str, ...] = ()  # clients there may send anywhere: "192.0.2.0/24"
    smart_host: SmartHost | None = None
    fallback: SmartHost | None = None  # when nobody else could be reached
    offers_tls: bool = True
    transport: TransportPolicy = TransportPolicy()
    tells_who_lives_here: bool = False  # VRFY
    most_octets: int = 10_000_000  # of one message
    most_recipients: int = 1000  # of one message; RFC 5321 §4.5.3.1.8 asks for at least 100

    def trusts(self, address: str) -> bool:
        """True when a client at `address` may relay through this server."""
        client = ipaddress.ip_address(address)
        return any(client in ipaddress.ip_network(network) for network in self.networks)

    def policy_for(self, target: str) -> TransportPolicy:
        """Return how to talk to `target`."""
        if target.startswith(LMTP):
            return replace(self.transport, port=24)
        for relay in (self.smart_host, self.fallback):
            if relay is not None and relay.host == target:
                return relay.transport
        return self.transport
