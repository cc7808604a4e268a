"""`mailcourse grade 02-dns FOLDER`: every submission marked, a gradebook, feedback pages, tables, a page of the class.

    grade(Job(…))      everybody in FOLDER, on all cores; what is marked already and has not changed is not marked again
    write_all(…)       tables and pages once more, from the gradebook: `mailcourse report`, after marking by hand

Whatever one submission does, the others are marked.  Stopped in the middle, what is done is kept, and the
next call goes on.
"""

from __future__ import annotations

import json
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import mailcourse
from mailcourse.checks.task import tasks, use_course
from mailcourse.internet.errors import LabError

from . import gradebook, room
from .card import cards_of, page
from .class_page import class_page
from .found import Learner, Unused, people_in
from .marker import SECONDS, Marked, Work, end_judges, mark
from .notebook import Exercise, Sheet, laid_out, read_exercise, task_name
from .results import (
    Result,
    digest_of,
    hidden_worlds,
    lateness,
    load,
    pair_notes,
    result_of,
    save,
)
from .tables import Marks, marks_csv, moodle_csv, moodle_feedback, spreadsheet_csv

PACKAGE = Path(mailcourse.__file__).resolve().parent
#: folders that marking makes in `into`
PRODUCTS = ("autograded", "feedback", "marked", "release")
#: how many are done, of how many, whose it was, and the points
Tell = Callable[[int, int, str, float], object]


@dataclass(frozen=True)
class Job:
    """What is to be marked, and how.  `course` is a folder with tasks and exercises of a teacher's own."""

    assignment: str
    folder: Path
    into: Path
    course: Path | None = None
    due: datetime | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    seconds: float = SECONDS
    workers: int = 0
    again: bool = False  # mark everybody, also those who are marked
    is_judged: bool = True  # False: run only, to measure what judging costs


@dataclass(frozen=True)
class Outcome:
    """What came of it: marks of everybody, files that were not used, files that were written."""

    marks: list[Marks]
    unused: list[Unused]
    written: list[Path]
    is_whole: bool = True  # False: stopped before everybody was marked


@dataclass(frozen=True)
class _Entry:
    """Somebody who is to be marked."""

    person: Learner
    sheet: Sheet
    digest: str


@contextmanager
def _private() -> Iterator[None]:
    """Make files for one pair of eyes, also in a folder that was there before."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@_private()
def grade(
    job: Job,
    tell: Tell = lambda *_: None,
    executor: Executor | None = None,
    how_apart: Callable[[], str] = room.how_apart,
) -> Outcome:
    """Mark everybody in a folder.  `executor` runs `mark` on each submission, in rooms that are `how_apart`.

    Else threads of this process do.
    """
    if os.name != "posix":
        raise LabError("Marking needs Linux or macOS. On Windows, run it in WSL (`wsl --install`).")
    into, folder = job.into.expanduser().resolve(), job.folder.expanduser().resolve()
    is_product = _products(into, folder)
    exercise = exercise_of(job.assignment, job.course)
    people, unused = people_in(folder, job.assignment, assignments_of(job.course), is_product)
    if not into.exists():
        into.mkdir(parents=True)
    hidden = hidden_worlds(into, job.assignment)
    judges = sorted([*PACKAGE.rglob("*.py"), *(job.course.rglob("*.py") if job.course else ())])
    entries = []
    for person in people:
        sheet = laid_out(person.cells, exercise)
        entries.append(_Entry(person, sheet, digest_of(person, sheet, exercise, hidden, judges)))
    before = load(into, job.assignment)
    fresh = [entry for entry in entries if job.again or before.get(entry.person.key, NOBODY).digest != entry.digest]
    results = {entry.person.key: before[entry.person.key] for entry in entries if entry not in fresh}
    stopped = False
    if fresh and executor is None:
        room.try_out()
    with quiet():
        try:
            for entry, marked in _marked(job, fresh, hidden, executor):
                result = result_of(entry.person, entry.sheet, marked, entry.digest, hidden)
                _keep(into, exercise, entry.sheet, result, marked, folder)
                results[entry.person.key] = result
                points = sum(verdict.points for verdict in result.verdicts.values())
                tell(len(results), len(entries), entry.person.key, points)
        except KeyboardInterrupt:
            stopped = True
        again = _enter(job, into, exercise, entries, results, before)
        _save_page_facts(into, job, unused, how_apart())
        outcome = write_all(job.assignment, into, job.course, again)
    is_whole = not stopped and all(result.is_marked for result in results.values())
    return Outcome(outcome.marks, unused, outcome.written, is_whole)


NOBODY = Result("", "")


def _products(into: Path, folder: Path) -> Callable[[Path], bool]:
    """Return what tells a file that marking has made from one that was handed in; refuse to read where it writes."""
    for product in PRODUCTS:
        if folder.is_relative_to(into / product):
            raise LabError(
                f"{str(folder)!r} is where marking writes. Copy it to another place, or give another --into."
            )

    def is_product(path: Path) -> bool:
        if not path.is_relative_to(into):
            return False
        if into != folder and into.is_relative_to(folder):
            return True
        first, *rest = path.relative_to(into).parts
        if not rest:
            return path.suffix != ".ipynb"
        return first in PRODUCTS or (first == "submitted" and gradebook.is_ours(path))

    return is_product


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' remarks to programmers away from teachers."""
    import logging

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(before)


# ---- what is marked ----------------------------------------------------------------------------------------


def exercise_of(assignment: str, course: Path | None) -> Exercise:
    """Return an assignment as students get it: of a teacher's own course, of the repository, or of the package."""
    if course is not None:
        use_course(course)
    tasks(assignment)  # says which assignments there are
    places = [*([course] if course else []), PACKAGE.parent, PACKAGE]
    for place in places:
        path = place / "exercises" / assignment / f"{assignment}.ipynb"
        if path.exists():
            return read_exercise(path, assignment)
    raise LabError(f"There is no exercises/{assignment}/{assignment}.ipynb in {str(places[0])!r}. Make it there.")


def assignments_of(course: Path | None) -> list[str]:
    """Return the names of all assignments."""
    from mailcourse.checks.task import assignments

    if course is not None:
        use_course(course)
    return assignments()


def titles_of(exercise: Exercise) -> dict[str, str]:
    """Return the titles of the graded tasks, in their order."""
    known = tasks(exercise.name)
    found = {}
    for grade_id, cell in exercise.graded.items():
        name = task_name(grade_id)
        own = dict(cell.metadata.get("mailcourse", {})).get("title", f"{name} (free text)")
        found[name] = known[name].title if name in known else str(own)
    return found


def _marked(
    job: Job, entries: Sequence[_Entry], hidden: tuple[str, ...], executor: Executor | None
) -> Iterator[tuple[_Entry, Marked]]:
    """Mark each of them, and return them as they are done; stopped, it lets go of everything at once."""
    wanted = [True]
    own = executor or ThreadPoolExecutor(job.workers or os.cpu_count() or 1, thread_name_prefix="mailcourse-mark")
    # A thread can be told that nobody wants its result any more; what runs elsewhere is only not waited for.
    more = () if executor is not None else (lambda: wanted[0],)
    futures: dict[Future[Marked], _Entry] = {}
    try:
        for entry in entries:
            futures[own.submit(mark, _work(job, entry, hidden), *more)] = entry
        for future in as_completed(futures):
            entry = futures[future]
            try:
                yield entry, future.result()
            except CancelledError:  # whoever was to mark it is gone
                continue
            except Exception as error:  # whatever it is, the others are marked, and this one the next time
                note = f"could not be marked: {type(error).__name__}: {error}"
                yield replace(entry, digest=""), Marked({}, {}, (), (note,))
    finally:
        wanted[0] = False
        for future in futures:
            future.cancel()
        if executor is None:
            room.end_all()
            own.shutdown(wait=True, cancel_futures=True)
        end_judges()


def _work(job: Job, entry: _Entry, hidden: tuple[str, ...]) -> Work:
    course = str(job.course.resolve()) if job.course else ""
    person = entry.person
    return Work(person.name, job.assignment, entry.sheet, person.beside, hidden, course, job.seconds, job.is_judged)


# ---- what is kept ------------------------------------------------------------------------------------------


def _keep(into: Path, exercise: Exercise, sheet: Sheet, result: Result, marked: Marked, folder: Path) -> None:
    save(result, into, exercise.name)
    below = Path(result.key, exercise.name, f"{exercise.name}.ipynb")
    made = gradebook.notebook(exercise, sheet, result, marked.outputs)
    gradebook.write_notebook(made, into / "autograded" / below)
    submitted = into / "submitted" / below
    is_free = not submitted.exists() or gradebook.is_ours(submitted)
    if is_free and not folder.is_relative_to(into / "submitted") and not (into / "submitted").is_relative_to(folder):
        made = gradebook.notebook(exercise, sheet, None, {})
        gradebook.write_submitted(made, submitted, gradebook.when_of(result))


def _enter(
    job: Job,
    into: Path,
    exercise: Exercise,
    entries: Sequence[_Entry],
    results: dict[str, Result],
    before: Mapping[str, Result],
) -> dict[str, list[str]]:
    """Put everybody into the gradebook; return what a person should look at again."""
    again = {}
    with gradebook.opened(into) as book:
        gradebook.enter_exercise(book, exercise, _weights(into, job), job.due)
        for entry in entries:
            key = entry.person.key
            if key not in results:
                results[key] = Result(key, entry.person.name, notes=("not marked yet: the same command goes on",))
                save(results[key], into, exercise.name)
            again[key] = gradebook.enter_result(book, exercise, results[key], before.get(key))
    return again


def _facts_file(into: Path) -> Path:
    return into / "marked" / "facts.json"


def _facts(into: Path) -> dict[str, dict[str, object]]:
    path = _facts_file(into)
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def _weights(into: Path, job: Job) -> dict[str, float]:
    """Return the tasks that are worth something else in this class; they are kept for the next time."""
    known = _facts(into).get(job.assignment, {}).get("weights", {})
    assert isinstance(known, dict)
    wrong = set(job.weights) - set(titles_of(exercise_of(job.assignment, job.course)))
    if wrong:
        raise LabError(f"{job.assignment} has no task {sorted(wrong)[0]!r}. See docs/grading.md for their names.")
    return {**known, **job.weights}


def _save_page_facts(into: Path, job: Job, unused: Sequence[Unused], how_apart: str) -> None:
    """Keep what a page of the class says beside marks, for `report`."""
    facts = _facts(into)
    before = facts.get(job.assignment, {})
    facts[job.assignment] = {
        "unused": [[file.path, file.why] for file in unused],
        "room": how_apart,
        "due": job.due.isoformat() if job.due else before.get("due", ""),
        "weights": _weights(into, job),
    }
    _facts_file(into).parent.mkdir(parents=True, exist_ok=True)
    _facts_file(into).write_text(json.dumps(facts, ensure_ascii=False, indent=1), "utf-8")


# ---- what is written ---------------------------------------------------------------------------------------


@_private()
def write_all(
    assignment: str, into: Path, course: Path | None = None, again: Mapping[str, Sequence[str]] | None = None
) -> Outcome:
    """Write tables and pages from the gradebook and the results that are kept."""
    into = into.expanduser().resolve()
    exercise = exercise_of(assignment, course)
    results = load(into, assignment)
    if not results:
        raise LabError(f"Nobody is marked yet in {str(into)!r}. Run `mailcourse grade {assignment} FOLDER` first.")
    facts = _facts(into).get(assignment, {})
    due = datetime.fromisoformat(str(facts["due"])) if facts.get("due") else None
    pairs = pair_notes(results.values())
    marks, pages = [], {}
    titles = titles_of(exercise)
    with quiet(), gradebook.opened(into) as book:
        for key in sorted(set(results) & set(gradebook.students(book, assignment)), key=str.casefold):
            notes = [*results[key].notes, *pairs.get(key, ()), *(again or {}).get(key, ())]
            record = _record(results[key], gradebook.marks_of(book, exercise, key), notes, due)
            marks.append(record)
            pages[key] = into / "feedback" / key / assignment / f"{assignment}.html"
            pages[key].parent.mkdir(parents=True, exist_ok=True)
            cards = cards_of(titles, _answers(into, exercise, results[key]), results[key].verdicts)
            pages[key].write_text(page(assignment, record, cards), "utf-8")
    pages_of = facts.get("unused", [])
    assert isinstance(pages_of, list)
    unused = [Unused(*file) for file in pages_of]
    texts: dict[str, str | bytes] = {
        f"{assignment}.csv": marks_csv(marks),
        f"{assignment}-spreadsheet.csv": spreadsheet_csv(marks),
        f"{assignment}.html": class_page(assignment, marks, titles, unused, str(facts.get("room", ""))),
    }
    if any(record.folder for record in marks):
        texts[f"{assignment}-moodle.csv"] = moodle_csv(marks)
        texts[f"{assignment}-moodle-feedback.zip"] = moodle_feedback(marks, pages, assignment)
    for name, content in texts.items():
        (into / name).write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return Outcome(marks, unused, [*(into / name for name in texts), into / "feedback"])


def _record(result: Result, marks: Mapping[str, gradebook.Mark], notes: list[str], due: datetime | None) -> Marks:
    late = lateness(result.when, due) or ("late" if result.is_late else "")
    failed = Counter(
        (task, part.name) for task, verdict in result.verdicts.items() for part in verdict.parts if not part.passed
    )
    return Marks(
        result.key,
        ", ".join(result.worlds),
        {task: mark.points for task, mark in marks.items()},
        {task: mark.max_points for task, mark in marks.items()},
        {task for task, mark in marks.items() if mark.is_open},
        failed,
        notes,
        {task for task, mark in marks.items() if mark.by_hand},
        {task: mark.comment for task, mark in marks.items() if mark.comment},
        result.name,
        result.platform_id,
        result.folder,
        late,
    )


def _answers(into: Path, exercise: Exercise, result: Result) -> dict[str, str]:
    """Return what a student wrote, by task, from the notebook that Formgrader shows."""
    path = into / "autograded" / result.key / exercise.name / f"{exercise.name}.ipynb"
    found = {task_name(grade_id): text for grade_id, text in result.texts.items()}
    if path.exists():
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            task = cell["metadata"].get("mailcourse", {}).get("task")
            if task and cell["cell_type"] == "code":
                found[task] = str(cell["source"])
    return found
