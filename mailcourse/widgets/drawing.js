function render({ model, el }) {
  const show = () => {
    el.innerHTML = model.get("value");
    el.querySelectorAll("g.edge path").forEach((path) => {  // a thin line is hard to hit
      const wide = path.cloneNode();
      wide.setAttribute("class", "hit");
      path.parentNode.append(wide);
    });
  };
  el.style.overflow = "auto";
  el.addEventListener("click", (event) => {
    const part = event.target.closest("g.node, g.edge");
    if (part) model.send({ pressed: part.id });
  });
  model.on("change:value", show);
  show();
}
export default { render };
