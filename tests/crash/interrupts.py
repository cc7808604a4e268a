"""Interrupt a cell at seeded random moments of everything that it may wait for, and count what that did.

python tests/crash/interrupts.py 300

false    something else than KeyboardInterrupt was raised       must be 0
late     KeyboardInterrupt came seconds later, or not at all    must be 0
stuck    what was asked next did not work                       must be 0
lost     a message whose send returned is not there             must be 0
twice    a message is there twice                               must be 0
unheard  Python itself dropped it (it came in a weak reference's callback, whose errors are printed and ignored)
"""

from __future__ import annotations

import json
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from mailcourse import Lab

#: Seconds: far more than a busy machine needs, far less than any wait for an answer (30 and more).
LATE = 10
ALICE, BRUNO = "alice@academy.test", "bruno@bakery.test"


class Class:
    """A lab, and what its cells do."""

    def __init__(self) -> None:
        self.lab = Lab("two-offices", name="interrupted")
        self.sent: list[str] = []
        self.began: list[str] = []
        self.phone = self.lab.person(BRUNO).device("phone")

    def send(self) -> None:
        name = f"n{len(self.began)}"
        self.began.append(name)
        self.lab.person(ALICE).send(BRUNO, name, "x" * 5000)
        self.sent.append(name)

    def send_and_settle(self) -> None:
        self.send()
        self.lab.settle()

    def advance(self) -> None:
        self.lab.clock.advance(days=2)

    def wait_for_a_retry(self) -> None:
        with self.lab.fault("mx1.bakery.test", "reply", at="RCPT", say="450 4.2.1 busy", times=2):
            self.send()
            self.lab.clock.advance(hours=2)

    def inbox(self) -> None:
        self.lab.person(BRUNO).inbox()

    def pop3(self) -> None:
        self.lab.person(BRUNO).fetch("pop3")

    def sync(self) -> None:
        self.phone.sync()

    def idle(self) -> None:
        with self.lab.person(BRUNO).idle() as updates:
            self.send()
            updates.wait()

    def lookup(self) -> None:
        self.lab.dns.lookup("bakery.test", "MX")
        self.lab.dns.walk("mx1.bakery.test")

    def edit(self) -> None:
        zone = self.lab.zone("bakery.test")
        zone.add("x CNAME mail")
        zone.remove("x", "CNAME")

    def queue(self) -> None:
        self.lab.queue("mx1.bakery.test").flush()

    def close_and_open(self) -> None:
        Lab("two-offices", name="another").close()


KINDS: list[Callable[[Class], None]] = [
    Class.send,
    Class.send_and_settle,
    Class.advance,
    Class.wait_for_a_retry,
    Class.inbox,
    Class.pop3,
    Class.sync,
    Class.idle,
    Class.lookup,
    Class.edit,
    Class.queue,
    Class.close_and_open,
]


class Interrupter:
    """Raises KeyboardInterrupt in this thread after some seconds, as Ctrl-C and JupyterLab's square do."""

    def __init__(self) -> None:
        self.at: float | None = None
        self.is_dropped = False
        signal.signal(signal.SIGALRM, self._now)
        sys.unraisablehook = self._note_dropped

    def _now(self, *_: object) -> None:
        self.at = time.monotonic()
        raise KeyboardInterrupt

    def _note_dropped(self, what: sys.UnraisableHookArgs) -> None:
        self.is_dropped |= what.exc_type is KeyboardInterrupt

    def during(self, act: Callable[[], None], seconds: float) -> str:
        """Act, and interrupt it; return what came of it."""
        self.at, self.is_dropped = None, False
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            act()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            signal.setitimer(signal.ITIMER_REAL, 0)
            return "late" if self.at is None or time.monotonic() - self.at > LATE else "interrupted"
        except Exception as error:
            signal.setitimer(signal.ITIMER_REAL, 0)
            print(f"{act}: {error!r}", file=sys.stderr)
            return "false"
        if self.is_dropped:
            return "unheard"
        return "done" if self.at is None else "late"


def main(times: int) -> None:
    """Print the counts as JSON."""
    one, interrupter, chance = Class(), Interrupter(), random.Random(1)
    counts = Counter(false=0, late=0, stuck=0, lost=0, twice=0)
    took: dict[int, float] = {}
    for number in range(times):
        kind = KINDS[number % len(KINDS)]
        if number < len(KINDS):  # once without, to know how long it takes
            began = time.monotonic()
            kind(one)
            took[number] = time.monotonic() - began
        act = kind.__get__(one)
        with suppress(KeyboardInterrupt):  # one that came as the call ended
            counts[interrupter.during(act, chance.uniform(1e-6, 1.2 * took[number % len(KINDS)]))] += 1
        try:
            one.lab.mend()
            one.lab.settle(20)
            one.lab.person(BRUNO).inbox()
        except Exception as error:
            print(f"after {kind.__name__}: {error!r}", file=sys.stderr)
            counts["stuck"] += 1
    one.lab.clock.advance(days=1)
    for person in (one.lab.person(BRUNO).fetch("pop3"), one.phone.sync() and one.phone.messages()):
        found = Counter(mail.subject for mail in person)
        counts["lost"] += sum(found[name] == 0 for name in one.sent)
        counts["twice"] += sum(found[name] > 1 for name in one.began)
    print(json.dumps({"tries": times, **counts}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
