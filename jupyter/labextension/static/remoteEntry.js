// nbgrader puts its button Validate above every notebook.  On a lesson it checks nothing and says "Success!".
// This extension hides it where no cell is graded.  JupyterLab loads it as a container of webpack's module
// federation: init gives what is shared, get returns the plugin.  Written by hand, so that nothing has to be built.
//
// It also keeps a notebook that was only opened from being shown as modified: JupyterLab writes the version of
// Python that runs into each notebook (language_info), and takes its own note for a change by the reader.
(() => {
  let shared = {};

  const isGraded = (panel) =>
    Array.from(panel.content.model.cells).some((cell) => cell.getMetadata("nbgrader") !== undefined);

  const hide = (toolbar) => {
    for (const label of toolbar.querySelectorAll(".jp-ToolbarButtonComponent-label")) {
      if (label.textContent === "Validate") {
        label.closest(".jp-Toolbar-item").style.display = "none";
      }
    }
  };

  const openUnchanged = (model) => {
    model.metadataChanged.connect((_, change) => {
      if (change.key === "language_info" && !model.dirty) {
        queueMicrotask(() => {
          model.dirty = false;
        });
      }
    });
  };

  const plugin = (INotebookTracker) => ({
    id: "mailcourse:validate",
    autoStart: true,
    requires: [INotebookTracker],
    activate: (_, tracker) => {
      tracker.widgetAdded.connect(async (_, panel) => {
        openUnchanged(panel.context.model);
        await panel.context.ready;
        if (isGraded(panel)) return;
        hide(panel.toolbar.node);
        // JupyterLab may draw the toolbar later, and again when it gets narrow.
        const observer = new MutationObserver(() => hide(panel.toolbar.node));
        observer.observe(panel.toolbar.node, { childList: true, subtree: true });
        panel.disposed.connect(() => observer.disconnect());
      });
    },
  });

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB.mailcourse = {
    init: (scope) => {
      shared = scope;
    },
    get: async () => {
      const [notebook] = Object.values(shared["@jupyterlab/notebook"]);
      const { INotebookTracker } = (await notebook.get())();
      return () => ({ __esModule: true, default: plugin(INotebookTracker) });
    },
  };
})();
