"""The marks of a class: a CSV for the office, a page for the teacher with the tasks that were failed most.

Pure functions from marks to text; the page has no script and asks the web for nothing.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from .grading import Marks
from .task import tasks

HEAD = ("student", "name in the notebook", "points", "of", "to be marked by hand")
STYLE = Path(__file__).with_suffix(".css").read_text("utf-8")
#: shade and words of the three outcomes; light and dark differ, so colours are not needed to tell them apart
OUTCOMES = (("#1b6ca8", "all points"), ("#8fc1e3", "some points"), ("#e8e8e8", "no points"))


def marks_csv(marks: Sequence[Marks]) -> str:
    """Return a CSV: a line for each student, a column for each task."""
    names = list(marks[0].max_points) if marks else []
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*HEAD, *names, "notes"])
    for record in marks:
        full, by_hand = sum(record.max_points.values()), sum(record.max_points[task] for task in record.open)
        row = [_safe(record.student), _safe(record.name), f"{record.total:g}", f"{full:g}", f"{by_hand:g}"]
        points = ["by hand" if task in record.open else f"{record.points.get(task, 0):g}" for task in names]
        writer.writerow([*row, *points, _safe("; ".join(record.notes))])
    return out.getvalue()


def _safe(text: str) -> str:
    """Write text so that a spreadsheet takes it for no formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def outcomes(marks: Sequence[Marks], task: str) -> tuple[int, int, int]:
    """Count who has all, some and no points in a task; those that wait for a person are not counted."""
    counted = [record for record in marks if task not in record.open]
    full = sum(record.points.get(task, 0) >= record.max_points.get(task, 0) for record in counted)
    some = sum(0 < record.points.get(task, 0) < record.max_points.get(task, 0) for record in counted)
    return full, some, len(counted) - full - some


def class_page(assignment: str, marks: Sequence[Marks]) -> str:
    """Return the page of a class as HTML."""
    by_name = tasks(assignment)
    names = list(marks[0].max_points) if marks else []
    titles = {name: by_name[name].title if name in by_name else f"{name} (free text)" for name in names}
    ranked = sorted(names, key=lambda name: outcomes(marks, name)[0])
    body = [
        f"<h1>{escape(assignment)}: {len(marks)} submissions</h1>",
        "<h2>How each task went</h2>",
        picture(titles, marks),
        "<h2>Failed most</h2>",
        _table(
            ("task", "all points", "some", "none", "what was missing most"), [_failed(n, titles, marks) for n in ranked]
        ),
        "<h2>Marks</h2>",
        _table(
            ("student", "points", "notes"),
            [_student(record) for record in sorted(marks, key=lambda record: -record.total)],
        ),
    ]
    head = f'<meta charset="utf-8"><title>{escape(assignment)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>\n'


def _failed(task: str, titles: dict[str, str], marks: Sequence[Marks]) -> tuple[str, ...]:
    counted: Counter[str] = Counter()
    for record in marks:
        counted.update({part: 1 for name, part in record.failed_parts if name == task})
    worst = "; ".join(f"{part} ({count})" for part, count in counted.most_common(3))
    return titles[task], *map(str, outcomes(marks, task)), worst


def _student(record: Marks) -> tuple[str, ...]:
    open_ = f" (+ {sum(record.max_points[task] for task in record.open):g} by hand)" if record.open else ""
    return record.student, f"{record.total:g} of {sum(record.max_points.values()):g}{open_}", "; ".join(record.notes)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def picture(titles: dict[str, str], marks: Sequence[Marks]) -> str:
    """Draw a bar for each task as SVG, with the same in words."""
    line, left, wide = 28, 330, 500
    bars, words = [], []
    for number, (task, title) in enumerate(titles.items()):
        counts, x = outcomes(marks, task), left
        top = number * line + 30
        bars.append(f'<text x="{left - 10}" y="{top + 15}" text-anchor="end">{escape(title[:44])}</text>')
        for count, (colour, _) in zip(counts, OUTCOMES, strict=True):
            width = wide * count // max(1, len(marks))
            if count:
                bars.append(
                    f'<rect x="{x}" y="{top}" width="{width}" height="{line - 8}" fill="{colour}" stroke="#555"/>'
                )
                ink = "#fff" if colour == OUTCOMES[0][0] else "#111"
                bars.append(f'<text x="{x + 4}" y="{top + 15}" fill="{ink}">{count}</text>')
            x += width
        words.append(
            f"{title}: " + ", ".join(f"{count} {name}" for count, (_, name) in zip(counts, OUTCOMES, strict=True))
        )
    legend = "".join(
        f'<rect x="{left + 150 * n}" y="4" width="14" height="14" fill="{colour}" stroke="#555"/>'
        f'<text x="{left + 150 * n + 20}" y="16">{name}</text>'
        for n, (colour, name) in enumerate(OUTCOMES)
    )
    height = len(titles) * line + 40
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {left + wide + 20} {height}" font-size="14" '
        f'font-family="sans-serif"><title>How each task went</title><desc>{escape(". ".join(words))}</desc>'
        f"{legend}{''.join(bars)}</svg>"
    )


def write(assignment: str, marks: Sequence[Marks], into: Path) -> tuple[Path, Path]:
    """Write marks and page into a folder; return where they are."""
    table, page = into / f"{assignment}.csv", into / f"{assignment}.html"
    table.write_text(marks_csv(marks), encoding="utf-8")
    page.write_text(class_page(assignment, marks), encoding="utf-8")
    return table, page
