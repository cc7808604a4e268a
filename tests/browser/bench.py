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
import queue
import shutil
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient

#: the machine's own Chromium, and how it is started
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
SECONDS = 60
#: what stands before a cell that has not been run, and before one that was asked to
WAITING = {"[ ]:", "[*]:"}
PROMPTS = ".jp-CodeCell .jp-InputArea-prompt"
#: looked at in the page, and by text alone: to lay out a long page ten times a second would slow its cells down
ENDED = f"() => ![...document.querySelectorAll('{PROMPTS}')].some((one) => /^\\[[ *]\\]:/.test(one.textContent.trim()))"
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # cells out of sight are drawn too
    "docmanager-extension/plugin": {"autosave": False},
}
#: opens a notebook beside what the page shows already; the page knows its place then
OPENED = """async path => {
  await window.jupyterapp.restored;
  const notebook = await window.jupyterapp.commands.execute("docmanager:open", {path, factory: "Notebook"});
  await notebook.context.ready;
}"""
#: leaves nothing behind: no notebook, no question whether to save it
CLEARED = """() => {
  for (const notebook of [...window.jupyterapp.shell.widgets("main")]) notebook.dispose();
  return document.querySelector(".jp-Dialog") === null;
}"""
OPEN = "from mailcourse import Lab\nlab = Lab('two-offices')"
_numbers = itertools.count(1)


def own_port(number: int = 0) -> int:
    """Return one of ten ports of this process.

    They are below those that the system gives to whoever asks for any: a lab next door, which asks for many, may be
    given a port that was free a moment ago; and would then be asked whether it is JupyterLab.
    """
    return 10_000 + os.getpid() % 2_000 * 10 + number


class Jupyter:
    """A JupyterLab of its own."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self.folder, self._runtime, self.port = folder, runtime, own_port()
        self.address = f"http://127.0.0.1:{self.port}"
        #: a page without a notebook; the page that was opened with the settings as they are
        self._kept: Any = None
        self._current: Any = None
        # Without settings of their own, one student's JupyterLab would remember another's windows.
        self._environment = {
            **os.environ,
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTER_RUNTIME_DIR": str(runtime),
        }
        for name, values in SETTINGS.items():
            self.setting(name, values)

    def setting(self, name: str, values: dict[str, Any]) -> None:
        """Write a setting of JupyterLab; pages opened from now on have it."""
        file = self.folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
        self._current = None

    def page(self, browser: Any, *, fresh: bool = False) -> Any:
        """Return a page: the one that was kept, since to start JupyterLab costs seconds, or a new one."""
        page, self._kept = None if fresh else self._kept, None
        if page is None or page.is_closed() or page is not self._current or page.context.browser is not browser:
            page = browser.new_page()
            page.set_default_timeout(SECONDS * 1000)
            self._current = None if fresh else page
        return page

    def show(self, page: Any, notebook: str, width: int, height: int, *, moves: bool = False) -> None:
        """Open a notebook on a page; whether anything `moves` is for tests of motion, which costs much to draw."""
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(reduced_motion="no-preference" if moves else "reduce")
        if page.url.startswith(self.address):
            page.evaluate(OPENED, notebook)
        else:
            page.goto(f"{self.address}/doc/tree/{notebook}?reset")
        page.locator(".jp-Notebook .jp-CodeCell").first.click()

    def keep(self, page: Any) -> None:
        """Take the notebook off a page, and keep the page for the next."""
        if page is self._current and page.evaluate(CLEARED):
            self._kept = page
        else:
            page.close()

    def __enter__(self) -> Self:
        options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={self.port}"]
        options += ["--IdentityProvider.token=", f"--ServerApp.root_dir={self.folder}"]
        options += ["--ServerApp.disable_check_xsrf=True", "--ServerApp.port_retries=0"]
        options += ["--LabApp.expose_app_in_browser=True"]
        options += ["--KernelManager.transport=ipc"]  # no ports that somebody else may be given meanwhile
        command = [sys.executable, "-m", "jupyter", "lab", *options]
        log = self.folder / "jupyter.log"
        with log.open("wb") as said:
            self._server = subprocess.Popen(
                command, stdout=said, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=self._environment
            )
        wait(lambda: self._server.poll() is not None or self.answers(), "JupyterLab did not answer")
        assert self._server.poll() is None, f"JupyterLab did not start: {log.read_text()[-1500:]}"
        return self

    def answers(self) -> bool:
        """Say whether the server is up."""
        try:
            urllib.request.urlopen(f"{self.address}/api", timeout=1).close()
        except OSError:
            return False
        return True

    def ask(self, way: str, path: str, content: object = None) -> Any:
        """Ask Jupyter's own interface."""
        octets = None if content is None else json.dumps(content).encode()
        asked = urllib.request.Request(f"{self.address}/api/{path}", octets, method=way)
        with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
            return json.loads(answer.read() or "null")

    def start_kernel(self, notebook: str) -> tuple[str, BlockingKernelClient]:
        """Start the kernel of a notebook before its page is opened; return its session, and a client once it answers.

        A kernel that a page has just started may drop the first cells that it is asked to run.
        """
        wanted = {"path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "python3"}}
        session = self.ask("POST", "sessions", wanted)
        client = BlockingKernelClient()
        client.load_connection_file(str(self._runtime / f"kernel-{session['kernel']['id']}.json"))
        client.start_channels()
        wait(lambda: _answers(client), "the kernel did not start")
        return str(session["id"]), client

    def end_kernel(self, session: str, client: BlockingKernelClient) -> None:
        """End a kernel for good: one that only stops would be started again."""
        client.stop_channels()
        self.ask("DELETE", f"sessions/{session}")

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.wait(30)


def _answers(client: BlockingKernelClient) -> bool:
    """Say whether a kernel says who it is within a second."""
    client.kernel_info()
    try:
        return bool(client.get_shell_msg(timeout=1)["msg_type"] == "kernel_info_reply")
    except queue.Empty:
        return False


def _is_whole(notebook: Path) -> bool:
    return notebook.read_bytes().rstrip().endswith(b"}")


def wait(true: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Look again and again until it is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def prompts(page: Any) -> list[str]:
    """Return what stands before each cell: "[3]:" once it has been run."""
    return [text.strip() for text in page.locator(PROMPTS).all_text_contents()]


def run_all(page: Any, seconds: float = SECONDS) -> None:
    """Run all cells of the page's notebook, from the menu, and wait for the last.

    A page that has just met its kernel may lose what it asks; a person presses again, and so does this.
    """
    status = page.locator("#jp-main-statusbar")
    for attempt in range(3):
        status.get_by_text("| Idle").wait_for()
        page.get_by_role("menuitem", name="Run").first.click()
        page.get_by_text("Run All Cells", exact=True).click()
        if _begins(page):
            break
        warnings.warn(f"Run All was lost, attempt {attempt + 1}: {prompts(page)}", stacklevel=2)
    until_run(page, seconds)


def _begins(page: Any) -> bool:
    """Say whether a first cell ends, or the kernel is at work, within ten seconds."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if {*prompts(page)} - WAITING or page.locator("#jp-main-statusbar").get_by_text("| Busy").count():
            return True
        time.sleep(0.05)
    return False


def until_run(page: Any, seconds: float = SECONDS) -> None:
    """Wait until every cell has been run."""
    page.wait_for_function(ENDED, timeout=seconds * 1000, polling=100)


class Bench:
    """One notebook on one page; with `fresh` on a page that nobody had before, and nobody has after."""

    def __init__(
        self,
        jupyter: Jupyter,
        browser: Any,
        cells: Sequence[str],
        *,
        width: int = 1300,
        height: int = 1400,
        fresh: bool = False,
        moves: bool = False,
    ) -> None:
        self._jupyter, self.errors = jupyter, list[str]()
        self.name = f"bench{next(_numbers)}.ipynb"
        self.path, self.address = jupyter.folder / self.name, jupyter.address
        notebook = nbformat.v4.new_notebook()
        notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.path)
        self._session, self._client = jupyter.start_kernel(self.name)
        self._open(jupyter.page(browser, fresh=fresh), width, height, moves)
        self.run_all()

    def _open(self, page: Any, width: int, height: int, moves: bool) -> None:
        self.page = page
        self._listeners = {
            "console": lambda said: self.errors.append(said.text) if said.type == "error" else None,
            "pageerror": lambda error: self.errors.append(str(error)),
        }
        for event, hear in self._listeners.items():
            self.page.on(event, hear)
        self._jupyter.show(self.page, self.name, width, height, moves=moves)

    def run_all(self) -> None:
        """Run all cells, from the menu, once there is a kernel to run them."""
        run_all(self.page)

    def idle(self) -> None:
        """Wait until every cell has been run."""
        until_run(self.page)

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
        # The file is first emptied, then written.
        wait(lambda: self.path.stat().st_mtime_ns != before and _is_whole(self.path), "it was not saved")
        return nbformat.read(self.path, 4)

    def close(self) -> None:
        """Leave the page, end the kernel, and look whether anything went wrong."""
        failed = self.page.locator("[data-mime-type='application/vnd.jupyter.error']").all_inner_texts()
        for event, hear in self._listeners.items():
            self.page.remove_listener(event, hear)
        self._jupyter.keep(self.page)
        self._jupyter.end_kernel(self._session, self._client)
        assert not failed, failed[0][-1500:]
        assert not self.errors, self.errors[:3]
