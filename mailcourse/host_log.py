"""What a host's programs wrote into its log, in the shape of Postfix's and Dovecot's lines.

    Sep  7 08:00:00 mx1 postfix/smtpd[201]: connect from mail.academy.test[192.0.2.25]
    Sep  7 08:00:00 mx1 postfix/qmgr[102]: RT665YSV: from=<alice@academy.test>, size=608, nrcpt=1 (queue active)

Made from the trace: an administrator reads this, and only in a lab can one look behind it.  A line says what that
program knows, so no line tells of a fault, nor of another host.  The numbers of processes stand for the programs and
never change.  Knows events; does not know servers.  Who uses it: `lab.log(host)`, `mailcourse up --logs`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from pathlib import Path
from typing import TypeVar

from mailcourse.internet.disk import make_private
from mailcourse.internet.trace import Event

Key = TypeVar("Key")
Value = TypeVar("Value")
# syslog writes English months, whatever the language of the machine
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
PROCESSES = {
    "postfix/qmgr": 102,
    "postfix/smtpd": 201,
    "postfix/submission/smtpd": 202,
    "postfix/submissions/smtpd": 203,
    "postfix/lmtpd": 204,
    "postfix/cleanup": 205,
    "policyd-spf": 206,
    "opendkim": 207,
    "openarc": 208,
    "opendmarc": 209,
    "postfix/smtp": 301,
    "postfix/local": 302,
    "postfix/bounce": 303,
    "postfix/postsuper": 304,
}
#: service in the trace → the program that serves it
SMTPD = {"submission": "postfix/submission/smtpd", "submissions": "postfix/submissions/smtpd", "lmtp": "postfix/lmtpd"}
CHECKERS = {"spf": "policyd-spf", "dkim": "opendkim", "arc": "openarc", "dmarc": "opendmarc"}
#: what a report is called, by the last word of its kind in the trace
REPORTS = {"bounce": "sender non-delivery notification", "warning": "sender delay notification"}
STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
SAID = re.compile(r"[\w.-]+ said ")
#: what is refused by policy; 50x are mistakes of a client, which Postfix counts and does not log
REFUSAL = re.compile(r"[45][1-9]\d[ -]")
STAGES = {"MAIL": "MAIL", "RCPT": "RCPT", "DATA": "END-OF-MESSAGE", ".": "END-OF-MESSAGE"}
PATH = re.compile(r"(?i)(?:MAIL FROM|RCPT TO):(<[^>]*>)")
MAX_REMEMBERED = 5000
REASONS = {"connection refused": "Connection refused", "no answer": "Connection timed out"}
MESSAGE_ID = re.compile(r"(?im)^Message-ID:\s*(<[^>]*>)")


class HostLog(list[str]):
    """The lines of a log, oldest first; prints as a log does, ready to be copied."""

    def __repr__(self) -> str:
        return "\n".join(self) or "(the log is empty)"

    def _repr_html_(self) -> str:
        style = "text-align:left;overflow-x:auto;white-space:pre"
        return f'<pre style="{style}">{escape(repr(self))}</pre>'


@dataclass
class _Session:
    """What a server knows of a client that is connected."""

    peer: str
    address: str
    service: str
    helo: str = ""
    sender: str = "<>"
    recipient: str = ""
    verb: str = ""  # the last command
    person: str = ""

    @property
    def client(self) -> str:
        return f"{self.peer}[{self.address}]"

    @property
    def program(self) -> str:
        return SMTPD.get(self.service, "postfix/smtpd")


@dataclass
class _Queued:
    """A message in the queue of this host."""

    queue_id: str
    since: datetime
    waiting: set[str] = field(default_factory=set)

    def waited(self, now: datetime) -> str:
        """How long it took since it came: all of it waiting, none of it connecting and sending."""
        seconds = int((now - self.since).total_seconds())
        return f"delay={seconds}, delays={seconds}/0/0/0"


def log_lines(events: Iterable[Event], host: str, addresses: Mapping[str, str]) -> HostLog:
    """Return what the programs of `host` logged; `addresses` are those of hosts by name."""
    writer = _Writer(host, addresses)
    return HostLog(line for event in events for line in writer.write(event))


def log_to_files(folder: Path, addresses: Mapping[str, str], hosts: Iterable[str]) -> Callable[[Event], None]:
    """Make a file for each host in `folder`, and return what writes events into them as they come."""
    make_private(folder)
    writers = [(folder / f"{host}.log", _Writer(host, addresses)) for host in hosts]
    for file, _ in writers:
        file.touch(0o600)

    alone = threading.Lock()  # servers, cells and workers all make events

    def write(event: Event) -> None:
        with alone, suppress(OSError):  # a log that cannot be written stops no mail
            for file, writer in writers:
                if lines := list(writer.write(event)):
                    with file.open("a", encoding="utf-8") as opened:
                        opened.write("".join(f"{line}\n" for line in lines))

    return write


def _rejected(session: _Session, reply: str) -> str:
    code, (status, _, why) = reply[:3], reply[4:].partition(" ")
    is_recipient = session.verb == "RCPT"
    whom = f" {session.recipient}: Recipient address rejected:" if is_recipient else ""
    to = f" to={session.recipient}" if session.recipient else ""
    return (
        f"NOQUEUE: reject: {STAGES[session.verb]} from {session.client}: {code} {status}{whom} {why}; "
        f"from={session.sender}{to} proto=ESMTP helo=<{session.helo}>"
    )


class _Recent(dict[Key, Value]):
    """A table that forgets its oldest entries: a lab may run for a week."""

    def __setitem__(self, key: Key, value: Value) -> None:
        self.pop(key, None)
        super().__setitem__(key, value)
        if len(self) > MAX_REMEMBERED:
            del self[next(iter(self))]


class _Writer:
    """Goes through the events once, and remembers what the lines to come will name."""

    def __init__(self, host: str, addresses: Mapping[str, str]) -> None:
        self._host, self._addresses = host, addresses
        self._sessions = _Recent[object, _Session]()
        self._queued = _Recent[str | None, _Queued]()
        self._ids = _Recent[str | None, str]()  # message → its Message-ID
        self._reported = _Recent[str | None, str]()  # report → the queue id of what it reports about, and its kind
        self._unreached = _Recent[str | None, str]()  # message → why no host could be reached just before
        self._met = _Recent[str | None, str]()  # message → the host that was reached just before

    def write(self, event: Event) -> Iterator[str]:
        """Yield the lines that an event left in the log."""
        if event.what == "composed" and (found := MESSAGE_ID.search(str(event.facts["header"]))):
            self._ids[event.message] = found[1]
        if event.what == "connected" and event.facts["peer"] == self._host:
            self._met[event.message] = event.host
        if event.host != self._host or event.role not in LINES:
            return
        act = LINES[event.role].get(event.what)
        if act is None:
            return
        when = event.time
        stamp = f"{MONTHS[when.month - 1]} {when.day:>2} {when:%H:%M:%S} {self._host.split('.')[0]}"
        for program, text in act(self, event):
            process = f"[{PROCESSES[program]}]" if program in PROCESSES else ""
            printable = "".join(sign if sign.isprintable() else "?" for sign in text)  # as Postfix does
            yield f"{stamp} {program}{process}: {printable}"

    # ---- Postfix ---------------------------------------------------------------------------------------

    def _connected(self, event: Event) -> Iterator[tuple[str, str]]:
        facts = event.facts
        session = _Session(facts["peer"], facts["address"], facts["service"])
        self._sessions[facts["session"]] = session
        yield session.program, f"connect from {session.client}"

    def _said(self, event: Event) -> Iterator[tuple[str, str]]:
        """What the client says is remembered until something is refused."""
        session, line = self._sessions.get(event.facts["session"]), str(event.facts["line"])
        if session is None or event.facts["secret"]:
            return
        if event.facts["side"] == "S":
            if REFUSAL.match(line) and session.verb in STAGES:
                yield session.program, _rejected(session, line)
            return
        session.verb = line[:4].upper().strip()
        path = PATH.match(line)
        if session.verb in ("EHLO", "HELO", "LHLO"):
            session.helo = line[5:].strip()
        elif session.verb == "MAIL":
            session.sender, session.recipient = path[1] if path else "<>", ""
        elif session.verb == "RCPT" and path:
            session.recipient = path[1]
        elif session.verb == "QUIT":
            yield session.program, f"disconnect from {session.client}"

    def _accepted(self, event: Event) -> Iterator[tuple[str, str]]:
        facts, session = event.facts, self._sessions.get(event.facts["session"])
        queued = self._queued[event.message] = _Queued(facts["queue_id"], event.time, set(facts["recipients"]))
        if session is not None:
            person = f", sasl_method=PLAIN, sasl_username={session.person}" if session.person else ""
            yield session.program, f"{queued.queue_id}: client={session.client}{person}"
        if event.message in self._ids:
            yield "postfix/cleanup", f"{queued.queue_id}: message-id={self._ids[event.message]}"
        if event.message in self._reported:
            yield "postfix/bounce", f"{self._reported[event.message]}: {queued.queue_id}"
        size, count = facts["size"], len(facts["recipients"])
        yield "postfix/qmgr", f"{queued.queue_id}: from=<{facts['sender']}>, size={size}, nrcpt={count} (queue active)"

    def _authenticated(self, event: Event) -> Iterator[tuple[str, str]]:
        """What Postfix's helpers found out, before the message is queued or refused."""
        session = self._sessions.get(event.facts["session"])
        client = f"{session.client}: " if session else ""
        for check in event.facts["checks"]:
            done = f" disposition={event.facts['disposition']}" if check["check"] == "dmarc" else ""
            domain = f" {check['domain']}" if check.get("domain") else ""
            reason = f" ({check['reason']})" if check["reason"] else ""
            yield CHECKERS[check["check"]], f"{client}{check['check']}={check['result']}{domain}{done}{reason}"

    def _logged_in(self, event: Event) -> Iterator[tuple[str, str]]:
        if (session := self._sessions.get(event.facts["session"])) is not None:
            session.person = event.facts["person"]
        yield from ()

    def _login_failed(self, event: Event) -> Iterator[tuple[str, str]]:
        if (session := self._sessions.get(event.facts["session"])) is not None:
            yield (
                session.program,
                f"warning: {session.client}: SASL PLAIN authentication failed, sasl_username={event.facts['person']}",
            )

    def _unreachable(self, event: Event) -> Iterator[tuple[str, str]]:
        facts, reason = event.facts, str(event.facts["reason"])
        why = next((words for start, words in REASONS.items() if reason.startswith(start)), reason)
        self._unreached[event.message] = f"connect to {facts['peer']}[{facts['address']}]:{facts['port']}: {why}"
        yield "postfix/smtp", self._unreached[event.message]

    def _routed(self, event: Event) -> Iterator[tuple[str, str]]:
        """Nothing is logged; whom the last attempt met says nothing of this one."""
        self._unreached.pop(event.message, None)
        self._met.pop(event.message, None)
        yield from ()

    def _relayed(self, event: Event) -> Iterator[tuple[str, str]]:
        relay = f"{self._at(str(event.facts['peer']))}:25"
        yield from self._done(event, "postfix/smtp", relay, "sent", str(event.facts["reply"]))

    def _at(self, peer: str) -> str:
        return f"{peer}[{self._addresses.get(peer, 'unknown')}]"

    def _deferred(self, event: Event) -> Iterator[tuple[str, str]]:
        yield from self._ended(event, "deferred")

    def _failed(self, event: Event) -> Iterator[tuple[str, str]]:
        yield from self._ended(event, "bounced")

    def _ended(self, event: Event, status: str) -> Iterator[tuple[str, str]]:
        reason = str(event.facts["reason"])
        said, peer = SAID.match(reason), self._met.get(event.message)
        relay, text = "none", self._unreached.get(event.message, reason)
        if peer:
            relay, text = f"{self._at(peer)}:25", f"host {self._at(peer)} said: {reason[said.end() if said else 0 :]}"
        yield from self._done(event, "postfix/smtp", relay, status, text, dsn=reason)

    def _done(
        self, event: Event, program: str, relay: str, status: str, text: str, *, dsn: str = ""
    ) -> Iterator[tuple[str, str]]:
        """One line a recipient; and the queue's last, when it was for nobody else."""
        queued = self._queued.get(event.message)
        if queued is None:
            return
        found = STATUS.search(dsn or text)
        number = found[1] if found else {"sent": "2.0.0", "deferred": "4.0.0"}.get(status, "5.0.0")
        rest = f"{queued.waited(event.time)}, dsn={number}, status={status} ({text})"
        for recipient in event.facts["recipients"]:
            yield program, f"{queued.queue_id}: to=<{recipient}>, relay={relay}, {rest}"
        if status != "deferred":
            yield from self._leave(queued, event.facts["recipients"], is_bounced=status == "bounced")

    def _leave(self, queued: _Queued, recipients: Iterable[str], *, is_bounced: bool) -> Iterator[tuple[str, str]]:
        queued.waiting -= set(recipients)
        if not queued.waiting and not is_bounced:  # a bounce is written first, as the next event
            yield "postfix/qmgr", f"{queued.queue_id}: removed"

    def _local(self, event: Event) -> Iterator[tuple[str, str]]:
        facts, queued = event.facts, self._queued.get(event.message)
        if queued is None:
            return
        if event.what == "delivered":
            who, what = facts["mailbox"], "delivered to maildir"
        else:
            who, what = facts["recipient"], f"forwarded to {', '.join(facts['targets'])}"
        alias = f", orig_to=<{facts['recipient']}>" if who != facts["recipient"] else ""
        rest = f"{queued.waited(event.time)}, dsn=2.0.0, status=sent ({what})"
        yield "postfix/local", f"{queued.queue_id}: to=<{who}>{alias}, relay=local, {rest}"
        yield from self._leave(queued, [facts["recipient"]], is_bounced=False)

    def _reported_to(self, event: Event) -> Iterator[tuple[str, str]]:
        queued = self._queued.get(event.message)
        kind = REPORTS.get(str(event.facts["kind"]).split()[-1], "sender delivery status notification")
        if queued is not None:
            self._reported[event.facts["report"]] = f"{queued.queue_id}: {kind}"
            if not queued.waiting:
                yield "postfix/qmgr", f"{queued.queue_id}: removed"

    def _deleted(self, event: Event) -> Iterator[tuple[str, str]]:
        if (queued := self._queued.pop(event.message, None)) is not None:
            yield "postfix/postsuper", f"{queued.queue_id}: removed"

    # ---- Dovecot ---------------------------------------------------------------------------------------

    def _opened(self, event: Event) -> Iterator[tuple[str, str]]:
        facts = event.facts
        self._sessions[facts["session"]] = _Session(facts["peer"], facts["address"], facts["service"])
        yield from ()

    def _reader(self, event: Event) -> Iterator[tuple[str, str]]:
        facts, session = event.facts, self._sessions.get(event.facts["session"])
        if session is None:
            return
        program = f"dovecot: {facts['service']}-login"
        own = self._addresses.get(self._host, "unknown")
        who = f"user=<{facts['person']}>, method=PLAIN, rip={session.address}, lip={own}, session=<{facts['session']}>"
        failed = "Disconnected: Connection closed (auth failed, 1 attempts): "
        yield program, ("Login: " if event.what == "logged-in" else failed) + who

    def _expunged(self, event: Event) -> Iterator[tuple[str, str]]:
        yield f"dovecot: mailbox({event.facts['mailbox']})", f"expunge: box=INBOX, uid={event.facts['uid']}"


Act = Callable[[_Writer, Event], Iterator[tuple[str, str]]]
#: role → what happened → who writes about it
LINES: dict[str, dict[str, Act]] = {
    "mta": {
        "connected": _Writer._connected,
        "said": _Writer._said,
        "accepted": _Writer._accepted,
        "authenticated": _Writer._authenticated,
        "routed": _Writer._routed,
        "logged-in": _Writer._logged_in,
        "login-failed": _Writer._login_failed,
        "unreachable": _Writer._unreachable,
        "relayed": _Writer._relayed,
        "deferred": _Writer._deferred,
        "failed": _Writer._failed,
        "reported": _Writer._reported_to,
        "deleted": _Writer._deleted,
    },
    "mda": {"delivered": _Writer._local, "forwarded": _Writer._local},
    "access": {
        "connected": _Writer._opened,
        "logged-in": _Writer._reader,
        "login-failed": _Writer._reader,
        "removed": _Writer._expunged,
    },
}
