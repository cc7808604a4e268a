"""The inside of a room: runs a student's cells, hands over answers, calls functions when it is asked to.

    in    {"run": "x = 5", "seconds": 20}                 out   {"text": …, "failed": "NameError: …", "free": …}
    in    {"answer": "first", "assignment": "02-dns"}     out   {"parcel": …, "world": "Ana"} or {"stopped": …}
    in    {"call": …, "seconds": 5, "online": …}          out   {"value": …, "failed": …, "late": …, "notes": […]}
    in    {"listen": [40587, …]}                          out   {"listening": 1}, and the listening sockets beside it

Everything here may be turned round by the student's code: it runs in the same process.  So whoever hears the answers
takes them for what a student says, and for nothing else.  Knows no points, no judge and no neighbour.
"""

from __future__ import annotations

import builtins
import io
import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Callable
from contextlib import nullcontext, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from .confine import confine, step_aside

#: characters of what a cell prints that are kept
KEPT = 20_000
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class _Output(io.TextIOBase):
    """Keeps the beginning of what is printed, and counts the rest."""

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._room, self._left_out = KEPT, 0

    def write(self, text: str) -> int:
        if taken := text[: self._room]:
            self._kept.append(taken)
            self._room -= len(taken)
        self._left_out += len(text) - len(taken)
        return len(text)

    def text(self) -> str:
        more = f"\n… and {self._left_out:,} more characters" if self._left_out else ""
        return "".join(self._kept) + more


class Runner:
    """One notebook's interpreter: IPython without a kernel around it."""

    def __init__(self, room: Path) -> None:
        from IPython.core.interactiveshell import InteractiveShell

        shell: Any = InteractiveShell.instance()
        shell.history_manager.enabled = False  # no file of commands
        shell._tee = lambda channel: nullcontext()  # IPython 9 keeps all that was printed, for its history
        self.shell, self._room = shell, room
        builtins.input = _no_input  # nobody is there to type
        self.answer: Any = None

    def run(self, order: dict[str, Any]) -> dict[str, Any]:
        """Run one cell, with its bounds."""
        from mailcourse.checks.bounds import TimeIsUp, within

        output, failed = _Output(), ""
        self._tidy()
        try:
            with redirect_stdout(output), redirect_stderr(output), within(order["seconds"]):
                result = self.shell.run_cell(order["run"], store_history=True)
            error = result.error_before_exec or result.error_in_exec
            failed = "" if error is None else f"{type(error).__name__}: {str(error)[:300]}"
        except TimeIsUp:
            failed = "TimeIsUp"
        if failed.startswith("TimeIsUp"):
            failed = f"TimeIsUp: the cell did not end within {order['seconds']:g} seconds, and was interrupted"
        free = shutil.disk_usage(self._room).free
        return {"text": COLOUR.sub("", output.text()), "failed": failed, "free": free}

    def _tidy(self) -> None:
        """Let each cell find its folders, whatever the one before has done to them."""
        for name in ("home", "tmp", "work"):
            (self._room / name).mkdir(exist_ok=True)
        with suppress(OSError):
            os.getcwd()
            return
        os.chdir(self._room / "work")

    def hand_over(self, order: dict[str, Any]) -> dict[str, Any]:
        """Write down an answer, and whose world it is in."""
        from mailcourse.checks import bounds
        from mailcourse.checks.begin import current
        from mailcourse.checks.parcel import pack
        from mailcourse.checks.task import Stopped
        from mailcourse.internet.errors import LabError

        with redirect_stdout(_Output()), redirect_stderr(_Output()), bounds.within(order["seconds"]):
            try:
                self.answer = eval(order["answer"], self.shell.user_ns)
            except NameError as error:
                return {"missing": str(error.name)}
            try:
                world = current(order["assignment"]).name
                if bounds.is_stub(self.answer):
                    return {"stopped": bounds.NOT_WRITTEN}
                return {"parcel": pack(self.answer), "world": world}
            except (Stopped, LabError) as why:
                return {"stopped": str(why)}

    def call(self, order: dict[str, Any]) -> dict[str, Any]:
        """Call the answer, which is a function."""
        from mailcourse.checks.ask import called

        return called(self.answer, order)


def _no_input(*_: object) -> str:
    raise EOFError("Nobody is there to answer input() while an exercise is marked.")


def serve(runner: Runner, channel: socket.socket) -> None:
    """Do what is asked, line by line, until nobody asks any more."""
    deeds: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "run": runner.run,
        "answer": runner.hand_over,
        "call": runner.call,
    }
    with channel.makefile("r", encoding="utf-8") as heard:
        for line in heard:
            order = json.loads(line)
            if "listen" in order:
                _listen(channel, order["listen"])
                continue
            try:
                said = next(deed(order) for name, deed in deeds.items() if name in order)
            except BaseException as error:  # also SystemExit: whatever the student's objects do when they are looked at
                said = {"stopped": f"The answer stopped with {type(error).__name__}: {str(error)[:200]}"}
            channel.sendall(json.dumps(said).encode() + b"\n")


def _listen(channel: socket.socket, ports: list[int]) -> None:
    """Open ports on 127.0.0.1 of this room, and hand the sockets to the marking process, which answers there."""
    opened = []
    for port in ports[:200]:
        with suppress(OSError):
            opened.append(socket.create_server(("127.0.0.1", port)))
    socket.send_fds(
        channel, [json.dumps({"listening": len(opened)}).encode() + b"\n"], [one.fileno() for one in opened]
    )
    for one in opened:
        one.close()


def main() -> None:
    """Begin: into the room's own folder, under its bounds, with a copy of what was handed in."""
    if sys.argv[3] == "aside":
        step_aside()
    room, given, how, number = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    channel = socket.socket(fileno=number)
    os.set_inheritable(number, False)
    work = room / "work"
    shutil.copytree(given, work, dirs_exist_ok=True)
    os.chdir(work)
    confine(room, is_apart=how == "apart")
    sys.path.insert(0, str(work))
    serve(Runner(room), channel)


if __name__ == "__main__":
    main()
