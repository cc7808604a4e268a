"""What does the learner expect?  Asked before an experiment, remembered, compared with what happened.

    guess = predict("Which server is tried first?", "mx1.bakery.test", "mx2.bakery.test")
    guess                                       the question, with a button for each answer
    guess.compare("mx1.bakery.test", why)       did it match, and why is it so?

An answer is remembered under its question as long as the kernel runs, so a cell can be run again.
Where nobody can press a button, say it in code: predict(…, answer="mx1.bakery.test").  No score is kept.

Nothing is told before a prediction was made, so a lesson as it is delivered has no answer beside its question.
That the lab still does what the lesson was written for is checked all the same: `seals.json` has a digest of each
answer, by lesson and question, and `compare` says so when something else has happened.
"""

from __future__ import annotations

import hashlib
import json
import textwrap
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import ipywidgets as widgets

from mailcourse.internet.errors import LabError

NOT_YET = "no prediction yet"
ASKS = "Your prediction"
REMEMBERED = "Remembered. Run the next cells to see; you can change it until then."
NOBODY = "Choose an answer above, then run this cell again."
MATCHED = "You predicted it: {}."
DIFFERED = "You predicted: {}. That is worth a closer look."
WAS = "What happened: {}."
CHANGED = "Something else happened here than when this lesson was written. Run its cells in order, from the top."
NO_ANSWER = "{!r} is not among the answers. Choose one of: {}."
STRANGE = "That was not among the answers. Run the lesson's cells in order, from the top."

SEALS = "seals.json"

_remembered: dict[str, str] = {}
_happened: dict[str, str] = {}  # question → what was compared last


@dataclass(frozen=True)
class Compared:
    """A prediction beside what happened; `matched` is None when there was no prediction."""

    lines: tuple[str, ...]
    matched: bool | None

    def __repr__(self) -> str:
        return "\n".join(textwrap.fill(line, 100) for line in self.lines)

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(line)}</p>" for line in self.lines)


class Prediction(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """One question and what was answered to it: `answer`, None as long as there is none."""

    def __init__(self, question: str, answers: tuple[str, ...], key: str) -> None:
        self.question, self.answers, self._key = question, answers, key
        asked = widgets.HTML(f"<b>{escape(question)}</b>")
        self.note = widgets.HTML()
        before = self.answer
        if answers:
            chosen = before if before in answers else None
            self.field = widgets.RadioButtons(options=answers, value=chosen, layout={"width": "max-content"})
        else:
            self.field = widgets.Text(value=before or "", placeholder=ASKS, continuous_update=False)
        self.field.observe(self._chosen, "value")
        super().__init__([asked, self.field, self.note], layout={"border": "1px solid #888", "padding": "6px 10px"})

    @property
    def answer(self) -> str | None:
        """What the learner expects."""
        return _remembered.get(self._key)

    def _chosen(self, change: Any) -> None:
        if change["new"]:
            _remembered[self._key] = str(change["new"]).strip()
            self.note.value = f'<span role="status">{escape(REMEMBERED)}</span>'

    def compare(self, happened: object, why: str = "") -> Compared:
        """Put the prediction beside what happened, and say why it is so."""
        truth = text_of(happened)
        matched = None if self.answer is None else self.answer.casefold() == truth.casefold()
        _happened[self.question] = truth
        strange = [STRANGE] if self.answers and truth not in self.answers else []
        strange = strange or ([] if is_sealed(self.question, truth) else [CHANGED])
        if matched is None:
            return Compared((NOBODY, *strange), None)
        lines = [MATCHED.format(truth)] if matched else [DIFFERED.format(self.answer), WAS.format(truth)]
        return Compared(tuple(line for line in (*lines, *strange, why) if line), matched)

    def __repr__(self) -> str:
        choices = [f"  ( ) {answer}" for answer in self.answers]
        return "\n".join([self.question, *choices, NOT_YET if self.answer is None else f"{ASKS}: {self.answer}"])

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data["text/plain"] = repr(self)
        return bundle


def digest(question: str, answer: str) -> str:
    """Return what a seal is: it tells whether an answer is the one, and not which it is."""
    return hashlib.sha256(f"{question}\n{answer.casefold()}".encode()).hexdigest()[:12]


@cache
def _seals() -> dict[str, set[str]]:
    """Return question → digests of what happens; a question that is in several lessons may have several."""
    found: dict[str, set[str]] = {}
    for lesson in json.loads(files("mailcourse.lessons").joinpath(SEALS).read_text(encoding="utf-8")).values():
        for question, sealed in lesson.items():
            found.setdefault(question, set()).add(sealed)
    return found


def is_sealed(question: str, answer: str) -> bool:
    """True when this is what happens after a question, or when the question is nobody's that is known here."""
    known = _seals().get(question)
    return known is None or digest(question, answer) in known


def happened() -> dict[str, str]:
    """Return what was compared in this kernel: question → what happened.  For those who write lessons."""
    return dict(_happened)


def text_of(value: object) -> str:
    """Write a value as an answer: True is "yes".

    >>> text_of(True), text_of(3), text_of("mx1")
    ('yes', '3', 'mx1')
    """
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def predict(question: str, *answers: object, answer: object = None, key: str | None = None) -> Prediction:
    """Ask a question before an experiment; without `answers`, for a text or a number.

    `answer` is a prediction in code; `key` remembers it under another name than the question.
    """
    texts = tuple(map(text_of, answers))
    if answer is not None:
        if texts and text_of(answer) not in texts:
            raise LabError(NO_ANSWER.format(text_of(answer), ", ".join(texts)))
        _remembered[key or question] = text_of(answer)
    return Prediction(question, texts, key or question)


def forget() -> None:
    """Forget every prediction, as a new kernel does."""
    _remembered.clear()
