"""The marks of a class as tables: for programs, for a spreadsheet in Spain, for Moodle.

    02-dns.csv                    commas, UTF-8: for programs
    02-dns-spreadsheet.csv        semicolons, decimal commas, a byte order mark: opens as columns, with accents
    02-dns-moodle.csv             Moodle's offline grading worksheet
    02-dns-moodle-feedback.zip    for Moodle's "upload multiple feedback files in a zip"

Pure functions from marks to text.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HEAD = ("student", "name in the notebook", "points", "of", "to be marked by hand")
MOODLE = ("Identifier", "Full name", "Grade", "Maximum grade", "Last modified (grade)", "Feedback comments")
NUMBER = re.compile(r"-?\d+(\.\d+)?")


@dataclass
class Marks:
    """One student's points, by task; `open` are tasks that a person has to mark, `by_hand` those that one has."""

    student: str
    name: str
    points: dict[str, float] = field(default_factory=dict)
    max_points: dict[str, float] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    failed_parts: Counter[tuple[str, str]] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    by_hand: set[str] = field(default_factory=set)
    comments: Mapping[str, str] = field(default_factory=dict)
    full_name: str = ""
    platform_id: str = ""
    folder: str = ""
    late: str = ""

    @property
    def total(self) -> float:
        """All points so far."""
        return sum(self.points.values())

    @property
    def most(self) -> float:
        """All points that there are."""
        return sum(self.max_points.values())

    @property
    def waiting(self) -> float:
        """Points that a person has still to give."""
        return sum(self.max_points[task] for task in self.open)


def rows(marks: Sequence[Marks]) -> list[list[str]]:
    """Return the table of a class: a line for each student, a column for each task."""
    names = list(marks[0].max_points) if marks else []
    found = [[*HEAD, *names, "full name", "platform id", "late", "notes"]]
    for record in marks:
        row = [_safe(record.student), _safe(record.name)]
        row += [f"{number:g}" for number in (record.total, record.most, record.waiting)]
        row += ["by hand" if task in record.open else f"{record.points.get(task, 0):g}" for task in names]
        row += [_safe(record.full_name), record.platform_id, record.late, _safe("; ".join(record.notes))]
        found.append(row)
    return found


def marks_csv(marks: Sequence[Marks]) -> str:
    """Return the table with commas, for programs."""
    return _written(rows(marks), ",", "\n")


def spreadsheet_csv(marks: Sequence[Marks]) -> str:
    """Return the table as a spreadsheet wants it where a comma is in numbers; it is kept with a byte order mark."""
    with_commas = [[cell.replace(".", ",") if NUMBER.fullmatch(cell) else cell for cell in row] for row in rows(marks)]
    return "\ufeff" + _written(with_commas, ";", "\r\n")


def moodle_csv(marks: Sequence[Marks]) -> str:
    """Return Moodle's offline grading worksheet; only for those who came with Moodle's number."""
    lines = [list(MOODLE)]
    for record in marks:
        if record.folder:
            comment = "; ".join(part for part in (record.late, _by_hand(record)) if part)
            points = f"{record.total:g}", f"{record.most:g}"
            lines.append([f"Participant {record.platform_id}", _safe(record.full_name), *points, "-", comment])
    return "\ufeff" + _written(lines, ",", "\r\n")


def _by_hand(record: Marks) -> str:
    return f"{record.waiting:g} points are still to be marked by hand" if record.open else ""


def moodle_feedback(marks: Sequence[Marks], pages: Mapping[str, Path], assignment: str) -> bytes:
    """Return the archive of feedback pages, in folders that are called as Moodle called them."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for record in marks:
            page = pages.get(record.student)
            if record.folder and page is not None and page.exists():
                entry = zipfile.ZipInfo(f"{record.folder}_/{assignment}.html")  # the same marks give the same octets
                archive.writestr(entry, page.read_bytes(), zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _written(lines: Sequence[Sequence[str]], separator: str, end: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator=end).writerows(lines)
    return out.getvalue()


def _safe(text: str) -> str:
    """Write text so that a spreadsheet takes it for no formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
