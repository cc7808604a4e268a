"""Carrying one message: the attempt to serve everybody who still waits for it.

    for each route    local → the MDA's door;  elsewhere → the first mail server that takes it
    each recipient    Delivered → done    GiveUp → into the bounce    TryLater → waits
    then              bounce, if anybody failed;  progress, if anybody waits;  else finished

The bounce is in the queue before the progress forgets the failed ones: a crash in between sends it
twice, and never not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from mailcourse.dns.mail_servers import MailServer, NoMailServers, mail_servers, without
from mailcourse.dns.stub import NoAnswer
from mailcourse.message.address import Address
from mailcourse.message.envelope import Envelope
from mailcourse.message.reply import Delivered, GiveUp, Outcome, Reply, TryLater, outcome

from .bounce import bounce
from .queue import Entry, Progress
from .route import Decision, Route, route
from .send import HostFailed, send

if TYPE_CHECKING:
    from .server import MailServer as Server

T = TypeVar("T")
Outcomes = dict[Address, Outcome]

#: Lab seconds: the pause doubles from the first to the longest; RFC 5321 §4.5.4.1 asks for 4 to 5 days in all.
FIRST_PAUSE, LONGEST_PAUSE, LIFETIME = 300, 4 * 3600, 5 * 24 * 3600
#: Mail servers of one domain that are tried in one attempt.
MOST_HOSTS = 5


def pause(attempts: int) -> int:
    """Return the lab seconds to wait after the attempt with this number, from 1.

    >>> [pause(n) // 60 for n in (1, 2, 3, 4)]
    [5, 10, 20, 40]
    """
    return min(FIRST_PAUSE << min(attempts - 1, 20), LONGEST_PAUSE)


async def carry(server: Server, entry: Entry) -> None:
    """Make one attempt for everybody who waits for `entry`, and record how it ended."""
    progress = await _off_the_loop(lambda: server.queue.progress_of(entry))
    outcomes: Outcomes = {}
    for way, recipients in _by_route(server, entry, progress.waiting).items():
        outcomes.update(await _deliver(server, entry, way, recipients))
        _record(server, entry, {recipient: outcomes[recipient] for recipient in recipients})
    await _conclude(server, entry, progress, outcomes)


def _by_route(server: Server, entry: Entry, waiting: tuple[Address, ...]) -> dict[Route, list[Address]]:
    """Group the recipients that go the same way: one copy serves them all."""
    ways: dict[Route, list[Address]] = {}
    for recipient in waiting:
        way = route(recipient, server.settings)
        ways.setdefault(way, []).append(recipient)
        server.record(
            "routed",
            entry.message,
            recipient=str(recipient),
            decision=way.decision.value,
            next_hops=[way.target],
        )
    return ways


async def _deliver(server: Server, entry: Entry, way: Route, recipients: list[Address]) -> Outcomes:
    if way.decision is Decision.LOCAL:
        sender = entry.envelope.reverse_path
        return {
            recipient: await _off_the_loop(
                partial(server.delivery.deliver, recipient, sender, entry.content(), entry.message)
            )
            for recipient in recipients
        }
    if way.decision is not Decision.MX:
        return await _to_first(server, entry, [MailServer(way.target, None)], recipients)
    found = await mail_servers(server.stub, way.target, entry.message)
    if isinstance(found, NoMailServers):
        return dict.fromkeys(recipients, outcome(found.reply, ""))
    better = without(found, server.host.name)
    if not better:  # RFC 5321 §5.1: the best mail server is this one, yet the domain is not ours
        reply = Reply(550, "5.4.6", f"the mail for {way.target} comes back to {server.host.name}, it goes in circles")
        return dict.fromkeys(recipients, GiveUp(reply))
    return await _to_first(server, entry, better[:MOST_HOSTS], recipients)


async def _to_first(server: Server, entry: Entry, peers: list[MailServer], recipients: list[Address]) -> Outcomes:
    """Hand the message to the first of `peers` that talks to us."""
    failure = Reply(451, "4.4.1", "no mail server could be tried")
    for peer in peers:
        try:
            addresses = await server.stub.addresses(peer.name, entry.message)
        except NoAnswer as error:
            failure = Reply(451, "4.4.3", f"the DNS gave no answer for {peer.name}: {error}")
            continue
        if not addresses:
            failure = Reply(451, "4.4.4", f"the mail server {peer.name} has no address in the DNS")
        for address in addresses:
            try:
                return await send(server.host, peer.name, address, entry, recipients)
            except HostFailed as error:
                failure = error.reply
    return dict.fromkeys(recipients, TryLater(failure, peers[0].name if peers else ""))


def _record(server: Server, entry: Entry, outcomes: Outcomes) -> None:
    """Write into the trace what was handed on; the MDA records its own deliveries."""
    handed = [(r, o) for r, o in outcomes.items() if isinstance(o, Delivered) and o.peer]
    if handed:
        names = [str(recipient) for recipient, _ in handed]
        server.record("relayed", entry.message, recipients=names, peer=handed[0][1].peer, reply=str(handed[0][1].reply))


async def _conclude(server: Server, entry: Entry, progress: Progress, outcomes: Outcomes) -> None:
    now = server.host.internet.clock.now()
    expired = now - entry.arrived >= timedelta(seconds=LIFETIME)
    failed: list[tuple[Address, GiveUp]] = []
    waiting: list[tuple[Address, TryLater]] = []
    for recipient, ended in outcomes.items():
        match ended:
            case Delivered():
                pass
            case GiveUp():
                failed.append((recipient, ended))
            case TryLater() if expired:
                text = f"not delivered in {LIFETIME // 86400} days; at last: {ended.reply}"
                failed.append((recipient, GiveUp(Reply(554, "5.4.7", text), ended.peer)))
            case TryLater():
                waiting.append((recipient, ended))
    if failed:
        undone = tuple(recipient for recipient, _ in [*failed, *waiting])
        if len(undone) < len(outcomes):  # whatever happens to the bounce, nobody gets the message twice
            left = Progress(undone, progress.attempts, None, progress.reason)
            await _off_the_loop(lambda: server.queue.keep(entry, left))
        await _give_up(server, entry, failed)
    if not waiting:
        await _off_the_loop(lambda: server.queue.finish(entry))
        return
    await _try_later(server, entry, progress.attempts + 1, waiting)


async def _give_up(server: Server, entry: Entry, failed: list[tuple[Address, GiveUp]]) -> None:
    for recipient, failure in failed:
        reason = f"{failure.peer} said {failure.reply}" if failure.peer else str(failure.reply)
        server.record("failed", entry.message, recipients=[str(recipient)], reason=reason)
    sender = entry.envelope.sender
    if sender is None:
        return  # RFC 5321 §6.1: a bounce is never bounced
    now, name = server.host.internet.clock.now(), server.host.name
    report = server.host.internet.trace.new_message()
    content = bounce(entry, failed, name, f"<{server.new_queue_id().lower()}@{name}>", now)
    incoming = server.queue.begin(server.new_queue_id(), Envelope(None, (sender,)), report, now)
    incoming.write(content)
    recipients = [str(recipient) for recipient, _ in failed]
    server.record("bounced", entry.message, recipients=recipients, to=str(sender), report=report)
    await server.take(incoming, None, len(content))


async def _try_later(server: Server, entry: Entry, attempts: int, waiting: list[tuple[Address, TryLater]]) -> None:
    seconds = pause(attempts)
    due = server.host.internet.clock.now() + timedelta(seconds=seconds)
    reasons = {str(ended.reply): None for _, ended in waiting}
    progress = Progress(tuple(recipient for recipient, _ in waiting), attempts, due, "; ".join(reasons))
    await _off_the_loop(lambda: server.queue.keep(entry, progress))
    names = [str(recipient) for recipient, _ in waiting]
    server.record("deferred", entry.message, recipients=names, reason=progress.reason, next_attempt=due)
    server.schedule(entry, seconds)


async def _off_the_loop(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work)
