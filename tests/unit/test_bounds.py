"""Whatever a student's function does, the notebook goes on and a sentence says what happened."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from mailcourse import Lab
from mailcourse.checks import NotYet, begin, bounds, check
from mailcourse.checks.parcel import MAX_CHARACTERS, pack, unpack
from mailcourse.checks.state import restore
from mailcourse.checks.task import Function, Stopped
from mailcourse.internet.errors import LabError


def forever(_: int) -> None:
    while True:
        pass


def stubborn(_: int) -> None:
    while True:
        with suppress(BaseException):
            time.sleep(0.01)


def waits(_: int) -> bytes:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        return client.recv(1)


def leaves_a_thread(_: int) -> int:
    threading.Thread(target=time.sleep, args=(3,), daemon=True).start()
    return 1


@pytest.mark.parametrize("function", [forever, stubborn, waits])
def test_a_function_without_an_end_is_ended(function: Callable[[int], Any]) -> None:
    began = time.monotonic()
    came = bounds.call(function, [1], 0.3, {})
    assert "did not end within 0.3 seconds" in came.failed
    assert came.late
    assert time.monotonic() - began < 3


def test_nothing_of_the_bell_stays() -> None:
    before = sys.gettrace(), signal.getsignal(signal.SIGINT), threading.active_count()
    for _ in range(10):
        assert bounds.call(stubborn, [1], 0.02, {}).late
    assert (sys.gettrace(), signal.getsignal(signal.SIGINT), threading.active_count()) == before


def test_a_bell_that_rings_without_a_pause_never_rings_outside_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sys.gettrace(), signal.getsignal(signal.SIGINT), threading.active_count()
    monkeypatch.setattr(bounds, "AGAIN", 0)
    for _ in range(100):
        assert bounds.call(stubborn, [1], 0.002, {}).late
        assert (sys.gettrace(), signal.getsignal(signal.SIGINT), threading.active_count()) == before


def test_what_a_function_raises_is_told_with_its_line() -> None:
    came = bounds.call(lambda _: 1 / 0, [1], 5, {})
    assert "Your function stopped with ZeroDivisionError: division by zero, in line" in came.failed


@pytest.mark.parametrize("leave", [sys.exit, lambda _: exec("raise SystemExit")])
def test_exit_does_not_end_the_notebook(leave: Callable[[int], Any]) -> None:
    assert "called exit()" in bounds.call(leave, [0], 5, {}).failed


def test_a_megabyte_of_output_is_counted_and_not_kept(capsys: pytest.CaptureFixture[str]) -> None:
    came = bounds.call(lambda _: print("x" * 10**6), [1], 5, {})
    assert not came.failed
    assert came.notes
    assert capsys.readouterr().out == ""


def test_threads_that_stay_are_counted() -> None:
    came = bounds.call(leaves_a_thread, [1], 5, {})
    assert came.value == 1
    assert "left 1 thread running" in " ".join(came.notes)


def test_the_names_of_a_lab_are_there_inside_only(lab: Lab) -> None:
    endpoints = lab.endpoints()["hosts"]

    def greet(host: str, port: int) -> bytes:
        with socket.create_connection((host, port), timeout=5) as connection:
            return connection.recv(3)

    assert bounds.call(greet, ["mx1.bakery.test", 25], 5, endpoints).value == b"220"
    assert "nothing listens on port 99" in bounds.call(greet, ["mx1.bakery.test", 99], 5, endpoints).failed
    assert "there is no 'mx9.bakery.test' here" in bounds.call(greet, ["mx9.bakery.test", 25], 5, endpoints).failed
    assert socket.create_connection.__module__ == "socket"


@pytest.mark.parametrize("value", [None, True, 3, "é", b"\xff\0", [1, [2]], {"a": {1: 2}}, {1, 2}])
def test_answers_cross_as_they_are(value: object) -> None:
    assert unpack(pack(value)) == value


def test_what_cannot_cross_says_so(lab: Lab) -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value, words in (
        (endless, "lists within lists"),
        (object(), "is no answer"),
        ("x" * (MAX_CHARACTERS + 1), "too big"),
    ):
        with pytest.raises(Stopped, match=words):
            pack(value)
    assert unpack(pack(forever)) == Function("forever")


def test_a_lab_crosses_as_what_was_set_in_it(make_lab: Callable[..., Lab]) -> None:
    lab, other = make_lab("two-offices"), make_lab("two-offices")
    lab.zone("bakery.test").remove("@", "MX").add("@ MX 5 mx2")
    lab.configure("relay.carrier.test", networks=["192.0.2.0/24"])
    lab.alias("info@bakery.test", "bea@bakery.test")
    lab.person("bruno@bakery.test").forward("amir@academy.test")
    lab.host("mx1.bakery.test").close_port(25)
    lab.host("ns.carrier.test").down()
    restore(other, unpack(pack(lab)))
    assert other.zone("bakery.test").text == lab.zone("bakery.test").text
    assert repr(other.settings("relay.carrier.test")) == repr(lab.settings("relay.carrier.test"))
    assert other.aliases("bakery.test") == lab.aliases("bakery.test")
    assert not other.host("mx1.bakery.test").is_listening(25)
    assert not other.host("ns.carrier.test").is_up


def test_a_closed_lab_says_what_to_run(lab: Lab) -> None:
    lab.close()
    with pytest.raises(Stopped, match="The lab was closed"):
        pack(lab)


def test_nobody_begins_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAILCOURSE_STUDENT", "JUPYTERHUB_USER"):
        monkeypatch.delenv(name, raising=False)
    for wrong in ("", "  ", "x" * 100, 5):
        with pytest.raises(LabError, match="Write your name between the quotes"):
            begin("02-dns", wrong)  # type: ignore[arg-type]
    monkeypatch.setenv("JUPYTERHUB_USER", "ana")
    assert begin("02-dns", "").world.name == "ana"
    with pytest.raises(LabError, match="There is no assignment '09-x'"):
        begin("09-x", "Ana")


def test_a_check_raises_with_the_verdict_and_shows_no_code() -> None:
    begin("01-addresses", "Ana")
    with pytest.raises(NotYet) as raised:
        check("01-addresses", "same", lambda a, b: 5)
    lines = raised.value._render_traceback_()
    assert lines[0].startswith("The same mailbox?: 0 of 4 points")
    assert not any("Traceback" in line for line in lines)
    points = check("01-addresses", "same", lambda a, b: a.lower() == b.lower())
    assert (float(points), repr(points)) == (2.0, "2.0")
    assert "✔ passed" in points._repr_html_()
