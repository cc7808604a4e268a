"""What an MTA is told about itself; the one page that an administrator writes.

Postfix says      here
mydestination     local_domains
relay_domains     relay_domains, with `inside` where the next host is known
mynetworks        networks
relayhost         smart_host
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """Which domains are mine, whom I relay for, and whom I leave the rest to."""

    local_domains: frozenset[str] = frozenset()
    relay_domains: frozenset[str] = frozenset()
    inside: Mapping[str, str] = field(default_factory=dict)  # domain -> the host behind this one
    networks: tuple[str, ...] = ()  # clients there may send anywhere: "192.0.2.0/24"
    smart_host: str | None = None
    most_octets: int = 10_000_000  # of one message
    most_recipients: int = 100  # of one message, RFC 5321 §4.5.3.1.8

    def trusts(self, address: str) -> bool:
        """True when a client at `address` may relay through this server."""
        client = ipaddress.ip_address(address)
        return any(client in ipaddress.ip_network(network) for network in self.networks)
