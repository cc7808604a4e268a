"""A line to type, and Enter: tells the line and empties itself in the browser, so that nothing typed meanwhile is lost.

Up and down bring back earlier lines, as a shell does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets


class LineInput(anywidget.AnyWidget):
    """A text field with a button."""

    _esm = Path(__file__).with_suffix(".js").read_text("utf-8")  # anywidget holds every widget of a path
    placeholder = traitlets.Unicode("type a line, then Enter").tag(sync=True)
    description = traitlets.Unicode("Say").tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)

    def on_line(self, act: Callable[[str], None]) -> None:
        """Call `act` with each line."""

        def heard(_: Any, said: Any, __: Any) -> None:
            if isinstance(said, dict) and isinstance(said.get("line"), str):
                act(said["line"])

        self.on_msg(heard)
