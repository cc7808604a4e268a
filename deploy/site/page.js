// What the course adds to JupyterLab's page: room on a phone, and a line while Python is being loaded.
const NARROW = 700;
const LOOK = 200; // milliseconds between two looks at the kernel
const LOADING = "Python and the mail system are being loaded: about ten seconds, longer the first time.";

/** On a phone the notebook has the whole width: no list of files beside it, and no bars for tabs. */
function makeRoom(app) {
  const put = () => {
    if (!app.shell.leftCollapsed) app.shell.collapseLeft();
  };
  put();
  app.shell.layoutModified.connect(put); // the list of files opens once more with the first notebook …
  // … and after a first touch it is the learner who opens it
  document.addEventListener("pointerdown", () => app.shell.layoutModified.disconnect(put), { once: true });
  for (const side of ["left", "right"]) app.commands.execute("application:toggle-side-tabbar", { side });
  app.shell.mode = "single-document";
}

/** Until the first kernel can run a cell, a line says what is being waited for. */
function sayLoading(app) {
  const line = document.createElement("div");
  line.id = "course-loading";
  line.setAttribute("role", "status");
  line.style.cssText =
    "position:fixed;left:50%;bottom:48px;transform:translateX(-50%);z-index:10000;max-width:90vw;box-sizing:border-box;" +
    "padding:10px 16px;border-radius:8px;background:#0b5394;color:#fff;font:15px/1.4 system-ui,sans-serif;text-align:center";
  line.textContent = LOADING;
  const bar = document.createElement("progress");
  bar.setAttribute("aria-label", "loading");
  bar.style.cssText = "display:block;width:100%;margin-top:6px";
  line.append(bar);
  document.body.append(line);
  const look = () => {
    const kernel = app.shell.currentWidget?.sessionContext?.session?.kernel;
    if (kernel && ["idle", "busy", "dead"].includes(kernel.status)) line.remove();
    else setTimeout(look, LOOK);
  };
  look();
}

function whenThere() {
  const app = window.jupyterapp;
  if (app === undefined) {
    setTimeout(whenThere, LOOK);
    return;
  }
  app.restored.then(() => {
    if (innerWidth < NARROW) makeRoom(app);
    if (new URLSearchParams(location.search).has("path")) sayLoading(app);
  });
}

whenThere();
