"""A slider with a name that a screen reader can say; that of ipywidgets has none.

Left and right, Home and End move it by a step or to its ends.
"""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets


class Slider(anywidget.AnyWidget):
    """A whole number between two others.  `description` stands before it."""

    _esm = Path(__file__).with_suffix(".js").read_text("utf-8")  # anywidget holds every widget of a path
    value = traitlets.Int(0).tag(sync=True)
    min = traitlets.Int(0).tag(sync=True)
    max = traitlets.Int(0).tag(sync=True)
    description = traitlets.Unicode("").tag(sync=True)
