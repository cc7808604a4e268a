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
