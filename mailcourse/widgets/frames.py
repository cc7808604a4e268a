"""The film of a journey: for each step what the scene marks, what moves, what was said, and the letter as it is.

    steps, events, places ─► frames ─► the player in the browser, one frame a step

Everything is made here, as text that is escaped already; the browser shows it, and needs no kernel for the next step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from mailcourse.internet.trace import Event
from mailcourse.message.harmless import visible
from mailcourse.scene.draw import PartMark, host_id
from mailcourse.scene.moves import Move, Teller
from mailcourse.scene.places import Link, Places

from .letter import LetterNow, letters
from .steps import Step
from .talk import TalkRow, lead, rows_of, talk_html

#: Milliseconds for one line of a dialogue to appear.
LINE = 110
#: Motions of one step: those of a long look-up are told by its lines.
MAX_MOVES = 16
MAX_NAME = 200
WORDS = {
    "envelope": "Envelope: what servers read",
    "bounce": "Envelope of a bounce: nobody to answer",
    "letter": "Letter: what people read",
    "nothing": "no envelope yet: it is made when the letter is handed to a server",
    "to come": "What is said on the way follows here, step by step.",
    "no letter": "No letter is on its way at this step.",
    "unknown": "its header is not known here",
    "report": "the server writes it now: a report to who sent the letter",
    "no answer": "no answer",
    "waiting": "1 waiting",
    "from": "from",
    "to": "to",
    "more": "and {count} more",
}
#: below what is done before anybody talks
TO_COME = TalkRow("note", WORDS["to come"], is_new=False)


@dataclass(frozen=True)
class Frame:
    """One step on the screen.  While it moves, nothing tells how it ends: `opening` and `before` are shown."""

    title: str
    opening: str
    before: Mapping[str, PartMark]
    marks: Mapping[str, PartMark]
    moves: tuple[Move, ...]
    rows: tuple[TalkRow, ...]
    letter: LetterNow | None  # none: a question that was asked for its own sake

    def told(self, ground: Places) -> dict[str, Any]:
        """Return what a browser needs to show it."""
        return {
            "title": self.title,
            "opening": self.opening,
            "before": _told_marks(self.before),
            "marks": _told_marks(self.marks),
            "moves": [move.told(ground) for move in self.moves],
            "lead": LINE * lead(self.rows) if self.moves else 0,
            "said": talk_html(self.rows),
            "letter": f'<p class="mc-hint">{WORDS["no letter"]}</p>'
            if self.letter is None
            else letter_html(self.letter),
        }


def _told_marks(marks: Mapping[str, PartMark]) -> dict[str, list[str]]:
    return {part: [" ".join(mark.classes), mark.words] for part, mark in marks.items()}


def frames(
    events: Sequence[Event], steps: Sequence[Step], ground: Places, now: Mapping[str, PartMark] | None = None
) -> list[Frame]:
    """Make the film.  `now` are marks of a lab that is open: what they say and a journey does not tell is kept."""
    moves = _moves(events, steps)
    said: dict[int | None, list[str]] = {}
    past: list[TalkRow] = []
    first = next((number for number, step in enumerate(steps) if _is_talk(step)), 0)
    made = []
    marks = _Marks(ground, steps, now or {})
    for number, (step, letter) in enumerate(zip(steps, letters(events, steps), strict=True)):
        known = said.setdefault(step.session, []) if step.session is not None else []
        rows = rows_of([*known, *step.lines], len(known))
        known += step.lines
        if not _is_talk(step):  # nobody talks: what was said last stays, and this below it
            rows = [*past, *rows] if past or number >= first else [*rows, TO_COME]
        else:
            past = [replace(row, is_new=False, is_past=True) for row in rows]
        when = f"{step.time:%a %H:%M:%S}  " if step.time else ""
        opening, title = (f"{when}{visible(text[:MAX_NAME])}" for text in (step.opening or step.title, step.title))
        before, after = marks.before(number), marks.at(number)
        shown = None if step.message is None and step.kind == "dns" else letter
        made.append(Frame(title, opening, before, after, tuple(moves[number]), tuple(rows), shown))
    return made


def _is_talk(step: Step) -> bool:
    return step.session is not None or step.kind == "dns"


def _moves(events: Sequence[Event], steps: Sequence[Step]) -> list[list[Move]]:
    """Give each motion to the step that tells its event."""
    teller, place = Teller(), 0
    found: list[list[Move]] = []
    for step in steps:
        moves: list[Move] = []
        while place < len(events) and events[place].seq <= step.seq:
            moves += teller.moves(events[place])
            place += 1
        found.append(_fewer(moves))
    return found


def _fewer(moves: list[Move]) -> list[Move]:
    """Leave out the middle of a very long look-up."""
    half = MAX_MOVES // 2
    return moves if len(moves) <= MAX_MOVES else [*moves[:half], *moves[-half:]]


class _Holders:
    """Where the letter lies: at a host the copies of which recipients, until the next server takes them."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._copies: dict[str, set[tuple[str | None, str]]] = {}  # host -> message, recipient
        self._reports: set[str | None] = set()
        self._failed: set[tuple[str | None, str]] = set()  # what a bounce stands for, once it is written

    def follow(self, number: int) -> dict[str, str]:
        """Go on by a step; return the hosts that hold something, with the class of what they hold."""
        step = self._steps[number]
        copies = {(step.message, name) for name in step.about or {""}}
        if step.what == "reported":  # instead of the letter that could not be delivered; one that is only late stays
            self._reports.add(step.message)
            self._drop(step.host, {held for held in self._failed if held[1] in step.about})
        if step.what in ("composed", "accepted", "reported"):
            for host in list(self._copies):
                self._drop(host, copies)
            self._copies[step.host] = self._copies.get(step.host, set()) | copies
        elif step.what == "delivered" and step.link is not None:
            self._drop(step.link[0], copies)
        elif step.what == "failed" and self._is_reported(number):
            self._failed |= copies
        elif step.what in ("failed", "deleted"):
            self._drop(step.host, copies)
        return {
            host: "returning" if all(message in self._reports for message, _ in held) else "holding"
            for host, held in self._copies.items()
        }

    def _is_reported(self, number: int) -> bool:
        """Say whether somebody is told of this failure: of a bounce, or where NOTIFY is NEVER, nobody is."""
        step = self._steps[number]
        later = (other for other in self._steps[number + 1 :] if other.what == "reported" and other.host == step.host)
        return step.message not in self._reports and any(other.about & step.about for other in later)

    def _drop(self, host: str, copies: set[tuple[str | None, str]]) -> None:
        left = self._copies.pop(host, set()) - copies
        if left:
            self._copies[host] = left


#: What a server said that took nothing → how the picture marks it.
_REFUSED = {"5": PartMark(("refusing",), "refused"), "4": PartMark(("slow",), "not now")}
_PASSING = (WORDS["no answer"], *(mark.words for mark in _REFUSED.values()))


def _refusal(step: Step) -> str:
    """Return the first digit of the reply by which a server took no letter; "" when none was refused.

    >>> _refusal(Step("", "mail", "b", ("a", "b"), ("C: RCPT TO:<x@b.test>", "S: 550 5.1.1 no such mailbox")))
    '5'
    """
    if step.is_taken or step.kind != "mail":
        return ""
    asked = max((number for number, line in enumerate(step.lines) if line.startswith("S: 354")), default=0)
    codes = [line[3:6] for line in step.lines[asked:] if line.startswith(("S: 4", "S: 5")) and line[6:7] == " "]
    return next((code[0] for code in reversed(codes) if code != "503"), "")  # 503: only what came too early


class _Marks:
    """What the scene marks at each step: who acts, who is off, where the letter lies, what arrived."""

    def __init__(self, ground: Places, steps: Sequence[Step], now: Mapping[str, PartMark]) -> None:
        self._ground, self._steps, self._now = ground, steps, now
        self._links = {link: f"e{number}" for number, link in enumerate(shown_links(ground, steps))}
        self._states: list[dict[str, PartMark]] = []
        state: dict[str, PartMark] = {}
        holders = _Holders(steps)
        for number, step in enumerate(steps):
            state = self._after(state, step)
            self._states.append(self._with_letters(state, holders.follow(number)))

    def _after(self, state: dict[str, PartMark], step: Step) -> dict[str, PartMark]:
        """Return what is known after a step."""
        state = dict(state)
        host = host_id(self._ground, step.host)
        if not step.works and step.link is not None:
            state[host_id(self._ground, step.link[1])] = PartMark(("off",), WORDS["no answer"])
        elif step.mark == "deferred":
            state[host] = PartMark(("waiting",), WORDS["waiting"])
        elif step.kind == "mailbox":
            state[host] = PartMark((), "✓")
        elif step.what in ("failed", "deleted") and "waiting" in state.get(host, PartMark()).classes:
            del state[host]
        for name in step.link or ():
            known = state.get(host_id(self._ground, name))
            if step.works and known is not None and (known.words in _PASSING or name == (step.link or ("",))[0]):
                del state[host_id(self._ground, name)]
        if step.link is not None and step.kind == "mail":
            refusal = _refusal(step)
            state[self._links.get(step.link, "")] = PartMark(("failed" if refusal or not step.works else "past",))
            if refusal:
                state[host] = _REFUSED[refusal]
        state.pop("", None)
        return state

    def _with_letters(self, state: Mapping[str, PartMark], holders: Mapping[str, str]) -> dict[str, PartMark]:
        """Add the letter to its host; a tray shows one already."""
        marks = dict(state)
        for name, holding in holders.items():
            part = host_id(self._ground, name)
            known = marks.get(part, PartMark())
            if part and "waiting" not in known.classes:
                marks[part] = PartMark((*known.classes, holding), known.words)
        return marks

    def at(self, number: int) -> dict[str, PartMark]:
        """Return all marks of a step when it is over."""
        return self._acting(number, self._states[number])

    def before(self, number: int) -> dict[str, PartMark]:
        """Return the marks of a step that has only begun: who acts, and all else as it was.

        Who is talked to answers by now, whatever the last attempt met; whether the letter is taken is not told yet.
        """
        state, step = dict(self._states[number - 1]) if number else {}, self._steps[number]
        for part in (host_id(self._ground, name) for name in step.link or () if step.works):
            known = state.get(part, PartMark())
            if known.words == WORDS["no answer"]:
                del state[part]
                if left := tuple(sign for sign in known.classes if sign != "off"):  # a letter lies there
                    state[part] = PartMark(left)
        return self._acting(number, state)

    def _acting(self, number: int, states: Mapping[str, PartMark]) -> dict[str, PartMark]:
        step = self._steps[number]
        marks = {**_without_counts(self._now), **states}
        parts = [host_id(self._ground, name) for name in (step.host, *(step.link or ()))]
        if step.link is not None:
            parts.append(self._links.get(step.link, ""))
        for part in dict.fromkeys(parts):
            if part:
                known = marks.get(part, PartMark())
                marks[part] = PartMark((*known.classes, "now"), known.words)
        return marks


def _without_counts(now: Mapping[str, PartMark]) -> dict[str, PartMark]:
    """Keep what is broken: how many wait and how many arrived is for the journey to tell."""
    return {part: mark for part, mark in now.items() if {*mark.classes} & {"off", "slow", "refusing", "trouble", "cut"}}


def shown_links(ground: Places, steps: Sequence[Step]) -> tuple[Link, ...]:
    """Return the usual ways of mail, and those that this letter took or tried besides."""
    took = [step.link for step in steps if step.link is not None and step.kind == "mail"]
    return tuple(dict.fromkeys((*ground.links, *took)))


def letter_html(letter: LetterNow) -> str:
    """Write envelope and header of one step; each line of the header leads to the step that wrote it."""
    title = WORDS["bounce"] if letter.is_bounce else WORDS["envelope"]
    if letter.sender is None:
        envelope = f"<p>{escape(WORDS['nothing'])}</p>"
    else:
        names = [(WORDS["from"], letter.sender or "<>")] + [(WORDS["to"], name) for name in letter.recipients[:8]]
        envelope = "".join(
            f"<p><span>{word}</span> <b>{escape(visible(name[:MAX_NAME]))}</b></p>" for word, name in names
        )
        if len(letter.recipients) > 8:
            envelope += f"<p>{WORDS['more'].format(count=len(letter.recipients) - 8)}</p>"
    kind = " bounce" if letter.is_bounce else ""
    lines = "".join(_line(line.text, line.step, line.is_new) for line in letter.lines)
    nothing = f"<p>{escape(WORDS['report' if letter.is_bounce else 'unknown'])}</p>"
    return (
        f'<section class="mc-envelope{kind}"><h4>{escape(title)}</h4><div>{envelope}</div></section>'
        f'<section class="mc-letter"><h4>{escape(WORDS["letter"])}</h4><div>{lines or nothing}</div></section>'
    )


def _line(text: str, step: int | None, is_new: bool) -> str:
    name, colon, value = text.partition(":")
    inside = f"<b>{escape(name)}{colon}</b>{escape(value)}"
    new = " new" if is_new else ""
    if step is None:
        return f'<p class="mc-line{new}">{inside}</p>'
    return f'<button type="button" class="mc-line{new}" data-step="{step}">{inside}</button>'
