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
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display

from mailcourse.internet.runtime import runtime

from . import bounds, tries
from .begin import current
from .judge import JudgeHere
from .judging import Judge, JudgeProcess, judged, nothing
from .parcel import pack, unpack_arguments
from .task import Stopped, Task, find
from .verdict import Points, Verdict


class NotYet(Exception):
    """Nothing of the answer was right yet: what was expected, what happened, a hint."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict, self._is_shown = verdict, False
        super().__init__("\n".join(verdict.lines()))

    def _render_traceback_(self) -> list[str]:
        """Show a card in place of an error; nbgrader wants the cell to fail, and one quiet line says so."""
        if get_ipython() is None:
            return self.verdict.lines()
        if not self._is_shown:  # IPython asks for it twice: for the page, and for its own memory
            self._is_shown = True
            display({"text/html": self.verdict.html(), "text/plain": str(self)}, raw=True)  # type: ignore[no-untyped-call]
        return [f"{self.verdict.head}. What was expected, and what happened, is above."]


_judges: list[Judge] = []
_turn = threading.Lock()


def _judge() -> Judge:
    if not _judges or not _judges[-1].is_there:
        _judges[:] = [JudgeProcess() if runtime().is_apart else JudgeHere()]
    return _judges[-1]


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
    if os.environ.get("MAILCOURSE_ROOM"):
        return Points(nothing(entry, "It is marked at this moment: what is checked here does not count."))
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
        return nothing(task, bounds.NOT_WRITTEN)
    try:
        parcel = pack(answer)
    except Stopped as why:
        return nothing(task, str(why))
    with _turn:
        return judged(_judge(), task, (student, *seeds), parcel, lambda heard: called(answer, heard))


def called(answer: Any, heard: Mapping[str, Any]) -> dict[str, Any]:
    """Call the student's function as the judge wants it, and say what came of it."""
    came = bounds.call(answer, unpack_arguments(heard["call"]), heard["seconds"], heard["online"])
    try:
        value, failed = pack(came.value), came.failed
    except Stopped as why:
        value, failed = "null", f"What your function returned cannot be used. {why}"
    return {"value": value, "failed": failed, "late": came.late, "notes": came.notes}
