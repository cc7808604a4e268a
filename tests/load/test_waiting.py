"""Nobody waits for somebody else's letter: the longest wait of a client while others ask for much."""

from __future__ import annotations

import gc
import imaplib
import json
import smtplib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from mailcourse import Lab

HOST, BRUNO = "mail.bakery.test", "bruno@bakery.test"
MB = 1_000_000
#: Keys of one SEARCH; with 1,500 the waits are the same, and the searches take minutes.
KEYS = 200
#: Seconds of this process, which is nearly the clock's where nothing else runs: tests next door are no reason to wait.
MAX_WAIT = 1.0


#: smtplib prepares 10 MB in one step that lets no other thread run, so the senders are programs of their own
SENDER = """
import smtplib, sys
with smtplib.SMTP(sys.argv[1], int(sys.argv[2]), "x.test", timeout=60) as client:
    client.sendmail("a@academy.test", sys.argv[3], b"Subject: x\\r\\n\\r\\n" + b"z\\r\\n" * 3_400_000)
"""


@pytest.fixture(autouse=True, scope="module")
def own_heap() -> Iterator[None]:
    """What thousands of tests have left is no lab's: Python's collector, looking through it, holds up everybody."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@contextmanager
def watched(lab: Lab, name: str) -> Iterator[None]:
    """Ask something small again and again meanwhile: a STATUS, a greeting, a NOOP; say how long the longest took."""
    waits, is_over = [0.0], threading.Event()

    def answered(ask: Callable[[], Any]) -> Any:
        began = time.process_time()
        answer = ask()
        waits.append(time.process_time() - began)
        return answer

    def watch() -> None:
        with imaplib.IMAP4(*lab.endpoint(HOST, 143), timeout=30) as client:
            client.login(BRUNO, lab.person(BRUNO).password)
            while not is_over.is_set():
                answered(lambda: client.status("INBOX", "(MESSAGES)"))
                with answered(lambda: smtplib.SMTP(*lab.endpoint(HOST, 25), "x.test", timeout=30)) as other:
                    answered(other.noop)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join(60)
    print(f"{name}: {len(waits) - 1} answers, the longest after {max(waits) * 1000:.0f} ms of work")
    assert len(waits) > 1, "the watcher must have been at work"
    assert max(waits) < MAX_WAIT, name


def put(lab: Lab, content: list[bytes]) -> None:
    box = lab.accounts[HOST].mailbox(BRUNO)
    box.deliver(content, f"1.m{len(box.scan())}.1.h", lab.clock.now())


def search(lab: Lab, keys: str, heard: list[str]) -> None:
    with imaplib.IMAP4(*lab.endpoint(HOST, 143), timeout=60) as client:
        client.login(BRUNO, lab.person(BRUNO).password)
        client.select("INBOX", readonly=True)
        heard.append(client.search(None, keys)[1][0].decode())


def together(act: Callable[[], None], times: int) -> None:
    threads = [threading.Thread(target=act) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(110)
        assert not thread.is_alive()


LETTERS = {
    "plain": [b"Subject: long\r\n\r\n", b"the quick brown fox jumps over it\r\n" * (9 * MB // 35)],
    "encoded": [
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
        b"die schnelle F=C3=BCchsin springt\r\n" * (9 * MB // 35),
    ],
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("letter", LETTERS)
def test_others_are_answered_while_eight_look_through_nine_megabytes(lab: Lab, letter: str) -> None:
    put(lab, LETTERS[letter])
    keys, heard = " ".join(f"NOT TEXT w{number}" for number in range(KEYS)), list[str]()
    with watched(lab, f"eight SEARCH of {KEYS} keys, {letter}"):
        together(lambda: search(lab, keys, heard), 8)
    assert heard == ["1"] * 8


@pytest.mark.timeout(120)
def test_others_are_answered_while_long_letters_arrive_and_are_read(lab: Lab) -> None:
    lab.configure(HOST, max_octets=20 * MB)
    address, port = lab.endpoint(HOST, 25)

    def arrive() -> None:
        subprocess.run([sys.executable, "-c", SENDER, address, str(port), BRUNO], check=True, timeout=100)

    with watched(lab, "10 MB arrive, four times"):
        together(arrive, 4)
        lab.settle()

    def read() -> None:
        with imaplib.IMAP4(*lab.endpoint(HOST, 143), timeout=60) as client:
            client.login(BRUNO, lab.person(BRUNO).password)
            client.select("INBOX")
            assert len(client.fetch("1", "(ENVELOPE BODYSTRUCTURE BODY.PEEK[])")[1][0][1]) > 10 * MB

    with watched(lab, "10 MB are fetched, four times"):
        together(read, 4)


UGLY = {
    "spaces in From": b"From:" + b" \r\n" * 70_000 + b" a@b.test\r\n\r\nx\r\n",
    "comments": b"From: " + b"(" * 100_000 + b"\r\n\r\nx\r\n",
    "parts": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\n\r\nx\r\n" * 100_000,
    "addresses": b"To: " + b"a@b.test," * 100_000 + b"\r\n\r\nx\r\n",
    "words": b"Subject: " + b"=?utf-8?q?a?= " * 60_000 + b"\r\n\r\nx\r\n",
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", UGLY)
def test_others_are_answered_while_an_ugly_letter_is_read(lab: Lab, name: str) -> None:
    put(lab, [UGLY[name]])

    def read() -> None:
        with imaplib.IMAP4(*lab.endpoint(HOST, 143), timeout=60) as client:
            client.login(BRUNO, lab.person(BRUNO).password)
            client.select("INBOX")
            client.fetch("1", "(ENVELOPE BODYSTRUCTURE)")
            client.search(None, 'FROM "x" SUBJECT "y" TEXT "z"')

    with watched(lab, f"an ugly letter, {name}"):
        together(read, 4)
        lab.person(BRUNO).inbox()


def test_a_search_ends_when_its_client_has_hung_up(lab: Lab) -> None:
    put(lab, LETTERS["plain"])
    client = imaplib.IMAP4(*lab.endpoint(HOST, 143), timeout=30)
    client.login(BRUNO, lab.person(BRUNO).password)
    client.select("INBOX")
    keys = " ".join(f"NOT TEXT w{number}" for number in range(3000))
    client.send(b"A SEARCH " + keys.encode() + b"\r\n")
    await_search(running=True)
    client.shutdown()
    await_search(running=False)


def await_search(*, running: bool) -> None:
    """Wait until some thread searches, or none."""
    end = time.monotonic() + 10
    while any("do_SEARCH" in names(frame) for frame in sys._current_frames().values()) != running:
        assert time.monotonic() < end, "it never began" if running else "it goes on for nobody"


def names(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        yield frame.f_code.co_name
        frame = frame.f_back


@pytest.mark.timeout(120)
def test_a_program_that_is_told_to_end_ends_in_the_middle_of_searches(tmp_path: Path) -> None:
    file = tmp_path / "endpoints.json"
    command = [sys.executable, "-m", "mailcourse.cli", "up", "two-offices", "--endpoints", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert "is up" in program.stdout.readline()
        endpoints = json.loads(file.read_text())
        clients = [imaplib.IMAP4(*endpoints["hosts"][HOST]["143"], timeout=60) for _ in range(9)]
        for client in clients:
            client.login(BRUNO, endpoints["people"][BRUNO])
        clients[8].append("INBOX", "", "", b"".join(LETTERS["encoded"]))
        for client in clients:
            client.select("INBOX", readonly=True)
        for client in clients[:8]:
            client.send(b"A SEARCH " + b" ".join(b"NOT TEXT w%d" % number for number in range(3000)) + b"\r\n")
        clients[8].search(None, "TEXT", "x")  # waits for its turn among the others: they are at work
        began = time.monotonic()
        program.terminate()
        assert program.wait(60) == 0
        assert time.monotonic() - began < 10, "all the searches together take a minute"
        for client in clients:
            client.shutdown()
