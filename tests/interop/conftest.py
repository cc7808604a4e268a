"""What the tests with real programs share: the factory's world, Postfix, Dovecot, and waiting with an end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
from dovecot import Dovecot, program
from postfix import Postfix

from mailcourse import Lab

T = TypeVar("T")


@pytest.fixture
def factory(make_lab: Callable[..., Lab]) -> Lab:
    """The two offices, and a factory whose mail servers are missing: a test attaches a real program."""
    return make_lab(Path(__file__).with_name("factory.toml"))


@pytest.fixture
def attach(factory: Lab) -> Callable[..., None]:
    """Let a program on a port of 127.0.0.1 serve port 25 of a host of the factory."""

    def attach(port: int, host: str = "mx.factory.test") -> None:
        factory.runtime.call(lambda: factory.internet.attach(factory.host(host), 25, port))

    return attach


@pytest.fixture
def postfix(need: Callable[..., str]) -> Iterator[Callable[..., Postfix]]:
    """Start a Postfix with these lines of main.cf; it is stopped at the end."""
    need("postfix")
    if os.geteuid() != 0:
        pytest.skip("Postfix changes to users of its own, and only root may (sudo -E make test)")
    with ExitStack() as running:

        def start(*settings: str, **named: Any) -> Postfix:
            return running.enter_context(Postfix(*settings, **named))

        yield start


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    """A Dovecot for all tests of a file."""
    if program() is None:
        pytest.skip("dovecot is not installed (Debian: apt install dovecot-imapd dovecot-pop3d)")
    with Dovecot() as running:
        yield running


@pytest.fixture
def until() -> Callable[[Callable[[], T]], T]:
    """Look again and again until there is something, for 20 seconds at most."""

    def until(look: Callable[[], T]) -> T:
        end = time.monotonic() + 20
        while not (found := look()):
            assert time.monotonic() < end, "nothing came in 20 seconds"
            time.sleep(0.02)
        return found

    return until
