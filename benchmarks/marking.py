"""How long does a class of thirty take, and the same notebooks with empty checks?  In turn, with the most memory seen.

python benchmarks/marking.py                 thirty right submissions of 02-dns and of 05-relays
python benchmarks/marking.py 04-smtp --of 8
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import threading
import time
from pathlib import Path

from mailcourse.marking.grading import Job, grade
from mailcourse.marking.room import descendants

ROOT = Path(__file__).parents[1]


def hand_in(name: str, folder: Path, count: int) -> None:
    """Write right submissions: the exercise, with the solution's answers."""
    solved = json.loads((ROOT / "solutions" / name / f"{name}.ipynb").read_text("utf-8"))["cells"]
    answers = {cell["id"]: cell["source"] for cell in solved if "mailcourse" in cell["metadata"]}
    for number in range(count):
        made = json.loads((ROOT / "exercises" / name / f"{name}.ipynb").read_text("utf-8"))
        for cell in made["cells"]:
            cell["source"] = answers.get(cell["id"], cell["source"])
            cell["source"] = "".join(cell["source"]).replace('STUDENT = ""', f'STUDENT = "student {number}"')
        path = folder / f"s{number:02}" / f"{name}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(made), "utf-8")


class Memory:
    """Watches what this process and all that come from it hold, in MB."""

    def __init__(self) -> None:
        self.most, self._over = 0.0, threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            held = sum(map(_proportional, [os.getpid(), *descendants(os.getpid())]))
            self.most = max(self.most, held / 1024)

    def stop(self) -> float:
        """Return the most that was seen."""
        self._over.set()
        return self.most


def _proportional(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup") as told:
            return next(int(line.split()[1]) for line in told if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


def _processor() -> float:
    """Return the seconds of processor time of this process and of all that have ended below it."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


def measure(name: str, count: int, is_judged: bool) -> tuple[float, float, float]:
    """Mark a class; return seconds, seconds of processor time, and the most memory."""
    with tempfile.TemporaryDirectory() as folder:
        hand_in(name, Path(folder, "in"), count)
        memory, began, used = Memory(), time.perf_counter(), _processor()
        outcome = grade(Job(name, Path(folder, "in"), Path(folder, "out"), is_judged=is_judged))
        seconds = time.perf_counter() - began
        points = {record.total + record.waiting for record in outcome.marks} if is_judged else {0.0}
        assert points == {outcome.marks[0].most if is_judged else 0.0}, points
        return seconds, _processor() - used, memory.stop()


def main() -> None:
    """Print two lines for each assignment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("assignments", nargs="*", default=["02-dns", "05-relays"])
    parser.add_argument("--of", type=int, default=30, help="how many submissions (30)")
    chosen = parser.parse_args()
    measure("01-addresses", 1, True)  # everything is imported and warm
    for name in chosen.assignments:
        for words, is_judged in (("marked", True), ("with empty checks", False)):
            seconds, used, most = measure(name, chosen.of, is_judged)
            print(
                f"{name}, {chosen.of} {words}: {seconds:.0f} s, {used:.0f} s of processor time, {most:.0f} MB at most"
            )


if __name__ == "__main__":
    main()
