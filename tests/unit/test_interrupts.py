"""An interrupted cell ends at once and the lab goes on; a fork is no lab, and takes nothing away from it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from mailcourse import Lab
from mailcourse.cli import main
from mailcourse.lab.interrupt import aside

BRUNO = "bruno@bakery.test"


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also where a shell in the background has this process ignore it."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def press() -> None:
    """Interrupt this process; its system tells the main thread as a rule."""
    os.kill(os.getpid(), signal.SIGINT)


def tell_me(number: int = signal.SIGINT) -> None:
    """Send this process a signal of which the thread that asks is told, and no other."""
    signal.pthread_kill(threading.get_ident(), number)


def interrupted(act: Callable[[], object], when: threading.Event, press: Callable[[], None] = press) -> float:
    """Interrupt this thread once `when` is set; return the seconds until it noticed."""
    at: list[float] = []

    def wait() -> None:
        assert when.wait(20)
        at.append(time.monotonic())
        press()

    thread = threading.Thread(target=wait)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        act()
    took = time.monotonic() - at[0]
    thread.join()
    return took


def heard(lab: Lab, what: str) -> threading.Event:
    """Return what is set when something of this kind happens."""
    found = threading.Event()
    lab.trace.subscribe(lambda event: found.set() if event.what == what else None)
    return found


def test_an_interrupt_within_data_is_no_refusal_and_the_next_message_goes_its_way(lab: Lab) -> None:
    lab.internet.delay("mail.academy.test", None, 0.3)
    alice = lab.person("alice@academy.test")
    assert interrupted(lambda: alice.send(BRUNO, "first", "x"), heard(lab, "said")) < 1
    lab.internet.delay("mail.academy.test", None, 0)
    alice.send(BRUNO, "second", "x")
    subjects = [mail.subject for mail in lab.person(BRUNO).inbox()]
    assert subjects in (["second"], ["first", "second"])


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signal for one thread on this system")
def test_an_interrupt_of_which_another_thread_was_told_is_heard_too(lab: Lab) -> None:
    lab.internet.delay("mail.academy.test", None, 30)
    act = partial(lab.person("alice@academy.test").send, BRUNO, "first", "x")
    assert interrupted(act, heard(lab, "connected"), tell_me) < 2


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signal for one thread on this system")
def test_a_lab_of_the_command_line_ends_whichever_thread_is_told_to(tmp_path: Path) -> None:
    def end() -> None:
        await_file(tmp_path / "endpoints.json")
        tell_me(signal.SIGTERM)

    thread = threading.Thread(target=end)
    thread.start()
    assert main(["up", "two-offices", "--endpoints", str(tmp_path / "endpoints.json")]) == 0
    thread.join()


def await_file(file: Path) -> None:
    """Wait until a file is there."""
    end = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("act", ["inbox", "fetch"])
def test_a_reader_who_is_interrupted_leaves_no_maildrop_in_use(lab: Lab, act: str) -> None:
    lab.person("alice@academy.test").send(BRUNO, "x", "x")
    bruno = lab.person(BRUNO)
    lab.settle()
    lab.internet.delay("mail.bakery.test", None, 0.3)
    read = {"inbox": bruno.inbox, "fetch": lambda: bruno.fetch("pop3")}[act]
    assert interrupted(read, heard(lab, "logged-in")) < 1
    lab.internet.delay("mail.bakery.test", None, 0)
    hung_up = time.monotonic() + 10
    while lab.internet.links.wires:  # the slow link still carries the end of it
        assert time.monotonic() < hung_up
        lab.settle()
    assert len(bruno.fetch("pop3")) == 1


def test_time_stops_where_it_was_interrupted(lab: Lab) -> None:
    lab.fault("mx1.bakery.test", "down")
    lab.fault("mx2.bakery.test", "down")
    lab.person("alice@academy.test").send(BRUNO, "x", "x")
    lab.settle()
    before = lab.clock.now()
    assert interrupted(lambda: lab.clock.advance(days=2000), heard(lab, "deferred")) < 1
    stopped = lab.settle().clock.now()
    assert (stopped - before).days < 2000
    assert lab.settle().clock.now() == stopped
    lab.clock.advance(minutes=1)
    assert (lab.clock.now() - stopped).total_seconds() == 60


def test_what_is_done_aside_says_what_went_wrong() -> None:
    with pytest.raises(ZeroDivisionError):
        aside(lambda: 1 // 0)
    assert aside(lambda: aside(threading.current_thread)) is not threading.main_thread()


FORKING = """
import os, sys, time
from mailcourse import Lab
from mailcourse.cli import main
lab = Lab("two-offices")
alice, bruno = lab.person("alice@academy.test"), lab.person("bruno@bakery.test")
alice.send("bruno@bakery.test", "before", "x")
child = os.fork()
if child == 0:
    try:
        bruno.inbox()
    except Exception as error:
        assert type(error).__name__ == "LabClosed", error
    with Lab("two-offices", name="in the child") as other:
        other.person("alice@academy.test").send("bruno@bakery.test", "inside", "x")
        assert len(other.person("bruno@bakery.test").inbox()) == 1
    sys.exit(7)
began = time.monotonic()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
print(time.monotonic() - began)
alice.send("bruno@bakery.test", "after", "x")
assert [mail.subject for mail in bruno.inbox()] == ["before", "after"]
assert lab.path.exists()
import multiprocessing
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(abs, [-1, -2]) == [1, 2]
assert len(bruno.inbox()) == 2
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_ends_by_itself_and_the_lab_goes_on() -> None:
    done = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert float(done.stdout) < 20
