"""A notebook as somebody saved it, laid beside the exercise as it was given out: what is run, and where what is judged.

    read_cells(octets)              any encoding, any editor                          ─► OwnCell, OwnCell, …
    laid_out(cells, exercise)       which of them is which cell of the exercise?      ─► Sheet

A cell is known by its grade id, else by its id, else by its text: editors lose one or the other.  What is judged, and
for how many points, is read from the exercise and never from what was handed in.  Knows JSON; runs nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mailcourse.checks.answer_names import Check, check_in, defined_names

MAX_CELLS, MAX_SOURCE = 2000, 2_000_000
PEEKS = re.compile(r"mailcourse\.(checks|marking)\.|fault_of|\bimport\b.*\b(checks|marking)\b")


#: how files begin that people save under a notebook's name
KINDS = {
    b"%pdf": "a PDF file",
    b"pk\x03\x04": "a zip or Office file",
    b"<": "a web page",
    b"\x89png": "a picture",
    b"\xff\xd8": "a picture",
}


class Unreadable(Exception):
    """This is no notebook; the text says why, to a teacher."""


@dataclass(frozen=True)
class OwnCell:
    """A cell as it was handed in; its outputs count for nothing and are left out."""

    kind: str
    source: str
    cell_id: str = ""
    grade_id: str = ""


@dataclass(frozen=True)
class Given:
    """A cell of the exercise as it was given out."""

    place: int
    kind: str
    source: str
    cell_id: str
    metadata: Mapping[str, Any]

    @property
    def about(self) -> Mapping[str, Any]:
        """What nbgrader knows of it."""
        return dict(self.metadata.get("nbgrader", {}))

    @property
    def grade_id(self) -> str:
        """Its name in the gradebook, or ""."""
        return str(self.about.get("grade_id", ""))

    @property
    def is_answer(self) -> bool:
        """True where a student writes."""
        return bool(self.about.get("solution"))

    @property
    def points(self) -> float | None:
        """What it is worth; None when it is not graded."""
        return float(self.about["points"]) if self.about.get("grade") else None


@dataclass(frozen=True)
class Exercise:
    """An assignment as it was given out."""

    name: str
    cells: tuple[Given, ...]
    checks: Mapping[str, Check] = field(default_factory=dict)  # grade id → what is judged there
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def graded(self) -> dict[str, Given]:
        """The graded cells by name: checks, and texts that a person reads."""
        return {cell.grade_id: cell for cell in self.cells if cell.points is not None}


@dataclass(frozen=True)
class Placed:
    """A cell of a sheet; `checks` are judged behind it.  `is_run` is False for what is only there to be shown."""

    kind: str
    source: str
    given: Given | None = None
    checks: tuple[Check, ...] = ()
    is_run: bool = False


@dataclass(frozen=True)
class Sheet:
    """A submission laid beside its exercise."""

    cells: tuple[Placed, ...]
    notes: tuple[str, ...]


def task_name(grade_id: str) -> str:
    """Return the task of a graded cell: "zone" for "zone-check"."""
    return grade_id.removesuffix("-check")


# ---- reading ---------------------------------------------------------------------------------------------


def decoded(octets: bytes) -> str:
    """Return the text of a file: UTF-8, with or without a byte order mark, or UTF-16.

    >>> decoded('{"a": "é"}'.encode("utf-16")), decoded('{"a": "é"}'.encode("utf-8-sig"))
    ('{"a": "é"}', '{"a": "é"}')
    """
    if octets[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return octets.decode("utf-16")
    if b"\0" in octets[:4]:  # UTF-16 without a mark: what begins a notebook is ASCII
        return octets.decode("utf-16-be" if octets[:1] == b"\0" else "utf-16-le")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def read_cells(octets: bytes) -> list[OwnCell]:
    """Read the cells of a notebook; `Unreadable` says what it is instead."""
    try:
        whole = json.loads(decoded(octets), strict=False)
    except (ValueError, RecursionError):
        raise Unreadable(f"the file could not be read: {_what_it_is(octets)}") from None
    cells = whole.get("cells") if isinstance(whole, dict) else None
    if cells is None and isinstance(whole, dict) and isinstance(whole.get("worksheets"), list):
        cells = [cell for sheet in whole["worksheets"] if isinstance(sheet, dict) for cell in sheet.get("cells", ())]
    if not isinstance(cells, list):
        raise Unreadable("the file could not be read: it has no cells")
    return [_own(cell) for cell in cells[:MAX_CELLS] if isinstance(cell, dict)]


def _what_it_is(octets: bytes) -> str:
    """Say what was saved under a notebook's name.

    >>> _what_it_is(b"%PDF-1.7 ..."), _what_it_is(b'{"cells": [{"cell_')
    ('it is a PDF file', 'it breaks off in the middle')
    """
    start = octets[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        return "it is empty"
    kind = next((kind for sign, kind in KINDS.items() if start.startswith(sign)), "")
    if kind or not start.lstrip(b"\xff\xfe\0").startswith(b"{"):
        return f"it is {kind or 'no notebook, whatever its name says'}"
    return (
        "it breaks off in the middle"
        if not octets.rstrip(b"\0 \t\r\n").endswith(b"}")
        else "it is damaged in the middle"
    )


def _own(cell: Mapping[str, Any]) -> OwnCell:
    source = cell.get("source", cell.get("input", ""))
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    metadata = cell.get("metadata")
    about = metadata if isinstance(metadata, dict) else {}
    graded = about.get("nbgrader")
    grade_id = graded.get("grade_id", "") if isinstance(graded, dict) else ""
    cell_id = cell.get("id") or about.get("id") or ""  # Colab keeps its own among the metadata
    text = text.replace("\r\n", "\n").replace("\r", "\n")[:MAX_SOURCE]
    return OwnCell(str(cell.get("cell_type", "")), text, str(cell_id), str(grade_id))


def read_exercise(path: Path, name: str) -> Exercise:
    """Read an exercise as it was given out."""
    whole = json.loads(path.read_text("utf-8"))
    cells = tuple(
        Given(place, cell["cell_type"], "".join(cell["source"]), str(cell.get("id", "")), cell["metadata"])
        for place, cell in enumerate(whole["cells"])
    )
    checks = {
        cell.grade_id: check
        for cell in cells
        if cell.points is not None and cell.kind == "code" and (check := check_in(cell.source)) is not None
    }
    return Exercise(name, cells, checks, whole.get("metadata", {}))


def assignment_of(cells: Sequence[OwnCell]) -> str:
    """Return which assignment a notebook says that it is of, or ""."""
    for cell in cells:
        if match := re.search(r"\b(?:begin|check)\(\s*[\"']([\w-]+)[\"']", cell.source):
            return match[1]
    return ""


# ---- laying out ------------------------------------------------------------------------------------------


def laid_out(own: Sequence[OwnCell], exercise: Exercise) -> Sheet:
    """Say of each cell which one of the exercise it is; put in, to be shown and not run, what is missing."""
    notes: dict[str, None] = {}
    if not own:  # nothing that could be read: everything is missing, and nothing is run
        return Sheet(tuple(Placed(given.kind, given.source, given) for given in exercise.cells), ())
    known = _matched(own, exercise, notes)
    placed = [_placed(cell, given, exercise) for cell, given in zip(own, known, strict=True)]
    if not any("begin(" in cell.source for cell in own if cell.kind == "code"):
        first = next((given for given in exercise.cells if "begin(" in given.source), None)
        if first is not None:
            placed.insert(0, Placed("code", first.source, first, is_run=True))
            notes["the first code cell was missing"] = None
    placed = _once(placed, notes)
    missing = _missing(placed, exercise)
    if lost := [given.grade_id for given in missing if given.points is not None]:
        notes[f"cells were missing: {', '.join(lost)}"] = None
    for given in missing:
        placed = _with(placed, given, exercise)
    if any(PEEKS.search(cell.source) for cell in placed if cell.is_run):
        notes["looks into the checks"] = None
    return Sheet(tuple(placed), tuple(notes))


def _plain(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def _matched(own: Sequence[OwnCell], exercise: Exercise, notes: dict[str, None]) -> list[Given | None]:
    by_name = {given.grade_id: given for given in exercise.cells if given.grade_id}
    by_id = {given.cell_id: given for given in exercise.cells if given.cell_id}
    by_text = {(given.kind, _plain(given.source)): given for given in exercise.cells}
    by_task = {(check.assignment, check.task): by_name[name] for name, check in exercise.checks.items()}
    found: list[Given | None] = []
    for cell in own:
        check = check_in(cell.source) if cell.kind == "code" else None
        given = by_name.get(cell.grade_id)
        if given is None and cell.grade_id:
            notes[f"a cell of another exercise was left out of the marks: {cell.grade_id[:40]}"] = None
        given = given or by_id.get(cell.cell_id)
        if check is not None and (given is None or given.grade_id not in exercise.checks):
            given = by_task.get((check.assignment, check.task)) if check.is_alone else given
        given = given or by_text.get((cell.kind, _plain(cell.source)))
        found.append(given if given is not None and given.kind == cell.kind else None)
    return _guessed(own, found, exercise)


def _guessed(own: Sequence[OwnCell], found: list[Given | None], exercise: Exercise) -> list[Given | None]:
    """Find the answers that have lost their names: between the cells before and behind them in the exercise."""
    taken = {given.place for given in found if given is not None}
    for given in exercise.cells:
        if not given.is_answer or given.place in taken:
            continue
        before = max((n for n, one in enumerate(found) if one is not None and one.place < given.place), default=-1)
        after = min((n for n, one in enumerate(found) if one and one.place > given.place), default=len(own))
        free = [n for n in range(before + 1, after) if found[n] is None and own[n].kind == given.kind]
        wanted = set(defined_names([given.source]))
        free.sort(key=lambda n: (not wanted & set(defined_names([own[n].source])), not own[n].source.strip(), n))
        if free:
            found[free[0]] = given
    return found


def _placed(cell: OwnCell, given: Given | None, exercise: Exercise) -> Placed:
    if given is None or given.grade_id not in exercise.checks:
        is_locked = given is not None and bool(given.about.get("locked")) and given.kind != "code"
        source = given.source if is_locked and given is not None else cell.source
        check = check_in(cell.source) if cell.kind == "code" and given is None else None
        theirs = [one for one in exercise.checks.values() if check and (one.assignment, one.task) == _which(check)]
        return Placed(cell.kind, source, given, tuple(theirs), is_run=cell.kind == "code")
    check, own = exercise.checks[given.grade_id], check_in(cell.source)
    if own is not None and _which(own) == (check.assignment, check.task):
        check = replace(check, answer=own.answer)  # a check that was given another name to look at
    is_changed = own is None or not own.is_alone  # an answer was written into it
    return Placed("code", cell.source if is_changed else given.source, given, (check,), is_run=is_changed)


def _which(check: Check) -> tuple[str, str]:
    return check.assignment, check.task


def _once(placed: Sequence[Placed], notes: dict[str, None]) -> list[Placed]:
    """Let each cell of the exercise be there once: of answers the last one that was changed, of checks the first."""
    best: dict[int, int] = {}
    for number, cell in enumerate(placed):
        if cell.given is None:
            continue
        place = cell.given.place
        if place in best and cell.given.grade_id and not cell.given.about.get("locked"):
            notes[f"the cell {cell.given.grade_id} was there twice"] = None
        is_better = cell.given.is_answer and _plain(cell.source) != _plain(cell.given.source)
        if place not in best or is_better:
            best[place] = number
    return [
        cell if cell.given is None or best[cell.given.place] == number else replace(cell, given=None)
        for number, cell in enumerate(placed)
    ]


def _missing(placed: Sequence[Placed], exercise: Exercise) -> list[Given]:
    there = {cell.given.place for cell in placed if cell.given is not None}
    return [given for given in exercise.cells if given.grade_id and given.place not in there]


def _with(placed: Sequence[Placed], given: Given, exercise: Exercise) -> list[Placed]:
    """Put a missing cell before the first one that stands behind it in the exercise."""
    where = next(
        (n for n, cell in enumerate(placed) if cell.given is not None and cell.given.place > given.place), len(placed)
    )
    check = exercise.checks.get(given.grade_id)
    return [*placed[:where], Placed(given.kind, given.source, given, (check,) if check else ()), *placed[where:]]
