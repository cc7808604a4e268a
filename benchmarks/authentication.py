"""Measure what it costs to ask who sent a message:  make bench

CPU of this process for each message: over all hops between two offices that ask nothing, that sign and ask; the parts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from mailcourse import Lab
from mailcourse.authentication.signing import sign
from mailcourse.authentication.step import lookup_by
from mailcourse.authentication.verdict import prove

SERVERS = ("mail.academy.test", "mx1.bakery.test", "mail.bakery.test")


def cpu(act: Callable[[], object], times: int = 100) -> float:
    """Return the milliseconds of CPU that `act` takes, the median of five rounds."""
    act()
    rounds = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(times):
            act()
        rounds.append((time.process_time() - began) * 1000 / times)
    return statistics.median(rounds)


def send(lab: Lab) -> Callable[[], object]:
    """Return what sends one message from Alice to Bruno, three servers on, until it is in his mailbox."""
    alice = lab.person("alice@academy.test")
    return lambda: alice.send(to="bruno@bakery.test", subject="rolls", text="Forty, please.").status


def main() -> None:
    """Print the figures."""
    lab = Lab("signed-offices")
    print(f"a message, signed and examined: {cpu(send(lab), 40):.1f} ms")
    for server in SERVERS:
        lab.configure(server, authenticate="off", sign=None)
    print(f"the same, nobody asks or signs: {cpu(send(lab), 40):.1f} ms")
    lab.close()

    lab = Lab("signed-offices")
    send(lab)()
    raw = lab.person("bruno@bakery.test").fetch()[0].raw
    message = raw[raw.index(b"DKIM-Signature") :]
    lookup = lookup_by(lab.stub("mx1.bakery.test"), None)

    async def examine() -> Any:
        who = (message, "192.0.2.25", "mail.academy.test", "alice@academy.test")
        return await prove(*who, lookup, lab.clock.now(), "bakery.test")

    assert lab.runtime.run(examine()).summary == "spf=pass dkim=pass dmarc=pass"
    print(
        f"SPF, one RSA-2048 signature and DMARC, answers remembered: {cpu(lambda: lab.runtime.run(examine())):.1f} ms"
    )
    signer = lab.mail_servers["mail.academy.test"].settings.sign
    assert signer is not None
    print(f"one signature made, RSA-2048: {cpu(lambda: sign(signer, message, lab.clock.now())):.1f} ms")
    lab.close()


if __name__ == "__main__":
    main()
