"""The controls of a script: one row for all labs that are shown in turn, so that each press meets its button.

A reset takes a lab and its stage away.  The controls stay on the page and serve the stage that came last; what an
older one still does on its threads moves them no more.
"""

from __future__ import annotations

import threading
from typing import Protocol

import ipywidgets as widgets

from .script import SCRIPT

#: what a person reads
WORDS = {
    "ask": "Ask first",
    "ask tip": "show the question (key A)",
    "next": "Next ▶",
    "next tip": "show what happens (key N)",
    "choose": "moment …",
    "moment": "Moment",
}


class Served(Protocol):
    """What the controls do something with: a stage."""

    def show_question(self) -> None:
        """Ask what the next moment will show."""

    def show_next(self) -> None:
        """Show the next moment."""

    def choose(self, number: int) -> None:
        """Show a moment by its number, from 1; 0 is none."""


class Controls:
    """Ask first, Next, the menu of moments, and the time.  `serve` says whom they are for."""

    def __init__(self) -> None:
        self.ask = widgets.Button(description=WORDS["ask"], tooltip=WORDS["ask tip"])
        self.next = widgets.Button(description=WORDS["next"], button_style="primary", tooltip=WORDS["next tip"])
        options = [(f"{number}. {step.title}", number) for number, step in enumerate(SCRIPT, 1)]
        self.moment = widgets.Dropdown(
            options=[(WORDS["choose"], 0), *options], description=WORDS["moment"], layout={"width": "250px"}
        )
        self.clock = widgets.HTML()
        self._served: Served | None = None
        self._changing = threading.RLock()
        self.ask.on_click(lambda _: self._served and self._served.show_question())
        self.next.on_click(lambda _: self._served and self._served.show_next())
        self.moment.observe(lambda _: self._served and self._served.choose(self.moment.value), "value")

    def serve(self, stage: Served) -> None:
        """Be the controls of this stage from now on, and of no other."""
        with self._changing:
            self._served = stage
            self.moment.value = 0
            self.free(stage)

    def rest(self, stage: Served) -> None:
        """Cannot be pressed while this stage plays, or since its lab is closed."""
        self._set(stage, is_resting=True)

    def free(self, stage: Served) -> None:
        """Can be pressed again."""
        self._set(stage, is_resting=False)

    def show(self, stage: Served, time: str) -> None:
        """Show the time of a stage's lab, as HTML."""
        with self._changing:
            if stage is self._served:
                self.clock.value = time

    def _set(self, stage: Served, *, is_resting: bool) -> None:
        with self._changing:
            if stage is self._served:
                for control in (self.ask, self.moment, self.next):  # Next is the last to be free again
                    control.disabled = is_resting
