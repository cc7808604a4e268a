"""One attempt to deliver one message to everybody who still waits for it.

each route        here → the MDA;  elsewhere → the hosts of that route, the best one first
each host         each of its addresses; the next host when nothing came of this one (RFC 5321 §5.1)
each recipient    Delivered → done    GiveUp → failed    TryLater → waits
nobody reached    the fallback relay, if there is one

Does not know what follows from it: that is decided in `finish.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

from mailcourse.dns.mail_servers import MxHost, better_than_self, is_self, mail_servers
from mailcourse.dns.stub import NoAnswer, Stub
from mailcourse.internet.network import Host
from mailcourse.message.address import Address
from mailcourse.message.reply import Delivered, Diagnosis, Outcome, TryLater, own_outcome

from .connections import Connections
from .local import LocalDelivery
from .queue import Entry
from .route import Decision, Route, route
from .send import hand_over
from .settings import LMTP, Settings
from .smtp_client import HostFailed, SmtpClient

Outcomes = dict[Address, Outcome]

#: Mail servers of one domain that are tried in one attempt.
MAX_HOSTS = 5


def by_route(recipients: Iterable[Address], settings: Settings) -> dict[Route, list[Address]]:
    """Group the recipients that share a route: one copy serves them all."""
    groups: dict[Route, list[Address]] = {}
    for recipient in recipients:
        groups.setdefault(route(recipient, settings), []).append(recipient)
    return groups


@dataclass(frozen=True, slots=True)
class Attempt:
    """One message, and what is needed to get it away."""

    entry: Entry
    settings: Settings
    host: Host
    stub: Stub
    connections: Connections
    delivery: LocalDelivery

    async def deliver(self, waiting: Iterable[Address]) -> Outcomes:
        """Try once to serve everybody in `waiting`; return how it ended for each."""
        outcomes: Outcomes = {}
        for there, recipients in by_route(waiting, self.settings).items():
            self._record_route(recipients, there.decision.value, there.target)
            ended = await self._deliver(there, recipients)
            self._record_relayed(ended)
            outcomes.update(ended)
        return outcomes

    async def _deliver(self, there: Route, recipients: list[Address]) -> Outcomes:
        if there.decision is Decision.LOCAL:
            return await asyncio.get_running_loop().run_in_executor(None, self._deliver_here, recipients)
        async with self.connections.slot(there):
            hosts = await self._hosts(there)
            if isinstance(hosts, Diagnosis):
                return dict.fromkeys(recipients, own_outcome(hosts))
            outcomes = await self._to_first_host(there, hosts, recipients)
            return await self._fall_back(there, outcomes)

    def _deliver_here(self, recipients: list[Address]) -> Outcomes:
        """Hand a copy for each recipient to the MDA.  Blocking."""
        return {recipient: self.delivery.deliver(self.entry.copy_for(recipient)) for recipient in recipients}

    async def _hosts(self, there: Route) -> list[MxHost] | Diagnosis:
        """Return the hosts to try, best first, or why there are none."""
        if there.decision is not Decision.MX:
            return [MxHost(there.target.removeprefix(LMTP), None)]
        hosts = await mail_servers(self.stub, there.target, self.entry.message)
        if isinstance(hosts, Diagnosis):
            return hosts
        better = better_than_self(hosts, self.host.name)
        return better[:MAX_HOSTS] if better else self._comes_back(there)

    def _comes_back(self, there: Route) -> Diagnosis:
        """RFC 5321 §5.1: the best mail server is this one, yet the domain is not ours."""
        return Diagnosis("5.4.6", f"the mail for {there.target} comes back to {self.host.name}: mail loop detected")

    async def _to_first_host(self, there: Route, hosts: list[MxHost], recipients: list[Address]) -> Outcomes:
        """Hand the message to the first host that talks to us; a dead one is passed over."""
        client = self.connections.idle_client(there)
        if client is not None:
            try:
                return await self._use(there, client, recipients)
            except HostFailed:
                pass  # it had been open for too long; a new one may do
        failure = HostFailed(Diagnosis("4.4.1", "no mail server could be tried"))
        for host in hosts:
            try:
                addresses = await self._addresses(there, host)
                # By another of its names (§5.1): those behind it are no better.  To its own LMTP it may speak.
                if is_self(addresses, self.host.addresses) and not there.target.startswith(LMTP):
                    if better_than_self(hosts, host.name):
                        break
                    return dict.fromkeys(recipients, own_outcome(self._comes_back(there)))
                return await self._to_host(there, host, addresses, recipients)
            except HostFailed as error:
                failure = error
        return dict.fromkeys(recipients, TryLater(failure.reason, failure.said_by, is_host=True))

    async def _to_host(self, there: Route, host: MxHost, addresses: list[str], recipients: list[Address]) -> Outcomes:
        """Hand the message to a host, at the first of its addresses where somebody answers."""
        policy = self.settings.policy_for(there.target)
        *others, last = addresses
        for address in others:
            with contextlib.suppress(HostFailed):
                client = await self.connections.open(host.name, address, policy, self.entry.message)
                return await self._use(there, client, recipients)
        client = await self.connections.open(host.name, last, policy, self.entry.message)
        return await self._use(there, client, recipients)

    async def _use(self, there: Route, client: SmtpClient, recipients: list[Address]) -> Outcomes:
        try:
            outcomes = await hand_over(client, self.entry, recipients)
        except BaseException:
            client.writer.close()
            raise
        await self.connections.give_back(there, client)
        return outcomes

    async def _addresses(self, there: Route, host: MxHost) -> list[str]:
        if there.decision is Decision.LITERAL:
            return [there.target]
        try:
            addresses = await self.stub.addresses(host.name, self.entry.message, of_mx=host.preference is not None)
        except NoAnswer as error:
            raise HostFailed(Diagnosis("4.4.3", f"the DNS gave no answer for {host.name}: {error}")) from error
        if not addresses:
            raise HostFailed(Diagnosis("4.4.4", f"the mail server {host.name} has no address in the DNS"))
        return addresses

    async def _fall_back(self, there: Route, outcomes: Outcomes) -> Outcomes:
        """Give those whom nobody could be reached for to the fallback relay, if there is one."""
        relay = self.settings.fallback
        left = [recipient for recipient, ended in outcomes.items() if isinstance(ended, TryLater) and ended.is_host]
        if relay is None or not left or there.target == relay.host:
            return outcomes
        self._record_route(left, "to the fallback relay", relay.host)
        to_relay = Route(Decision.SMART_HOST, relay.host)
        return outcomes | await self._to_first_host(to_relay, [MxHost(relay.host, None)], left)

    def _record_route(self, recipients: list[Address], decision: str, target: str) -> None:
        for recipient in recipients:
            facts = {"recipient": str(recipient), "decision": decision, "next_hops": [target]}
            self.host.record("mta", "routed", self.entry.message, **facts)

    def _record_relayed(self, outcomes: Outcomes) -> None:
        """Record what was handed on; the MDA records its own deliveries."""
        relayed = [(r, o) for r, o in outcomes.items() if isinstance(o, Delivered) and o.peer]
        if relayed:
            first = relayed[0][1]
            facts = {"recipients": [str(r) for r, _ in relayed], "peer": first.peer, "reply": str(first.reply)}
            self.host.record("mta", "relayed", self.entry.message, **facts)
