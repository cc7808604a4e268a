"""After 250 a message is safe: the process is killed, another one takes up the same folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mailcourse import Lab

SEND_AND_DIE = """
import os, signal, sys
from mailcourse import Lab
lab = Lab("two-offices", path=sys.argv[1])
lab.runtime.run(lab.clock.take_turn())   # nothing is carried on: only the 250 has happened
lab._acting = True                       # this thread has the turn
sent = lab.person("alice@academy.test").send(["bruno@bakery.test", "amir@academy.test"], "Safe", "x")
print("250", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

DIE_WAITING = """
import os, signal, sys
from mailcourse import Lab
lab = Lab("two-offices", path=sys.argv[1])
lab.host("mx1.bakery.test").down()
lab.host("mx2.bakery.test").down()
lab.person("alice@academy.test").send(["bruno@bakery.test", "amir@academy.test"], "Waiting", "x")
lab.settle()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(("script", "subject"), [(SEND_AND_DIE, "Safe"), (DIE_WAITING, "Waiting")])
def test_a_killed_process_loses_nothing_that_was_accepted(
    tmp_path: Path, make_lab: Callable[..., Lab], script: str, subject: str
) -> None:
    died = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert died.returncode == -9, died.stderr
    lab = make_lab("two-offices", path=tmp_path)
    lab.settle()
    lab.clock.advance(hours=1)
    assert [m.subject for m in lab.person("bruno@bakery.test").inbox()] == [subject]
    assert [m.subject for m in lab.person("amir@academy.test").inbox()] == [subject]
    assert len(lab.queue("mail.academy.test")) == 0


def test_a_kept_folder_keeps_messages_flags_and_uids(tmp_path: Path, make_lab: Callable[..., Lab]) -> None:
    first = make_lab("two-offices", path=tmp_path)
    first.person("alice@academy.test").send("amir@academy.test", "One", "x")
    before = [(m.uid, m.subject) for m in first.person("amir@academy.test").fetch()]
    first.close()
    second = make_lab("two-offices", path=tmp_path)
    amir = second.person("amir@academy.test")
    again = second.person("alice@academy.test").send("amir@academy.test", "Two", "x")
    assert again.message == "r2m1"
    assert [(m.uid, m.subject) for m in amir.inbox()] == [*before, ("2", "Two")]
    assert [m.state for m in amir.inbox()] == ["seen", "new"]


ALONE = """
import sys
from mailcourse import Lab
with Lab("two-offices") as lab:
    print("open", flush=True)
    sys.stdin.readline()
    for n in range(5):
        lab.person("alice@academy.test").send("bruno@bakery.test", sys.argv[1], "x")
    print([m.subject for m in lab.person("bruno@bakery.test").inbox()], lab.host("mx1.bakery.test").addresses)
"""


def test_two_labs_in_two_processes_do_not_meet() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([sys.executable, "-c", ALONE, name], **pipes) for name in ("one", "two")]  # type: ignore[call-overload]
    for process in both:
        assert process.stdout.readline() == "open\n"
    told = [process.communicate("go\n", timeout=60)[0] for process in both]
    assert told == [f"{[name] * 5} ('198.51.100.21',)\n" for name in ("one", "two")]
