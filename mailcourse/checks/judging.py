"""The judge's process as its clients see it: a parcel goes in, calls of a function come back, a verdict at the end.

    judged(judge, task, names, parcel, called)  ─►  Verdict
        {"call": …}   is answered by called(…): in a notebook by the function itself, in marking by asking its room

Who uses it: ask.py in a notebook, and the marking of a class.  Both get the same judge and the same words.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, Protocol

from mailcourse.internet.errors import LabError
from mailcourse.leftovers import HeldFolder

from .programs import module
from .task import Task, courses
from .verdict import PartVerdict, Verdict

#: real seconds for one step of the judge
STEP = 60.0
MAX_NOTES = 3
#: a folder in memory, where the system has one
MEMORY = "/dev/shm"
LATE = "The check itself did not end in time. Run this cell again; if it happens again, restart the kernel."

#: a call of the student's function, as the judge wants it → what came of it
Called = Callable[[Mapping[str, Any]], dict[str, Any]]


class Judge(Protocol):
    """Who judges: a process of its own, or, where there are no processes, a part of this one."""

    @property
    def is_there(self) -> bool:
        """True while it can be asked."""

    def judge(self, request: Mapping[str, Any], called: Called) -> dict[str, Any]:
        """Have an answer judged, and answer the calls of its function."""

    def end(self) -> None:
        """Let it go."""


class JudgeBroken(LabError):
    """The check itself failed; `trace` is for whoever fixes it."""

    def __init__(self, trace: str) -> None:
        self.trace = trace
        super().__init__(f"The check itself failed. This is a bug in it, and not your fault:\n{trace}")


class JudgeProcess:
    """The judge's process.  Lines of JSON go in and come out."""

    def __init__(self) -> None:
        # What its labs leave goes with it; nothing there has to survive, and memory need not be synced.
        self._folder = HeldFolder("judge-", MEMORY if os.access(MEMORY, os.W_OK) else None)
        self._process, self._to, self._from = _started({**os.environ, "TMPDIR": str(self._folder.path)})
        self._heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self._owner = os.getpid()

    def _listen(self) -> None:
        with suppress(OSError, ValueError):
            for line in self._from:
                self._heard.put(line)
        self._heard.put("")
        self._process.wait()  # else a kernel that shuts down sees a child that has ended, and waits for it to end

    @property
    def is_there(self) -> bool:
        """True while it can be asked."""
        return self._process.poll() is None and self._owner == os.getpid()

    def judge(self, request: Mapping[str, Any], called: Called) -> dict[str, Any]:
        """Have an answer judged, and answer the calls of its function; a judge that was disturbed is ended."""
        try:
            self.say(**request)
            while "call" in (heard := self.hear()):
                self.say(**called(heard))
        except BaseException:
            self.end()  # it is in the middle of something
            raise
        return heard

    def say(self, **what: Any) -> None:
        """Say one line; `LabError` when nobody is there any more."""
        try:
            self._to.write(json.dumps(what) + "\n")
            self._to.flush()
        except OSError:
            raise LabError("The check itself ended. Run this cell again.") from None

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
        for pipe in (self._to, self._from):
            with suppress(OSError):
                pipe.close()
        self._folder.close()


def _started(environment: Mapping[str, str]) -> tuple[subprocess.Popen[str], IO[str], IO[str]]:
    """Start the judge; return the ways to it and from it.

    A pipe of a process can be opened again by any other process of the same user, under /proc; a pair of sockets
    cannot.  So where the system has both, no answer can write to the judge, or in its name.
    """
    command = module("mailcourse.checks.judge")
    if os.name != "posix":
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        return process, process.stdin, process.stdout
    own, its = socket.socketpair()
    with own, its:
        process = subprocess.Popen(
            command, stdin=its.fileno(), stdout=its.fileno(), stderr=subprocess.DEVNULL, text=True
        )
        ways = own.makefile("w", encoding="utf-8"), own.makefile("r", encoding="utf-8")
    return process, *ways


def judged(judge: Judge, task: Task, names: Sequence[str], parcel: str, called: Called) -> Verdict:
    """Have an answer judged in the worlds of `names`, the student's own first."""
    named, notes = [str(course) for course in courses()], dict[str, None]()

    def noted(heard: Mapping[str, Any]) -> dict[str, Any]:
        answer = called(heard)
        notes.update(dict.fromkeys(answer.pop("notes")))
        return answer

    request = {"assignment": task.assignment, "task": task.name, "names": [*names], "answer": parcel, "courses": named}
    heard = judge.judge(request, noted)
    if "broken" in heard:
        raise JudgeBroken(heard["broken"])
    parts = [PartVerdict(**part) for part in heard["parts"]]
    return Verdict(
        task.title, parts, heard["stopped"], (*[*notes][:MAX_NOTES], *heard.get("notes", ())), is_try=heard["is_try"]
    )


def nothing(task: Task, why: str) -> Verdict:
    """Return the verdict of an answer that is none, and why."""
    return Verdict(
        task.title, [PartVerdict(name, worth, False) for name, worth in task.parts.items()], why, is_try=False
    )
