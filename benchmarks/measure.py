"""Measure what docs/measurements.md states:  make bench

Each figure is the median of several tries; what it is compared with is measured in the same run.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from jupyter_client.manager import start_new_kernel

from mailcourse import Lab

MEMORY = "int(open('/proc/self/statm').read().split()[1]) * 4 / 1024"
LIBRARIES = "import ipywidgets, aiosmtpd.smtp, dns.message, dns.zone"
OPENED = "from mailcourse import Lab; lab = Lab('two-offices')"
SENT = OPENED + "; lab.person('alice@academy.test').send('bruno@bakery.test', 'x', 'y'); lab.settle()"


def median(act: Callable[[], float], tries: int = 9) -> float:
    """Return the median of what `act` returns."""
    return statistics.median(act() for _ in range(tries))


def timed(act: Callable[[], object]) -> float:
    """Return the milliseconds that `act` takes."""
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def in_new_python(code: str) -> float:
    """Return the milliseconds that `code` takes in a fresh interpreter, without its start."""
    program = f"import time; t = time.perf_counter(); {code}; print((time.perf_counter() - t) * 1000)"
    return float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)


def kernel_memory(code: str) -> float:
    """Return the megabytes that a real IPython kernel takes after `code`."""
    manager, client = start_new_kernel()
    try:
        found: list[float] = []

        def hear(message: dict) -> None:  # type: ignore[type-arg]
            if message["msg_type"] == "execute_result":
                found.append(json.loads(message["content"]["data"]["text/plain"]))

        client.execute_interactive(f"{code}\n{MEMORY}", output_hook=hear, timeout=60)
        return found[0]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def reopen() -> float:
    """Return the milliseconds to open a lab, imports warm, without closing the old one."""
    before = Lab("two-offices", name="bench")
    before.close()
    began = time.perf_counter()
    lab = Lab("two-offices", name="bench")
    took = (time.perf_counter() - began) * 1000
    lab.close()
    return took


def send_to_inbox() -> tuple[float, float]:
    """Return the milliseconds to the 250, and until the message is in the inbox three servers away."""
    with Lab("two-offices", name="bench") as lab:
        alice, bruno = lab.person("alice@academy.test"), lab.person("bruno@bakery.test")
        alice.send("bruno@bakery.test", "warm", "x")
        lab.settle()
        began = time.perf_counter()
        alice.send("bruno@bakery.test", "timed", "x")
        sent = time.perf_counter()
        lab.settle()
        arrived = time.perf_counter()
        assert len(bruno.inbox()) == 2
    return (sent - began) * 1000, (arrived - began) * 1000


def main() -> None:
    """Print the table."""
    bare, libraries = kernel_memory("None"), kernel_memory(LIBRARIES)
    opened, sent = kernel_memory(OPENED), kernel_memory(SENT)
    ways = [send_to_inbox() for _ in range(9)]
    rows = [
        (
            "import mailcourse, fresh interpreter",
            f"{median(lambda: in_new_python('import mailcourse')):.0f} ms",
            "≤ 400 ms",
        ),
        ("open the lab, imports warm", f"{median(reopen):.0f} ms", "≤ 100 ms"),
        ("kernel, nothing imported", f"{bare:.0f} MB", ""),
        ("kernel, the libraries beneath imported", f"{libraries:.0f} MB", ""),
        ("kernel, the lab open", f"{opened:.0f} MB", "≤ 75 MB"),
        ("kernel, after a message was sent (TLS loaded)", f"{sent:.0f} MB", ""),
        ("send: until 250", f"{statistics.median(w[0] for w in ways):.0f} ms", ""),
        ("send: until the inbox, three servers on", f"{statistics.median(w[1] for w in ways):.0f} ms", ""),
    ]
    print("| what | measured | goal |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
