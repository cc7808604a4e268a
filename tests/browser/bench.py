"""A notebook in JupyterLab in Chromium, driven as a person would; and its kernel, to ask what is true.

Bench(jupyter, browser, ["from mailcourse import Lab", "lab.map()"])
   .output(1)          what stands below the second cell
   .press("Step")      a button on the page, by its words
   .kernel("1 + 1")    code for the kernel that no cell shows; returns what it printed
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient

SECONDS = 60
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # cells out of sight are drawn too
    "docmanager-extension/plugin": {"autosave": False},
}
OPEN = "from mailcourse import Lab\nlab = Lab('two-offices')"
_numbers = itertools.count(1)


class Jupyter:
    """A JupyterLab of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        # Without settings of their own, one student's JupyterLab would remember another's windows.
        self._environment = {
            **os.environ,
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        }
        for name, values in SETTINGS.items():
            self.setting(name, values)

    def setting(self, name: str, values: dict[str, Any]) -> None:
        """Write a setting of JupyterLab; pages opened from now on have it."""
        file = self.folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))

    def __enter__(self) -> Self:
        options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={self.port}", "--LabApp.news_url="]
        options += ["--IdentityProvider.token=", f"--ServerApp.root_dir={self.folder}"]
        command = [sys.executable, "-m", "jupyter", "lab", *options]
        self._server = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self._environment
        )
        wait(lambda: self._server.poll() is not None or self.answers(), "JupyterLab did not answer")
        assert self._server.poll() is None, "JupyterLab did not start"
        return self

    def answers(self) -> bool:
        """Say whether the server is up."""
        try:
            urllib.request.urlopen(f"{self.address}/api", timeout=1).close()
        except OSError:
            return False
        return True

    def kernel_of(self, notebook: str) -> BlockingKernelClient:
        """Return a client of the kernel behind a notebook."""
        with urllib.request.urlopen(f"{self.address}/api/sessions", timeout=10) as answer:
            sessions = json.load(answer)
        (number,) = [session["kernel"]["id"] for session in sessions if session["path"] == notebook]
        client = BlockingKernelClient()
        client.load_connection_file(str(self.folder / "runtime" / f"kernel-{number}.json"))
        client.start_channels()
        client.wait_for_ready(timeout=SECONDS)
        return client

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.wait(30)


def wait(true: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Look again and again until it is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)


class Bench:
    """One notebook on one page.  `frames` are the octets of each frame that came from the kernel."""

    def __init__(
        self, jupyter: Jupyter, browser: Any, cells: Sequence[str], *, width: int = 1300, height: int = 1400
    ) -> None:
        self._jupyter, self.errors, self.frames = jupyter, [], []
        self.name = f"bench{next(_numbers)}.ipynb"
        self.path, self.address = jupyter.folder / self.name, jupyter.address
        notebook = nbformat.v4.new_notebook()
        notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.path)
        self._open(browser, width, height)
        self.run_all()
        self._client = jupyter.kernel_of(self.name)

    def _open(self, browser: Any, width: int, height: int) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": height})
        self.page.set_default_timeout(SECONDS * 1000)
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("websocket", lambda ws: ws.on("framereceived", lambda data: self.frames.append(len(data))))
        self.page.goto(f"{self._jupyter.address}/doc/tree/{self.name}?reset")
        self.page.locator(".jp-Notebook .jp-CodeCell").first.click()

    def run_all(self) -> None:
        """Run all cells, from the menu, once there is a kernel to run them."""
        self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
        for _ in range(3):  # a kernel that has just said "idle" may still drop what it is asked
            self.page.get_by_role("menuitem", name="Run").first.click()
            self.page.get_by_text("Run All Cells", exact=True).click()
            if self._ends(40):
                return
        self.idle()

    def _prompts(self) -> list[str]:
        return [text.strip() for text in self.page.locator(".jp-CodeCell .jp-InputArea-prompt").all_inner_texts()]

    def _ends(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while {"[ ]:", "[*]:"} & {*self._prompts()}:
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def idle(self) -> None:
        """Wait until every cell has been run."""
        assert self._ends(SECONDS), f"the cells did not end: {self._prompts()}"

    def cell(self, number: int) -> Any:
        """The cell, counted from 0."""
        return self.page.locator(".jp-CodeCell").nth(number)

    def output(self, number: int) -> Any:
        """What stands below a cell."""
        return self.cell(number).locator(".jp-OutputArea-output")

    def run(self, number: int) -> None:
        """Run one cell again, with the keyboard."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        self.idle()

    def button(self, words: str, within: Any = None) -> Any:
        """The first button with these words."""
        return (within or self.page.locator(".jp-OutputArea")).locator(f"button:has-text('{words}')").first

    def press(self, words: str, within: Any = None) -> None:
        """Press a button, once it can be pressed."""
        self.button(words, within).click()

    def choose(self, label: str, option: str, within: Any = None) -> None:
        """Choose from a menu by the label beside it."""
        place = within or self.page.locator(".jp-OutputArea")
        row = place.locator(".widget-dropdown", has=self.page.locator(f"label:text-is('{label}')")).first
        row.locator("select").select_option(label=option)

    def field(self, label: str, within: Any = None) -> Any:
        """A text field by the label beside it."""
        place = within or self.page.locator(".jp-OutputArea")
        kinds = ".widget-text, .widget-textarea"
        row = place.locator(kinds, has=self.page.locator(f"label:text-is('{label}')")).first
        return row.locator("input, textarea")

    def kernel(self, code: str) -> str:
        """Run code in the kernel, beside the notebook; return what it printed."""
        said: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                said.append(message["content"]["text"])

        reply = self._client.execute_interactive(code, timeout=SECONDS, output_hook=hear)
        assert reply["content"]["status"] == "ok", reply["content"].get("evalue")
        return "".join(said).strip()

    def save(self) -> Any:
        """Save the notebook, and read it from the disk."""
        before = self.path.stat().st_mtime_ns
        self.page.keyboard.press("Control+s")
        wait(lambda: self.path.stat().st_mtime_ns != before, "it was not saved")
        return nbformat.read(self.path, 4)

    def close(self) -> None:
        """Leave the page, end the kernel, and look whether anything went wrong."""
        failed = self.page.locator("[data-mime-type='application/vnd.jupyter.error']").all_inner_texts()
        self._client.stop_channels()
        self.page.close()
        assert not failed, failed[0][-1500:]
        assert not self.errors, self.errors[:3]
