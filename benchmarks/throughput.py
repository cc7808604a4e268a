"""How many messages a second?  We and our peers in turn, in one run:  make bench

    one hop     smtp-source → server → Maildir                 Postfix, aiosmtpd's Mailbox
    two hops    smtp-source → MX → server → Maildir            Postfix → Postfix
    discard     smtp-source → server, nothing kept             aiosmtpd's Sink

10 sessions, messages of 2 kB, a connection for each message; all but "discard" are synced before the
250.  Each figure is the median of several rounds; what counts is the ratio.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "interop"))
MESSAGES, ROUNDS = 400, 5


def pour(port: int, arrived: Callable[[], int] | None) -> float:
    """Send `MESSAGES` to a port; return the rate until all have arrived."""
    before = arrived() if arrived else 0
    began = time.perf_counter()
    command = ["smtp-source", "-s", "10", "-m", str(MESSAGES), "-l", "2000", "-f", "x@academy.test"]
    subprocess.run([*command, "-t", "bruno@bakery.test", f"127.0.0.1:{port}"], check=True, timeout=120)
    while arrived is not None and arrived() - before < MESSAGES:
        if time.perf_counter() - began > 120:
            raise SystemExit("the messages did not arrive")
        time.sleep(0.005)
    return MESSAGES / (time.perf_counter() - began)


@contextmanager
def ours(folder: Path, program: str = "") -> Iterator[dict[str, int]]:
    """A lab in a process of its own; yields its ports 25."""
    program = program or "from mailcourse.cli import main; main()"
    words = ["up", "backup-free.toml", "--endpoints", "e.json", "--path", "lab"]
    (folder / "backup-free.toml").write_text(
        'extends = "two-offices"\ntitle = "plain"\n[hosts."mx1.bakery.test"]\ntls = "never"\n'
    )
    process = subprocess.Popen([sys.executable, "-c", program, *words], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        while not (folder / "e.json").exists():
            time.sleep(0.02)
        hosts = json.loads((folder / "e.json").read_text())["hosts"]
        yield {name: ports["25"][1] for name, ports in hosts.items() if "25" in ports}
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


#: A lab that keeps nothing: what the protocol alone costs.
DISCARD = """
from mailcourse.internet.disk import Disk
from mailcourse.mda.deliver import MailboxDelivery
from mailcourse.message.reply import Delivered, Reply
Disk.sync = lambda self, file: file.close()
Disk.sync_folder = lambda self, folder: None
MailboxDelivery.deliver = lambda self, copy: Delivered(Reply(250, "2.0.0", "gone"))
from mailcourse.cli import main
main()
"""


@contextmanager
def aiosmtpd(handler: object) -> Iterator[int]:
    """A server of aiosmtpd in a thread of this process; yields its port."""
    from aiosmtpd.smtp import SMTP

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        loop.create_server(lambda: SMTP(handler, hostname="peer.test", loop=loop), "127.0.0.1", 0)
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def in_folder(folder: Path) -> Callable[[], int]:
    """Return a count of the files in a folder."""
    return lambda: len(list(folder.iterdir())) if folder.exists() else 0


def rates() -> dict[str, dict[str, list[float]]]:
    """Measure all in turn, round after round."""
    from aiosmtpd.handlers import Mailbox, Sink
    from postfix import Postfix

    found: dict[str, dict[str, list[float]]] = {}
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("kept", "gone"):
            (home / name).mkdir()
        ports = stack.enter_context(ours(home / "kept"))
        gone = stack.enter_context(ours(home / "gone", DISCARD))
        maildir = in_folder(home / "kept/lab/hosts/mail.bakery.test/mail/bruno@bakery.test/Maildir/new")
        boxes = stack.enter_context(Postfix(domains="bakery.test"))
        relay = f"relayhost = [127.0.0.1]:{boxes.port}"
        first = stack.enter_context(Postfix("relay_domains = bakery.test", "relay_transport = smtp", relay))
        mailbox = stack.enter_context(aiosmtpd(Mailbox(str(home / "mailbox"))))
        sink = stack.enter_context(aiosmtpd(Sink()))
        ways: list[tuple[str, str, int, Callable[[], int] | None]] = [
            ("one hop", "mailcourse", ports["mail.bakery.test"], maildir),
            ("one hop", "Postfix", boxes.port, lambda: len(boxes.arrived())),
            ("one hop", "aiosmtpd", mailbox, in_folder(home / "mailbox/new")),
            ("two hops", "mailcourse", ports["mx1.bakery.test"], maildir),
            ("two hops", "Postfix", first.port, lambda: len(boxes.arrived())),
            ("discard", "mailcourse", gone["mail.bakery.test"], None),
            ("discard", "aiosmtpd", sink, None),
        ]
        for _ in range(ROUNDS):
            for what, who, port, arrived in ways:
                found.setdefault(what, {}).setdefault(who, []).append(pour(port, arrived))
    return found


def queued() -> list[tuple[int, float, float]]:
    """Return (messages that wait, ms to send one more, ms until it is delivered)."""
    from mailcourse import Lab

    rows = []
    for count in (10, 100, 1000, 10_000):
        with Lab("two-offices", name="queued") as lab:
            server = lab.mail_servers["mail.academy.test"]
            bea = lab.person("bea@bakery.test").address
            for name in ("mx1.bakery.test", "mx2.bakery.test"):
                lab.host(name).down()
            alice = lab.person("alice@academy.test")
            first = alice.send(bea, "waits", "x")
            lab.settle()
            entry = server.queue.entries()[0]
            progress = server.queue.progress_of(entry)
            plan = server.schedule
            for number in range(count - 1):
                one = server.queue.enqueue(
                    f"WAIT{number}", entry.envelope, first.message, entry.arrived, entry.content()
                )
                server.queue.save_progress(one, progress)
                lab.runtime.call(partial(plan, one, 300))
            sent, delivered = [], []
            for _ in range(9):
                began = time.perf_counter()
                alice.send("amir@academy.test", "one more", "x")
                sent.append(time.perf_counter() - began)
                lab.settle()
                delivered.append(time.perf_counter() - began)
            rows.append((count, statistics.median(sent) * 1000, statistics.median(delivered) * 1000))
    return rows


def dns_rate() -> float | None:
    """Return the queries a second that one name server answers, asked by dnsperf."""
    from mailcourse import Lab

    if shutil.which("dnsperf") is None:
        return None
    with Lab("two-offices", name="dns-bench") as lab, tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("bakery.test MX\nmx1.bakery.test A\nno.bakery.test A\n")
        file.flush()
        address, port = lab.endpoint("ns.bakery.test", 53)
        command = ["dnsperf", "-s", address, "-p", str(port), "-d", file.name, "-l", "5"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    line = next(line for line in told.splitlines() if "Queries per second" in line)
    return float(line.split(":")[1])


def main() -> None:
    """Print the tables."""
    if shutil.which("smtp-source") is None or shutil.which("postfix") is None:
        print("\nno Postfix here, so no comparison of rates (Debian: apt install postfix)")
    else:
        print("\n| messages a second | mailcourse | peer | ratio |\n|---|---|---|---|")
        for what, who in ((w, p) for w, peers in rates_once().items() for p in peers if p != "mailcourse"):
            mine, theirs = (statistics.median(rates_once()[what][name]) for name in ("mailcourse", who))
            print(f"| {what} | {mine:.0f} | {who} {theirs:.0f} | {mine / theirs:.2f} |")
    print("\n| messages waiting in the queue | one more: until 250 | until the mailbox |\n|---|---|---|")
    for count, sent, delivered in queued():
        print(f"| {count:,} | {sent:.0f} ms | {delivered:.0f} ms |")
    rate = dns_rate()
    if rate is not None:
        print(f"\nOne name server answers {rate:.0f} queries a second (dnsperf, 5 s).")


_rates: dict[str, dict[str, list[float]]] = {}


def rates_once() -> dict[str, dict[str, list[float]]]:
    """Measure at the first call, and return the same after."""
    if not _rates:
        _rates.update(rates())
    return _rates


if __name__ == "__main__":
    main()
