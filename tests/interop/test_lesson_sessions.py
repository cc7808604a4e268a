"""The sessions that the lessons show are run, letter by letter: the very commands, and what they print.

In a lesson a session is a block in which `$` marks a command.  `PORT` (or `PORT25`, …) is a port that `mailcourse up`
prints, `CA` the file of its certificate authority.  `…` stands for what differs each time; alone in a line, for lines.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailcourse import Lab

pytestmark = pytest.mark.interop
LESSONS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9][0-9]-*.ipynb"))
RESOLVER, MX1 = ("resolver.carrier.test", 53), ("mx1.bakery.test", 25)
#: lesson → the world that `mailcourse up` opens, and which ports its commands mean
WORLDS: dict[str, tuple[str, dict[str, tuple[str, int]]]] = {
    "00": ("two-offices", {"PORT": RESOLVER}),
    "01": ("two-offices", {"PORT": MX1}),
    "02": ("two-offices", {"PORT": RESOLVER}),
    "03": ("two-offices", {"PORT25": MX1, "PORT143": ("mail.bakery.test", 143)}),
    "04": ("two-offices", {"PORT": MX1}),
    "05": ("backup-mx", {"PORT53": RESOLVER, "PORT25": ("mx2.bakery.test", 25)}),
    "06": ("two-offices", {"PORT465": ("mail.academy.test", 465), "PORT587": ("mail.academy.test", 587)}),
    "07": ("two-offices", {"PORT25": MX1, "PORT143": ("mail.bakery.test", 143), "PORT110": ("mail.bakery.test", 110)}),
    "08": ("two-offices", {"PORT53": RESOLVER, "PORT25": MX1}),
    "09": ("signed-offices", {"PORT": RESOLVER}),
}


def sessions(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Return the commands of a lesson, each with the lines that it shows."""
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        command, shown = "", list[str]()
        lines = "".join(cell["source"]).splitlines() if cell["cell_type"] == "markdown" else []
        for line in [*lines, ""]:
            is_code = line.startswith("    ")
            if command and (not is_code or line.startswith("    $ ")):
                yield command, shown
                command, shown = "", []
            if line.startswith("    $ "):
                command = line.removeprefix("    $ ")
            elif command:
                shown.append(line[4:])


def pattern(shown: list[str]) -> str:
    """Turn what a lesson shows into a pattern: … is anything in a line, or any lines."""
    lines = [r"(?:.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n" for line in shown]
    return "".join(lines)


def test_a_pattern_fits_what_it_shows_and_nothing_else() -> None:
    assert re.fullmatch(pattern(["a", "…", "id: …"]), "a\nb\nc\nid: 7\n")
    assert re.fullmatch(pattern(["a", "…", "id: …"]), "a\nid: 7\n")
    assert not re.fullmatch(pattern(["a", "…", "id: …"]), "a\nb\n")
    assert not re.fullmatch(pattern(["a.c"]), "abc\n")


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_session_of_a_lesson_prints_what_is_shown(
    path: Path, make_lab: Callable[..., Lab], need: Callable[..., str]
) -> None:
    world, ports = WORLDS[path.name[:2]]
    lab = make_lab(world)
    found = list(sessions(path))
    assert found, "a lesson has a session with a real program"
    names = {name: str(lab.endpoint(*service)[1]) for name, service in ports.items()} | {"CA": str(lab.ca)}
    for command, shown in found:
        need(shlex.split(command)[0])
        told = re.sub(r"\b(PORT\d*|CA)\b", lambda name: names[name[0]], command)
        wanted = re.sub(r"\b(PORT\d*|CA)\b", lambda name: names[name[0]], "\n".join(shown)).splitlines()
        printed = run(told, pattern(wanted))
        assert re.fullmatch(pattern(wanted), printed), f"{told}\n{printed}"
        lab.settle()


def run(command: str, wanted: str) -> str:
    """Run a command as a shell does; a letter may still be on its way, so try until it has arrived."""
    deadline = time.monotonic() + 20
    while True:
        done = subprocess.run(
            command, shell=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False
        )
        lines = done.stdout.replace("\r\n", "\n").strip("\n").splitlines()
        printed = "".join(f"{line.rstrip()}\n" for line in lines)
        if re.fullmatch(wanted, printed) or time.monotonic() > deadline or "imap:" not in command:
            return printed
