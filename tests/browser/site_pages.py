"""The course as plain files, served under a sub-path of 127.0.0.1, and what its pages print, beside what was saved."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from held_back import IGNORED, held

ROOT = Path(__file__).parents[2]
#: Where on the server the site is: not at its root, as on a school's own server.
SUB = "/course/"
READY = (
    "window.jupyterapp?.shell.currentWidget?.context?.isReady && window.jupyterapp.shell.currentWidget.content.model"
)
#: Runs cells in the kernel of the notebook that is open; returns their outputs.
RUN = """async cells => {
  const session = window.jupyterapp.shell.currentWidget.sessionContext;
  await session.ready;
  const found = [];
  for (const code of cells) {
    const outputs = [];
    const asked = session.session.kernel.requestExecute({code, stop_on_error: false, allow_stdin: false});
    asked.onIOPub = message => {
      const kind = message.header.msg_type;
      if (['stream', 'execute_result', 'display_data', 'error'].includes(kind))
        outputs.push({output_type: kind, ...message.content});
    };
    await asked.done;
    found.push(outputs);
  }
  return JSON.stringify(found);
}"""

Run = Callable[[list[str]], list[list[dict[str, Any]]]]


class _Quiet(SimpleHTTPRequestHandler):
    asked: list[str]

    def translate_path(self, path: str) -> str:
        return super().translate_path("/" + path.removeprefix(SUB)) if path.startswith(SUB) else "/nothing-is-here"

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder; yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{SUB}"
        server.shutdown()


def build() -> Path:
    """Build the site as `make site` does."""
    done = subprocess.run([sys.executable, "deploy/site/build.py"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "_site"


def cells_of(notebook: Path) -> list[dict[str, Any]]:
    """Return the cells of a notebook that hold code."""
    cells = json.loads(notebook.read_text())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]


def _sanitizers() -> list[tuple[re.Pattern[str], str]]:
    rules = configparser.RawConfigParser()
    rules.read(ROOT / "tests" / "nbval.cfg")
    return [(re.compile(rules[name]["regex"]), rules[name]["replace"]) for name in rules.sections()]


SANITIZERS = _sanitizers()


def texts(outputs: list[dict[str, Any]]) -> dict[str, str]:
    """Return what nbval compares of a cell's outputs: what was printed, and what was shown but for pictures."""
    found: dict[str, str] = {}
    for output in outputs:
        if output["output_type"] == "stream":
            parts = {output["name"]: output["text"]}
        elif output["output_type"] == "error":
            parts = {"error": f"{output['ename']}: {output['evalue']}"}
        else:
            parts = {
                kind: value for kind, value in output["data"].items() if not kind.startswith(("image/", "application/"))
            }
        for kind, value in parts.items():
            found[kind] = found.get(kind, "") + "".join(value)
    return {kind: _clean(text) for kind, text in found.items()}


def _clean(text: str) -> str:
    text = text.replace("\r\n", "\n")  # JupyterLite turns the ends of lines into those of the page
    for pattern, replacement in SANITIZERS:
        text = pattern.sub(replacement, text)
    return text


def differences(notebook: Path, run: Run) -> list[str]:
    """Run a notebook; return the cells whose outputs are not the saved ones."""
    cells, apart = cells_of(notebook), held(notebook)
    found = []
    for cell, outputs in zip(cells, run(["".join(cell["source"]) for cell in cells]), strict=True):
        if IGNORED in cell["metadata"].get("tags", []) and cell["id"] not in apart:
            continue
        saved, got = texts(apart.get(cell["id"], cell["outputs"])), texts(outputs)
        kinds = [kind for kind in {**saved, **got} if saved.get(kind) != got.get(kind)]
        found += [
            f"{notebook.name}: {''.join(cell['source'])[:80]!r} {kind}: {got.get(kind, '')[:400]!r}" for kind in kinds
        ]
    return found
