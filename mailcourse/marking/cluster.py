"""Marking on many machines: a class is handed to a Dask cluster, in the place of the threads of this machine.

    mailcourse grade 02-dns FOLDER --scheduler tcp://10.0.0.5:8786

    grade(Job, executor=Cluster)  ──Work──►  scheduler  ──►  a worker: the same rooms, the same judge
                                  ◄─Marked──                 a worker that dies: its submissions go to others

A submission goes as a value and its result comes as one; folder, secret, gradebook and pages stay where the teacher is.
A worker marks with the very code that the teacher has, or not at all: both compare what their files and their memory
hold.  Does not know what is in a submission.  Who uses it: cli.py.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, InvalidStateError
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import mailcourse
from mailcourse.checks.task import use_course
from mailcourse.internet.errors import LabError

from . import room
from .grading import quiet
from .marker import Marked, Work
from .results import without_places_in

PACKAGE = Path(mailcourse.__file__).resolve().parent
#: real seconds for the scheduler to answer; between two looks at the workers; and without any before nobody waits more
ANSWER, LOOK, PATIENCE = 10.0, 2.0, 60.0
INSTALL = "pip install 'mailcourse[cluster]'"


class Cluster(Executor):
    """The workers of a scheduler.  `lost` says why nobody answers any more; what was not marked then is cancelled."""

    def __init__(self, client: Any, stamp: str, patience: float) -> None:
        self._client, self._stamp, self._patience = client, stamp, patience
        self._pool = client.get_executor(pure=False)  # the same work twice is two pieces of work
        self._waiting: set[Future[Any]] = set()
        self._over = threading.Event()
        self.lost = ""
        threading.Thread(target=self._watch, name="mailcourse-cluster", daemon=True).start()

    def submit(self, task: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        """Have a piece of work done by any worker, and by another one when that dies."""
        future: Future[Any] = Future()
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        if self.lost:
            _finish(future, CancelledError(self.lost))
        else:
            there: Future[Any] = self._pool.submit(on_worker, self._stamp, task, *args, **more)
            there.add_done_callback(lambda done: _pass_on(done, future))
            future.add_done_callback(lambda done: done.cancelled() and there.cancel())
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let go of everything; workers and scheduler go on."""
        self._over.set()
        for future in list(self._waiting):
            future.cancel()

    def _watch(self) -> None:
        """Cancel what waits when the scheduler is gone, or has had no worker for a while."""
        alone = 0.0
        while not self._over.wait(LOOK):
            if self._client.status != "running":
                return self._lose("The scheduler does not answer any more. Start it again, and give the same command.")
            alone = 0.0 if _has_workers(self._client) else alone + LOOK
            if alone >= self._patience:
                return self._lose("The scheduler has no workers any more. Start some, and give the same command.")
        return None

    def _lose(self, why: str) -> None:
        self.lost = why
        for future in list(self._waiting):
            _finish(future, CancelledError(why))


def _pass_on(done: Future[Any], future: Future[Any]) -> None:
    """Give what came of a future of Dask to the one that is waited for."""
    if done.cancelled():
        _finish(future, CancelledError())
    elif error := done.exception():
        _finish(future, error)
    else:
        _finish(future, None, done.result())


def _finish(future: Future[Any], error: BaseException | None, result: Any = None) -> None:
    with suppress(InvalidStateError):  # it was cancelled, or given up
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)


def _has_workers(client: Any) -> bool:
    try:
        return bool(client.nthreads())
    except (OSError, TimeoutError):
        return True  # whether the scheduler is gone is another question


@contextmanager
def connected(address: str, course: Path | None = None, patience: float = PATIENCE) -> Iterator[tuple[Cluster, str]]:
    """Connect to a scheduler, and look at its workers: the cluster, and what a teacher should know of its rooms."""
    try:
        import distributed
    except ImportError:
        raise LabError(f"distributed is missing; run `{INSTALL}` here and where the workers are") from None
    place = str(course.resolve()) if course is not None else ""
    stamp = stamp_of(place)
    dask: Any = distributed  # it has no types
    with quiet():
        try:
            address = address if "://" in address else f"tcp://{address}"
            dask.comm.get_address_host_port(address, strict=True)
            client = dask.Client(address, timeout=ANSWER, set_as_default=False)
        except (OSError, ValueError) as error:
            why = f"No scheduler answers at {address!r} ({type(error).__name__})"
            more = "Start one with `dask scheduler`; it says its address, such as tcp://10.0.0.5:8786."
            raise LabError(f"{why}. {more}") from None
    with quiet(), client:
        apart = _look_at_workers(client, stamp, place)
        cluster = Cluster(client, stamp, patience)
        try:
            yield cluster, apart
        finally:
            cluster.shutdown()


def _look_at_workers(client: Any, stamp: str, course: str) -> str:
    """Refuse workers that would mark otherwise than this machine; return what a teacher should know of the others."""
    seen = client.run(look, course, on_error="return")
    if not seen:
        raise LabError("The scheduler has no workers. Start some: `dask worker ADDRESS --nworkers 2 --nthreads 1`.")
    for worker, found in seen.items():
        if isinstance(found, BaseException):
            raise LabError(f"The worker {worker} cannot mark: {_in_words(found)}")
        if found[0] != stamp:
            raise LabError(
                f"The worker {worker} has another version of mailcourse or of your course than this machine. "
                "Install the same one there, and start the worker again."
            )
    return next((found[1] for found in seen.values() if found[1]), "")


def _in_words(error: BaseException) -> str:
    if isinstance(error, ImportError):
        return f"{error}. Run `{INSTALL}` there, and start the worker again."
    return str(error) or type(error).__name__


# ---- on a worker -------------------------------------------------------------------------------------------


def look(course: str) -> tuple[str, str]:
    """Return what this worker marks with, and what is to be known of its rooms; `LabError` when it has none."""
    room.try_out()
    return _stamp_here(course), room.how_apart()


def on_worker(stamp: str, task: Callable[[Work], Marked], work: Work) -> Marked:
    """Do a piece of work, and tell nothing of this machine."""
    if _stamp_here(work.course) != stamp:
        raise LabError("a worker has another version of mailcourse or of your course; start it again")
    return without_places_in(task(work))


def _stamp_here(course: str) -> str:
    """Return the stamp of the code that this process has loaded; none when the files are other by now."""
    if course:
        use_course(course)
    loaded = _first_stamp(course)
    return loaded if stamp_of(course) == loaded else ""


@cache
def _first_stamp(course: str) -> str:
    return stamp_of(course)


def stamp_of(course: str) -> str:
    """Return a number for all code that verdicts rest on: of the package, and of a teacher's own course."""
    made = hashlib.sha256()
    for root in (PACKAGE, *([Path(course, "tasks"), Path(course, "scenarios")] if course else [])):
        for path in sorted(path for kind in ("*.py", "*.toml") for path in root.rglob(kind)):
            made.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return made.hexdigest()


_first_stamp("")
