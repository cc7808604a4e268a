"""Servers that answer under the name of another: does a function hand them a password?

    call_a_false_server(case)        another lab, whose CA nobody trusts
    call_under_another_name(case)    a server of the lab, whose certificate is for its own name

Who uses it: tasks/a06_submission.py.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from mailcourse.internet.tap import Tap
from mailcourse.views import Lab

from .remote_names import Endpoints
from .task import Case, Stopped

#: the part of the task that these calls decide
IMPOSTOR_PART = "a false server learns nothing"


def said_outside(tap: Tap) -> bytes:
    """What clients from outside said, as it passed on the link."""
    return b"".join(packet.data for packet in tap.packets if packet.from_client and packet.source == "outside")


def call_a_false_server(case: Case) -> None:
    """Let another lab, with another CA, answer under the server's name."""
    with case.world.open(name=f"false {id(case)}") as other:  # the same names, another CA
        is_seen = _sees_login(case, other, case.lab().ca, other.endpoints()["hosts"])
        connected = any(event.what == "connected" for event in other.trace)
    case.expect(
        IMPOSTOR_PART,
        connected and not is_seen,
        "no login at a server whose certificate is not signed by the CA",
        "the password was sent to it"
        if is_seen
        else "your function did not even connect to the server that it was told",
    )


def call_under_another_name(case: Case) -> None:
    """Let another server, with a certificate of the CA for its own name, answer under the server's name."""
    lab, world = case.lab(), case.world
    hosts = lab.endpoints()["hosts"]
    is_seen = _sees_login(case, lab, lab.ca, {**hosts, world.school_server: hosts[world.home]})
    case.expect(
        IMPOSTOR_PART,
        not is_seen,
        "no login at a server whose certificate is for another name",
        f"{world.home} answered in place of {world.school_server}, and the password was sent to it",
    )


def _sees_login(case: Case, lab: Lab, ca: Path, hosts: Endpoints) -> bool:
    """Call the function with the names of `hosts`, and say whether a server of `lab` got to see a login."""
    arguments = (case.world.school_server, ca, case.world.person("alice"), "secret", "x@y.test", "Submitted")
    with lab.tap() as tap, suppress(Stopped):  # an error is right: it refused to go on
        case.ask(arguments, 10, hosts)
    return any(e.what in ("login-failed", "logged-in") for e in lab.trace) or b"AUTH" in said_outside(tap).upper()
