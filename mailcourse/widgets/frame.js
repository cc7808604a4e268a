function render({ model, el }) {
  const frame = document.createElement("iframe");
  // No allow-scripts: nothing in the page runs. allow-same-origin lets this file, outside, hear what is pressed.
  frame.setAttribute("sandbox", "allow-same-origin allow-forms");
  frame.style.cssText = "width:100%;height:560px;border:1px solid #888;border-radius:4px;background:Canvas;box-sizing:border-box";
  const number = (element, name) => {
    const found = /^about:blank#(\d+)$/.exec(Element.prototype.getAttribute.call(element, name) ?? "");
    return found ? Number(found[1]) : null;
  };
  const say = (said) => { if (!model.get("disabled")) model.send(said); };
  const follow = (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link) return;
    event.preventDefault();
    const found = number(link, "href");
    if (found !== null && event.type === "click") say({ link: found });
  };
  const submit = (event) => {
    event.preventDefault();
    const found = number(event.target, "action");
    const fields = [...new FormData(event.target)].filter(([, value]) => typeof value === "string");
    if (event.submitter?.name) fields.push([event.submitter.name, event.submitter.value]);
    const method = Element.prototype.getAttribute.call(event.target, "method") ?? "get";
    if (found !== null) say({ form: found, method, fields });
  };
  frame.addEventListener("load", () => {
    const page = frame.contentDocument;
    if (!page) return;
    page.addEventListener("click", follow);
    page.addEventListener("auxclick", follow);
    page.addEventListener("submit", submit);
  });
  const draw = () => { frame.title = model.get("label"); frame.srcdoc = model.get("document"); };
  model.on("change:document", draw);
  el.append(frame);
  draw();
}
export default { render };
