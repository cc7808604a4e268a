"""The wheel in empty environments: seconds, megabytes, and how long `mailcourse lab` takes to the first cell.

    python benchmarks/install.py dist/mailcourse-….whl python3.11 python3.12 …

Each Python named makes an environment of its own, in which nothing is but what `pip` brings; `make`, `git` and a
compiler are not asked for.  The first cell is the first of lesson 00, run by JupyterLab's own server as a browser
would do it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: runs in the new environment, whose JupyterLab brings the module websocket
FIRST_CELL = """
import json, sys, uuid, urllib.request as request
import websocket
base, token, path = sys.argv[1:]
def ask(where, data=None):
    sent, who = json.dumps(data).encode() if data else None, {"Authorization": "token " + token}
    return json.load(request.urlopen(request.Request(base + where, sent, who), timeout=60))
notebook = ask("api/contents/" + path)["content"]
code = next("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
session = {"path": path, "type": "notebook", "name": "x", "kernel": {"name": "python3"}}
kernel = ask("api/sessions", session)["kernel"]["id"]
away = base.replace("http", "ws", 1) + "api/kernels/" + kernel + "/channels?token=" + token
channel = websocket.create_connection(away, timeout=60)
header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": "x", "version": "5.3"}
content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
sent = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
channel.send(json.dumps(sent))
while True:
    heard = json.loads(channel.recv())
    if heard["msg_type"] == "execute_reply" and heard["parent_header"]["msg_id"] == header["msg_id"]:
        sys.exit(heard["content"]["status"] != "ok" and str(heard["content"]))
"""


def megabytes(folder: Path) -> tuple[float, float]:
    """Return the room that a folder takes on this disk, and how long its files are."""
    found = [path.lstat() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return sum(one.st_blocks * 512 for one in found) / 1e6, sum(one.st_size for one in found) / 1e6


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[str]:
    """Start JupyterLab, and say at which address it can be asked."""
    log = folder / "log.txt"
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        try:
            end = time.monotonic() + 120
            while not (found := re.search(r"(http://127\.0\.0\.1:\d+/)lab\S*", log.read_text("utf-8", "replace"))):
                if server.poll() is not None or time.monotonic() > end:
                    raise SystemExit(log.read_text("utf-8", "replace"))
                time.sleep(0.05)
            yield found[1]
        finally:
            server.terminate()
            server.wait(30)


def try_out(python: str, wheel: Path, folder: Path, options: list[str]) -> dict[str, float | str]:
    """Install, open, and run the first cell, twice."""
    environment = folder / "environment"
    subprocess.run([python, "-m", "venv", environment], check=True)
    bin_folder = environment / ("Scripts" if os.name == "nt" else "bin")
    own = str(bin_folder / "python")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # on a student's machine Python may keep what it compiled
    told: dict[str, float | str] = {}
    told["python"] = subprocess.run([own, "-V"], capture_output=True, text=True, check=True).stdout.split()[1]
    began = time.monotonic()
    subprocess.run([own, "-m", "pip", "install", "--quiet", *options, wheel], check=True)
    told["install"] = time.monotonic() - began
    told["disk"], told["files"] = megabytes(environment)
    port = ["--ServerApp.port=0", "--ServerApp.ip=127.0.0.1"] + (
        ["--allow-root"] if hasattr(os, "geteuid") and not os.geteuid() else []
    )
    for again in ("first", "second"):
        token = uuid.uuid4().hex
        command = [
            str(bin_folder / "mailcourse"),
            "lab",
            "course",
            "--",
            "--no-browser",
            f"--IdentityProvider.token={token}",
            *port,
        ]
        began = time.monotonic()
        with running(command, folder) as address:
            told[f"{again} server"] = time.monotonic() - began
            asked = [own, "-c", FIRST_CELL, address, token, "notebooks/00-start-here.ipynb"]
            subprocess.run(asked, check=True, timeout=120)
            told[f"{again} cell"] = time.monotonic() - began
    told["disk after"], _ = megabytes(environment)
    return told


def main() -> None:
    """Measure each Python that was named."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("wheel", type=lambda name: Path(name).resolve())
    asked.add_argument("python", nargs="*", default=[sys.executable])
    asked.add_argument("--no-compile", action="store_true", help="let Python compile what is used, and no more")
    chosen = asked.parse_args()
    for python in chosen.python:
        with tempfile.TemporaryDirectory() as folder:
            options = ["--no-compile"] if chosen.no_compile else []
            told = try_out(python, chosen.wheel, Path(folder), options)
        print(
            json.dumps({name: round(value, 1) if isinstance(value, float) else value for name, value in told.items()}),
            flush=True,
        )


if __name__ == "__main__":
    main()
