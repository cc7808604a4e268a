"""A picture whose parts can be pressed: tells the id of the `g.node` or `g.edge` under the pointer.

The picture is SVG that this package has drawn itself, with every word of a message escaped.  A part is found again
by the keyboard in the list beside the picture, so the picture itself needs no focus.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets


class Drawing(anywidget.AnyWidget):
    """An SVG picture, or any HTML around one."""

    _esm = Path(__file__).with_suffix(".js").read_text("utf-8")  # anywidget holds every widget of a path
    value = traitlets.Unicode("").tag(sync=True)

    def on_press(self, act: Callable[[str], None]) -> None:
        """Call `act` with the id of each part that is pressed."""

        def heard(_: Any, said: Any, __: Any) -> None:
            if isinstance(said, dict) and isinstance(said.get("pressed"), str):
                act(said["pressed"])

        self.on_msg(heard)
