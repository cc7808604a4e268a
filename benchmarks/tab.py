"""The course in a browser tab: megabytes, seconds to the first cell, and what a lab costs there.

    python deploy/site/build.py && python benchmarks/tab.py

A server of plain files on 127.0.0.1 that compresses, a fresh profile of Chromium; all of it on this machine.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_site"
sys.path[:0] = [str(ROOT / "tests" / "browser"), str(ROOT / "tests")]

from bench import CHROMIUM, FLAGS  # noqa: E402
from site_pages import READY, RUN, cells_of, texts  # noqa: E402

FIRST = "lab/index.html?path=notebooks/00-start-here.ipynb"
FIFTH = "lab/index.html?path=notebooks/05-relays-and-mx.ipynb"
TIMED = """
import time
from mailcourse import Lab
def seconds(act, times):
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return sorted(taken)[times // 2]
Lab("two-offices", name="warm").close()
opened = []
print(seconds(lambda: opened.append(Lab("two-offices", name=f"timed {len(opened)}")), 5))
lab = opened[-1]
alice, bruno = lab.person("alice@academy.test"), lab.person("bruno@bakery.test")
def there_and_read():
    alice.send("bruno@bakery.test", "Hello")
    lab.settle()
    assert bruno.fetch()
there_and_read()
print(seconds(there_and_read, 9))
"""


@cache
def compressed(path: Path) -> bytes:
    """Return a file as a server sends it to whoever takes gzip."""
    return gzip.compress(path.read_bytes(), 6)


class Compressing(BaseHTTPRequestHandler):
    """Serves the site, and counts the octets that go over the wire."""

    sent = 0

    def do_GET(self) -> None:
        """Send a file."""
        path = SITE / self.path.partition("?")[0].lstrip("/")
        if path.is_dir():
            path /= "index.html"
        if not path.is_file():
            self.send_error(404)
            return
        body = compressed(path)
        self.send_response(200)
        kind = "text/javascript" if path.suffix == ".mjs" else guess_type(path.name)[0] or "application/octet-stream"
        for name, value in (("Content-Type", kind), ("Content-Encoding", "gzip"), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        Compressing.sent += len(body)
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def held(browser: Any) -> float:
    """Return the memory of the browser's largest page process, in MB, with its share of what is shared."""
    told = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    pids = [process["id"] for process in told if process["type"] == "renderer"]
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    found = (re.search(r"Pss:\s+(\d+)", rollup) for rollup in rollups)
    return max(int(share[1]) for share in found if share) / 1024


def run(tab: Any, cells: list[str]) -> list[dict[str, str]]:
    """Run cells in the notebook that is open; return what each printed."""
    return [texts(outputs) for outputs in json.loads(tab.evaluate(RUN, cells))]


def measure(browser: Any, address: str) -> None:
    """Print a line for each figure."""
    size = sum(path.stat().st_size for path in SITE.rglob("*") if path.is_file())
    print(f"the site: {size / 1e6:.1f} MB")
    tab = browser.new_page()
    tab.on("pageerror", lambda error: sys.exit(f"The page failed: {error}"))
    began = time.perf_counter()
    tab.goto(f"{address}{FIRST}")
    tab.wait_for_function(READY, timeout=60_000)
    shown = time.perf_counter() - began
    assert run(tab, ["print(6 * 7)"]) == [{"stdout": "42\n"}]
    ready = time.perf_counter() - began
    print(f"page shown after {shown:.1f} s, its first cell has run after {ready:.1f} s", end="; ")
    print(f"{Compressing.sent / 1e6:.1f} MB over the wire, compressed")
    said = run(tab, [TIMED])[0]
    assert "error" not in said, said
    opened, sent = said["stdout"].split()
    print(f"a lab opens in {float(opened):.2f} s; from send to inbox {float(sent):.2f} s")
    tab.goto(f"{address}{FIFTH}")
    tab.wait_for_function(READY, timeout=60_000)
    run(tab, ["".join(cell["source"]) for cell in cells_of(ROOT / "notebooks" / "05-relays-and-mx.ipynb")])
    print(f"memory of the tab after lesson 05: {held(browser):.0f} MB")


def main() -> None:
    """Serve, measure, stop."""
    from playwright.sync_api import sync_playwright

    for path in SITE.rglob("*"):
        if path.is_file():
            compressed(path)  # a server does this once, and not while somebody waits
    with ThreadingHTTPServer(("127.0.0.1", 0), Compressing) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        measure(browser, f"http://127.0.0.1:{server.server_port}/")
        browser.close()
        server.shutdown()


if __name__ == "__main__":
    main()
