// On a phone the notebook has the whole width: no list of files beside it, and no bars for tabs.
const NARROW = 700;

function makeRoom(app) {
  const put = () => {
    if (!app.shell.leftCollapsed) app.shell.collapseLeft();
  };
  put();
  app.shell.layoutModified.connect(put); // the list of files opens once more with the first notebook …
  document.addEventListener("pointerdown", () => app.shell.layoutModified.disconnect(put), { once: true });
  for (const side of ["left", "right"]) app.commands.execute("application:toggle-side-tabbar", { side });
  app.shell.mode = "single-document";
}

function whenThere() {
  const app = window.jupyterapp;
  if (app === undefined) setTimeout(whenThere, 100);
  else app.restored.then(() => makeRoom(app));
}

if (innerWidth < NARROW) whenThere(); // … and after a first touch it is the learner who opens it
