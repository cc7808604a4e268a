"""What every live view has in common: it follows the lab, at most ten times a second, and ends with it.

    trace.add ─► Follower ─► look, on the thread of the views ─► traits ─► browser

A view only reads what lies open (traces, tables, files); what it changes goes through the public face of the
lab, on a thread of its own, so that the kernel stays free and a button can be pressed while a day passes.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

from mailcourse.internet.errors import LabError
from mailcourse.internet.trace import Event
from mailcourse.lab.lab import PlainLab
from mailcourse.scene.still import bundle

from .follow import Follower, later
from .parts import Box, below, shut_parts

#: Views of one kind on one lab that follow it; an older one stands still, so that running a cell again costs nothing.
MAX_LIVE = 3
#: what a person reads
WORDS = {
    "closed": "The lab is closed; this is how it was.",
    "newer": "A newer view follows the lab; this one stands still.",
    "bug": "{kind}: {bug}. This is a bug.",
}
_following: defaultdict[tuple[str, type], list[LiveView]] = defaultdict(list)


class LiveView(Box):
    """A view of a lab.  A subclass fills it in `look`, and may take notes of events in `heard`."""

    #: does it show time, and so has to be looked at each second while the lab's clock runs by itself?
    TICKS = False

    def __init__(self, lab: PlainLab, children: Sequence[widgets.Widget]) -> None:
        self.lab, self.is_live = lab, True
        self.notice = widgets.HTML(layout={"display": "none"})
        super().__init__([*children, self.notice])
        self._follower = Follower(lab.trace, self._look_now, self.heard)
        lab.when_closed(lambda: self.stop(WORDS["closed"]))
        others = _following[lab.name, type(self)]
        others[:] = [view for view in others if view.lab is lab]
        others.append(self)
        if self.TICKS and lab.clock.live:
            self._tick()
        for old in others[:-MAX_LIVE]:
            old.stop(WORDS["newer"])
        self.look()

    def look(self) -> None:
        """Look at the lab and show it.  On any thread; must not wait for the lab."""
        raise NotImplementedError

    def heard(self, event: Event) -> None:
        """Take note of an event.  On the lab's own thread; must be quick."""

    # ---- following ---------------------------------------------------------------------------------

    def soon(self) -> None:
        """Look in a moment."""
        self._follower.soon()

    def _tick(self) -> None:
        """Look each second, as long as the view is live."""
        if self.is_live:
            self.soon()
            later(1.0, self._tick)

    def _look_now(self) -> None:
        try:
            self.look()
        except (LabError, OSError) as error:
            if self.is_live:  # else the lab was closed meanwhile, and `stop` has said so
                self.say(str(error))

    def stop(self, why: str = "") -> None:
        """Follow the lab no longer; what is shown stays, and nothing can be pressed."""
        if not self.is_live:
            return
        self.is_live = False
        self._follower.stop()
        others = _following[self.lab.name, type(self)]
        others[:] = [view for view in others if view is not self]
        if not others:
            del _following[self.lab.name, type(self)]  # a reset makes a lab with a new name
        for widget in below(self):
            if widget.has_trait("disabled"):
                widget.disabled = True
        self.say(why)

    def close(self) -> None:
        """Take the view off the page."""
        self.stop()
        shut_parts(self)
        super().close()

    # ---- doing -------------------------------------------------------------------------------------

    def do(
        self, act: Callable[[], Any], *buttons: widgets.Widget, when_done: Callable[[], Any] | None = None
    ) -> threading.Thread:
        """Act on the lab without holding up the kernel; the buttons rest until it is done.  A refusal is shown."""
        for button in buttons:
            button.disabled = True

        def work() -> None:
            try:
                act()
                self.say("")
            except LabError as error:
                self.say(str(error))
            except Exception as bug:  # on a thread of its own nobody would see it
                self.say(WORDS["bug"].format(kind=type(bug).__name__, bug=bug))
                raise
            finally:
                for button in buttons:
                    button.disabled = not self.is_live
                if when_done is not None:
                    when_done()
                self.soon()

        thread = threading.Thread(target=work, name="mailcourse-press", daemon=True)
        thread.start()
        return thread

    def say(self, text: str) -> None:
        """Show a sentence below the view; nothing hides it again."""
        self.notice.value = f'<p role="status" style="margin:4px 0"><b>{escape(text)}</b></p>' if text else ""
        self.notice.layout.display = "" if text else "none"

    def svg(self) -> str:
        """Return a picture of the view, for where no widget can be shown; empty when it has none."""
        return ""

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Show the widget; beside it a text and perhaps a picture, for where no widget can be shown."""
        shown = super()._repr_mimebundle_(**options)
        data = shown[0] if isinstance(shown, tuple) else shown
        data["text/plain"] = repr(self)
        if self.lab.is_open and (picture := self.svg()):
            data.update(bundle(picture))
        return shown
