"""All that a widget is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets


class Box(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The box around a view.  `close` is for those who use it; Python's garbage collector does not call it."""

    def __init__(self, children: Sequence[widgets.Widget] = (), **options: Any) -> None:
        super().__init__(list(children), **options)
        self.add_class("mc-view")  # `stage.css` says what to do when the kernel has gone

    def __del__(self) -> None:
        """Touch nothing: this may run on any thread, a lab's own among them, where a closing lab waits for itself."""


def button(words: str, tip: str = "") -> widgets.Button:
    """Return a button as wide as its words; it has no icon, since a page for a projector may lack the font."""
    return widgets.Button(description=words, tooltip=tip, layout={"width": "auto"})


def below(widget: widgets.Widget) -> list[widgets.Widget]:
    """Return a widget and what is inside it, without the parts that need no lab."""
    parts = [widget]
    for child in getattr(widget, "children", ()):
        parts += [] if getattr(child, "needs_no_lab", False) else below(child)
    return parts


def shut_parts(widget: widgets.Widget) -> None:
    """Close all that a widget is made of: each part has its line to the browser, and nothing else gives that back."""
    for value in list(widget.trait_values().values()):
        for part in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(part, widgets.Widget):
                shut_parts(part)
                part.close()
