"""A queue on the public face: what waits, why, and what an administrator does about it.

lab.queue("mx2.bakery.test")                 a table
lab.queue("mx2.bakery.test").flush()         try everything now
.hold("7KQ2M4XD")  .release("7KQ2M4XD")  .delete("7KQ2M4XD")      one message; without a name: all
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mailcourse.internet.errors import unknown
from mailcourse.mta.server import MailServer

from .interrupt import uninterrupted
from .table import Table
from .world import LabWorld

COLUMNS = ("queue id", "sender", "waiting", "attempts", "next attempt", "reason")


def rows(server: MailServer) -> list[tuple[object, ...]]:
    """Return one row for each message in the queue."""
    found: list[tuple[object, ...]] = []
    for entry in server.queue.entries():
        progress = server.queue.progress_of(entry)
        due = "held" if progress.is_held else progress.next_attempt
        sender = entry.envelope.reverse_path or "<>"
        found.append((entry.queue_id, sender, progress.waiting, progress.attempts, due, progress.reason))
    return found


@dataclass(frozen=True, repr=False)
class LabQueue(Table):
    """The queue of one mail server, as it was when it was asked for, and what can be done about it."""

    world: LabWorld
    server: MailServer

    def flush(self, queue_id: str | None = None) -> LabQueue:
        """Try one message, or all that wait, now instead of later; return the queue as it is then."""
        return self._do(self.server.flush, queue_id)

    def hold(self, queue_id: str | None = None) -> LabQueue:
        """Keep one message, or all, until it is released."""
        return self._do(self.server.hold, queue_id)

    def release(self, queue_id: str | None = None) -> LabQueue:
        """Go on with one message, or all, that was held."""
        return self._do(partial(self.server.hold, held=False), queue_id)

    def delete(self, queue_id: str | None = None) -> LabQueue:
        """Forget one message, or all; nobody is told."""
        return self._do(self.server.delete, queue_id)

    @uninterrupted
    def _do(self, act: Callable[[str | None], None], queue_id: str | None) -> LabQueue:
        with self.world.turn():
            known = [entry.queue_id for entry in self.server.queue.entries()]
            if queue_id is not None and queue_id not in known:
                raise unknown("message in the queue", queue_id, known)
            self.world.runtime.call(lambda: act(queue_id))
        return queue_of(self.world, self.server.host.name)


def queue_of(world: LabWorld, host: str) -> LabQueue:
    """Return the queue of a mail server as it is now."""
    server = world.mail_server(host)
    return LabQueue(COLUMNS, tuple(rows(server)), world, server)
