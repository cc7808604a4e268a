"""A task of an exercise: what it is about, what its parts are worth, and who judges it.

    @task("02-dns", "mx-order", "An order for MX records", kind="write", aim="…", parts={"order": 3}, hints=(…,))
    def mx_order(case: Case) -> None:
        with case.part("order", "the lower preference first") as so:
            got = case.call(records)               the student's function, with bounds; how it failed is noted
            so(got == wanted, f"your function returned {got}")

Each try brings the next hint; `part_hints` are given instead when the part of that name failed first.
A part is worth its points when everything that was expected of it came true, in every world that was tried.  Parts
in `later` are looked at only when the exercise is marked.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailcourse.internet.errors import LabError, unknown
from mailcourse.lab.table import Table, table
from mailcourse.views import Lab

from .world import World

KINDS = ("read", "write", "predict", "repair", "explain")


class Stopped(Exception):
    """The answer cannot be judged any further; the text says why, to the student."""


class OutOfTime(Stopped):
    """The answer took too long once: it is not asked again."""


@dataclass(frozen=True)
class Task:
    """One task.  `given` makes what is shown to the student, `opens` a lab to look at or to repair."""

    assignment: str
    name: str
    title: str
    kind: str
    aim: str
    parts: Mapping[str, float]
    hints: tuple[str, ...]
    judge: Callable[[Case], None]
    confronts: str = ""
    later: tuple[str, ...] = ()
    part_hints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    given: Callable[[World], Any] | None = None
    opens: Callable[[World], Any] | None = None

    @property
    def points(self) -> float:
        """What the whole task is worth."""
        return sum(self.parts.values())


TASKS: dict[str, dict[str, Task]] = {}
_loaded: set[Path] = set()


def task(
    assignment: str, name: str, title: str, **about: Any
) -> Callable[[Callable[[Case], None]], Callable[[Case], None]]:
    """Keep the function below as the judge of a task; `about` are the fields of `Task`."""

    def keep(judge: Callable[[Case], None]) -> Callable[[Case], None]:
        new = Task(assignment, name, title, judge=judge, **about)
        assert new.kind in KINDS, name
        assert new.hints, name
        assert set(new.part_hints) <= set(new.parts), name
        assert new.parts, name
        TASKS.setdefault(assignment, {})[name] = new
        return judge

    return keep


_courses: list[Path] = []


def use_course(folder: str | Path) -> Path:
    """From now on, know the tasks of a teacher's own course too: those in the folder `tasks` of `folder`."""
    path = Path(folder).expanduser().resolve()
    if not (path / "tasks").is_dir():
        raise LabError(
            f"There is no folder {str(path / 'tasks')!r}. Name the folder of the course, which has tasks/ in it."
        )
    if path not in _courses:
        _courses.append(path)
    return path


def courses() -> list[Path]:
    """Return the folders of courses that were named: by `use_course`, or in MAILCOURSE_COURSE."""
    named = os.environ.get("MAILCOURSE_COURSE", "")
    return [*_courses, *(path for path in [Path(named)] if named and path not in _courses)]


def _files() -> dict[str, Path]:
    """Return the file of each assignment; one of a teacher's own takes the place of ours."""
    found: dict[str, Path] = {}
    for folder in (Path(__file__).parent, *courses()):
        for path in sorted((folder / "tasks").glob("a[0-9]*.py")):
            found[path.stem[1:].replace("_", "-", 1).replace("_", "-")] = path
    return found


def assignments() -> list[str]:
    """Return the names of all assignments: those that have a file in tasks/."""
    return sorted(_files())


def tasks(assignment: str) -> dict[str, Task]:
    """Return the tasks of an assignment, by name, in their order."""
    files = _files()
    if assignment not in files:
        raise unknown("assignment", assignment, files)
    path = files[assignment]
    if path.parent == Path(__file__).parent / "tasks":
        importlib.import_module(f"mailcourse.checks.tasks.{path.stem}")
    elif path not in _loaded:
        TASKS.pop(assignment, None)
        spec = importlib.util.spec_from_file_location(f"mailcourse_course_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        _loaded.add(path)
    if assignment not in TASKS:
        raise LabError(
            f"{path.name} has no @task({assignment!r}, …). Write one, or call the file after its assignment."
        )
    return TASKS[assignment]


def find(assignment: str, name: str) -> Task:
    """Return one task."""
    known = tasks(assignment)
    if name not in known:
        raise unknown(f"task of {assignment}", name, known)
    return known[name]


@dataclass(frozen=True)
class Finding:
    """What was expected of a part, and what happened instead."""

    part: str
    is_so: bool
    expected: str
    happened: str
    is_stopped: bool = False


@dataclass
class Case:
    """One answer in one world.  `is_marked`: parts for later are looked at too."""

    world: World
    answer: Any
    is_marked: bool
    ask: Callable[..., Any]  # `Ear.ask`: calls the student's function, in the student's kernel
    skipped: tuple[str, ...] = ()  # parts that are not looked at this time
    findings: list[Finding] = field(default_factory=list)
    _labs: ExitStack = field(default_factory=ExitStack)

    def expect(self, part: str, is_so: bool, expected: str, happened: object = "") -> bool:
        """Note whether something came true; return it."""
        self._note(Finding(part, bool(is_so), expected, str(happened)[:600]))
        return bool(is_so)

    def _note(self, finding: Finding) -> None:
        if finding.part not in self.skipped:
            self.findings.append(finding)

    @contextmanager
    def part(self, part: str, expected: str) -> Iterator[Callable[..., bool]]:
        """Look at one part: `check(condition, happened)`; an answer that cannot be judged fails this part only."""
        try:
            yield lambda is_so, happened="": self.expect(part, is_so, expected, happened)
        except OutOfTime:
            raise
        except Stopped as why:
            self._note(Finding(part, False, expected, str(why)[:600], is_stopped=True))

    def call(self, *arguments: Any, seconds: float = 5.0, lab: Lab | None = None, doors: Sequence[int] = ()) -> Any:
        """Call the student's function, with the names of `lab` in its reach; `Stopped` says how it failed.

        `doors` are ports on 127.0.0.1 that it is told in its arguments: when it is marked, no others are there.
        """
        if not isinstance(self.answer, Function):
            raise Stopped(f"A function is asked for here, and this is {a(self.answer)}.")
        return self.ask(arguments, seconds, {} if lab is None else lab.endpoints()["hosts"], doors)

    def raises(self, kind: str, *arguments: Any) -> bool:
        """Say whether the student's function raises an error of a kind, such as "ValueError"."""
        try:
            self.call(*arguments)
        except Stopped as why:
            if f"stopped with {kind}" in str(why):
                return True
            raise
        return False

    def varied(self, returned: Sequence[Any]) -> None:
        """Stop when a function returned the same whatever it was asked: some cases are right by chance then."""
        if len(returned) > 1 and returned[0] is not None and all(value == returned[0] for value in returned):
            raise Stopped(
                f"Your function said {returned[0]!r} each time, whatever it was asked. "
                "Where this happens to be right, it earns nothing yet."
            )

    def lab(self, base: str = "two-offices", **change: Any) -> Lab:
        """Open a fresh lab of this world; it is closed when the case is over."""
        return self.keep(self.world.open(base, f"judged {len(self.findings)} {id(self)}", **change))

    def keep(self, lab: Lab) -> Lab:
        """Close `lab` when the case is over."""
        return self._labs.enter_context(lab)

    def close(self) -> None:
        """Close the labs of this case."""
        self._labs.close()

    # ---- answers of a kind ---------------------------------------------------------------------------

    def table(self, keys: Sequence[Any], kind: type = str) -> dict[Any, Any]:
        """Return the answer as a dictionary that has `keys`, each with a value of `kind`."""
        answer = self._of(dict, "a dictionary { … }")
        answer = {
            int(key) if key in map(str, keys) and key not in keys else key: value for key, value in answer.items()
        }
        for key in keys:
            if key not in answer:
                raise Stopped(f"The answer has no {key!r}. It needs: {', '.join(map(repr, keys))}.")
            if answer[key] is Ellipsis or answer[key] is None or answer[key] in ("...", "…"):
                raise Stopped(f"There is no answer for {key!r} yet.")
            if not isinstance(answer[key], kind) or (kind is int and isinstance(answer[key], bool)):
                raise Stopped(f"The answer for {key!r} is {a(answer[key])}; {KIND[kind]} is asked for.")
        return {key: answer[key] for key in keys}

    def numbered(self, lines: Sequence[str], kind: type = str) -> dict[str, Any]:
        """Return line → answer; the answer is a dictionary with the numbers of the lines, from 1."""
        return dict(zip(lines, self.table(range(1, len(lines) + 1), kind).values(), strict=True))

    def text(self) -> str:
        """Return the answer as text."""
        return str(self._of(str, "text in quotes"))

    def names(self) -> list[str]:
        """Return the answer as a list of texts."""
        return texts(self._of(list, "a list [ … ] of texts"))

    def numbers(self) -> list[int]:
        """Return the answer as a list of whole numbers."""
        written = {str(number): number for number in range(100)}  # "1" is 1
        listed = self._of(list, "a list [ … ] of whole numbers")
        answer: list[Any] = [written.get(item, item) if isinstance(item, str) else item for item in listed]
        if not all(type(item) is int for item in answer):
            raise Stopped(f"The answer is {a(self.answer)}; a list [ … ] of whole numbers is asked for.")
        return answer

    def _of(self, kind: type, words: str) -> Any:
        if not isinstance(self.answer, kind) or (kind is int and isinstance(self.answer, bool)):
            raise Stopped(f"The answer is {a(self.answer)}; {words} is asked for.")
        return self.answer


def numbered(title: str, lines: Iterable[str]) -> Table:
    """Return a table of lines with numbers from 1: an answer needs no more than the numbers."""
    return table(("number", title), list(enumerate(lines, 1)))


class Shown(str):
    """Text that a notebook shows as it is, line by line."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def texts(value: Any, words: str = "a list [ … ] of texts") -> list[str]:
    """Return a list of texts, or say what it is instead."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Stopped(f"This is {a(value)}; {words} is asked for.")
    return list(value)


KIND: dict[type, str] = {
    str: "text in quotes",
    int: "a whole number",
    bool: "True or False",
    list: "a list [ … ]",
    dict: "a dictionary { … }",
}


def a(value: Any) -> str:
    """Say what a value is, in a few words: "a list", "nothing (None)".

    >>> a([1, 2]), a(None), a("x")
    ('a list ([1, 2])', 'nothing (None)', "text ('x')")
    """
    if value is None or value is Ellipsis:
        return "nothing (None)" if value is None else "still … (not answered)"
    name = TYPE_NAMES.get(type(value), f"a {type(value).__name__}")
    shown = repr(value)
    return f"{name} ({shown if len(shown) <= 60 else shown[:57] + '…'})"


@dataclass(frozen=True)
class Function:
    """A student's function, as the judge knows it: by name."""

    name: str


class TupleAnswer(list[Any]):
    """A tuple in an answer: to the judge it is a list, and it is shown as a tuple.

    >>> TupleAnswer([1, "a"]) == [1, "a"], TupleAnswer([1, "a"])
    (True, (1, 'a'))
    """

    def __repr__(self) -> str:
        return repr(tuple(self))


TYPE_NAMES: dict[type, str] = {
    str: "text",
    int: "a number",
    bool: "a truth value",
    float: "a number",
    bytes: "octets",
    TupleAnswer: "a tuple",
}


def opened(task: Task, world: World) -> Any:
    """Open the lab of a task, as the student sees it."""
    if task.opens is None:
        raise LabError(f"The task {task.name} has no lab of its own. Use world.lab().")
    return task.opens(world)
