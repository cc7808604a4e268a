"""A cell that the reader writes, and that is tried out at once.

    answer = \"\"\"
    ...
    \"\"\"
    fill_in("envelope", answer)

What is written between the quotes is *used*: said to a server, put into a zone, sent.  Each of the `TRIALS` does
that in a lab of its own, so nothing in the reader's lab changes, and says what happened.  `blanks.toml` has the
texts: what to write, the hints, and why the right answer is right.

Each wrong try that is a new one brings one hint more.  Nothing is counted that anybody sees, and nothing is raised: a
cell that is empty, or wrong, or no text at all, must not stop Run All.
"""

from __future__ import annotations

import textwrap
import tomllib
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

from mailcourse.internet.errors import LabError, unknown

from .trials import TRIALS

BLANKS = "blanks.toml"
#: an answer is a few lines; more is a paste that went wrong
MAX_ANSWER = 4000
WIDTH = 100

CELL = "cell to fill in"
WRITE = "Write it in place of the three dots, then run this cell again. {}"
RIGHT = "✓ That works. {}"
NOT_YET = "Not yet: {}"
HINT = "Hint {} of {}: {}"
NO_TEXT = "an answer is text between quotes, and this is a value of the type {}."
TOO_LONG = f"this has more than {MAX_ANSWER:,} characters; a few lines are enough."
STRANGE_SIGN = "there is a character in it that cannot be typed: {!r}."

_wrong: dict[str, list[str]] = {}  # blank → the wrong answers so far, without repetition


@dataclass(frozen=True)
class Blank:
    """What is to be written, what helps, and why the right answer is right."""

    ask: str
    hints: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Filled:
    """What came of an answer; `is_right` is None when nothing was written yet."""

    lines: tuple[str, ...]
    is_right: bool | None

    def __repr__(self) -> str:
        return "\n".join(textwrap.fill(line, WIDTH) for line in self.lines)

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(line)}</p>" for line in self.lines)


@cache
def blanks() -> dict[str, Blank]:
    """Read all blanks; the name is what a lesson gives to `fill_in`."""
    data = tomllib.loads(files("mailcourse.lessons").joinpath(BLANKS).read_text(encoding="utf-8"))
    return {name: Blank(one["ask"], tuple(one["hints"]), one["why"]) for name, one in data.items()}


def fill_in(name: str, answer: object = ...) -> Filled:
    """Try what the reader wrote, and say what came of it."""
    if name not in blanks():
        raise unknown(CELL, name, sorted(blanks()))
    blank = blanks()[name]
    if is_unfilled(answer):
        return Filled((WRITE.format(blank.ask),), None)
    text = text_of(answer)
    found = trouble_of(answer, text) or tried(name, text)
    if not found:
        return Filled((RIGHT.format(blank.why),), True)
    wrong = _wrong.setdefault(name, [])
    if text not in wrong:
        wrong.append(text)
    shown = blank.hints[: len(wrong)]
    hints = [HINT.format(number, len(blank.hints), hint) for number, hint in enumerate(shown, 1)]
    return Filled((NOT_YET.format(found), *hints), False)


def is_unfilled(answer: object) -> bool:
    """True as long as the three dots are there, or nothing is.

    >>> [is_unfilled(answer) for answer in (..., "", " ... ", "…", None, "port: ...", "MX 10 mx1")]
    [True, True, True, True, True, True, False]
    """
    items = items_of(answer)
    if not all(item is None or item is ... or isinstance(item, str) for item in items):
        return False
    lines = [line for item in items if isinstance(item, str) for line in item.splitlines()]
    return not any(line.rpartition(": ")[2].strip(" \t\"'.…") for line in lines)


def items_of(answer: object) -> list[object]:
    """Return a list's items, and what is no list as a single item."""
    return list(answer[: MAX_ANSWER + 1]) if isinstance(answer, (list, tuple)) else [answer]


def text_of(answer: object) -> str:
    """Return an answer as text; a list is as good as lines.

    >>> text_of(["EHLO a.example", "QUIT"])
    'EHLO a.example\\nQUIT'
    """
    texts = [item if isinstance(item, str) else f"<{type(item).__name__}>" for item in items_of(answer)]
    return textwrap.dedent("\n".join(texts).replace("\r\n", "\n")).strip("\n")


def trouble_of(answer: object, text: str) -> str:
    """Return why an answer cannot be tried at all; "" when it can."""
    stranger = next((item for item in items_of(answer) if not isinstance(item, str)), "")
    if not isinstance(stranger, str):
        return NO_TEXT.format(type(stranger).__name__)
    if len(text) > MAX_ANSWER:
        return TOO_LONG
    odd = next((sign for sign in text if not sign.isprintable() and sign not in "\n\t"), None)
    return "" if odd is None else STRANGE_SIGN.format(odd)


def tried(name: str, text: str) -> str:
    """Let the trial use an answer; return what is wrong with it."""
    try:
        return TRIALS[name](text)
    except (LabError, OSError, ValueError) as error:  # what a lab, a wire or a parser says of a wrong text
        return str(error)


def forget_tries() -> None:
    """Forget every wrong try, as a new kernel does."""
    _wrong.clear()
