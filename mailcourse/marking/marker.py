"""One submission marked: its cells run in a room, its answers judged outside of it.  Values go in, values come out.

    mark(Work)  ─►  Marked          in any worker of a `concurrent.futures.Executor`

    the room ends in a cell         another room; what was run before is run again, without that cell
    a cell does not end             interrupted; after some of them, sooner
    an answer is not there          no points for its task, and a sentence that says which names there are

Whatever a submission does is its own loss: only answers of it reach the judge, and nothing reaches another one.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from mailcourse.checks import bounds
from mailcourse.checks.answer_names import Check, defined_names, misnamed
from mailcourse.checks.begin import MAX_NAME
from mailcourse.checks.judging import JudgeBroken, JudgeProcess, judged, nothing
from mailcourse.checks.task import Task, find
from mailcourse.checks.verdict import Verdict
from mailcourse.internet.errors import LabError
from mailcourse.leftovers import HeldFolder

from .doorway import open_ports
from .notebook import Placed, Sheet
from .room import START, Room, RoomEnded

#: real seconds for a cell; once several have not ended, for each further one; and for an answer to be handed over
SECONDS, HURRIED, HAND_OVER = 20.0, 5.0, 20.0
#: cells that may be late before the others are hurried, and rooms that one notebook may use up
MAX_LATE, MAX_ROOMS = 2, 6
#: octets that the next cells need on the room's disk
NEEDED = 20_000_000
SPOILT = "This notebook ended its kernel again and again: the cells from here on were not run."


@dataclass(frozen=True)
class Work:
    """What a worker needs to mark one submission.  `files` lie beside the notebook; `hidden` are names of worlds."""

    student: str
    assignment: str
    sheet: Sheet
    files: Mapping[str, bytes]
    hidden: tuple[str, ...]
    course: str = ""  # a folder with a teacher's own tasks
    seconds: float = SECONDS
    is_judged: bool = True  # False: run only, to measure what judging costs


@dataclass(frozen=True)
class Marked:
    """What came of it: a verdict for each task, what cells printed, whose worlds it was in, notes for a teacher."""

    verdicts: Mapping[str, Verdict]
    outputs: Mapping[int, str]
    worlds: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass
class _Bench:
    """The judge of one worker: started once, and asked for one submission after another."""

    judge: JudgeProcess | None = None

    def ready(self) -> JudgeProcess:
        if self.judge is None or not self.judge.is_there:
            self.judge = JudgeProcess()
        return self.judge


_own = threading.local()
_benches: list[_Bench] = []


def _bench() -> _Bench:
    if not hasattr(_own, "bench"):
        _own.bench = _Bench()
        _benches.append(_own.bench)
    bench: _Bench = _own.bench
    return bench


def end_judges() -> None:
    """End the judges of all workers of this process."""
    while _benches:
        bench = _benches.pop()
        if bench.judge is not None:
            bench.judge.end()


def mark(work: Work, is_wanted: Callable[[], bool] = lambda: True) -> Marked:
    """Mark one submission.  When `is_wanted` says no, it stops before the next cell."""
    with HeldFolder("handed-in-") as kept:
        folder = kept / "given"
        folder.mkdir()
        for name, octets in work.files.items():
            path = Path(folder, *PurePosixPath(name).parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(octets)
        with contextlib.closing(_Marking(work, folder)) as marking:
            for number, cell in enumerate(work.sheet.cells):
                if not is_wanted():
                    raise InterruptedError(work.student)
                marking.do(number, cell)
            return marking.marked()


@dataclass
class _Marking:
    """One notebook in its rooms, from the first cell to the last."""

    work: Work
    folder: Path
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    outputs: dict[int, str] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    worlds: dict[str, None] = field(default_factory=dict)
    _failed: dict[int, str] = field(default_factory=dict)  # cells that stopped, and with what
    _room: Room | None = None
    _done: list[int] = field(default_factory=list)  # cells that were run, and let their room go on
    _since: int = 0  # cells since the last graded one
    _rooms: int = 0
    _late: int = 0

    def do(self, number: int, cell: Placed) -> None:
        """Run one cell, and have judged what is checked behind it."""
        if cell.is_run:
            self._run(number, cell.source)
        for check in cell.checks:
            verdict = self._judged(number, check)
            before = self.verdicts.get(check.task)
            if before is None or verdict.points > before.points:
                self.verdicts[check.task] = verdict
            self._since = number + 1

    def marked(self) -> Marked:
        """Return what came of it."""
        return Marked(self.verdicts, self.outputs, tuple(self.worlds), tuple(self.notes))

    def close(self) -> None:
        """Leave the room."""
        if self._room is not None:
            self._room.close()
            self._room = None

    # ---- running -------------------------------------------------------------------------------------

    @property
    def _seconds(self) -> float:
        return self.work.seconds if self._late <= MAX_LATE else min(HURRIED, self.work.seconds)

    def _ready(self) -> Room:
        """Return the room; a new one when there is none, with everything in it that was run before."""
        if self._room is not None:
            return self._room
        if self._rooms >= MAX_ROOMS:
            self.notes["it ended its kernel again and again; look at it yourself"] = None
            raise RoomEnded(SPOILT)
        self._rooms += 1
        # Whose world it is, where the first cell does not say.
        variables = {"MAILCOURSE_STUDENT": self.work.student, "MAILCOURSE_ROOM": "1"}
        self._room = Room(self.folder, variables, Path(self.work.course) if self.work.course else None)
        self._room.ask(run="", seconds=START)
        for number in list(self._done):
            try:
                self._room.ask(run=self.work.sheet.cells[number].source, seconds=self._seconds)
            except RoomEnded:
                self._done.remove(number)
                raise
        return self._room

    def _run(self, number: int, source: str) -> None:
        try:
            room = self._ready()
            said = room.ask(run=source, seconds=self._seconds)
            if isinstance(said.get("free"), int) and said["free"] < NEEDED:
                raise room.ended("it filled the disk")
        except RoomEnded as why:
            self.outputs[number] = f"This cell is left out: {why}."
            self._failed[number] = str(why)
            self._note_lost(number, str(why))
            self.close()
            return
        self.outputs[number] = str(said.get("text", ""))[:30_000]
        if failed := str(said.get("failed", "")):
            self._failed[number] = f"it stopped with {failed[:300]}"
        if failed.startswith("TimeIsUp"):
            self._late += 1
            self._failed[number] = "it did not end, and was interrupted"
            self._note_lost(number, "it did not end, and was interrupted")
        self._done.append(number)

    def _note_lost(self, number: int, why: str) -> None:
        given = self.work.sheet.cells[number].given
        name = given.grade_id if given is not None and given.grade_id else f"number {number + 1}"
        if why != SPOILT:
            self.notes[f"the cell {name}: {why}"] = None

    # ---- judging -------------------------------------------------------------------------------------

    def _judged(self, number: int, check: Check) -> Verdict:
        task = find(check.assignment, check.task)
        try:
            told = self._ready().ask(answer=check.answer, assignment=check.assignment, seconds=HAND_OVER)
        except RoomEnded as why:
            self.close()
            return nothing(task, f"The kernel ended before this task was looked at: {why}.")
        if why_not := self._no_answer(number, check, told):
            return nothing(task, why_not)
        world = self._world(told.get("world"))
        if not self.work.is_judged:
            return nothing(task, "not judged")
        try:
            return judged(
                _bench().ready(), task, (world, *self.work.hidden), str(told["parcel"]), lambda heard: self._call(heard)
            )
        except RoomEnded as why:
            self._note_lost(number, str(why))
            self.close()
            return nothing(task, f"The kernel ended while your answer was tried: {why}.")
        except LabError as error:
            return self._broken(task, error)

    def _broken(self, task: Task, error: LabError) -> Verdict:
        last = (error.trace if isinstance(error, JudgeBroken) else str(error)).strip().splitlines()[-1]
        self.notes[f"the check of {task.name} failed and has to be looked at: {last[:200]}"] = None
        return nothing(task, "This could not be checked. Your teacher looks at it.")

    def _no_answer(self, number: int, check: Check, told: Mapping[str, Any]) -> str:
        """Say why there is nothing to judge, or ""."""
        cells = self.work.sheet.cells[self._since : number]
        stopped = [why for place, why in self._failed.items() if self._since <= place <= number]
        sources = [cell.source for cell in cells if cell.is_run]
        if told.get("missing") == check.answer and stopped:
            return f"This task looks for `{check.answer}`, and the cell that should define it did not: {stopped[-1]}."
        if told.get("missing") == check.answer:
            return misnamed(check, sources)
        if "parcel" not in told:
            return str(told.get("stopped") or f"The answer stopped with a missing name: {told.get('missing')}")[:600]
        others = set(defined_names(sources)) - {check.answer}
        if others and told["parcel"] == UNANSWERED and self._is_touched(check, cells):
            return misnamed(check, sources)
        return ""

    @staticmethod
    def _is_touched(check: Check, cells: Sequence[Placed]) -> bool:
        return any(
            c.given is not None and c.given.is_answer and c.source.strip() != c.given.source.strip() for c in cells
        )

    def _world(self, said: object) -> str:
        """Return whose world an answer is in, as `begin` was called in the room; a name that cannot be is not used."""
        name = str(said).strip()
        if not name or len(name) > MAX_NAME or not name.isprintable():
            name = self.work.student
        self.worlds[name] = None
        return name

    def _call(self, heard: Mapping[str, Any]) -> dict[str, Any]:
        """Have the student's function called in its room, with the ports of the judge's lab that it may use."""
        room = self._ready()
        ports = {int(real[1]) for services in heard["online"].values() for real in services.values()}
        with open_ports(room, sorted(ports | set(map(int, heard["doors"])))):
            came = room.ask(**{name: heard[name] for name in ("call", "seconds", "online")})
        notes = came.get("notes")
        return {
            "value": str(came.get("value", "null")),
            "failed": str(came.get("failed") or came.get("stopped") or "")[:1000],
            "late": bool(came.get("late")),
            "notes": [str(note)[: bounds.KEPT * 2] for note in notes[:5]] if isinstance(notes, list) else [],
        }


#: how an answer looks that is still `...`
UNANSWERED = '{"$": "unanswered", "is": null}'
