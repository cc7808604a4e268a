"""A slider with a name that a screen reader can say; that of ipywidgets has none.

Left and right, Home and End move it by a step or to its ends.
"""

from __future__ import annotations

import anywidget
import traitlets

DRAW = """
function render({ model, el }) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  label.style.cssText = "display:flex;align-items:center;gap:8px;height:32px";
  input.type = "range";
  input.style.width = "220px";
  label.append(document.createTextNode(model.get("description")), input);
  el.append(label);
  const show = () => {
    input.min = model.get("min");
    input.max = model.get("max");
    input.value = model.get("value");
    input.setAttribute("aria-valuetext", `${model.get("value") + 1} / ${model.get("max") + 1}`);
  };
  const told = () => {
    model.set("value", Number(input.value));
    model.save_changes();
  };
  input.addEventListener("input", told);
  input.addEventListener("keydown", (event) => {  // JupyterLab takes the arrow keys from the browser
    const now = Number(input.value);
    const next = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: Number(input.max) }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    input.value = next;  // the browser keeps it between min and max
    told();
  });
  ["value", "min", "max"].forEach((name) => model.on(`change:${name}`, show));
  show();
}
export default { render };
"""


class Slider(anywidget.AnyWidget):
    """A whole number between two others.  `description` stands before it."""

    _esm = DRAW
    value = traitlets.Int(0).tag(sync=True)
    min = traitlets.Int(0).tag(sync=True)
    max = traitlets.Int(0).tag(sync=True)
    description = traitlets.Unicode("").tag(sync=True)
