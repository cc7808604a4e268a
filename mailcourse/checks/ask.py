"""check("02-dns", "mx-order", answer): hand an answer to the judge, and show what came of it.

    kernel (here)                                 judge, a process of its own
    the answer, as data                     ──►   a fresh lab, probes
    a call of the student's function        ◄──   with these arguments
    what it returned, or how it failed      ──►
    points for each part, and why           ◄──

The judge is started once and asked again; one that does not answer in time is ended.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mailcourse.internet.errors import LabError

from . import bounds, tries
from .begin import current
from .parcel import pack, unpack
from .task import Stopped, Task, find
from .verdict import PartVerdict, Points, Verdict

#: real seconds for one check, and for one step of the judge in it
SECONDS, STEP = 100.0, 60.0
MAX_NOTES = 3
LATE = "The check itself did not end in time. Run this cell again; if it happens again, restart the kernel."


class NotYet(Exception):
    """Nothing of the answer was right yet: what was expected, what happened, a hint."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__("\n".join(verdict.lines()))

    def _render_traceback_(self) -> list[str]:
        return self.verdict.lines()  # no lines of our own code: they would only frighten


class _Judge:
    """The judge's process.  Lines of JSON go in and come out."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-m", "mailcourse.checks.judge"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.owner = os.getpid()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self._heard.put(line)
        self._heard.put("")
        self._process.wait()  # else a kernel that shuts down sees a child that has ended, and waits for it to end

    @property
    def is_there(self) -> bool:
        """True while it can be asked."""
        return self._process.poll() is None and self.owner == os.getpid()

    def say(self, **what: Any) -> None:
        """Say one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Hear one line; `LabError` when there is none in time."""
        try:
            line = self._heard.get(timeout=STEP)
        except queue.Empty:
            self.end()
            raise LabError(LATE) from None
        if not line:
            raise LabError("The check itself ended. Run this cell again.")
        return dict(json.loads(line))

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()


_judges: list[Any] = globals().get("_judges", [])  # marking reloads this module, and keeps its judge
_turn = threading.Lock()


def _judge() -> _Judge:
    if not _judges or not _judges[-1].is_there:
        _judges[:] = [_Judge()]
    judge: _Judge = _judges[-1]
    return judge


@atexit.register
def end_judge() -> None:
    """End the judge's process, if there is one."""
    while _judges:
        _judges.pop().end()


def check(assignment: str, task: str, answer: Any, seeds: Sequence[str] = ()) -> Points:
    """Check an answer; return its points, or raise `NotYet` when there are none.

    With `seeds`, as for marking: in the worlds of other names too, and what is only for later.
    """
    entry, world = find(assignment, task), current(assignment)
    verdict = _judged(entry, world.name, answer, tuple(seeds))
    if not verdict.is_whole and verdict.is_try and not seeds:
        verdict = replace(verdict, hint=_hint(entry, verdict))
    if verdict.points == 0:
        raise NotYet(verdict)
    return Points(verdict)


def _hint(task: Task, verdict: Verdict) -> str:
    """Return a hint about the first part that failed, if there are such; else the next one of the task."""
    failed = next(part.name for part in verdict.parts if not part.passed)
    about = failed if failed in task.part_hints else ""
    return tries.hint(task.assignment, task.name, task.part_hints.get(about, task.hints), about)


def _judged(task: Task, student: str, answer: Any, seeds: tuple[str, ...]) -> Verdict:
    if bounds.is_stub(answer):
        return _nothing(task, "Your function is not written yet: it does nothing, and returns nothing (None).")
    try:
        parcel = pack(answer)
    except Stopped as why:
        return _nothing(task, str(why))
    with _turn:
        judge = _judge()
        try:
            judge.say(assignment=task.assignment, task=task.name, names=[student, *seeds], answer=parcel)
            notes: dict[str, None] = {}
            while True:
                heard = judge.hear()
                if "call" not in heard:
                    break
                called = _called(answer, heard)
                notes.update(dict.fromkeys(called.pop("notes")))
                judge.say(**called)
        except BaseException:
            judge.end()  # it is in the middle of something
            raise
    if "broken" in heard:
        raise LabError(f"The check itself failed. This is a bug in it, and not your fault:\n{heard['broken']}")
    parts = [PartVerdict(**part) for part in heard["parts"]]
    return Verdict(task.title, parts, heard["stopped"], tuple(notes)[:MAX_NOTES], is_try=heard["is_try"])


def _called(answer: Any, heard: dict[str, Any]) -> dict[str, Any]:
    """Call the student's function as the judge wants it, and say what came of it."""
    came = bounds.call(answer, unpack(heard["call"], tuple), heard["seconds"], heard["online"])
    try:
        value, failed = pack(came.value), came.failed
    except Stopped as why:
        value, failed = "null", f"What your function returned cannot be used. {why}"
    return {"value": value, "failed": failed, "late": came.late, "notes": came.notes}


def _nothing(task: Task, why: str) -> Verdict:
    return Verdict(
        task.title, [PartVerdict(name, worth, False) for name, worth in task.parts.items()], why, is_try=False
    )
