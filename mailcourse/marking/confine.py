"""What a room's process may use: memory, files, time; without bubblewrap, what of the machine it may reach.

    step_aside()                                    processes and network of its own (namespaces of Linux)
    confine(Path("/tmp/room"), is_apart=False)      bounds, and Landlock (since Linux 5.13)

A process confines itself before any of the student's code runs in it; neither it nor its children can take that back.
Knows system calls.  Does not know what is run.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from mailcourse.checks.programs import module

#: octets of memory and of one file, open files, seconds of processor time
MEMORY, FILE, OPEN, CPU = 3 * 2**30, 64 * 2**20, 512, 600
#: asm-generic/unistd.h, since Linux 5.13
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
PR_SET_NO_NEW_PRIVS, RULE_PATH_BENEATH = 38, 1
#: linux/landlock.h: what may be done to files, by the version of the interface that knows it
ALL_ACCESS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
EXECUTE, READ_FILE, READ_DIR, WRITE_FILE, IOCTL = 1, 4, 8, 2, 1 << 15
#: sched.h: users, processes, network, and memory that is shared by name
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC = 0x10000000, 0x20000000, 0x40000000, 0x08000000
#: sys/prctl.h, bits/ioctls.h, net/if.h
PR_SET_PDEATHSIG, SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 1, 0x8913, 0x8914, 1
#: no signals to processes outside of the room, and no sockets of theirs without a file; version 6
SCOPE_ALL = 3


def confine(room: Path, is_apart: bool) -> None:
    """Put the bounds on this process and all that it starts."""
    if os.name != "posix":
        return
    import resource

    for kind, amount in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, FILE),
        (resource.RLIMIT_NOFILE, OPEN),
        (resource.RLIMIT_CPU, CPU),
        (resource.RLIMIT_CORE, 0),
    ):
        most = resource.getrlimit(kind)[1]
        amount = amount if most == resource.RLIM_INFINITY else min(amount, most)
        resource.setrlimit(kind, (amount, amount))
    if not is_apart:
        landlock(room)


@cache
def can_step_aside() -> bool:
    """Say whether this machine lets a process have processes and a network of its own; tried once."""
    if sys.platform != "linux":
        return False
    return subprocess.run(module("mailcourse.marking.confine"), capture_output=True, check=False).returncode == 0


def step_aside() -> None:
    """Go on as a process in namespaces of its own; whoever started this one waits for it, and ends when it does."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC):
        raise OSError(ctypes.get_errno(), "no namespaces here")
    for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        Path("/proc/self", name).write_text(line)
    _loopback_up()
    # The first process of a namespace takes all others with it when it ends; the second one is the room.
    for _ in range(2):
        if child := os.fork():
            _wait_for(child)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _loopback_up() -> None:
    import fcntl  # Windows has none

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        request = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(asked, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(asked, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))


def _wait_for(child: int) -> None:
    while True:
        with suppress(ChildProcessError, InterruptedError):
            ended, status = os.wait()
            if ended != child:
                continue
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
        os._exit(1)


def readable() -> list[Path]:
    """Return the folders and files that Python, the course and the system's libraries are in."""
    package = Path(__file__).resolve().parents[1]
    python = {Path(place) for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix) for place in _both(prefix)}
    system = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt/conda")
    etc = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ssl", "localtime", "fonts", "mime.types", "alternatives")
    paths = [*map(Path, system), *(Path("/etc", name) for name in etc), *sorted(python), package]
    return [path for path in paths if path.exists()]


def shared(course: Path | None) -> list[Path]:
    """Return the folders of a teacher's own course that a submission may read: not the solutions."""
    places = [course / name for name in ("tasks", "scenarios")] if course is not None else []
    return [place for place in places if place.is_dir()]


def _both(place: str) -> set[str]:
    return {place, os.path.realpath(place)}


def landlock_version() -> int:
    """Return the version of Landlock that this system has; 0 when it has none."""
    if sys.platform != "linux":
        return 0
    version = ctypes.CDLL(None, use_errno=True).syscall(CREATE_RULESET, None, 0, 1)
    return max(0, int(version))


def landlock(room: Path) -> bool:
    """Let this process read what is `readable`, and write in `room` only; say whether the system can do that."""
    version = landlock_version()
    if not version:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    handled = max(access for since, access in ALL_ACCESS.items() if since <= version)
    ruleset = struct.pack("QQQ", handled, 0, SCOPE_ALL if version >= 6 else 0)
    descriptor = libc.syscall(CREATE_RULESET, ruleset, 24 if version >= 6 else 8 if version < 4 else 16, 0)
    read = EXECUTE | READ_FILE | READ_DIR
    course = Path(os.environ["MAILCOURSE_COURSE"]) if os.environ.get("MAILCOURSE_COURSE") else None
    rules = [(path, read) for path in (*readable(), *shared(course))]
    rules += [(Path("/proc"), READ_FILE | READ_DIR), (Path("/dev"), READ_FILE | READ_DIR), (room, handled)]
    rules += [
        (Path(device), READ_FILE | WRITE_FILE | IOCTL) for device in ("/dev/null", "/dev/zero", "/dev/ptmx", "/dev/pts")
    ]
    rules += [(Path(device), READ_FILE) for device in ("/dev/random", "/dev/urandom")]
    for path, access in rules:
        _allow(libc, descriptor, path, access & handled)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    done = libc.syscall(RESTRICT_SELF, descriptor, 0)
    os.close(descriptor)
    return int(done) == 0


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, access: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return
    if not path.is_dir():
        access &= EXECUTE | READ_FILE | WRITE_FILE | IOCTL
    libc.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, struct.pack("=QI", access, beneath)[:12], 0)
    os.close(beneath)


if __name__ == "__main__" and len(sys.argv) == 1:
    step_aside()
