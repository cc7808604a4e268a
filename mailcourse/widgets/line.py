"""A line to type, and Enter: tells the line and empties itself in the browser, so that nothing typed meanwhile is lost.

Up and down bring back earlier lines, as a shell does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

DRAW = """
function render({ model, el }) {
  const earlier = [];
  let at = 0;
  const input = document.createElement("input");
  const button = document.createElement("button");
  el.style.cssText = "display:flex;gap:4px;width:70%;min-width:280px";
  input.type = "text";
  input.className = "widget-input";
  input.style.cssText = "flex:1;height:28px;padding:0 8px;background:var(--jp-widgets-input-background-color,#fff);"
    + "color:var(--jp-widgets-input-color,#222);border:1px solid var(--jp-widgets-input-border-color,#999)";
  input.placeholder = model.get("placeholder");
  input.setAttribute("aria-label", model.get("placeholder"));
  input.autocomplete = "off";
  input.spellcheck = false;
  button.className = "lm-Widget jupyter-widgets jupyter-button widget-button";
  button.style.width = "auto";
  button.textContent = model.get("description");
  const say = () => {
    earlier.push(input.value);
    at = earlier.length;
    model.send({ line: input.value });
    input.value = "";
  };
  button.addEventListener("click", () => { say(); input.focus(); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") say();
    else if (event.key === "ArrowUp" && at > 0) input.value = earlier[--at];
    else if (event.key === "ArrowDown" && at < earlier.length) input.value = earlier[++at] ?? "";
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const rest = () => { input.disabled = button.disabled = model.get("disabled"); };
  model.on("change:disabled", rest);
  el.append(input, button);
  rest();
}
export default { render };
"""


class LineInput(anywidget.AnyWidget):
    """A text field with a button."""

    _esm = DRAW
    placeholder = traitlets.Unicode("type a line, then Enter").tag(sync=True)
    description = traitlets.Unicode("Say").tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)

    def on_line(self, act: Callable[[str], None]) -> None:
        """Call `act` with each line."""

        def heard(_: Any, said: Any, __: Any) -> None:
            if isinstance(said, dict) and isinstance(said.get("line"), str):
                act(said["line"])

        self.on_msg(heard)
