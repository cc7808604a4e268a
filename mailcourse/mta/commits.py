"""Committing messages in groups: those that arrive at the same time share one sync of the folder.

    session 1  ─┐                         ┌─ 250
    session 2  ─┼─► sync, rename each ─► sync the folder once ─► 250
    session 3  ─┘        (a worker)       └─ 250

While one group is on its way to the disk, the next one gathers.  Nobody waits for others to come: a
message that is alone is a group of one.
"""

from __future__ import annotations

import asyncio
import threading

from .queue import Entry, Incoming, QueueWriteError

CommitResult = tuple[asyncio.Future[Entry], Entry | QueueWriteError]


class Commits:
    """The commits of one server.  `commit` belongs to the loop's thread, the work to a worker."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._gathered: list[tuple[Incoming, asyncio.Future[Entry]]] = []
        self._is_working = False
        self._lock = threading.Lock()

    async def commit(self, incoming: Incoming) -> Entry:
        """Return the message's entry when it is safe on the disk; raise `QueueWriteError` when it is not."""
        future: asyncio.Future[Entry] = self._loop.create_future()
        with self._lock:
            self._gathered.append((incoming, future))
            begin, self._is_working = not self._is_working, True
        if begin:
            self._loop.run_in_executor(None, self._work)
        return await future

    def _work(self) -> None:
        while True:
            with self._lock:
                group, self._gathered = self._gathered, []
                if not group:
                    self._is_working = False
                    return
            self._loop.call_soon_threadsafe(_tell, _together(group))


def _together(group: list[tuple[Incoming, asyncio.Future[Entry]]]) -> list[CommitResult]:
    """Commit a group.  Blocking."""
    done: list[CommitResult] = []
    for incoming, future in group:
        try:
            done.append((future, incoming.rename()))
        except QueueWriteError as refusal:
            done.append((future, refusal))
    queue = group[0][0].queue
    try:
        queue.disk.sync_folder(queue.active)
    except OSError as error:  # nobody may learn that it is safe
        return [(future, QueueWriteError(error)) for future, _ in done]
    return done


def _tell(done: list[CommitResult]) -> None:
    for future, ended in done:
        if future.done():
            continue
        if isinstance(ended, QueueWriteError):
            future.set_exception(ended)
        else:
            future.set_result(ended)
