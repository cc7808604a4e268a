function render({ model, el }) {
  const earlier = [];
  let at = 0;
  const input = document.createElement("input");
  const button = document.createElement("button");
  const row = document.createElement("div"); // the element around it has the widget's layout
  row.style.cssText = "display:flex;gap:4px;width:100%";
  input.type = "text";
  input.size = 60; // as wide as that where the layout comes late, or not at all
  input.className = "widget-input";
  input.style.cssText = "flex:1 1 auto;width:100%;min-width:0;height:28px;padding:0 8px;background:var(--jp-widgets-input-background-color,#fff);"
    + "color:var(--jp-widgets-input-color,#222);border:1px solid var(--jp-widgets-input-border-color,#999)";
  input.placeholder = model.get("placeholder");
  input.setAttribute("aria-label", model.get("placeholder"));
  input.autocomplete = "off";
  input.spellcheck = false;
  button.className = "lm-Widget jupyter-widgets jupyter-button widget-button";
  button.style.cssText = "width:auto;flex:0 0 auto";
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
  row.append(input, button);
  el.append(row);
  rest();
}
export default { render };
