"""Postfix's own test pair: smtp-sink receives and fails as it is told, smtp-source sends in bulk.

what the sink does                      what the lab's server makes of it
5xx to MAIL, RCPT, DATA or the dot      a bounce
4xx to them, or a connection that ends  the next mail server if there is one and the host failed, else a later attempt
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from postfix import free_port

from mailcourse import Lab

pytestmark = pytest.mark.interop
Sink = Callable[..., Path]
Attach = Callable[..., None]
WORKER = "worker@factory.test"


@pytest.fixture
def sink(need: Callable[..., str], attach: Attach, tmp_path: Path) -> Iterator[Sink]:
    """Run smtp-sink as a host of the factory; returns the folder where it writes each message into a file."""
    program, running = need("smtp-sink", "postfix"), []

    def sink(*options: str, host: str = "mx.factory.test") -> Path:
        port, folder = free_port(), tmp_path / host
        folder.mkdir()
        user = ["-u", "root"] if os.geteuid() == 0 else []
        command = [program, *user, "-h", host, "-d", f"{folder}/x.", *options, f"127.0.0.1:{port}", "10"]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        _wait_for(port)
        attach(port, host)
        return folder

    yield sink
    for process in running:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("smtp-sink does not listen")


def whole(folder: Path) -> list[bytes]:
    """The messages that the sink has taken; it keeps a file for those that broke off, too."""
    return [file.read_bytes() for file in folder.iterdir() if b"\nSubject: x\n" in file.read_bytes()]


def send(lab: Lab) -> tuple[str, str]:
    status = lab.person("alice@academy.test").send(to=WORKER, subject="x", text=".\nHello\n").status[WORKER]
    return status.state, status.words


TAKEN = ("queued", "handed to mx.factory.test")


@pytest.mark.parametrize(
    "options",
    [[], ["-e"], ["-p"], ["-8"], ["-E"], ["-N"], ["-P"], ["-a", "-C", "-F"]],
    ids=lambda options: " ".join(options) or "all",
)
def test_a_server_with_fewer_extensions_gets_the_message(factory: Lab, sink: Sink, options: list[str]) -> None:
    folder = sink(*options)
    assert send(factory) == TAKEN
    (message,) = whole(folder)
    assert message.endswith(b"\n\n.\nHello\n\n") or message.endswith(b"\n\n.\nHello\n")


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA", "."])
def test_a_refusal_for_good_is_a_bounce(factory: Lab, sink: Sink, command: str) -> None:
    sink("-f", command)
    state, words = send(factory)
    assert state == "bounced"
    assert "mx.factory.test said 500 5.3.0 Error: command failed" in words
    assert len(factory.person("alice@academy.test").inbox()) == 1


@pytest.mark.parametrize("command", ["CONNECT", "EHLO,HELO", "MAIL", "RCPT", "DATA", "."])
def test_a_refusal_for_now_is_another_attempt(factory: Lab, sink: Sink, command: str) -> None:
    sink("-r", command)
    state, words = send(factory)
    assert state == "deferred"
    assert "450 4.3.0 Error: command failed" in words


@pytest.mark.parametrize("option", ["-q", "-Q"])
@pytest.mark.parametrize("command", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."])
def test_a_server_that_ends_the_connection_is_tried_again(factory: Lab, sink: Sink, option: str, command: str) -> None:
    sink(option, command)
    state, words = send(factory)
    assert state == "deferred", words


@pytest.mark.parametrize("option", ["-q", "-Q"])
def test_a_server_that_ends_the_connection_at_quit_has_the_message(factory: Lab, sink: Sink, option: str) -> None:
    folder = sink(option, "QUIT")
    assert send(factory) == TAKEN
    assert len(whole(folder)) == 1


def test_a_server_that_knows_only_helo_gets_the_message(factory: Lab, sink: Sink) -> None:
    folder = sink("-f", "EHLO")
    assert send(factory) == TAKEN
    assert len(whole(folder)) == 1


@pytest.mark.parametrize(
    "options",
    [
        ["-q", "CONNECT"],
        ["-Q", "CONNECT"],
        ["-r", "CONNECT"],
        ["-f", "CONNECT"],
        ["-q", "EHLO"],
        ["-Q", "EHLO"],
        ["-f", "EHLO,HELO"],
        ["-q", "RCPT"],
        ["-q", "DATA"],
    ],
    ids=" ".join,
)
def test_where_the_first_host_fails_the_next_gets_the_message(factory: Lab, sink: Sink, options: list[str]) -> None:
    factory.zone("factory.test").add("@ MX 20 mx2")
    first, second = sink(*options), sink(host="mx2.factory.test")
    assert send(factory) == ("queued", "handed to mx2.factory.test")
    assert (len(whole(first)), len(whole(second))) == (0, 1)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA", "."])
def test_where_the_first_host_refuses_the_message_the_next_is_not_asked(factory: Lab, sink: Sink, command: str) -> None:
    factory.zone("factory.test").add("@ MX 20 mx2")
    sink("-f", command)
    second = sink(host="mx2.factory.test")
    assert send(factory)[0] == "bounced"
    assert whole(second) == []


def test_a_server_that_does_not_wait_for_the_dot_loses_no_message(factory: Lab, sink: Sink) -> None:
    """It says 550 to the first line and hangs up: whether that is heard depends on who is quicker."""
    sink("-A", "0")
    state, words = send(factory)
    assert state in ("bounced", "deferred"), words
    assert (len(factory.person("alice@academy.test").inbox()), len(factory.queue("mail.academy.test").rows)) == (
        (1, 0) if state == "bounced" else (0, 1)
    )


def test_what_waits_arrives_once_the_server_is_well(factory: Lab, sink: Sink, attach: Attach, tmp_path: Path) -> None:
    sink("-r", "RCPT")
    assert send(factory)[0] == "deferred"
    second = sink(host="mx2.factory.test")
    real = factory.endpoint("mx2.factory.test", 25)[1]
    attach(real)  # the same host, mended
    factory.clock.advance(hours=1)
    assert len(whole(second)) == 1


@pytest.mark.parametrize("size", ["100", "20000"])
def test_twenty_senders_at_once_lose_nothing(factory: Lab, need: Callable[..., str], size: str) -> None:
    address, real = factory.endpoint("mx1.bakery.test", 25)
    many = ["-s", "20", "-m", "200", "-l", size, "-f", "a@client.example", "-t", "bruno@bakery.test", "-S", "bulk"]
    told = subprocess.run(
        [need("smtp-source", "postfix"), *many, "-M", "client.example", f"{address}:{real}"],
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert (told.returncode, told.stderr) == (0, "")
    inbox = factory.person("bruno@bakery.test").inbox()
    assert [mail.subject for mail in inbox] == ["bulk"] * 200
    assert len(factory.queue("mx1.bakery.test").rows) == 0
