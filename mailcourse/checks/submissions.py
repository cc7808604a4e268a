"""What students hand in, in whatever folders it comes, made ready for marking.

    folder/ana/02-dns/02-dns.ipynb                   nbgrader's exchange, or a copy of it
    folder/ana/anything.ipynb                        a folder for each student
    folder/Ana López_123_assignsubmission_file/…     a learning platform's download
    folder/ana_02-dns.ipynb                          a file for each student

    ─►  submitted/ana/02-dns/02-dns.ipynb            each with all its tests, each cell once

A file that cannot be read becomes an untouched exercise with a note: everybody is in the list of marks.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from mailcourse.internet.errors import LabError

MAX_OCTETS = 20_000_000
#: what a learning platform adds to a name
ADDED = re.compile(r"_\d+_assignsubmission_.*$|_\d{3,}(_.*)?$|_(late_)?\d+_\d+.*$")
PEEKS = re.compile(r"mailcourse\.checks\.|fault_of|from mailcourse import checks")


write_notebook: Any = nbformat.write  # nbformat has no types


def read_notebook(path: Path) -> Any:
    """Read a notebook, of whatever older form, as one of form 4."""
    read: Any = nbformat.read
    return read(path, as_version=4)


@dataclass(frozen=True)
class Submission:
    """One student's notebook, ready; `name` is what its first cell says, `notes` what a teacher should know."""

    student: str
    name: str
    notes: tuple[str, ...]


def collect(folder: Path, assignment: str, released: Path, target: Path) -> list[Submission]:
    """Copy every submission of an assignment from `folder` to `target`, repaired; return them by student."""
    if not folder.is_dir():
        raise LabError(f"There is no folder {str(folder)!r}. Give the one in which the students' notebooks are.")
    files: dict[str, Path] = {}
    for file in sorted(folder.rglob("*.ipynb"), key=lambda path: path.stat().st_mtime):
        student = student_of(file.relative_to(folder), assignment)
        if student is not None:
            files[student] = file  # the newest wins
    if not files:
        raise LabError(f"There is no notebook of {assignment} in {str(folder)!r}. The files end with .ipynb.")
    submissions = [_prepare(student, file, assignment, released, target) for student, file in sorted(files.items())]
    return [_with_doubles(own, submissions) for own in submissions]


def student_of(path: Path, assignment: str) -> str | None:
    """Return whose notebook it is, from its place below the folder; None when it is of another assignment.

    >>> student_of(Path("Ana Lopez_4711_assignsubmission_file/02-dns.ipynb"), "02-dns")
    'Ana Lopez'
    >>> student_of(Path("ana_02-dns.ipynb"), "02-dns"), student_of(Path("ana/01-addresses/x.ipynb"), "02-dns")
    ('ana', None)
    """
    parts = path.parts
    if any(part.startswith(".") for part in parts):
        return None
    others = [part for part in (*parts[:-1], path.stem) if re.search(r"\d\d-[a-z]+", part) and assignment not in part]
    if others:
        return None
    name = parts[0] if len(parts) > 1 else path.stem.replace(assignment, "").strip("_- ")
    plain = re.sub(r"[^\w.@ -]", "_", ADDED.sub("", name)).strip(" ._-")
    return plain[:60] or None


def _prepare(student: str, file: Path, assignment: str, released: Path, target: Path) -> Submission:
    notes: list[str] = []
    given = read_notebook(released / assignment / f"{assignment}.ipynb")
    try:
        if file.stat().st_size > MAX_OCTETS:
            raise ValueError(f"it has more than {MAX_OCTETS // 10**6} MB")
        own = read_notebook(file)
        cells = list(own.cells)
    except Exception as error:  # whatever is in that file
        notes.append(f"the file could not be read: {str(error)[:100]}")
        own, cells = copy.deepcopy(given), list(copy.deepcopy(given).cells)
    own.cells = _whole(cells, given.cells, notes)
    own.metadata = given.metadata  # the kernel of the course, and no other
    if any(PEEKS.search(cell.source) for cell in own.cells if _is_own_code(cell)):
        notes.append("looks into the checks")
    folder = target / student / assignment
    folder.mkdir(parents=True, exist_ok=True)
    write_notebook(own, folder / f"{assignment}.ipynb")
    return Submission(student, _name_in(own.cells), tuple(notes))


def _about(cell: Any) -> Any:
    return cell.metadata.get("nbgrader", {})


def _is_own_code(cell: Any) -> bool:
    return cell.cell_type == "code" and not _about(cell).get("locked") and "begin(" not in cell.source


def _whole(cells: Sequence[Any], given: Sequence[Any], notes: list[str]) -> list[Any]:
    """Return the cells with each of nbgrader's once: a second one loses its mark, a missing one comes at the end."""
    seen: set[str] = set()
    kept = []
    for cell in cells:
        name = _about(cell).get("grade_id")
        if name in seen:
            if _about(cell).get("locked"):
                continue
            cell.metadata.pop("nbgrader")
            notes.append(f"the cell {name} was there twice")
        seen.update([name] if name else [])
        kept.append(cell)
    if not any("begin(" in cell.source for cell in kept if cell.cell_type == "code"):
        kept = [copy.deepcopy(next(cell for cell in given if "begin(" in cell.source)), *kept]
        notes.append("the first code cell was missing")
    missing = [cell for cell in given if _about(cell).get("grade_id") not in seen and _about(cell)]
    if missing:
        names = ", ".join(_about(cell)["grade_id"] for cell in missing if _about(cell).get("grade"))
        notes.append(f"cells were missing{': ' + names if names else ''}")
    return [*kept, *copy.deepcopy(missing)]


def _name_in(cells: Iterable[Any]) -> str:
    for cell in cells:
        if match := re.search(r"^STUDENT\s*=\s*[\"'](.*?)[\"']", cell.source, re.MULTILINE):
            return match[1].strip()
    return ""


def _with_doubles(own: Submission, everybody: Sequence[Submission]) -> Submission:
    """Note who wrote the same name into the first cell: they worked in one world."""
    same = [
        other.student for other in everybody if other is not own and other.name.casefold() == own.name.casefold() != ""
    ]
    if not same:
        return own
    return Submission(own.student, own.name, (*own.notes, f"the same world as {', '.join(same)}"))
