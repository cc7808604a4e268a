"""Play, back, step, and a slider: the controls of everything that is told step by step.

    player = Player(self._show)        calls `_show(number)` at each step
    player.set_last(9)                 there are ten steps, 0 to 9

The browser counts while it plays; the kernel hears each step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets as widgets

from .slider import Slider

#: Milliseconds for a step.
SPEEDS = {"slow": 3000, "normal": 1200, "fast": 400}
#: what a person reads
WORDS = {
    "play": "Play",
    "pause": "Pause",
    "step": "Step",
    "back": "Back",
    "back tip": "one step back",
    "step tip": "one step on",
    "speed": "Speed",
}


class Player(widgets.HBox):  # type: ignore[misc]  # ipywidgets has no types
    """The controls; `more` stands behind them.  Above are those who want to know: they give `on_step`."""

    def __init__(self, on_step: Callable[[int], object], more: Sequence[widgets.Widget] = ()) -> None:
        hidden = {"display": "none"}  # its buttons have no words; ours have
        self.clock = widgets.Play(min=0, max=0, interval=SPEEDS["normal"], show_repeat=False, layout=hidden)
        self.play = widgets.ToggleButton(value=False, description=WORDS["play"], layout={"width": "100px"})
        self.slider = Slider(description=WORDS["step"])
        self._link = widgets.jslink((self.clock, "value"), (self.slider, "value"))
        self.back = widgets.Button(description=WORDS["back"], tooltip=WORDS["back tip"])
        self.forth = widgets.Button(description=WORDS["step"], tooltip=WORDS["step tip"])
        narrow = {"width": "180px"}
        self.speed = widgets.Dropdown(options=list(SPEEDS), value="normal", description=WORDS["speed"], layout=narrow)
        self.back.on_click(lambda _: self._move(-1))
        self.forth.on_click(lambda _: self._move(+1))
        self.slider.observe(lambda _: on_step(self.slider.value), "value")
        self.play.observe(lambda _: self._start_or_pause(), "value")
        self.clock.observe(lambda _: self._tell_playing(), "playing")
        self.speed.observe(lambda _: setattr(self.clock, "interval", SPEEDS[self.speed.value]), "value")
        controls = [self.play, self.clock, self.back, self.forth, self.slider, self.speed, *more]
        super().__init__(controls, layout={"flex_flow": "row wrap"})

    def set_last(self, last: int, number: int) -> None:
        """Say how many steps there are, and go to one of them."""
        self.slider.max = self.clock.max = last
        self.slider.value = self.clock.value = min(number, last)

    def stand_still(self) -> None:
        """Stop where we are: who chooses a step by hand wants to look."""
        self.clock.playing = False

    def start(self) -> None:
        """Play, once this is on the screen."""
        self.clock.playing = self.slider.max > 0

    def go_to(self, number: int) -> None:
        """Stop at a step."""
        self.stand_still()
        self.slider.value = min(max(number, 0), self.slider.max)

    def _move(self, by: int) -> None:
        self.go_to(self.slider.value + by)

    def _start_or_pause(self) -> None:
        if self.play.value and not self.clock.playing and self.slider.value >= self.slider.max:
            self.slider.value = self.clock.value = 0  # at the end, Play begins again
        self.clock.playing = self.play.value and self.slider.max > 0
        self._tell_playing()

    def _tell_playing(self) -> None:
        """The button says what it will do."""
        is_on = self.clock.playing
        self.play.value, self.play.description = is_on, WORDS["pause"] if is_on else WORDS["play"]

    def close(self) -> None:
        """Take the controls off the page."""
        self._link.close()
        super().close()
