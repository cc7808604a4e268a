"""What differs on Windows and macOS is behind seams: here Linux goes through the other side of them.

A child process has the other separator of Maildir, and none of what only POSIX has; a lab works there all the same, and
makes no name that a disk of Windows would refuse.  Not here: the event loop of Windows, which Linux does not have.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path, PureWindowsPath

import pytest

ROOT = Path(__file__).parents[2]
#: as `mailcourse.mailbox.names` says it on Windows
OTHER_NAMES = "from mailcourse.mailbox import names; names.INFO = ';2,'\n"
MAILDIR_TESTS = OTHER_NAMES + (
    "import pytest, sys; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-p', 'no:xdist', sys.argv[1]]))"
)
#: the standard library may have what it wants; then POSIX is gone
WITHOUT_POSIX = """
import asyncio, concurrent.futures, filelock, logging, multiprocessing, os, pathlib, selectors, shutil, signal, ssl
import subprocess, sys, tempfile, threading, zipfile
for name in ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"):
    sys.modules[name] = None
for name in ("fork", "getuid", "geteuid", "getgid", "register_at_fork", "setsid", "killpg", "chown", "mkfifo"):
    if hasattr(os, name): delattr(os, name)
for name in ("pthread_kill", "SIGKILL", "SIGHUP", "SIGALRM", "setitimer"):
    if hasattr(signal, name): delattr(signal, name)
"""
A_LAB = """
from pathlib import Path
from mailcourse import Lab
from mailcourse.course_copy import copy_course
place = Path(sys.argv[1])
with Lab("two-offices", path=place / "lab") as lab:
    lab.log_to(place / "logs")
    alice, bruno = lab.person("alice@academy.test"), lab.person("bruno@bakery.test")
    alice.send("bruno@bakery.test", "Bread", "Two loaves?")
    lab.settle()
    bruno.create_folder("Work: old?")
    bruno.create_folder("nul")
    bruno.flag(bruno.inbox()[0], "urgent")
    bruno.move(1, "Work: old?")
    bruno.device("phone").sync()
    lab.host("mx1.bakery.test").down(); lab.host("mx2.bakery.test").down()
    alice.send("bruno@bakery.test", "waits", "x")
    assert lab.dns.lookup("bakery.test", "MX")
copy_course(place / "course")
with Lab("two-offices", path=place / "lab") as lab:
    found = lab.person("bruno@bakery.test").device("laptop").sync()
print("done")
"""
RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))}


def child(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.timeout(110)
def test_a_maildir_works_with_the_other_separator() -> None:
    ran = child(MAILDIR_TESTS, "tests/unit/test_maildir.py")
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert " passed" in ran.stdout


def refused(name: str) -> bool:
    """Say whether a disk of Windows would refuse a name, or store it under another one."""
    return (
        any(character in '<>:"/\\|?*' or ord(character) < 32 for character in name)
        or name.rstrip(". ") != name
        or PureWindowsPath(name).stem.upper().split(".")[0] in RESERVED
        or len(name) > 250
    )


@pytest.mark.timeout(110)
def test_a_lab_works_without_posix_and_makes_no_name_that_windows_refuses(tmp_path: Path) -> None:
    ran = child("import sys\n" + WITHOUT_POSIX + OTHER_NAMES + A_LAB, str(tmp_path))
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert ran.stdout == "done\n"
    paths = [path.relative_to(tmp_path) for path in tmp_path.rglob("*")]
    assert len(paths) > 100
    assert any(";2," in path.name for path in paths)
    assert [str(path) for path in paths if refused(path.name)] == []


@pytest.mark.parametrize("name", ["a:2,S", "nul", "NUL.txt", "what?", "dot.", "space ", "x" * 300, "com1"])
def test_the_trial_knows_names_that_windows_refuses(name: str) -> None:
    assert refused(name)
    assert not refused("1788768000.m1.1.mail.bakery.test,U=7;2,FS")
