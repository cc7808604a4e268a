"""The questions at the end of a lesson: choose, and read why.  No score is kept.

The questions are data, one TOML file a lesson:

    [[question]]
    ask = "Which one is tried first?"
    [[question.answer]]
    text = "MX 10"
    is_right = true
    because = "Lower is preferred."

Everything is shown by ipywidgets, so nothing is fetched from anywhere; the text form lists questions only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

import ipywidgets as widgets

from mailcourse.internet.errors import unknown

RIGHT, NOT_QUITE = "✓ Yes.", "→ Not quite."
HINT = "Choose an answer to read about it."
KIND = "self-check for lesson"


@dataclass(frozen=True)
class Answer:
    """One answer; `because` is shown when it is chosen, right or not."""

    text: str
    because: str
    is_right: bool = False


@dataclass(frozen=True)
class Question:
    """A question with its answers."""

    ask: str
    answers: tuple[Answer, ...]


def questions(lesson: str) -> list[Question]:
    """Read the questions of a lesson; `lesson` is its number, "01"."""
    folder = files(__package__) / "questions"
    known = sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))
    if lesson not in known:
        raise unknown(KIND, lesson, known)
    data = tomllib.loads((folder / f"{lesson}.toml").read_text("utf-8"))
    return [Question(one["ask"], tuple(Answer(**answer) for answer in one["answer"])) for one in data["question"]]


class SelfCheck(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Questions, each with its answers; choosing one shows what is to be said about it."""

    def __init__(self, asked: Sequence[Question]) -> None:
        self.questions = tuple(asked)
        self.fields = [_field(question) for question in asked]
        self.remarks = [widgets.HTML() for _ in asked]
        boxes = []
        for number, (question, field, remark) in enumerate(zip(asked, self.fields, self.remarks, strict=True), 1):
            field.observe(lambda change, q=question, r=remark: _tell(q, change["new"], r), "value")
            head = widgets.HTML(f"<b>{number}. {escape(question.ask)}</b>")
            boxes.append(widgets.VBox([head, field, remark], layout={"margin": "0 0 12px 0"}))
        super().__init__([widgets.HTML(HINT), *boxes])

    def __repr__(self) -> str:
        lines = [HINT]
        for number, question in enumerate(self.questions, 1):
            lines += [f"{number}. {question.ask}", *(f"   ( ) {answer.text}" for answer in question.answers)]
        return "\n".join(lines)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data["text/plain"] = repr(self)
        return bundle


def _field(question: Question) -> widgets.RadioButtons:
    texts = [answer.text for answer in question.answers]
    return widgets.RadioButtons(options=texts, value=None, layout={"width": "max-content"})


def _tell(question: Question, chosen: str | None, remark: widgets.HTML) -> None:
    for answer in question.answers:
        if answer.text == chosen:
            word = RIGHT if answer.is_right else NOT_QUITE
            remark.value = f'<span role="status"><b>{word}</b> {escape(answer.because)}</span>'


def self_check(lesson: str) -> SelfCheck:
    """Show the questions at the end of a lesson."""
    return SelfCheck(questions(lesson))
