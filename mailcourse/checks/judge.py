"""The judge: a process of its own, in which nothing of a student's code runs.

    in    {"assignment": …, "task": …, "names": [student, other worlds …], "answer": …, "courses": […]}
    out   {"call": arguments, "seconds": …, "online": names, "doors": ports}
                                                  any number of times; answered by {"value": …, "failed": …}
    out   {"parts": […], "stopped": …, "is_try": …}    at the end, or {"broken": …} when the check itself failed

Parts are passed when all that was expected of them came true in every world.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TextIO

from mailcourse.checks.remote_names import Endpoints

from .parcel import pack_arguments, unpack
from .state import State
from .task import Case, Finding, Function, OutOfTime, Stopped, Task, find, use_course
from .verdict import PartVerdict
from .world import World


class Ear:
    """The way to the kernel, where the student's function is."""

    def __init__(self, heard: TextIO, said: TextIO) -> None:
        self._heard, self._said = heard, said

    def say(self, **what: Any) -> None:
        """Say one line."""
        self._said.write(json.dumps(what) + "\n")
        self._said.flush()

    def exchange(self, **what: Any) -> dict[str, Any]:
        """Say a line and hear the next."""
        self.say(**what)
        return dict(json.loads(self._heard.readline()))

    def ask(self, arguments: Sequence[Any], seconds: float, online: Endpoints, doors: Sequence[int] = ()) -> Any:
        """Have the student's function called, with the names of a lab; `Stopped` says how it failed."""
        answer = self.exchange(call=pack_arguments(arguments), seconds=seconds, online=online, doors=list(doors))
        if answer["failed"]:
            raise (OutOfTime if answer["late"] else Stopped)(answer["failed"])
        return unpack(answer["value"])


def judge(task: Task, names: Sequence[str], answer: Any, ear: Ear) -> dict[str, Any]:
    """Try an answer in the worlds of `names`, the student's own first; return what is said at the end."""
    findings, stopped, is_marked = list[Finding](), "", len(names) > 1
    # A function must do in every world; whatever else was answered belongs to the student's own.
    for name in names if isinstance(answer, Function) else names[:1]:
        case = Case(World(task.assignment, name), answer, is_marked, ear.ask, _later(task, is_marked))
        try:
            _look_for_other_labs(task, answer)
            task.judge(case)
        except Stopped as why:
            stopped = str(why)
        finally:
            case.close()
            findings += case.findings
        if stopped:
            break
    reasons = {finding.happened if finding.is_stopped else "" for finding in findings}
    if len(reasons) == 1 and {finding.part for finding in findings} == {*task.parts} - {*_later(task, is_marked)}:
        stopped = stopped or reasons.pop()  # everything failed for one reason: say it once
    parts = [_part(task, name, findings, is_marked, stopped) for name in task.parts]
    if not any(
        part.passed and not part.later for part in parts
    ):  # nothing was right: what is for later does not count yet
        parts = [replace(part, passed=False) for part in parts]
    is_try = bool(findings) or not stopped or isinstance(answer, Function)
    return {"parts": [vars(part) for part in parts], "stopped": stopped, "is_try": is_try}


def _look_for_other_labs(task: Task, answer: Any) -> None:
    """Stop at the lab of another task: an untouched one may be well by itself."""
    for part in answer.values() if isinstance(answer, dict) else (answer,):
        if isinstance(part, State) and part.task != task.name:
            raise Stopped(f"This is another lab. The one of this task is opened by world.lab({task.name!r}).")


def _later(task: Task, is_marked: bool) -> tuple[str, ...]:
    return () if is_marked else task.later


def _part(task: Task, name: str, findings: Sequence[Finding], is_marked: bool, stopped: str) -> PartVerdict:
    own, worth = [finding for finding in findings if finding.part == name], task.parts[name]
    wrong = next((finding for finding in own if not finding.is_so and finding.happened != stopped), None)
    if wrong is not None:
        return PartVerdict(name, worth, False, wrong.expected, wrong.happened)
    if stopped:  # what was not looked at to the end is not passed
        return PartVerdict(name, worth, False)
    later = name in _later(task, is_marked)
    return PartVerdict(name, worth, bool(own) or later, later=later)


class NearEar(Ear):
    """The way to a function in this process."""

    def __init__(self, called: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        self._called = called

    def exchange(self, **what: Any) -> dict[str, Any]:
        """Call the function."""
        return self._called(what)


class JudgeHere:
    """The judge as a part of the notebook's own process, where there are no others: nobody's marks rest on it."""

    NOTE = "This was checked in your browser. Your teacher's program marks the file that you submit."
    is_there = True

    def judge(
        self, request: Mapping[str, Any], called: Callable[[Mapping[str, Any]], dict[str, Any]]
    ) -> dict[str, Any]:
        """Judge an answer at once."""
        return {**verdict_on(request, NearEar(called)), "notes": [self.NOTE]}

    def end(self) -> None:
        """Nothing is to be ended."""


def verdict_on(request: Mapping[str, Any], ear: Ear) -> dict[str, Any]:
    """Judge what a request asks for, and return what is said at the end."""
    try:
        for course in request["courses"]:
            use_course(course)
        entry = find(request["assignment"], request["task"])
        try:
            answer = unpack(request["answer"])
        except Stopped as why:
            parts = [PartVerdict(name, worth, False) for name, worth in entry.parts.items()]
            return {"parts": [vars(part) for part in parts], "stopped": str(why), "is_try": False}
        return judge(entry, request["names"], answer, ear)
    except Exception:
        return {"broken": traceback.format_exc(limit=-6)}


def main() -> None:
    """Judge line by line, until nobody asks any more."""
    said = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed does not go to the kernel
    ear = Ear(sys.stdin, said)
    for line in sys.stdin:
        ear.say(**verdict_on(json.loads(line), ear))


if __name__ == "__main__":
    main()
