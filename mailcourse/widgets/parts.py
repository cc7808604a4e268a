"""What every view is made of: a box with the one look of all (`parts.css`), and buttons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets

STYLE = Path(__file__).with_suffix(".css").read_text("utf-8")
#: For what grows at its end: a reversed column with one child keeps the end in view, or where a reader has scrolled.
TAIL = {"display": "flex", "flex_flow": "column-reverse", "overflow": "auto"}


class Box(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The box around a view.  `close` is for those who use it; Python's garbage collector does not call it."""

    def __init__(self, children: Sequence[widgets.Widget] = (), **options: Any) -> None:
        look = widgets.HTML(f"<style>{STYLE}</style>", layout={"display": "none"})
        super().__init__([*children, look], **options)
        self.add_class("mc-view")

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
