"""Probes: letters that are sent through what somebody built, and the first place where they got no further.

    probe(lab, "alice@college.test", "bruno@florist.test")   ─►  arrived?  and if not: which host said what
    answers(lab, "mx1.florist.test", "RCPT TO:<…>")          ─►  what a server says to each line
    spoken(lab, laptop, server, ["EHLO me", …, "DATA", …, "."])  ─►  a whole dialogue, the message in it

Who uses it: the tasks of the exercises.
"""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedReader

from mailcourse.internet.errors import LabError
from mailcourse.views import Lab, Sent

#: events at which a letter gets no further, and the sentence that tells why
ENDS = ("refused", "failed", "deferred", "unreachable", "login-failed")


@dataclass(frozen=True)
class Probe:
    """What came of one letter: the hosts it passed, and where it ended."""

    arrived: bool
    hosts: tuple[str, ...]
    story: str
    sent: Sent | None = None


def probe(lab: Lab, sender: str, recipient: str, subject: str = "A probe", hours: float = 0) -> Probe:
    """Send a letter, let `hours` pass, and tell what came of it."""
    try:
        sent = lab.person(sender).send(recipient, subject, "Is anybody there?")
    except (LabError, OSError) as error:
        return Probe(False, (), f"the letter could not be sent: {error}")
    lab.settle()
    if hours:
        lab.clock.advance(hours=hours)
    events = sent.events
    arrived = any(event.what == "delivered" and event.message == sent.message for event in events)
    hosts = tuple(dict.fromkeys(e.host for e in events if e.what == "accepted" and e.message == sent.message))
    return Probe(arrived, hosts, _arrived(sent, hosts) if arrived else story(sent), sent)


def _arrived(sent: Sent, hosts: tuple[str, ...]) -> str:
    box = next(e for e in sent.events if e.what == "delivered" and e.message == sent.message)
    return f"it went over {', '.join(hosts)} into the mailbox of {box.facts['mailbox']}"


def mailboxes(sent: Sent | None) -> list[str]:
    """Return the mailboxes in which a letter is; a bounce is another message."""
    if sent is None:
        return []
    return [e.facts["mailbox"] for e in sent.events if e.what == "delivered" and e.message == sent.message]


def story(sent: Sent) -> str:
    """Tell at which host a letter got no further first, and why; with what the DNS said when it was asked in vain."""
    own = [event for event in sent.events if event.message == sent.message]
    end = next((event for event in own if event.what in ENDS), None)
    if end is None:
        last = [event for event in own if event.what in ("accepted", "relayed")]
        return f"the letter stopped: {last[-1].sentence()}" if last else "no server took the letter"
    asked = [e for e in own if e.what == "answered" and not e.facts["answers"] and e.seq < end.seq]
    return end.sentence() + (f" (before: {asked[-1].sentence()})" if asked else "")


def answers(lab: Lab, host: str, *lines: str, port: int = 25) -> list[str]:
    """Say lines to a server by SMTP, and return its replies: "250 2.1.5 …", the greeting not among them."""
    client = smtplib.SMTP(local_hostname="client.example", timeout=10)
    client.connect(*lab.endpoint(host, port))
    try:
        said = []
        for line in lines:
            code, text = client.docmd(line)
            said.append(f"{code} {text.decode('utf-8', 'replace')}")
        return said
    except smtplib.SMTPServerDisconnected:
        return [*said, "the server closed the connection"]
    finally:
        client.close()


def spoken(lab: Lab, source: str, host: str, lines: Sequence[str]) -> list[tuple[str, str]]:
    """Say lines to port 25 of a server as somebody who types; return each with the reply ("" inside a message)."""
    connection = lab.host(source).dial(lab.host(host).addresses[0], 25, 10.0)
    said: list[tuple[str, str]] = []
    with connection, connection.makefile("rb") as heard:
        _reply(heard)
        in_message = False
        for line in lines:
            try:
                connection.sendall(line.encode("utf-8", "replace") + b"\r\n")
                reply = "" if in_message and line != "." else _reply(heard)
            except OSError:
                reply = ""
            if not reply and not (in_message and line != "."):
                return [*said, (line, "(the server closed the connection)")]
            said.append((line, reply))
            in_message = reply.startswith("354") or (in_message and line != ".")
    return said


def rcpt_reply(lab: Lab, source: str, host: str, recipient: str) -> str:
    """Return what a server says to RCPT when somebody at `source` asks; or that it does not answer."""
    try:
        lines = [f"EHLO {source}", "MAIL FROM:<x@spam.example>", f"RCPT TO:<{recipient}>"]
        return spoken(lab, source, host, lines)[-1][1]
    except OSError as error:
        return f"nothing: {error}"


def _reply(heard: BufferedReader) -> str:
    lines = []
    for octets in heard:
        lines.append(octets.decode("utf-8", "replace").rstrip("\r\n"))
        if lines[-1][3:4] != "-":
            break
    return lines[-1] if lines else ""
