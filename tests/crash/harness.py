"""Cut a lab off, open its folder again, and count what was lost.

    python tests/crash/harness.py steps             after each single step of the disk, one after the other
    python tests/crash/harness.py moments 200       at seeded random moments, while messages pour in

A process sends messages and writes down each number whose 250 it has read.  At random moments it is killed
with SIGKILL.  After each step it is stopped with SIGSTOP, at the same instruction, and leaves on the disk what
the kill would leave there: the folder is copied, and the process goes on to its next step, so that one run
serves them all.  Another process opens what is left, lets a day pass and looks into the mailboxes:

    lost        a 250 was read, and no copy is there            must be 0
    halved      a file in a mailbox is not the whole message    must be 0
    renumbered  a UID was given to two messages                 must be 0
    left        a queue or tmp/ is not empty after the day      must be 0
    reports     a bounce that is missing                        must be 0
    twice       a message is there twice                        allowed, and counted: the step between a
                                                                delivery and its record was cut
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from mailcourse import Lab
from mailcourse.internet.disk import Disk
from mailcourse.lab.scenario import load
from mailcourse.mailbox.folders import Mailbox

#: the world; in "signed-offices" each message is looked at and rewritten before its 250
WORLD = os.environ.get("MAILCOURSE_WORLD", "two-offices")
BODY = b"".join(b"line %d of the message\r\n" % n for n in range(60))
AMIR, BRUNO = "amir@academy.test", "bruno@bakery.test"
ROUTES = [("mx1.bakery.test", BRUNO), ("mail.academy.test", AMIR)]
FOLDERS = ("mail.bakery.test", BRUNO), ("mail.academy.test", AMIR)


class Stopping(Disk):
    """A disk that stops the process, with all its threads, after each step; its parent looks, and lets it go on."""

    one_at_a_time = threading.Lock()

    def done(self, step: str, path: Path | str) -> None:
        """Stop in this very thread: a signal to the process would reach another one, and this one would go on."""
        with self.one_at_a_time:
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def message(number: str) -> bytes:
    """Return the message with this number, ready for DATA."""
    times = 60 if number == "s2" else 1  # a long one goes to the disk as it comes
    return b"Subject: %s\r\n\r\n" % number.encode() + BODY * times + b"the end of %s\r\n" % number.encode()


async def send(lab: Lab, host: str, recipient: str, number: str, log: int, sender: str = "", also: str = "") -> None:
    """Send one message and write its number down when its 250 is there."""
    client = lab.internet.hosts["laptop.bakery.test"]
    reader, writer, _ = await client.connect(lab.internet.hosts[host].addresses[0], 25)
    commands = ["EHLO x.test", f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", "DATA"]
    commands[3:3] = [f"RCPT TO:<{also}>"] if also else []
    writer.write("".join(f"{command}\r\n" for command in commands).encode())
    await reader.readuntil(b"354 ")
    writer.write(message(number) + b".\r\n")
    await reader.readuntil(b"250 2.0.0 ok")
    os.write(log, f"{number} {recipient}\n".encode())
    writer.close()


def story(lab: Lab, log: int) -> None:
    """Four messages, one after the other, read, flagged and moved."""
    for number, (host, recipient) in enumerate([*ROUTES, ROUTES[0]]):
        lab.runtime.run(send(lab, host, recipient, f"s{number}", log))
        lab.settle()
        if number == 1:  # the third one has to wait
            lab.fault("mail.bakery.test", "reply", at="RCPT", say="450 4.2.0 later", times=1)
    lab.clock.advance(minutes=10)
    # Two recipients, of whom one does not exist: a copy, and a bounce to Amir.
    bounced = send(lab, "relay.carrier.test", BRUNO, "mixed", log, sender=AMIR, also="x@nowhere.test")
    lab.runtime.run(bounced)
    lab.settle()
    for server, person in FOLDERS:
        box = lab.accounts[server].mailbox(person)
        for stored in box.scan():
            box.change_flags(stored, lambda now: frozenset("S"))
    tidy(lab.accounts[FOLDERS[0][0]].mailbox(BRUNO), log)


def tidy(box: Mailbox, log: int) -> None:
    """Make a folder, move messages there and back, rename it, add a message: what an IMAP client does."""
    work = box.create_folder("Work")
    box.move(box.scan()[:2], work)
    os.write(log, b"moved 2\n")
    work.move(work.scan()[:1], box)
    box.rename_folder("Work", "Office")
    office = box.folder("Office")
    written = office.write([message("added")], "1788768000.s1.1.mail.bakery.test", datetime(2026, 9, 7, tzinfo=UTC))
    assert office.accept([(written, frozenset("F"))]) == [3]
    os.write(log, f"added {BRUNO}\n".encode())
    assert [stored.uid for stored in office.scan()] == [2, 3]


async def pour(lab: Lab, log: int, seed: int) -> None:
    """Eight clients who send without end."""

    async def one(name: int) -> None:
        for number in range(10_000):
            host, recipient = ROUTES[(name + number) % 2]
            await send(lab, host, recipient, f"p{seed}-{name}-{number}", log)

    await asyncio.gather(*(one(name) for name in range(8)))


def flood(folder: Path, log: int, seed: int) -> None:
    """The process that is killed."""
    lab = Lab(WORLD, path=folder)
    lab.runtime.run(pour(lab, log, seed))


def tell(folder: Path, log: int) -> None:
    """The process that is stopped."""
    story(Lab(WORLD, path=folder, new_disk=Stopping, clock="still"), log)


def second(folder: Path, log: Path) -> dict[str, int]:
    """The process that looks: what became of every message that had its 250."""
    promised = [line.split() for line in log.read_text().splitlines()]
    lab = Lab(WORLD, path=folder)
    lab.settle()
    lab.clock.advance(days=1)
    found: Counter[tuple[str, str]] = Counter()
    bounces = 0
    result = Counter(lost=0, halved=0, renumbered=0, left=0, reports=0, twice=0, promised=0)
    for server, person in FOLDERS:
        inbox = lab.accounts[server].mailbox(person)
        boxes = [inbox, *(inbox.folder(name) for name in inbox.folders())]
        result["renumbered"] += len(boxes) - len({box.uidvalidity for box in boxes})
        for box in boxes:
            uids = Counter(stored.uid for stored in box.scan())
            result["renumbered"] += sum(count - 1 for count in uids.values()) + (max(uids, default=0) >= box.uidnext)
            result["left"] += len([p for p in (box.path / "tmp").iterdir() if not p.name.startswith(".")])
        for stored in (stored for box in boxes for stored in box.scan()):
            content = stored.path.read_bytes()
            if b"multipart/report" in content:
                bounces += 1
                continue
            number = re.search(rb"^Subject: (\S+)\r$", content, re.MULTILINE)
            if number is None or not content.endswith(message(number[1].decode())):
                result["halved"] += 1
            else:
                found[number[1].decode(), person] += 1
    for number, recipient in (line for line in promised if line[0] != "moved"):
        result["promised"] += 1
        result["lost"] += found[number, recipient] == 0
    was_promised = any(line[0] == "mixed" for line in promised)
    result["reports"] = int(was_promised and bounces == 0)
    result["twice"] += max(0, bounces - 1)
    result["twice"] += sum(count - 1 for count in found.values())
    result["left"] += sum(len(lab.queue(name)) for name in lab.mail_servers)
    lab.close()
    return dict(result)


def fork(act: object) -> int:
    """Run `act` in a process of its own and return its number."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            act()  # type: ignore[operator]
            os._exit(0)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
    return child


def import_what_a_lab_needs() -> None:
    """Import here, before there is any thread, what each of the forked processes would import for itself."""
    load(WORLD)
    for name in ("dkim", "nacl.signing", "trustme", "dns.rdtypes.ANY.MX", "dns.rdtypes.ANY.TXT", "dns.rdtypes.IN.A"):
        import_module(name)


def wait_for_a_promise(log: int) -> None:
    """Wait until the first message has its 250, however slow the machine is."""
    until = time.monotonic() + 30
    while not os.fstat(log).st_size and time.monotonic() < until:
        time.sleep(0.005)


@contextmanager
def place() -> Iterator[tuple[Path, Path, int]]:
    """Give a folder for a lab, a log beside it, and the log as the first process writes to it."""
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "log"
        descriptor = os.open(log, os.O_CREAT | os.O_RDWR | os.O_APPEND)
        yield Path(name) / "lab", log, descriptor
        os.close(descriptor)


def after_every_step(
    first: Callable[[Path, int], None], second: Callable[[Path, Path], dict[str, int]]
) -> Iterator[dict[str, int]]:
    """Stop the first process after each of its steps; yield what the second counts in a copy of what was there."""
    with place() as (folder, log, descriptor):
        child = fork(lambda: first(folder, descriptor))
        while os.WIFSTOPPED(status := os.waitpid(child, os.WUNTRACED)[1]):
            with tempfile.TemporaryDirectory() as copy:
                shutil.copytree(log.parent, copy, dirs_exist_ok=True)
                yield second(Path(copy) / folder.name, Path(copy) / log.name)
            os.kill(child, signal.SIGCONT)
        assert os.waitstatus_to_exitcode(status) == 0, "the first process failed"


def killed_while_messages_pour(seed: int) -> dict[str, int]:
    """Kill once, and look."""
    with place() as (folder, log, descriptor):
        child = fork(lambda: flood(folder, descriptor, seed))
        if seed % 8:  # most are killed while messages pour in, the others while a lab opens
            wait_for_a_promise(descriptor)
        time.sleep(random.Random(seed).uniform(0.001, 0.2))  # the moment, not a hope
        os.kill(child, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "the first process failed"
        return second(folder, log)


def main(kind: str, tries: int = 0) -> None:
    """Print the sum of all tries, and where a message came twice, as JSON."""
    total: Counter[str] = Counter()
    doubled = []
    import_what_a_lab_needs()
    tried = after_every_step(tell, second) if kind == "steps" else map(killed_while_messages_pour, range(1, tries + 1))
    for number, counts in enumerate(tried, 1):
        total.update(counts)
        if counts["twice"]:
            doubled.append(number)
    print(json.dumps({"tries": number, **total, "doubled after": doubled}))


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) for word in sys.argv[2:]))
