"""Carrying one message: the attempt to serve everybody who still waits for it.

for each route    local → the MDA's door;  elsewhere → the first mail server that takes it
each recipient    Delivered → done    GiveUp → failed    TryLater → waits
then              `conclude.py`: reports, progress, or finished
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailcourse.dns.mail_servers import MailServer, NoMailServers, mail_servers, without
from mailcourse.dns.stub import NoAnswer
from mailcourse.message.address import Address
from mailcourse.message.reply import Delivered, Outcome, Reply, TryLater, outcome

from .queue import Entry
from .route import Decision, Route, route
from .send import hand_over
from .settings import LMTP
from .talk import HostFailed, Talk, begin

if TYPE_CHECKING:
    from .server import MailServer as Server

Outcomes = dict[Address, Outcome]

#: Mail servers of one domain that are tried in one attempt.
MOST_HOSTS = 5


async def attempt(server: Server, entry: Entry, waiting: Sequence[Address]) -> Outcomes:
    """Try once to serve everybody in `waiting`; return how it ended for each."""
    outcomes: Outcomes = {}
    for way, recipients in by_route(server, waiting).items():
        for recipient in recipients:
            facts = {"decision": way.decision.value, "next_hops": [way.target]}
            server.record("routed", entry.message, recipient=str(recipient), **facts)
        outcomes.update(await _deliver(server, entry, way, recipients))
        _record(server, entry, {recipient: outcomes[recipient] for recipient in recipients})
    return outcomes


def by_route(server: Server, waiting: Sequence[Address]) -> dict[Route, list[Address]]:
    """Group the recipients that go the same way: one copy serves them all."""
    ways: dict[Route, list[Address]] = {}
    for recipient in waiting:
        ways.setdefault(route(recipient, server.settings), []).append(recipient)
    return ways


async def _deliver(server: Server, entry: Entry, way: Route, recipients: list[Address]) -> Outcomes:
    if way.decision is Decision.LOCAL:
        return await asyncio.get_running_loop().run_in_executor(None, _locally, server, entry, recipients)
    async with server.connections.place(way):
        peers = await _peers(server, entry, way)
        if isinstance(peers, Reply):
            outcomes = dict.fromkeys(recipients, outcome(peers, ""))
        else:
            outcomes = await _to_first(server, entry, way, peers, recipients)
        return await _fall_back(server, entry, way, outcomes)


def _locally(server: Server, entry: Entry, recipients: list[Address]) -> Outcomes:
    """Knock at the MDA's door.  Blocking."""
    return {recipient: server.delivery.deliver(entry.parcel(recipient)) for recipient in recipients}


async def _peers(server: Server, entry: Entry, way: Route) -> list[MailServer] | Reply:
    """Return the hosts to try, best first, or the reply that says why there are none."""
    if way.decision is not Decision.MX:
        return [MailServer(way.target.removeprefix(LMTP), None)]
    found = await mail_servers(server.stub, way.target, entry.message)
    if isinstance(found, NoMailServers):
        return found.reply
    better = without(found, server.host.name)
    if not better:  # RFC 5321 §5.1: the best mail server is this one, yet the domain is not ours
        return Reply(550, "5.4.6", f"the mail for {way.target} comes back to {server.host.name}, it goes in circles")
    return better[:MOST_HOSTS]


async def _to_first(
    server: Server, entry: Entry, way: Route, peers: list[MailServer], recipients: list[Address]
) -> Outcomes:
    """Hand the message to the first of `peers` that talks to us."""
    talk = server.connections.kept(way)
    if talk is not None:
        try:
            return await _use(server, entry, way, talk, recipients)
        except HostFailed:
            pass  # it had been open for too long; a new one may do
    failure, said_by = Reply(451, "4.4.1", "no mail server could be tried"), ""
    terms, authority = server.settings.way_to(way.target), server.authority
    for peer in peers:
        addresses = await _addresses(server, entry, way, peer)
        if isinstance(addresses, Reply):
            failure, said_by = addresses, ""
            continue
        for address in addresses:
            try:
                talk = await begin(server.host, peer.name, address, terms, authority, entry.message)
                return await _use(server, entry, way, talk, recipients)
            except HostFailed as error:
                failure, said_by = error.reply, error.said_by
    return dict.fromkeys(recipients, TryLater(failure, said_by, is_host=True))


async def _use(server: Server, entry: Entry, way: Route, talk: Talk, recipients: list[Address]) -> Outcomes:
    try:
        outcomes = await hand_over(talk, entry, recipients)
    except BaseException:
        talk.writer.close()
        raise
    await server.connections.give_back(way, talk)
    return outcomes


async def _addresses(server: Server, entry: Entry, way: Route, peer: MailServer) -> list[str] | Reply:
    if way.decision is Decision.LITERAL:
        return [way.target]
    try:
        addresses = await server.stub.addresses(peer.name, entry.message, of_mx=peer.preference is not None)
    except NoAnswer as error:
        return Reply(451, "4.4.3", f"the DNS gave no answer for {peer.name}: {error}")
    return addresses or Reply(451, "4.4.4", f"the mail server {peer.name} has no address in the DNS")


async def _fall_back(server: Server, entry: Entry, way: Route, outcomes: Outcomes) -> Outcomes:
    """Give those whom nobody could be found for to the fallback relay, if there is one."""
    fallback = server.settings.fallback
    left = [recipient for recipient, ended in outcomes.items() if isinstance(ended, TryLater) and ended.is_host]
    if fallback is None or not left or way.target == fallback.host:
        return outcomes
    there = Route(Decision.SMART_HOST, fallback.host)
    for recipient in left:
        facts = {"decision": "to the fallback relay", "next_hops": [fallback.host]}
        server.record("routed", entry.message, recipient=str(recipient), **facts)
    found = await _to_first(server, entry, there, [MailServer(fallback.host, None)], left)
    return {**outcomes, **found}


def _record(server: Server, entry: Entry, outcomes: Outcomes) -> None:
    """Write into the trace what was handed on; the MDA records its own deliveries."""
    handed = [(r, o) for r, o in outcomes.items() if isinstance(o, Delivered) and o.peer]
    if handed:
        names = [str(recipient) for recipient, _ in handed]
        server.record("relayed", entry.message, recipients=names, peer=handed[0][1].peer, reply=str(handed[0][1].reply))
