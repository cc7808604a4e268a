"""All that a widget is made of."""

from __future__ import annotations

import ipywidgets as widgets


class Box(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The box around a view.  `close` is for those who use it; Python's garbage collector does not call it."""

    def __del__(self) -> None:
        """Touch nothing: this may run on any thread, a lab's own among them, where a closing lab waits for itself."""


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
