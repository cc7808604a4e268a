"""The journey of a message on the screen: play, step, and see which line of the header was written where.

    events → steps → branch → frames ─► stage    the scene, the dialogue and the letter of each step

The functions are in `steps.py`, `talk.py`, `letter.py` and `frames.py`; here is only what is around them.  Works while
the message travels, afterwards, and from a saved trace.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets

from mailcourse.internet.trace import Event, Trace
from mailcourse.scene.draw import Marks, draw
from mailcourse.scene.hosts import hosts_in
from mailcourse.scene.places import Places, places, with_names
from mailcourse.scene.still import bundle

from .follow import Follower
from .frames import frames, shown_links
from .parts import Box, shut_parts
from .stage import Stage
from .steps import Step, branch, recipients, steps, text_of

WHOSE, EVERYBODY = "Copy of", "everybody"
MAX_FOLLOWING = 3
#: Steps of one film; of a letter to hundreds of people the first ones, and a copy can be chosen.
MAX_STEPS = 400
NOTHING = "Nothing has happened yet. Send a message first."
_following: deque[Follower] = deque()


class JourneyView(Box):
    """Play, step back and forth, and read what was said.  `steps` are the steps as values."""

    needs_no_lab = True

    def __init__(self, events: Sequence[Event] = (), ground: Places | None = None, stage: Stage | None = None) -> None:
        self.steps: list[Step] = []
        self._events: Sequence[Event] = ()
        self._ground = ground
        self._follower: Follower | None = None
        self._is_showing = False
        self._since = 0
        self._tell: Callable[[Sequence[Event]], list[Step]] = steps
        self.now: Callable[[], Marks] = dict  # how an open lab is, besides
        self.whose = widgets.Dropdown(options=[EVERYBODY], description=WHOSE, layout={"width": "320px"})
        self.whose.observe(lambda _: self._choose_copy(), "value")
        own = stage is None
        self.stage = stage or Stage(ground or places(()), layout_name="journey")
        self.empty = widgets.HTML(f"<p>{NOTHING}</p>")
        super().__init__([self.whose, self.empty, *([self.stage] if own else [])])
        if events or own:
            self.load(events)

    # ---- what is shown ---------------------------------------------------------------------------------

    def load(
        self,
        events: Sequence[Event],
        *,
        playing: bool = False,
        since: int = 0,
        tell: Callable[[Sequence[Event]], list[Step]] = steps,
    ) -> None:
        """Show another journey, from its first step; `playing` starts it once this view is on the screen.

        What happened up to the event `since` is known, and not told again; `tell` makes steps of events.
        """
        with self.stage.changing:
            self._unfollow()
            self._load(events, playing=playing, since=since, tell=tell)

    def _load(
        self,
        events: Sequence[Event],
        *,
        playing: bool,
        since: int,
        tell: Callable[[Sequence[Event]], list[Step]] = steps,
    ) -> None:
        self.stage.teller = self._follower
        self._since, self._tell, self._events = since, tell, events
        self.stage.playing = False
        self._is_showing = True
        names = recipients(tell(events))
        self.whose.options = [EVERYBODY, *names]
        self.whose.value = EVERYBODY
        self.whose.layout.display = "" if len(names) > 1 else "none"
        self._is_showing = False
        self._arrange()
        self.stage.playing = playing and len(self.steps) > 1

    def follow(self, trace: Trace, message: str, *, playing: bool = False, since: int = 0) -> None:
        """Show the journey of a message that may still be on its way: new steps are added as they happen."""
        ids, is_news = {message}, False

        def heard(event: Event) -> None:
            nonlocal is_news
            if event.message in ids:
                is_news = True
                if event.what == "reported":
                    ids.add(event.facts["report"])

        def look() -> None:
            nonlocal is_news
            with self.stage.changing:
                if self.stage.teller is not follower:
                    follower.stop()  # the stage shows another film by now
                elif is_news:
                    is_news = False
                    self._events = trace.journey(message)
                    self._arrange(has_grown=True)

        with self.stage.changing:
            self._unfollow()
            follower = self._follower = Follower(trace, look, heard)  # first, so that nothing happens unseen
            events = trace.journey(message)
            ids.update(event.message for event in events if event.message)
            self._load(events, playing=playing, since=since)
        _following.append(follower)
        while len(_following) > MAX_FOLLOWING:
            _following.popleft().stop()

    def _unfollow(self) -> None:
        if self._follower is not None:
            self._follower.stop()
            _following.remove(self._follower) if self._follower in _following else None
            self._follower = None

    def _arrange(self, *, has_grown: bool = False) -> None:
        """Work out everything that the steps show; a film that has only grown stays at its step."""
        recipient = "" if self.whose.value == EVERYBODY else self.whose.value
        told = branch(self._tell(self._events), recipient)
        first = next((number for number, step in enumerate(told) if step.seq > self._since), len(told))
        self.steps = told[first : first + MAX_STEPS]
        ground = self._ground or places(hosts_in(self._events))
        names = [name for step in self.steps for name in (step.host, *(step.link or ()))]
        ground = with_names(ground, names)
        links = shown_links(ground, self.steps)
        self.empty.layout.display = "none" if self.steps else ""
        if self.steps:
            self.stage.set_ground(ground if names_differ(ground, self.stage.ground) else self.stage.ground, links)
            made = frames(self._events, told[: first + MAX_STEPS], self.stage.ground, self.now())
            self.stage.load(made[first:], None if has_grown else 0)
        else:
            self.stage.load(())

    def _choose_copy(self) -> None:
        with self.stage.changing:
            if not self._is_showing:
                self.stage.teller, self.stage.playing = self._follower, False
                self._arrange()

    def leave(self) -> None:
        """Show no journey any more."""
        self.load(())

    def close(self) -> None:
        """Take the journey off the page."""
        self._unfollow()
        shut_parts(self)
        super().close()

    def __repr__(self) -> str:
        return text_of(self.steps)

    def svg(self) -> str:
        """Return the picture of the step that is shown; of the last one before anybody has moved."""
        ground = self.stage.ground
        frame = frames(self._events, self.steps, ground, self.now())[self.stage.step or -1]
        return draw(ground, frame.marks, shown_links(ground, self.steps), frame.title)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Show the widget; beside it, a picture and a text for where no widget can be shown."""
        shown = super()._repr_mimebundle_(**options)
        data = shown[0] if isinstance(shown, tuple) else shown
        data["text/plain"] = text_of(self.steps)
        if self.steps:
            data.update(bundle(self.svg()))
        return shown


def names_differ(one: Places, other: Places) -> bool:
    """Say whether two drawings have not the same places."""
    return one.spots != other.spots or one.areas != other.areas
