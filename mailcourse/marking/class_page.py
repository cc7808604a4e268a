"""The page of a class for its teacher: how each task went, who is stuck where, and what needs a person.

Pure functions from marks to HTML; the page has no script and asks the web for nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from .card import whole
from .found import Unused
from .tables import Marks

STYLE = Path(__file__).with_suffix(".css").read_text("utf-8")
#: shade and words of the three outcomes; light and dark differ, so colours are not needed to tell them apart
OUTCOMES = (("#1b6ca8", "all points"), ("#8fc1e3", "some points"), ("#e8e8e8", "no points"))
PAIRS = ("the same world as", "the same code as", "answers in several worlds", "looks into the checks")


def outcomes(marks: Sequence[Marks], task: str) -> tuple[int, int, int]:
    """Count who has all, some and no points in a task; those that wait for a person are not counted."""
    counted = [record for record in marks if task not in record.open]
    full = sum(record.points.get(task, 0) >= record.max_points.get(task, 0) for record in counted)
    some = sum(0 < record.points.get(task, 0) < record.max_points.get(task, 0) for record in counted)
    return full, some, len(counted) - full - some


def class_page(
    assignment: str, marks: Sequence[Marks], titles: Mapping[str, str], unused: Sequence[Unused] = (), room: str = ""
) -> str:
    """Return the page of a class as HTML; `room` is what a teacher should know of the rooms."""
    names = list(marks[0].max_points) if marks else []
    named = {name: titles.get(name, name) for name in names}
    ranked = sorted(names, key=lambda name: outcomes(marks, name)[0])
    failed = ("task", "all points", "some", "none", "what was missing most")
    body = [
        f"<h1>{escape(assignment)}: {len(marks)} submissions</h1>",
        f'<p class="warning">{escape(room)}</p>' if room else "",
        _needs(marks, named),
        "<h2>How each task went</h2>",
        picture(named, marks),
        "<h2>Failed most</h2>",
        _table("Tasks, the one that was failed most first", failed, [_failed(n, named, marks) for n in ranked]),
        "<h2>Who is stuck where</h2>",
        _grid(marks, named),
        "<h2>To be looked at</h2>",
        _suspects(marks),
        "<h2>Files that were not used</h2>",
        _table("Files", ("file", "why"), [(file.path, file.why) for file in unused]) if unused else "<p>None.</p>",
    ]
    return whole(f"{assignment}: the class", "".join(body), STYLE)


def _needs(marks: Sequence[Marks], titles: Mapping[str, str]) -> str:
    """Say first what waits for a person."""
    waiting = Counter(task for record in marks for task in record.open)
    lines = [f"{count} texts to read: {titles.get(task, task)}" for task, count in waiting.items()]
    lines += [f"{record.student}: {note}" for record in marks for note in record.notes if not note.startswith(PAIRS)]
    items = "".join(f"<li>{escape(line)}</li>" for line in lines) or "<li>Nothing.</li>"
    return f"<h2>Needs a person</h2><ul>{items}</ul>"


def _failed(task: str, titles: Mapping[str, str], marks: Sequence[Marks]) -> tuple[str, ...]:
    counted: Counter[str] = Counter()
    for record in marks:
        counted.update({part: 1 for name, part in record.failed_parts if name == task})
    worst = "; ".join(f"{part} ({count})" for part, count in counted.most_common(3))
    return titles[task], *map(str, outcomes(marks, task)), worst


def _suspects(marks: Sequence[Marks]) -> str:
    found = [(record.student, note) for record in marks for note in record.notes if note.startswith(PAIRS)]
    return (
        _table("Pairs, and other things that may mean nothing", ("student", "what was noticed"), found)
        if found
        else "<p>Nothing.</p>"
    )


def _grid(marks: Sequence[Marks], titles: Mapping[str, str]) -> str:
    """A line for each student, those with the fewest points first; what is not whole is in bold."""
    head = ("student", "points", *titles.values(), "late")
    lines = []
    for record in sorted(marks, key=lambda record: (record.total, record.student)):
        who = record.student if record.full_name in ("", record.student) else f"{record.full_name} ({record.student})"
        cells = [f"<th scope='row'>{escape(who)}</th>", f"<td>{record.total:g} of {record.most:g}</td>"]
        for task in titles:
            points, most = record.points.get(task, 0), record.max_points.get(task, 0)
            text = "by hand" if task in record.open else f"{points:g} of {most:g}"
            cells.append(f"<td>{text}</td>" if points >= most else f"<td><strong>{text}</strong></td>")
        lines.append(f"<tr>{''.join(cells)}<td>{escape(record.late)}</td></tr>")
    heads = "".join(f"<th scope='col'>{escape(column)}</th>" for column in head)
    body = f"<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody>"
    table = f"<table><caption>Marks, the fewest first</caption>{body}</table>"
    return f'<div class="wide" tabindex="0" role="region" aria-label="Marks of all students">{table}</div>'


def _table(caption: str, columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th scope='col'>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def picture(titles: Mapping[str, str], marks: Sequence[Marks]) -> str:
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
