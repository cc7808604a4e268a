"""The settings of a mail server: the one page that an administrator writes.

Postfix says                  here
mydestination                 local_domains
relay_domains                 relay_domains, with `internal_hosts` where the next host is known
mynetworks                    networks
relayhost, smtp_sasl_…        smart_host
smtp_fallback_relay           fallback
smtpd_tls_security_level      offers_tls
smtp_tls_security_level       tls: "none" → "never", "may" → "may", "verify" → "must"
disable_vrfy_command          answers_vrfy
smtpd_milters                 authenticate, sign, seal: opendkim, opendmarc, openarc
quota_full_tempfail           quota: "no" → "refuse", "yes" → "try-later" (Dovecot's setting)
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from mailcourse.authentication.signer import Signer

#: In front of a host's name: hand over by LMTP (RFC 2033).
LMTP = "lmtp:"


#: How TLS is used towards others: not at all; encrypted where it is offered, to whomever; or encrypted, with
#: a certificate that the lab's CA has signed for that name, or nothing is sent.
TLS_POLICIES = ("never", "may", "must")
#: What is done about who sent a message: nothing; it is found out and noted; what the author's domain wants is done.
AUTHENTICATE = ("off", "note", "enforce")

#: What a server says for a full mailbox: 552 5.2.2, never, as Dovecot does that is told nothing else; or 452 4.2.2,
#: later.
QUOTA_POLICIES = ("refuse", "try-later")


@dataclass(frozen=True, slots=True)
class TransportPolicy:
    """How this server talks to one other: `tls` is one of `TLS_POLICIES`."""

    tls: str = "may"
    port: int = 25
    login: tuple[str, str] | None = None  # name and password, for a smart host that wants them


@dataclass(frozen=True, slots=True)
class SmartHost:
    """A server to which the rest is left, and how to log in there; nobody logs in where `person` is empty."""

    host: str
    port: int = 25
    person: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """Which domains are mine, whom I relay for, and whom I leave the rest to."""

    local_domains: frozenset[str] = frozenset()
    relay_domains: frozenset[str] = frozenset()
    internal_hosts: Mapping[str, str] = field(default_factory=dict)  # domain -> host behind this one, or "lmtp:host"
    networks: tuple[str, ...] = ()  # clients there may send anywhere: "192.0.2.0/24"
    smart_host: SmartHost | None = None
    fallback: SmartHost | None = None  # when nobody else could be reached
    tls: str = "may"  # towards others
    offers_tls: bool = True  # to others
    answers_vrfy: bool = False
    authenticate: str = "off"
    sign: Signer | None = None  # what our people send
    seal: Signer | None = None  # what is forwarded, and what lists send
    sealers: frozenset[str] = frozenset()  # domains whose ARC seals are believed
    quota: str = "refuse"  # when a mailbox is full
    max_octets: int = 10_000_000  # of one message
    max_recipients: int = 1000  # of one message; RFC 5321 §4.5.3.1.8 asks for at least 100

    def trusts(self, address: str) -> bool:
        """True when a client at `address` may relay through this server."""
        client = ipaddress.ip_address(address)
        return any(client in ipaddress.ip_network(network) for network in self.networks)

    def policy_for(self, target: str) -> TransportPolicy:
        """Return how to talk to `target`."""
        if target.startswith(LMTP):
            return TransportPolicy(self.tls, port=24)
        for relay in (self.smart_host, self.fallback):
            if relay is not None and relay.host == target:
                return TransportPolicy(self.tls, relay.port, (relay.person, relay.password) if relay.person else None)
        return TransportPolicy(self.tls)

    def named_hosts(self) -> list[str]:
        """Return the servers that these settings name."""
        relays = [relay.host for relay in (self.smart_host, self.fallback) if relay is not None]
        return [*self.internal_hosts.values(), *relays]
