"""Stands above a room where bubblewrap is missing: when the room ends, whatever it left behind ends too.

    python -I -S keeper.py COMMAND … 5    runs the command, with file 5 open; when it has ended, or our input is closed,
                                          every process that came from it is killed, also one that went away

A process whose parent ends is given to its nearest ancestor that asked for such orphans (prctl(2)).
Needs nothing but the standard library, to begin quickly.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def children() -> list[int]:
    """Return the processes that are ours at this moment."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as listed:
            return [int(pid) for pid in listed.read().split()]
    except OSError:
        return []


def end_all() -> None:
    """Kill children until there are none: the children of a killed one become ours."""
    while True:
        for pid in children():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def main() -> None:
    """Run the command, and clean up after it."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    channel = int(sys.argv[-1])
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, pass_fds=[channel], start_new_session=True)
    os.close(channel)

    def watch() -> None:
        sys.stdin.read()  # ends when the marking process does
        process.kill()

    threading.Thread(target=watch, daemon=True).start()
    process.wait()
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    end_all()


if __name__ == "__main__":
    main()
