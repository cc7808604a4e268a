"""Debian's own Firefox, driven by WebDriver BiDi: no driver program, no patched browser."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import pytest
from websockets.sync.client import connect

SECONDS = 60


class Firefox:
    """One tab.  `evaluate` runs a function in the page and waits for what it promises."""

    def __init__(self) -> None:
        program = shutil.which("firefox-esr") or shutil.which("firefox")
        if program is None:
            pytest.skip("no Firefox here (Debian: apt install firefox-esr)")
        self._profile = tempfile.TemporaryDirectory(prefix="firefox-")
        command = [
            program,
            "--headless",
            "--no-remote",
            "--remote-debugging-port",
            "0",
            "--profile",
            self._profile.name,
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if "WebDriver BiDi listening on " in line:
                break
        address = line.split("listening on ")[1].strip()
        self._open = ExitStack()
        self._socket = self._open.enter_context(connect(f"{address}/session", max_size=None, open_timeout=SECONDS))
        self._numbers = itertools.count(1)
        self._ask("session.new", capabilities={})
        self._tab = self._ask("browsingContext.create", type="tab")["context"]

    def __enter__(self) -> Firefox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        self._process.terminate()
        self._process.wait(30)
        self._profile.cleanup()

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=10 * SECONDS))
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return dict(answer["result"])

    def open(self, address: str) -> None:
        """Open a page."""
        self._ask("browsingContext.navigate", context=self._tab, url=address, wait="complete")

    def evaluate(self, function: str, argument: Any = None) -> Any:
        """Call a function of JavaScript with one argument; return the string, number or truth that it promises."""
        call = f"({function})({json.dumps(argument)})"
        where = {"context": self._tab}
        done = self._ask("script.evaluate", expression=call, target=where, awaitPromise=True)
        assert done["type"] == "success", done
        return done["result"].get("value")

    def wait_for(self, expression: str, seconds: float = SECONDS) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + seconds
        while not self.evaluate(f"() => Boolean({expression})"):
            assert time.monotonic() < until, f"not in {seconds} s: {expression}"
            self.evaluate("() => new Promise(done => setTimeout(done, 100))")
