"""How fast is a full mailbox?  Ours, Dovecot and pymap in turn, in one run:  make bench

    benchmarks/mailboxes.py                        500 and 5,000 messages, put there by APPEND
    benchmarks/mailboxes.py --messages 50000       5,000 and 50,000, written into the Maildirs; without pymap
    benchmarks/mailboxes.py --quick                20 and 200: does it work at all?

One raw client for all reads until the tagged line and looks at nothing, so that it costs little and the
same; one row has the client that comes with Python.  "first" is the first time in a fresh process, or the
first time that anybody asks; "again" the median of three more.  The last table says how the time for one
message grows with their number.
"""

from __future__ import annotations

import argparse
import imaplib
import math
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from peers import ByDovecot, Peer, there
from rawimap import Imap, Late, Pop3

WORDS = ("harbour", "lantern", "invoice", "meeting", "orchard", "ticket", "violin", "garden", "season", "letter")
WORDS += ("bakery", "window", "planet", "bridge", "coffee", "winter", "folder", "report", "museum", "teacher")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NAMES = ("Alice Ahlers", "Bruno Brandt", "Chiara Conti", "Dieter Dahl", "Esra Erdem", "Fanny Faure", "Goran Grgic")
IDLE_SESSIONS, MAX_APPENDED, BEHIND, BY_IMAPLIB = 100, 10_000, 200, 500
READ = {
    "FETCH FLAGS": "FETCH 1:* (FLAGS)",
    "FETCH UID RFC822.SIZE": "FETCH 1:* (UID RFC822.SIZE)",
    "FETCH ENVELOPE": "FETCH 1:* (ENVELOPE)",
    "FETCH BODYSTRUCTURE": "FETCH 1:* (BODYSTRUCTURE)",
    "FETCH the subjects": "FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])",
    "SEARCH SUBJECT": "SEARCH SUBJECT orchard",
    "SEARCH BODY": "SEARCH BODY lighthouse",
}


def message(number: int) -> bytes:
    """Return a message of about 1.3 kB, always the same for a number; each tenth has an attachment."""
    drawn = random.Random(number)
    writer, reader = drawn.sample(NAMES, 2)
    subject = " ".join(drawn.choices(WORDS, k=drawn.randint(2, 6)))
    lines = [
        f"From: {writer} <{writer.split()[0].lower()}@bakery.test>",
        f"To: {reader} <{reader.split()[0].lower()}@academy.test>",
        f"Subject: {'Re: ' * (number % 3 == 0)}{subject} {number}",
        f"Date: {DAYS[number % 7]}, {1 + number % 28} Jun 2026 {number % 24:02}:{number % 60:02}:00 +0200",
        f"Message-ID: <{number}.{drawn.getrandbits(48):x}@bakery.test>",
        "MIME-Version: 1.0",
    ]
    text = [" ".join(drawn.choices(WORDS, k=10)) for _ in range(14 if number % 10 else 8)]
    text[-1] += " lighthouse" * (number % 50 == 0)
    if number % 10:
        lines += ["Content-Type: text/plain; charset=utf-8", "", *text]
    else:
        data = [f"{drawn.getrandbits(285):072x}" for _ in range(4)]
        lines += [f'Content-Type: multipart/mixed; boundary="b{number}"', "", f"--b{number}"]
        lines += ["Content-Type: text/plain; charset=utf-8", "", *text, "", f"--b{number}"]
        lines += [f'Content-Type: application/octet-stream; name="{number}.bin"', "Content-Transfer-Encoding: base64"]
        lines += ["", *data, f"--b{number}--"]
    return "\r\n".join([*lines, ""]).encode()


@dataclass
class Row:
    """One line of the table: what each peer took, in `unit`, for `count` messages or sessions."""

    unit: str
    count: int
    took: dict[str, float] = field(default_factory=dict)


class Round:
    """All peers with `size` messages."""

    def __init__(self, peers: list[Peer], size: int, limit: float) -> None:
        self.peers, self.size, self.limit = peers, size, limit
        self.rows: dict[str, Row] = {}
        self._clients: dict[str, Imap] = {}
        self.messages = [message(number) for number in range(1, size + 1)]

    def note(self, what: str, peer: Peer, value: float, *, unit: str = "ms", count: int = 0) -> None:
        """Keep a figure."""
        self.rows.setdefault(what, Row(unit, count or self.size)).took[peer.name] = value

    def client(self, peer: Peer, *, fresh: bool = False) -> Imap:
        """Return a connection that is logged in."""
        if fresh and peer.name in self._clients:
            self._clients.pop(peer.name).close()
        if peer.name not in self._clients:
            self._clients[peer.name] = Imap(peer.imap, self.limit).log_in(peer.user, peer.password)
        return self._clients[peer.name]

    def timed(self, what: str, peer: Peer, act: Callable[[], object], count: int = 0) -> bool:
        """Keep how long `act` takes; False when that was too long, and the server was started again."""
        began = time.perf_counter()
        try:
            act()
        except (Late, OSError):
            self.note(what, peer, math.inf, count=count)
            self.restart(peer)
            return False
        self.note(what, peer, (time.perf_counter() - began) * 1000, count=count)
        return True

    def restart(self, peer: Peer) -> None:
        """Start the server again, unless that would empty it."""
        if peer.name in self._clients:
            self._clients.pop(peer.name).close()
        if peer.maildir is not None:
            peer.stop()
            peer.start()

    # ---- what is measured ---------------------------------------------------------------------------

    def fill(self, *, by_append: bool) -> None:
        """Put the messages into the mailboxes."""
        for peer in list(self.peers):
            if not by_append:
                peer.fill(self.messages)
            peer.start()
            if not by_append:
                self.timed("SELECT, none has a UID yet", peer, lambda p=peer: self.client(p).must("SELECT INBOX"))
            more = self.messages if by_append else self.messages[:BEHIND]
            done = self.timed(f"APPEND × {len(more):,}", peer, lambda p=peer, m=more: self._append(p, m), len(more))
            if not done and by_append and peer.maildir is None:
                print(f"\n{peer.name} is left out: it does not take {self.size:,} messages in {self.limit:.0f} s.")
                peer.stop()
                self.peers.remove(peer)
            elif not done and by_append:
                peer.stop()
                peer.fill(self.messages)
                peer.start()
                self.client(peer).must("SELECT INBOX")

    def _append(self, peer: Peer, messages: list[bytes]) -> None:
        client, end = self.client(peer), time.monotonic() + self.limit
        for one in messages:
            client.append("INBOX", one)
            if time.monotonic() > end:
                raise Late

    def read(self) -> None:
        """SELECT, FETCH, SEARCH."""
        for peer in self.peers:
            self.restart(peer)
            self.client(peer, fresh=True)
            self.timed("SELECT, first", peer, lambda p=peer: self.client(p).must("SELECT INBOX"))
        self.repeat("SELECT, again", "SELECT INBOX")
        for what, command in READ.items():
            for peer in self.peers:
                self.timed(f"{what}, first", peer, lambda p=peer, c=command: self.client(p).must(c))
                self.client(peer).must("SELECT INBOX")
            self.repeat(f"{what}, again", command)

    def repeat(self, what: str, *commands: str, count: int = 0) -> None:
        """Keep the median of three times; each time the next of `commands`."""
        took: dict[str, list[float]] = {}
        for number in range(3):
            command = commands[number % len(commands)]
            for peer in (p for p in self.peers if math.inf not in took.get(p.name, [])):
                if not self.timed(what, peer, lambda p=peer, c=command: self.client(p).must(c), count):
                    self.client(peer).must("SELECT INBOX")
                took.setdefault(peer.name, []).append(self.rows[what].took[peer.name])
        self.rows[what].took = {name: statistics.median(times) for name, times in took.items()}

    def write(self) -> None:
        """STORE and COPY."""
        flags = ("Flagged", "Answered", "Draft")
        self.repeat("STORE", *(f"STORE 1:* +FLAGS.SILENT (\\{flag})" for flag in flags))
        for peer in self.peers:
            for name in "ABC":
                self.client(peer).must(f"CREATE {name}")
        some = min(500, self.size)
        self.repeat(f"COPY × {some}", *(f"COPY 1:{some} {name}" for name in "ABC"), count=some)

    def append_by_imaplib(self) -> None:
        """APPEND as Python's own client does it: it waits for "+", then sends message and line end in two packets.

        The folder is another one and is not open.
        """
        some = self.messages[:BY_IMAPLIB]
        for peer in self.peers:
            self.client(peer).must("CREATE L")
            what = f"APPEND × {len(some)} by Python's imaplib"
            self.timed(what, peer, lambda p=peer: self._append_by_imaplib(p, some), len(some))

    def _append_by_imaplib(self, peer: Peer, messages: list[bytes]) -> None:
        end = time.monotonic() + self.limit
        with imaplib.IMAP4("127.0.0.1", peer.imap, self.limit) as client:
            client.login(peer.user, peer.password)
            for one in messages:
                if client.append("L", "", "", one)[0] != "OK" or time.monotonic() > end:
                    raise Late

    def pop3(self) -> None:
        """PASS, STAT and UIDL: all that a client wants before it knows what is new."""
        for peer in self.peers:
            if peer.pop3 is not None:
                for _ in range(2):  # the second counts
                    self.timed("POP3: PASS, STAT, UIDL", peer, lambda p=peer: self._pop3(p))

    def _pop3(self, peer: Peer) -> None:
        assert peer.pop3 is not None
        with Pop3(peer.pop3, self.limit) as client:
            client.do(f"USER {peer.user}")
            client.do(f"PASS {peer.password}")
            client.do("STAT")
            client.do("UIDL", many=True)
            client.do("QUIT")

    def idle(self) -> None:
        """Open sessions that wait for news."""
        for peer in self.peers:
            self.restart(peer)
            with ExitStack() as stack:
                self._idle(peer, stack)
            self.restart(peer)

    def _idle(self, peer: Peer, stack: ExitStack) -> None:
        before, opened, took, end = (0.0, 0.0), 0, math.inf, time.monotonic() + self.limit
        began = time.perf_counter()
        with suppress(Late, OSError):
            while opened <= IDLE_SESSIONS and time.monotonic() < end:
                client = stack.enter_context(Imap(peer.imap, self.limit)).log_in(peer.user, peer.password)
                client.must("SELECT INBOX")
                client.idle()
                opened += 1
                if opened == 1:  # the first one loads what all share
                    before = peer.memory()
            took = (time.perf_counter() - began) * 1000 if opened > IDLE_SESSIONS else math.inf
        self.note(f"{IDLE_SESSIONS} sessions: LOGIN, SELECT, IDLE", peer, took)
        for what, old, new in zip(("", ", shared pages once"), before, peer.memory(), strict=True):
            self.note(f"idle session: memory{what}", peer, (new - old) / max(opened - 1, 1), unit="kB", count=1)
        spent, began = peer.busy(), time.perf_counter()
        time.sleep(3)  # the figure is what they use in this time
        share = (peer.busy() - spent) / (time.perf_counter() - began)
        self.note("idle sessions: of one core", peer, share * 100, unit="%", count=1)


def measure(size: int, only: list[str], limit: float) -> Round:
    """Measure all peers with so many messages."""
    by_append = size <= MAX_APPENDED
    with tempfile.TemporaryDirectory(prefix="mailboxes-") as folder:
        peers = there(Path(folder), only, in_memory=by_append)
        run = Round(list(peers), size, limit)
        try:
            run.fill(by_append=by_append)
            run.read()
            run.write()
            run.append_by_imaplib()
            run.pop3()
            run.idle()
        finally:
            for peer in peers:
                peer.stop()
                if isinstance(peer, ByDovecot):
                    peer.remove()
    return run


def shown(row: Row, name: str, limit: float) -> str:
    """Write one cell."""
    value = row.took.get(name)
    if value is None:
        return "–"
    if math.isinf(value):
        return f"over {limit:.0f} s"
    return f"{value:,.0f} {row.unit}" if value >= 10 else f"{value:.1f} {row.unit}"


def ratio(over: float | None, under: float | None) -> str:
    """Write a ratio, if there is one."""
    if not over or not under or math.isinf(over) or math.isinf(under):
        return "–"
    return f"{over / under:.2f}" if over / under < 10 else f"{over / under:,.0f}"


def tables(few: Round, many: Round) -> None:
    """Print what was measured with many messages, and how it grew from few."""
    names = [name for name in ("mailcourse", "Dovecot", "pymap") if any(name in r.took for r in many.rows.values())]
    others = names[1:]
    print(f"\n| {many.size:,} messages | {' | '.join(names + [f'ratio to {name}' for name in others])} |")
    print("|---" * (1 + len(names) + len(others)) + "|")
    for what, row in many.rows.items():
        cells = [shown(row, name, many.limit) for name in names]
        cells += [ratio(row.took.get(names[0]), row.took.get(name)) for name in others]
        print(f"| {what} | {' | '.join(cells)} |")
    print(f"\n| per message, {many.size:,} to {few.size:,} messages (1: as many, as long) | {' | '.join(names)} |")
    print("|---" * (1 + len(names)) + "|")
    for (what, row), before in zip(many.rows.items(), few.rows.values(), strict=False):
        if row.unit == "ms":
            each = [{n: t / r.count for n, t in r.took.items()} for r in (row, before)]
            print(f"| {what} | {' | '.join(ratio(each[0].get(n), each[1].get(n)) for n in names)} |")


def main() -> None:
    """Read the options and print the tables."""
    parser = argparse.ArgumentParser(description="Measure full mailboxes.")
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--quick", action="store_true", help="200 messages")
    parser.add_argument("--only", default="Dovecot,pymap", help="peers, with commas; ours is always there")
    parser.add_argument("--limit", type=float, default=300, help="seconds that one operation may take")
    chosen = parser.parse_args()
    size = 200 if chosen.quick else chosen.messages
    few, many = (measure(count, chosen.only.split(","), chosen.limit) for count in (max(size // 10, 1), size))
    tables(few, many)


if __name__ == "__main__":
    main()
