"""A room of its own for one submission: where its cells run, and from which nothing comes but answers.

    with Room(Path("what she handed in")) as room:
        room.ask(run="x = 5", seconds=20)                      {"text": "", "failed": ""}
        room.ask(answer="x", assignment=…, seconds=10)         {"parcel": "5", "world": "Ana"}

With bubblewrap the room has processes, network (loopback only) and files of its own; the system's are there to be read,
and nobody's else.  Without it, it has fresh folders, Landlock where the system has that, and a keeper that ends what
is left.  In both, whatever is said in the room is heard as what a student says.

`RoomEnded` tells why a room is no longer there: the caller opens another one.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from mailcourse.checks.programs import module
from mailcourse.internet.errors import LabError
from mailcourse.leftovers import HeldFolder

from . import confine

#: octets of one line from the room, octets of its own file system
MAX_LINE, DISK = 8_000_000, 256 * 2**20
#: processes of a room, and octets of memory of all of them together
PROCESSES, MEMORY = 64, 2**30
#: real seconds between two looks at them; for the room to be there; and after which a room is ended that should have
#: interrupted its cell by itself
LOOK, START, GRACE = 0.25, 60.0, 5.0
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
#: variables of the marking process that a room may see
KEPT = re.compile(r"PATH|LANG|LC_\w+|TZ|SYSTEMROOT|MAILCOURSE_COURSE")


class RoomEnded(Exception):
    """The room is gone; the text says why, to a student."""


@cache
def bubblewrap() -> str:
    """Return the path of bubblewrap where a room can be opened with it, or ""; tried once."""
    program = shutil.which("bwrap") or ""
    if not program:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        command = [*_apart(program, Path(folder), None), *module("mailcourse.marking.confine"), "only to be imported"]
        trial = subprocess.run(command, capture_output=True, check=False)
    return program if trial.returncode == 0 else ""


@cache
def _has_size(program: str) -> bool:
    said = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    return "--size" in said.stdout + said.stderr


def try_out() -> None:
    """Open a room and close it again; `LabError` when this machine lets none be."""
    with tempfile.TemporaryDirectory() as folder, Room(Path(folder), {}) as room:
        try:
            room.ask(run="1", seconds=START)
        except RoomEnded as why:
            raise LabError(f"No room for a submission can be opened on this machine: {why}.") from None


def how_apart() -> str:
    """Say what a teacher should know of the rooms of this machine; "" when they are as they should be."""
    if bubblewrap():
        return ""
    missing = "bubblewrap is missing on this machine, or not allowed to work (Debian: apt install bubblewrap)"
    files = confine.landlock_version() > 0
    if files and confine.can_step_aside():
        return (
            f"{missing}: files, processes and network of submissions were kept apart by other means, less well tried."
        )
    could = [] if files else ["read and change your files"]
    could += [] if confine.can_step_aside() else ["reach this machine's network and processes"]
    return f"{missing}: while they were marked, submissions could {' and '.join(could)}."


_open: set[Room] = set()


def end_all() -> None:
    """End the rooms of this process, whatever runs in them."""
    for room in list(_open):
        room.end("marking was stopped")


class Room:
    """One room, until it is closed or ends by itself."""

    def __init__(self, folder: Path, variables: Mapping[str, str], course: Path | None = None) -> None:
        self._is_wrapped = bool(bubblewrap())
        self.has_own_network = self._is_wrapped or confine.can_step_aside()
        self._kept = HeldFolder("room-")
        self.folder = self._kept.path
        self._why, self._over = "", threading.Event()
        inside = Path("/room") if self._is_wrapped else self.folder
        environment = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
        environment |= {"HOME": f"{inside}/home", "TMPDIR": f"{inside}/tmp", "IPYTHONDIR": f"{inside}/home/ipython"}
        environment |= {f"JUPYTER_{name}_DIR": f"{inside}/home/jupyter" for name in ("CONFIG", "DATA", "RUNTIME")}
        environment |= {} if course is None else {"MAILCOURSE_COURSE": str(course)}
        environment |= {
            "JUPYTER_PATH": "",
            "PYTHONDONTWRITEBYTECODE": "1",
            "MPLBACKEND": "agg",
            "PIP_RETRIES": "0",
            **variables,
        }
        own, its = socket.socketpair()
        with its:
            self._process = _started(self._command(folder, course), environment, its)
        self._channel, self._rest = own, b""
        _open.add(self)
        threading.Thread(target=self._watch, daemon=True).start()

    def __enter__(self) -> Room:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _command(self, given: Path, course: Path | None) -> list[str]:
        python = module("mailcourse.marking.runner")
        if self._is_wrapped:
            return [*_apart(bubblewrap(), given, course), *python, "/room", "/handed-in", "apart"]
        for name in ("home", "tmp", "work"):
            (self.folder / name).mkdir()
        # What is handed in is copied by the room itself, before it is confined.
        command = [*python, str(self.folder), str(given), "aside" if confine.can_step_aside() else "here"]
        return [sys.executable, "-I", "-S", str(Path(__file__).with_name("keeper.py")), *command]

    # ---- talking -------------------------------------------------------------------------------------

    def ask(self, **order: Any) -> dict[str, Any]:
        """Say one line to the room, and return its answer; `RoomEnded` when there is none in `seconds`, and some."""
        self._say(order)
        return self._answer(order["seconds"] + GRACE)

    def listen(self, ports: list[int]) -> list[socket.socket]:
        """Open ports inside of the room; return the sockets that listen there."""
        self._say({"listen": ports})
        self._channel.settimeout(START)
        try:
            head, descriptors, _, _ = socket.recv_fds(self._channel, 200, 256)
        except OSError:
            raise self.ended("it did not open its ports") from None
        found = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        self._rest += head.partition(b"\n")[2]
        return found

    def _say(self, order: Mapping[str, Any]) -> None:
        try:
            self._channel.settimeout(START)
            self._channel.sendall(json.dumps(order).encode() + b"\n")
        except OSError:
            raise self.ended("it ended the kernel") from None

    def _answer(self, seconds: float) -> dict[str, Any]:
        timer = threading.Timer(seconds, self.end, ["it did not answer in time"])
        timer.daemon = True
        timer.start()
        try:
            answer = json.loads(self._line())
        except (OSError, ValueError, RecursionError):
            raise self.ended("it ended the kernel") from None
        finally:
            timer.cancel()
        if not isinstance(answer, dict):
            raise self.ended("it said something that is no answer")
        return answer

    def _line(self) -> bytes:
        self._channel.settimeout(None)
        pieces = [self._rest]
        size = len(self._rest)
        while b"\n" not in pieces[-1]:
            piece = self._channel.recv(1_000_000)
            size += len(piece)
            if not piece or size > MAX_LINE:
                raise ValueError("no line")
            pieces.append(piece)
        line, _, self._rest = b"".join(pieces).partition(b"\n")
        return line

    # ---- ending --------------------------------------------------------------------------------------

    def ended(self, why: str) -> RoomEnded:
        """End the room, and return the exception that says why."""
        self.end(why)
        return RoomEnded(self._why)

    def end(self, why: str) -> None:
        """Let nobody wait for the room any longer."""
        self._why = self._why or why
        self._over.set()
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End every process of the room, and remove its folder."""
        _open.discard(self)
        self.end("it was closed")
        if self._is_wrapped:
            for pid in (*reversed(descendants(self._process.pid)), self._process.pid):  # its first process takes all
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        else:
            assert self._process.stdin is not None
            with contextlib.suppress(OSError):
                self._process.stdin.close()  # the keeper ends what there is
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        self._channel.close()
        self._kept.close()

    def _watch(self) -> None:
        """End the room when it has too many processes, or too much memory or disk."""
        while not self._over.wait(LOOK):
            pids = descendants(self._process.pid)
            if len(pids) > PROCESSES:
                self._stop(pids, f"it started more than {PROCESSES} processes")
            elif sum(map(_memory, pids)) > MEMORY:
                self._stop(pids, f"it needed more than {MEMORY // 2**20} MB of memory")
            elif not self._is_wrapped and _size(self.folder) > DISK:
                self._stop(pids, f"it wrote more than {DISK // 2**20} MB")

    def _stop(self, pids: list[int], why: str) -> None:
        self.end(why)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGSTOP if not self._is_wrapped else signal.SIGKILL)


def _started(command: list[str], environment: dict[str, str], channel: socket.socket) -> subprocess.Popen[bytes]:
    """Start a process that has `channel`, the number of which is its last argument, and an input of its own."""
    return subprocess.Popen(
        [*command, str(channel.fileno())],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[channel.fileno()],
        start_new_session=True,  # a Ctrl-C is for the marking process
        cwd="/",
    )


def _apart(program: str, given: Path, course: Path | None) -> list[str]:
    """Return the command of bubblewrap: the system to be read, a small disk to write, loopback only."""
    size = ["--size", str(DISK)] if _has_size(program) else []
    command = [program, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    command += ["--hostname", "room", "--proc", "/proc", "--dev", "/dev", *size, "--tmpfs", "/dev/shm"]
    command += [*size, "--tmpfs", "/tmp", *size, "--tmpfs", "/room"]
    for name in ("home", "tmp", "work"):
        command += ["--dir", f"/room/{name}"]
    links = [path for path in confine.readable() if path.is_symlink() and path.parent == Path("/")]
    for path in confine.readable():
        if path in links:
            command += ["--symlink", os.readlink(path), str(path)]
        else:
            command += ["--ro-bind-try", str(path), str(path)]
    for place in confine.shared(course):
        command += ["--ro-bind", str(place), str(place)]
    command += ["--ro-bind", str(given), "/handed-in", "--remount-ro", "/dev", "--remount-ro", "/"]
    return [*command, "--chdir", "/room/work"]


def descendants(pid: int) -> list[int]:
    """Return the processes that come from `pid`, over however many others; none where the system does not tell."""
    found: list[int] = []
    waiting = [pid]
    while waiting and len(found) < 20 * PROCESSES:
        for child in _children(waiting.pop()):
            found.append(child)
            waiting.append(child)
    return found


def _children(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/children") as listed:
                yield from map(int, listed.read().split())


def _memory(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as told:
            return int(told.read().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total
