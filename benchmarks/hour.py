"""An hour of class in the control room: does memory grow, do the widgets, does what goes to the browser?

    60 rounds; each plays the eight steps of the script, every fifth presses Reset as well.

A round is what a class sees in about a minute; between them nothing waits, so this takes a few minutes.  Prints
resident memory (MB), open widgets and messages to the browser for each block of ten rounds.
"""

from __future__ import annotations

import gc
import time
from pathlib import Path

from ipywidgets.widgets.widget import Widget, _instances

from mailcourse import Lab
from mailcourse.widgets.script import SCRIPT

ROUNDS, BLOCK = 60, 10


def memory() -> float:
    """Resident memory of this process, in MB."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 1e6


def main() -> None:
    """Play the hour and print a line for each block."""
    count = 0
    send = Widget._send

    def counted(self: Widget, *args: object, **kwargs: object) -> object:
        nonlocal count
        count += 1
        return send(self, *args, **kwargs)

    Widget._send = counted
    with Lab("two-offices") as lab:
        room = lab.room()
        print("rounds   MB  widgets  messages to the browser")
        for number in range(1, ROUNDS + 1):
            for step in SCRIPT:
                step.act(room.stage)
                time.sleep(0.15)  # the views look
            if number % 5 == 0:
                room.begin()
            if number % BLOCK == 0:
                print(f"{number:>6} {memory():>4.0f} {len(_instances):>8} {count:>8}", flush=True)
                count = 0
        before = count
        time.sleep(10)
        print(f"in 10 s of rest: {count - before} messages")
        room.close()


if __name__ == "__main__":
    main()
