"""What a host's log says, in the shape of Postfix's and Dovecot's lines."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mailcourse import Lab
from mailcourse.host_log import MAX_REMEMBERED, log_lines
from mailcourse.internet.errors import LabError, UnknownName
from mailcourse.internet.trace import EVENTS, Event

ALICE, BRUNO, AMIR = "alice@academy.test", "bruno@bakery.test", "amir@academy.test"
SENDING, MX1, MAILBOX = "mail.academy.test", "mx1.bakery.test", "mail.bakery.test"
#: RFC 3164 §4.1.2: month, day padded with a space, time; then the host, a program with its process, a text
SYSLOG = re.compile(r"[A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d [\w-]+ [\w/().@: -]+?(\[\d+\])?: \S.*")


def texts(lab: Lab, host: str, word: str) -> list[str]:
    """Return the log's lines that contain a word, without their time."""
    return [line[16:] for line in lab.log(host) if word in line]


def test_a_letter_leaves_the_lines_that_postfix_writes(lab: Lab) -> None:
    lab.person(ALICE).send(to=BRUNO, subject="x", text="y")
    lab.settle()
    lines = lab.log(MX1)
    assert all(SYSLOG.fullmatch(line) for line in lines)
    queue_id = next(e.facts["queue_id"] for e in lab.trace if e.what == "accepted" and e.host == MX1)
    steps = [line.partition(f"{queue_id}: ")[2].partition("=")[0] for line in lines if f"{queue_id}: " in line]
    assert steps == ["client", "message-id", "from", "to", "removed"]
    assert lines[0] == "Sep  7 08:00:00 mx1 postfix/smtpd[201]: connect from mail.academy.test[192.0.2.25]"
    assert (
        "relay=mail.bakery.test[198.51.100.25]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0"
        in texts(lab, MX1, " to=")[0]
    )
    assert "status=sent (delivered to maildir)" in lab.log(MAILBOX)[-2]


def test_who_logged_in_to_send_is_named(lab: Lab) -> None:
    lab.person(ALICE).send(to=AMIR, subject="x", text="y")
    lab.settle()
    (line,) = texts(lab, SENDING, "sasl_username")
    assert line.startswith("mail postfix/submission/smtpd[202]: ")
    assert line.endswith("client=laptop.academy.test[192.0.2.10], sasl_method=PLAIN, sasl_username=alice@academy.test")


def test_a_delay_counts_from_when_the_message_came(lab: Lab) -> None:
    lab.host(MAILBOX).close_port(25)
    lab.person(ALICE).send(to=BRUNO, subject="x", text="y")
    lab.settle()
    lab.host(MAILBOX).open_port(25)
    lab.clock.advance(minutes=6)
    first, second = texts(lab, MX1, " to=<bruno")
    assert "relay=none, delay=0," in first
    assert first.endswith("status=deferred (connect to mail.bakery.test[198.51.100.25]:25: Connection refused)")
    assert "delay=300, delays=300/0/0/0, dsn=2.0.0, status=sent" in second


@pytest.mark.parametrize(
    ("say", "dsn", "status"), [("450 4.2.1 busy", "4.2.1", "deferred"), ("554 5.7.1 no", "5.7.1", "bounced")]
)
def test_both_sides_log_a_refusal(lab: Lab, say: str, dsn: str, status: str) -> None:
    lab.fault(MX1, "reply", at="RCPT", say=say)
    lab.person(ALICE).send(to=BRUNO, subject="x", text="y")
    lab.settle()
    (rejected,) = texts(lab, MX1, "NOQUEUE: reject: RCPT from mail.academy.test[192.0.2.25]: ")
    assert (
        f"{say[:9]} <bruno@bakery.test>: Recipient address rejected: {say[10:]}; from=<alice@academy.test> " in rejected
    )
    (ended,) = texts(lab, SENDING, f"status={status}")
    assert f"relay=mx1.bakery.test[198.51.100.21]:25, delay=0, delays=0/0/0/0, dsn={dsn}," in ended
    assert ended.endswith(f"(host mx1.bakery.test[198.51.100.21] said: {say})")


def test_a_bounce_is_named_before_it_is_queued(lab: Lab) -> None:
    lab.person(ALICE).send(to="nobody@bakery.test", subject="x", text="y")
    lab.settle()
    lines = lab.log(SENDING)
    place = next(n for n, line in enumerate(lines) if "sender non-delivery notification" in line)
    report = lines[place].rsplit(" ", 1)[1]
    assert "status=bounced (host mx1.bakery.test[198.51.100.21] said: 550 5.1.1" in lines[place - 2]
    assert lines[place - 1].endswith(": removed")
    assert f"{report}: from=<>, size=" in lines[place + 1]


def test_log_ins_are_logged_as_dovecot_does(lab: Lab) -> None:
    bruno = lab.person(BRUNO)
    bruno.inbox()
    bruno.password = "wrong"
    with pytest.raises(LabError, match=r"bruno@bakery\.test in: \[AUTHENTICATIONFAILED\]"):
        bruno.inbox()
    came, refused = texts(lab, MAILBOX, "imap-login")
    assert came.startswith(
        "mail dovecot: imap-login: Login: user=<bruno@bakery.test>, method=PLAIN, rip=198.51.100.10,"
    )
    assert "auth failed" in refused


def test_no_line_gives_away_a_fault_or_a_password(lab: Lab) -> None:
    lab.fault(MX1, "slow", seconds=0.01)
    bruno = lab.person(BRUNO)
    bruno.reads_by = "clear"
    bruno.fetch("pop3")
    bruno.send(to=ALICE, subject="x", text="y")
    lab.settle()
    heard = "\n".join(repr(lab.log(host)) for host in lab.accounts)
    assert bruno.password not in heard
    assert "fault" not in heard
    assert "slow" not in heard


def test_the_same_actions_leave_the_same_log() -> None:
    logs = []
    for _ in range(2):
        with Lab("two-offices", name="log") as lab:
            lab.person(ALICE).send(to=[BRUNO, "nobody@bakery.test"], subject="x", text="y")
            lab.person(BRUNO).inbox()
            logs.append([repr(lab.log(host)) for host in (SENDING, MX1, MAILBOX)])
    assert logs[0] == logs[1]


def test_a_host_without_a_mail_server_has_no_such_log(lab: Lab) -> None:
    for host in ("ns.bakery.test", "nowhere.test"):
        with pytest.raises(UnknownName, match=r"mail\.bakery\.test"):
            lab.log(host)


def test_nothing_that_a_client_says_makes_a_second_line_or_steers_a_terminal(lab: Lab) -> None:
    event = next(iter(lab.trace), None)
    when = lab.clock.now()
    assert event is None or event.time == when
    facts = {"session": 1, "peer": "x.test", "address": "192.0.2.9", "port": 25, "service": "smtp"}
    events = [Event(1, when, MX1, "mta", "connected", "m1", facts)]
    for side, line in (("C", "HELO \x1b[2J\u202e\nSep"), ("C", "RCPT TO:<a\x00b>"), ("S", "550 5.1.1 no")):
        said = {"session": 1, "side": side, "line": line, "secret": False}
        events.append(Event(2, when, MX1, "mta", "said", "m1", said))
    lines = log_lines(events, MX1, {})
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


def test_what_a_log_remembers_is_bounded(lab: Lab) -> None:
    when = lab.clock.now()
    facts = dict.fromkeys(EVENTS["connected"][0], "x")
    events = [
        Event(n, when, MX1, "mta", "connected", f"m{n}", {**facts, "session": n}) for n in range(MAX_REMEMBERED * 2)
    ]
    assert len(log_lines(events, MX1, {})) == MAX_REMEMBERED * 2


def test_logs_are_written_into_files_while_a_lab_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mailcourse.cli", "up", "two-offices", "--clock", "still", "--logs", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert "is up" in program.stdout.readline()
        program.send_signal(signal.SIGTERM)
        assert program.wait(20) == 0
    assert {path.name for path in tmp_path.iterdir()} >= {"mail.academy.test.log", "mx1.bakery.test.log"}


def test_files_have_the_lines_that_the_lab_shows(lab: Lab, tmp_path: Path) -> None:
    lab.log_to(tmp_path / "logs")
    lab.person(ALICE).send(to=BRUNO, subject="x", text="y")
    lab.settle()
    for host in (SENDING, MX1, MAILBOX):
        assert (tmp_path / "logs" / f"{host}.log").read_text().splitlines() == lab.log(host)
