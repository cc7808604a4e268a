"""What came of each submission, kept beside the gradebook: marking goes on from there, and tables are written again.

    grading/marked/02-dns/Ana López_4711.json       a `Result`: who, when, verdicts, notes, texts
    grading/class-secret                            names of worlds that nobody has at home

Pure values, and the files they are in.  Who uses it: grading.py.
"""

from __future__ import annotations

import ast
import hashlib
import hmac
import json
import os
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

from mailcourse.checks.judging import MEMORY
from mailcourse.checks.verdict import PartVerdict, Verdict

from .found import Learner
from .marker import Marked
from .notebook import Exercise, Sheet

SECRET = "class-secret"
#: how many answers two submissions may have in common before a person should look, and how long such an answer is
SAME, LONG = 3, 400


@dataclass(frozen=True)
class Result:
    """What came of one submission.  `texts` are answers for a person to read, `prints` what its code looks like."""

    key: str
    name: str
    platform_id: str = ""
    folder: str = ""
    path: str = ""
    when: str = ""
    is_late: bool = False
    worlds: tuple[str, ...] = ()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    prints: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    @property
    def is_marked(self) -> bool:
        """False when marking was stopped before it came to this one."""
        return bool(self.digest)


def result_of(person: Learner, sheet: Sheet, marked: Marked, digest: str, hidden: Sequence[str]) -> Result:
    """Put together what came of a submission; nothing in it tells of this machine, or names a hidden world."""
    verdicts = {task: _told(verdict, hidden) for task, verdict in marked.verdicts.items()}
    notes = tuple(_without(note, hidden) for note in (*person.notes, *sheet.notes, *marked.notes))
    when = person.when.isoformat(" ", "minutes") if person.when is not None else ""
    who = (person.key, person.name, person.platform_id, person.folder, person.path, when, person.is_late)
    return Result(*who, marked.worlds, verdicts, notes, texts_of(sheet), prints_of(sheet), digest)


def texts_of(sheet: Sheet) -> dict[str, str]:
    """Return the answers that a person reads: grade id → text."""
    return {
        cell.given.grade_id: cell.source
        for cell in sheet.cells
        if cell.given is not None and cell.given.is_answer and cell.given.points is not None
    }


def is_untouched(exercise: Exercise, grade_id: str, text: str) -> bool:
    """Say whether a text is still as it was given out."""
    return exercise.graded[grade_id].source.strip() == text.strip() or not text.strip()


# ---- what must not be told --------------------------------------------------------------------------------


def _told(verdict: Verdict, hidden: Sequence[str]) -> Verdict:
    parts = [
        PartVerdict(p.name, p.points, p.passed, _without(p.expected, hidden), _without(p.happened, hidden), p.later)
        for p in verdict.parts
    ]
    notes = tuple(_without(note, hidden) for note in verdict.notes)
    return Verdict(verdict.title, parts, _without(verdict.stopped, hidden), notes, verdict.hint, verdict.is_try)


def without_places_in(marked: Marked) -> Marked:
    """Return the same without folders of this machine, for another one to read."""
    return replace(
        marked,
        verdicts={task: _told(verdict, ()) for task, verdict in marked.verdicts.items()},
        outputs={number: without_places(text) for number, text in marked.outputs.items()},
        notes=tuple(map(without_places, marked.notes)),
    )


def places() -> list[str]:
    """Return folders of this machine that no student needs to know, the longest first."""
    package = Path(__file__).parents[2]
    known = {str(package), sys.prefix, sys.base_prefix, str(Path.home()), os.path.realpath(sys.prefix)}
    temporary = "|".join(re.escape(place) for place in {tempfile.gettempdir(), MEMORY})
    fixed = (re.escape(place) for place in sorted(known, key=len, reverse=True) if len(place) > 1)
    return [rf"({temporary})/mailcourse-[\w-]+", *fixed]


def _without(text: str, hidden: Sequence[str]) -> str:
    for name in hidden:
        text = text.replace(name, "another name")
    return without_places(text)


def without_places(text: str) -> str:
    """Return a text without folders of this machine."""
    return re.sub("|".join(places()), "…", text)


# ---- worlds of the class ----------------------------------------------------------------------------------


def hidden_worlds(into: Path, assignment: str, count: int = 2) -> tuple[str, ...]:
    """Return the names of the class's hidden worlds; the secret behind them is made once, for its owner alone."""
    path = into / SECRET
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(os.urandom(32).hex() + "\n")
    secret = path.read_text("ascii").strip().encode()
    return tuple(
        hmac.new(secret, f"{assignment} {number}".encode(), hashlib.sha256).hexdigest()[:24] for number in range(count)
    )


# ---- what it is made of ------------------------------------------------------------------------------------


def digest_of(person: Learner, sheet: Sheet, exercise: Exercise, hidden: Sequence[str], judges: Sequence[Path]) -> str:
    """Return a number for all that a result rests on: marked again is what has changed, or is judged otherwise now."""
    made = hashlib.sha256()
    for text in (person.key, exercise.name, *hidden, *(repr(cell) for cell in sheet.cells)):
        made.update(text.encode("utf-8", "replace") + b"\0")
    for name, octets in sorted(person.beside.items()):
        made.update(name.encode("utf-8", "replace") + b"\0" + octets)
    for path in judges:
        made.update(path.read_bytes())
    return made.hexdigest()[:32]


def prints_of(sheet: Sheet) -> dict[str, str]:
    """Return what the code of each answer looks like, without layout and comments: task → a short number."""
    found: dict[str, str] = {}
    since: list[str] = []
    for cell in sheet.cells:
        if cell.is_run and "begin(" not in cell.source and not _is_given(cell.source, sheet):
            since.append(cell.source)
        for check in cell.checks:
            shape = _shape("\n".join(since))
            if len(shape) >= LONG:
                found[check.task] = hashlib.sha256(shape.encode()).hexdigest()[:16]
            since = []
    return found


def _is_given(source: str, sheet: Sheet) -> bool:
    return any(cell.given is not None and cell.given.source.strip() == source.strip() for cell in sheet.cells)


def _shape(source: str) -> str:
    try:
        return ast.dump(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "".join(source.split())


# ---- files -------------------------------------------------------------------------------------------------


def save(result: Result, into: Path, assignment: str) -> None:
    """Write a result; nobody ever sees it half-written."""
    folder = into / "marked" / assignment
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{os.getpid()}.new"
    fresh.write_text(json.dumps(asdict(result), ensure_ascii=False, indent=1), "utf-8")
    fresh.replace(folder / f"{result.key}.json")


def load(into: Path, assignment: str) -> dict[str, Result]:
    """Return all results that are kept, by key; one that cannot be read is marked again."""
    found = {}
    for path in sorted((into / "marked" / assignment).glob("*.json")):
        try:
            kept = json.loads(path.read_text("utf-8"))
            verdicts = {task: _verdict(about) for task, about in kept.pop("verdicts").items()}
            result = Result(
                **{**kept, "verdicts": verdicts, "notes": tuple(kept["notes"]), "worlds": tuple(kept["worlds"])}
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue
        found[result.key] = result
    return found


def _verdict(about: Mapping[str, object]) -> Verdict:
    parts = about["parts"]
    assert isinstance(parts, list)
    return Verdict(**{**about, "parts": [PartVerdict(**part) for part in parts]})  # type: ignore[arg-type]


# ---- pairs -------------------------------------------------------------------------------------------------


def pair_notes(results: Iterable[Result]) -> dict[str, list[str]]:
    """Say who worked in one world, and who has the same code: key → notes."""
    everybody = list(results)
    notes: dict[str, list[str]] = defaultdict(list)
    for own in everybody:
        worlds = {_world(name) for name in own.worlds}
        same_world = [one.key for one in everybody if one is not own and worlds & {_world(name) for name in one.worlds}]
        same_code = [one.key for one in everybody if one is not own and _have_same(own, one)]
        for words, others in (("the same world as", same_world), ("the same code as", same_code)):
            if others:
                more = f" and {len(others) - 3} others" if len(others) > 3 else ""
                notes[own.key].append(f"{words} {', '.join(others[:3])}{more}")
        if len(worlds) > 1:
            notes[own.key].append(f"answers in several worlds: {', '.join(own.worlds)}")
    return notes


def _world(name: str) -> str:
    return " ".join(name.casefold().split())


def _have_same(one: Result, other: Result) -> bool:
    same = [task for task, print_ in one.prints.items() if other.prints.get(task) == print_]
    return len(same) >= min(SAME, max(1, len(one.prints), len(other.prints)))


def lateness(when: str, due: datetime | None) -> str:
    """Say how late something came, or "".

    >>> due = datetime(2026, 11, 20, 9, 0)
    >>> lateness("2026-11-21 10:30", due), lateness("2026-11-20 08:59", due)
    ('26 hours late', '')
    """
    if due is None or not when:
        return ""
    seconds = (datetime.fromisoformat(when) - due).total_seconds()
    if seconds <= 0:
        return ""
    return f"{seconds / 3600:.0f} hours late" if seconds >= 7200 else f"{max(1, seconds // 60):.0f} minutes late"
