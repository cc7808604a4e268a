"""We and Dovecot answer the same to the same, or it is known why not."""

from __future__ import annotations

import re
from typing import Any

import pytest
from answers import values
from differences import DIFFERENT
from dovecot import Dovecot
from rawimap import Imap, Pop3
from scripts import POP3, SCRIPTS, SIMPLE

from mailcourse import Lab

OURS = "mail.academy.test"


def user_of(script: str) -> str:
    """A mailbox of its own for each script."""
    return f"{re.sub('[^a-z0-9]', '-', script.lower())}@academy.test"


def said(script: str, command: str, answers: tuple[bytes, bytes]) -> tuple[Any, Any]:
    """Return what is compared."""
    first, second = (values(answer) for answer in answers)
    if script.startswith("wrong"):
        return first.get("done"), second.get("done")
    return first, second


def known(key: str) -> str:
    """Return why it is known that a command of a script is answered differently; empty when it is not known."""
    command = key.partition(": ")[2]
    return DIFFERENT.get(key) or DIFFERENT.get(command, "")


class Pair:
    """A session with each server, and a second one when a script wants it."""

    def __init__(self, ports: tuple[int, int], users: tuple[str, str], password: str) -> None:
        self._ports, self._users, self._password = ports, users, password
        self._open: dict[str, tuple[Imap, Imap]] = {}

    def do(self, command: str) -> tuple[bytes, bytes]:
        """Say the same to both."""
        who, _, what = command.rpartition("B: ")
        key = "second" if who or command.startswith("B: ") else "first"
        if key not in self._open:
            self._open[key] = tuple(  # type: ignore[assignment]
                Imap(port, 10).log_in(user, self._password) for port, user in zip(self._ports, self._users, strict=True)
            )
        ours, theirs = self._open[key]
        return ours.do(what), theirs.do(what)

    def fill(self, messages: list[bytes]) -> None:
        """Put messages into both inboxes."""
        for number, message in enumerate(messages):
            for port, user in zip(self._ports, self._users, strict=True):
                with Imap(port, 10).log_in(user, self._password) as client:
                    client.append("INBOX", message, f'"0{5 + number % 5}-Sep-2026 12:00:00 +0200" ')

    def close(self) -> None:
        """Hang up."""
        for clients in self._open.values():
            for client in clients:
                client.close()


@pytest.mark.parametrize("script", SCRIPTS)
def test_both_servers_answer_the_same(script: str, lab: Lab, dovecot: Dovecot) -> None:
    messages, commands = SCRIPTS[script]
    ports = lab.endpoint(OURS, 143)[1], dovecot.imap
    pair = Pair(ports, (dovecot.user, user_of(script)), dovecot.password)
    try:
        pair.fill(messages)
        found = {}
        for command in commands:
            answers = pair.do(command)
            ours, theirs = said(script, command, answers)
            if ours != theirs:
                found[f"{script}: {command}"] = f"\n  ours    {answers[0]!r}\n  Dovecot {answers[1]!r}"
    finally:
        pair.close()
    reasons = {key: known(key) for key in found}
    assert all(reasons.values()), "".join(f"\n{key}{found[key]}" for key, reason in reasons.items() if not reason)


def test_both_pop3_servers_answer_the_same(lab: Lab, dovecot: Dovecot) -> None:
    ports = lab.endpoint(OURS, 110)[1], dovecot.pop3
    users = dovecot.user, "pop3@academy.test"
    Pair((lab.endpoint(OURS, 143)[1], dovecot.imap), users, dovecot.password).fill(SIMPLE)
    with Pop3(ports[0], 10) as ours, Pop3(ports[1], 10) as theirs:
        for client, user in zip((ours, theirs), users, strict=True):
            client.do(f"USER {user}")
            assert client.do(f"PASS {dovecot.password}").startswith(b"+OK")
        for command in POP3:
            many = command == "LIST" or command.startswith(("RETR", "TOP"))
            first, second = (client.do(command, many=many) for client in (ours, theirs))
            if many or not command.startswith(("STAT", "LIST")):  # what stands behind +OK is for people
                first, second = (re.sub(rb"^(\+OK|-ERR)[^\r]*", rb"\1", answer) for answer in (first, second))
            first, second = (re.sub(rb"^-ERR[^\r]*", b"-ERR", answer) for answer in (first, second))
            assert first == second, command
