"""The stage: the scene on the screen, with what moves on it; live, or step by step with dialogue and letter.

    Stage(ground)                    a drawing of the lab
      .tell(marks, moves, words)     as it is now, and what moved since: `stage.js` plays it, one motion at a time
      .load(frames)                  a journey: Play, Back, Step, keys, a slider
      .step, .playing                where it is; both can be set from here
      .changing, .teller             one thread at a time; who tells the film that is shown, if it may still grow

The browser needs no kernel to go from step to step.  What is pressed in the picture is told by its id.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from mailcourse.scene.draw import Marks, draw
from mailcourse.scene.icons import SPRITES
from mailcourse.scene.moves import PLAYER, Move
from mailcourse.scene.places import Link, Places

from .frames import Frame

#: what stands on the buttons, and what a screen reader says
STRINGS = {
    "play": "▶ Play",
    "pause": "❚❚ Pause",
    "back": "◀ Back",
    "forth": "Step ▶",
    "speed": "Speed",
    "slow": "slow",
    "normal": "normal speed",
    "fast": "fast",
    "step": "Step",
    "of": "of",
    "dialogue": "The dialogue",
    "letter": "The envelope and the letter",
    "no dialogue": "What is said on the way is shown here, step by step.",
    "no letter": "Here are the envelope and the header of the letter, as they are at each step.",
}
#: Pixels of the smallest letters in the picture.
SMALL, LARGE = 13, 20


class Stage(anywidget.AnyWidget):
    """One scene.  `layout_name` is a class of `stage.css`: "live", "journey" or "room"."""

    _esm = PLAYER + Path(__file__).with_suffix(".js").read_text("utf-8")  # anywidget holds every widget of a path
    _css = Path(__file__).with_suffix(".css").read_text("utf-8")
    picture = traitlets.Unicode("").tag(sync=True)
    news = traitlets.Dict().tag(sync=True)
    frames = traitlets.List(traitlets.Dict()).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = traitlets.Unicode("normal").tag(sync=True)
    min_text = traitlets.Int(SMALL).tag(sync=True)
    layout_name = traitlets.Unicode("live").tag(sync=True)
    strings = traitlets.Dict(STRINGS).tag(sync=True)
    sprites = traitlets.Dict(SPRITES).tag(sync=True)

    def __init__(self, ground: Places, **options: Any) -> None:
        self.ground, self._links = ground, ground.links
        self.changing = threading.RLock()
        self.teller: object = None
        first = {"number": 0, "moves": [], "marks": {}, "words": ""}
        super().__init__(picture=draw(ground, {}), news=first, **options)

    def on_press(self, act: Callable[[str], None]) -> None:
        """Call `act` with the id of each part that is pressed."""

        def heard(_: Any, said: Any, __: Any) -> None:
            if isinstance(said, dict) and isinstance(said.get("pressed"), str):
                act(said["pressed"])

        self.on_msg(heard)

    def tell(self, marks: Marks, moves: Sequence[Move] = (), words: str = "") -> None:
        """Say how it is now, and what has moved; the same as before is not said again."""
        told = told_marks(marks)
        with self.changing:
            before = self.news
            if moves or told != before["marks"] or words != before["words"]:
                played = [move.told(self.ground) for move in moves]
                self.news = {"number": before["number"] + 1, "moves": played, "marks": told, "words": words}

    def set_ground(self, ground: Places, links: tuple[Link, ...] = ()) -> None:
        """Draw other places, or more links; the same picture is not drawn again."""
        if ground is not self.ground or links != self._links:
            self.ground, self._links = ground, links
            self.picture = draw(ground, {}, links)

    def load(self, frames: Sequence[Frame], step: int | None = 0) -> None:
        """Show a journey at one of its steps; without frames, the lab as it is.

        Without a step it is the journey that is shown, and has grown: the page goes on from where it is.
        """
        told = [frame.told(self.ground) for frame in frames]
        if step is None:
            self.frames = told
            return
        with self.hold_sync():
            before, self.step = self.step, min(step, max(0, len(told) - 1))
            self.frames = told
        if before == self.step:
            self.send_state("step")  # the page may have gone on meanwhile, in the film before


def told_marks(marks: Marks) -> Mapping[str, list[str]]:
    """Return marks as a browser reads them."""
    return {part: [" ".join(mark.classes), mark.words] for part, mark in marks.items()}
