"""A frame that shows a page without running it; what is pressed in it is told to the kernel, as a number.

The frame is sandboxed without scripts, and `frame.js` listens from outside: a link or a form goes nowhere by itself.
Who uses it: `browser.py`, with pages that `inert.py` made.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

#: fields of a form, characters of all of them
MAX_FIELDS, MAX_CHARACTERS = 50, 1_000_000


class PageFrame(anywidget.AnyWidget):
    """One page; `label` is what a screen reader says of the frame."""

    _esm = Path(__file__).with_suffix(".js").read_text("utf-8")  # anywidget holds every widget of a path
    document = traitlets.Unicode("").tag(sync=True)
    label = traitlets.Unicode("a page").tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)

    def on_press(self, follow: Callable[[int], None], submit: Callable[[int, dict[str, str], str], None]) -> None:
        """Call `follow` with the number of a link, `submit` with that of a form, its fields and its method."""

        def heard(_: Any, said: Any, __: Any) -> None:
            match said:
                case {"link": int(number)}:
                    follow(number)
                case {"form": int(number), "method": str(method), "fields": list(pairs)}:
                    fields = _fields(pairs)
                    if fields is not None:
                        submit(number, fields, method)

        self.on_msg(heard)


def _fields(pairs: list[Any]) -> dict[str, str] | None:
    """Return the fields of a form; None when the page said anything else."""
    match = [pair for pair in pairs if isinstance(pair, list) and [*map(type, pair)] == [str, str]]
    is_sound = (
        len(match) == len(pairs) <= MAX_FIELDS and sum(len(name + value) for name, value in match) <= MAX_CHARACTERS
    )
    return dict(match) if is_sound else None
