"""The first cell of an exercise: whose world is it?

    world = begin("02-dns", "Ana")

The name comes from the cell; where it is empty, from the one who marks (MAILCOURSE_STUDENT), or from the hub.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from mailcourse.internet.errors import LabError
from mailcourse.lab.table import Table, table
from mailcourse.views import Lab

from . import tries
from .answer_names import explain_misnamed_answers
from .task import Task, find, opened, tasks, use_course
from .world import World

NAME = 'Write your name between the quotes, such as STUDENT = "Ana", and run this cell again.'
MAX_NAME = 80
_current: dict[str, World] = {}
_tasks: WeakKeyDictionary[Lab, str] = WeakKeyDictionary()


class NotBegun(LabError):
    """The first cell is missing something; a notebook shows the sentence and no lines of code."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@dataclass(frozen=True)
class MyWorld:
    """One student's world in a notebook."""

    world: World

    @property
    def about(self) -> Table:
        """Who and what is in this world."""
        world = self.world
        rows = [
            ("your school", world.school, f"alice@{world.school}, amir@{world.school}"),
            ("your shop", world.shop, f"bruno@{world.shop}, bea@{world.shop}"),
        ]
        return table(("", "domain", "people"), rows)

    def given(self, task: str) -> Any:
        """Return what a task is about: a text, a table."""
        entry = find(self.world.assignment, task)
        if entry.given is None:
            raise LabError(f"The task {task} has nothing more to show; its text says what to do.")
        return entry.given(self.world)

    def lab(self, task: str = "") -> Any:
        """Open the lab of a task, as it is at the beginning; without a name, the two offices of this world."""
        return _opened(find(self.world.assignment, task), self.world) if task else self.world.open()

    def again(self, task: str) -> Any:
        """Begin a task again: its lab as it was, no tries, and the cell below as it was given to you."""
        entry = find(self.world.assignment, task)
        tries.forget(self.world.assignment, task)
        if stub := _stub(task):
            _put_below(stub)
        return _opened(entry, self.world) if entry.opens is not None else None

    def __repr__(self) -> str:
        total = sum(task.points for task in tasks(self.world.assignment).values())
        return f"The world of {self.world.name}, {total:g} points to earn in {self.world.assignment}\n{self.about!r}"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>The world of <b>{escape(self.world.name)}</b></p>{self.about._repr_html_()}"


def _opened(task: Task, world: World) -> Any:
    given = opened(task, world)
    _tasks[lab_of(given)] = task.name
    return given


def lab_of(given: Any) -> Lab:
    """Return the lab itself, or that of a patient of the clinic."""
    return given if isinstance(given, Lab) else given.lab


def task_of(lab: Lab) -> str:
    """Return the name of the task for which a lab was opened, or ""."""
    return _tasks.get(lab, "")


def begin(assignment: str, student: str = "", course: str = "") -> MyWorld:
    """Begin an exercise, or go on with it; `course` is the folder of a course outside of the package."""
    if course and not os.environ.get("MAILCOURSE_COURSE"):  # when it is marked, the teacher has named the folder
        use_course(course)
    if not isinstance(student, str):
        raise NotBegun(NAME)
    name = student.strip() or os.environ.get("MAILCOURSE_STUDENT", "") or os.environ.get("JUPYTERHUB_USER", "")
    if not name or name == "…":
        raise NotBegun(NAME)
    if len(name) > MAX_NAME or not name.isprintable():
        raise NotBegun(f"A name has at most {MAX_NAME} letters. {NAME}")
    tasks(assignment)  # says which assignments there are
    _current[assignment] = World(assignment, name)
    _keep_the_kernel()
    return MyWorld(_current[assignment])


def current(assignment: str) -> World:
    """Return the world that was begun."""
    if assignment not in _current:
        raise NotBegun(
            "Run the first code cell of this notebook: it says whose world this is. Then run this cell again."
        )
    return _current[assignment]


def _keep_the_kernel() -> None:
    """Let exit() in a cell say that it is not needed, in place of ending the kernel with all answers."""
    shell = _shell()
    if shell is not None:
        shell.user_ns.update(dict.fromkeys(("exit", "quit"), _no_exit))
        explain_misnamed_answers(shell)


def _no_exit(*_: object) -> None:
    raise NotBegun("exit() would end the kernel. It is not needed here: use return in a function, or nothing.")


def _shell() -> Any:
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None


def _stub(task: str) -> str:
    """Return the answer cell of a task as it was given out; kept in the notebook, beside the answer."""
    where = os.environ.get("JPY_SESSION_NAME", "")
    try:
        cells = json.loads(Path(where).read_text("utf-8"))["cells"] if where else []
    except (OSError, ValueError, KeyError):
        return ""
    about: list[Mapping[str, Any]] = [cell.get("metadata", {}).get("mailcourse", {}) for cell in cells]
    return next((str(entry["stub"]) for entry in about if entry.get("task") == task), "")


def _put_below(code: str) -> None:
    shell = _shell()
    if shell is not None:
        shell.set_next_input(code, replace=False)
