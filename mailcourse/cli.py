"""The command line: the same labs, for tools outside Jupyter.

mailcourse lab FOLDER                              the lessons, in a folder of one's own, in JupyterLab
mailcourse up two-offices --endpoints FILE.json    a running lab, until Ctrl-C
mailcourse doctor                                  is this machine ready?
mailcourse scenarios                               the worlds there are
mailcourse grade 02-dns FOLDER                     marks, feedback and a page of the class
mailcourse report 02-dns                           the same again, after marking by hand
mailcourse new, mailcourse release                 assignments of a teacher's own
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .course_copy import copy_course
from .internet.errors import LabError
from .internet.runtime import Handover
from .lab import scenario
from .lab.folder import usable
from .views import Lab

#: What a course room needs, and the oldest release that will do.
PACKAGES = ("jupyterlab", "ipywidgets", "aiosmtpd", "dnspython", "trustme", "resvg-py")
OLDEST_PYTHON = (3, 11)
FIRST_LESSON = "notebooks/00-start-here.ipynb"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 1 when it failed."""
    chosen = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = chosen.run
    try:
        return run(chosen)
    except LabError as error:
        print(f"mailcourse: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mailcourse", description="A small Internet of mail on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    lab = commands.add_parser("lab", help="copy the lessons into a folder of your own, and open them")
    lab.add_argument("folder", nargs="?", type=Path, default=Path("mail-course"), help="(mail-course)")
    lab.add_argument("--copy-only", action="store_true", help="copy or renew the files, and open nothing")
    lab.add_argument("more", nargs="*", help="for JupyterLab, after --: such as -- --no-browser")
    lab.set_defaults(run=_lab)
    up = commands.add_parser("up", help="run a lab until Ctrl-C")
    up.add_argument("scenario", nargs="?", default="two-offices", help="a name, or the path of a TOML file")
    up.add_argument("--endpoints", metavar="FILE", type=Path, help="write addresses, ports and passwords there")
    up.add_argument("--path", type=Path, help="keep queues and mailboxes in this folder")
    up.add_argument("--logs", metavar="FOLDER", type=Path, help="write what the servers log there, a file a host")
    up.add_argument("--clock", choices=("live", "still"), default="live", help="does lab time run? (live)")
    up.add_argument("--any-user", action="store_true", help="let programs of other users of this machine in")
    up.set_defaults(run=_up)
    commands.add_parser("doctor", help="check that this machine is ready").set_defaults(run=_doctor)
    commands.add_parser("scenarios", help="list the scenarios").set_defaults(run=_scenarios)
    _add_marking(commands)
    _add_own(commands)
    return parser


def _lab(chosen: argparse.Namespace) -> int:
    with usable(chosen.folder):
        copied = copy_course(chosen.folder)
    print(f"The course is in {chosen.folder}: {copied}.", flush=True)
    if chosen.copy_only:
        return 0
    own = [f"--ServerApp.root_dir={chosen.folder.resolve()}", f"--LabApp.default_url=/lab/tree/{FIRST_LESSON}"]
    root = ["--allow-root"] if hasattr(os, "getuid") and os.getuid() == 0 else []  # containers have no other
    with subprocess.Popen([sys.executable, "-m", "jupyterlab", *own, *root, *chosen.more]) as jupyter:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is heard there too, and it asks whether that was meant
        signal.signal(signal.SIGTERM, lambda *_: jupyter.terminate())
        return jupyter.wait()


def _up(chosen: argparse.Namespace) -> int:
    ended = Handover[None]()  # an Event has a lock, which a signal may find held by the very thread that it interrupts
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.give(None))
    with Lab(chosen.scenario, path=chosen.path, clock=chosen.clock) as lab:
        if chosen.logs:
            lab.log_to(chosen.logs)
        endpoints = lab.endpoints(any_user=chosen.any_user)
        if chosen.endpoints:
            _write(chosen.endpoints, json.dumps(endpoints, indent=2))
        print(_shown(lab, endpoints), flush=True)
        ended.take()
    print("The lab is closed.")
    return 0


def _write(file: Path, text: str) -> None:
    """Write a file that nobody ever sees half-written, and nobody else can read: it holds passwords."""
    fresh = file.with_name(f".{file.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)
    fresh.replace(file)


def _shown(lab: Lab, endpoints: dict[str, Any]) -> str:
    lines = [f"{lab.scenario.title} is up. Ctrl-C ends it.", ""]
    lines.append(f"dig @{endpoints['dns'][0]} -p {endpoints['dns'][1]} bakery.test MX")
    for host, ports in endpoints["hosts"].items():
        lines += [f"{host:24}port {port:>4}  is  {at[0]}:{at[1]}" for port, at in ports.items()]
    lines += ["", repr(lab.people), "", f"certificate of the lab's CA: {endpoints['ca']}"]
    return "\n".join(lines)


def _scenarios(chosen: argparse.Namespace) -> int:
    for name in scenario.names():
        print(f"{name:20}{scenario.load(name).title}")
    return 0


def _add_marking(commands: Any) -> None:
    grade = commands.add_parser("grade", help="mark what students handed in")
    report = commands.add_parser("report", help="write tables and pages again, after marking by hand")
    for one, run in ((grade, _grade), (report, _report)):
        one.add_argument("assignment", help="such as 02-dns")
        if one is grade:
            one.add_argument("folder", type=Path, help="where the students' notebooks are: a folder, or a .zip file")
        one.add_argument("--into", type=Path, default=Path("grading"), help="where marks and feedback go (grading)")
        one.add_argument("--course", type=Path, help="a folder with tasks and exercises of your own")
        one.set_defaults(run=run)
    grade.add_argument("--due", type=_moment, metavar="'2026-11-20 23:59'", help="what came later is noted as late")
    grade.add_argument(
        "--points", action="append", default=[], type=_worth, metavar="TASK=POINTS", help="weigh a task otherwise"
    )
    grade.add_argument("--seconds", type=float, default=20.0, help="how long a cell may take (20)")
    grade.add_argument("--workers", type=int, default=0, help="how many are marked at a time (one for each core)")
    grade.add_argument("--scheduler", metavar="ADDRESS", help="mark on the workers of this Dask scheduler")
    grade.add_argument("--again", action="store_true", help="mark everybody, also those who have not changed")


def _add_own(commands: Any) -> None:
    new = commands.add_parser("new", help="begin the notebook of an assignment of your own")
    release = commands.add_parser("release", help="make what students get of an assignment of your own")
    for one, run in ((new, _new), (release, _release)):
        one.add_argument("assignment", help="such as 09-third-server: tasks/a09_third_server.py")
        one.add_argument("--course", type=Path, required=True, help="the folder with tasks/ and solutions/")
        one.set_defaults(run=run)


def _new(chosen: argparse.Namespace) -> int:
    from .checks.skeleton import write_skeleton

    print(f"wrote {write_skeleton(chosen.assignment, chosen.course)}")
    return 0


def _release(chosen: argparse.Namespace) -> int:
    _marking()  # says what is missing
    from .checks.release import quietly_release

    target = chosen.course / "exercises"
    for name in quietly_release(target, [chosen.assignment], chosen.course):
        print(f"wrote {target / name}")
    return 0


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write it like '2026-11-20 23:59'") from None


def _worth(text: str) -> tuple[str, float]:
    task, _, points = text.partition("=")
    try:
        return task, float(points)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} says no points; write it like zone=5") from None


def _grade(chosen: argparse.Namespace) -> int:
    """Mark a folder of submissions; say where marks, page and feedback are."""
    grading = _marking()
    about = (chosen.assignment, chosen.folder, chosen.into, chosen.course, chosen.due, dict(chosen.points))
    job = grading.Job(*about, chosen.seconds, chosen.workers, chosen.again)
    if not chosen.scheduler:
        return _told(grading.grade(job, _Progress()))
    from .marking import cluster

    with cluster.connected(chosen.scheduler, chosen.course) as (workers, how_apart):
        outcome = grading.grade(job, _Progress(), workers, lambda: how_apart)
        if workers.lost:
            print(f"mailcourse: {workers.lost}", file=sys.stderr)
    return _told(outcome)


def _report(chosen: argparse.Namespace) -> int:
    """Write tables and pages from the gradebook."""
    return _told(_marking().write_all(chosen.assignment, chosen.into, chosen.course))


def _marking() -> Any:
    try:
        import nbgrader  # noqa: F401

        from .marking import grading
    except ImportError as error:
        raise LabError(f"{error.name} is missing; run `pip install 'mailcourse[grading]'`") from None
    return grading


def _told(outcome: Any) -> int:
    for path in outcome.written:
        print(f"wrote {path}")
    if outcome.unused:
        print(f"not used: {len(outcome.unused)} files; the page of the class says which, and why")
    if not outcome.is_whole:
        print("stopped; what was marked is kept, and the same command goes on")
    return 0 if outcome.is_whole else 130


class _Progress:
    """Says who is marked: a line for each, or a bar with the time that is left, where somebody looks."""

    def __init__(self) -> None:
        self._began, self._first = time.monotonic(), 0

    def __call__(self, done: int, count: int, student: str, points: float) -> None:
        self._first = self._first or done - 1
        each = (time.monotonic() - self._began) / max(1, done - self._first)
        left = f"{each * (count - done):.0f} s left" if done < count else "done"
        if not sys.stdout.isatty():
            print(f"{done:>3} of {count}  {student}: {points:g} points  ({left})", flush=True)
            return
        bar = "█" * (30 * done // count)
        print(f"\r{bar:<30} {done:>3} of {count}, {left:<12}", end="\n" if done == count else "", flush=True)


def _doctor(chosen: argparse.Namespace) -> int:
    """Try everything that a lesson needs; say what is wrong and how to fix it."""
    checks: dict[str, Callable[[], str]] = {
        "Python": _check_python,
        "packages": _check_packages,
        "temporary folder": _check_folder,
        "pictures": _check_pictures,
        "a message": _check_message,
    }
    failed = 0
    for name, check in checks.items():
        try:
            print(f"ok      {name}: {check()}")
        except Exception as error:  # whatever it is, the report goes on
            failed += 1
            print(f"FAILED  {name}: {error}")
    print("Everything is ready." if not failed else f"{failed} of {len(checks)} checks failed; fix them from the top.")
    return 1 if failed else 0


def _check_python() -> str:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        raise LabError(f"this is Python {found}; install 3.11 or newer and make the environment again")
    return found


def _check_packages() -> str:
    try:
        return ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    except PackageNotFoundError as error:
        raise LabError(f"{error.name} is missing; run `make lab`, or `pip install -e .`") from None


def _check_folder() -> str:
    with tempfile.NamedTemporaryFile(prefix="mailcourse-") as file:
        file.write(b"x")
        free = shutil.disk_usage(file.name).free // 2**20
    if free < 100:
        raise LabError(f"only {free} MB are free; make room, or set TMPDIR to another disk")
    return f"{free} MB free"


def _check_pictures() -> str:
    from .scene.diagram import Arrow, row
    from .scene.shapes import Node
    from .scene.still import png

    blank, drawn = (png(row([Node((text,)), Node((text,))], [Arrow(0, 1)])) for text in ("", "text"))
    if drawn == blank:
        raise LabError("pictures in saved notebooks have no text: install a font, such as Debian's fonts-dejavu-core")
    return "drawn in this process"


def _check_message() -> str:
    began = time.perf_counter()
    with Lab("two-offices", name="doctor") as lab:
        sent = lab.person("alice@academy.test").send("bruno@bakery.test", "doctor", "Is it all well?")
        lab.settle(30)
        state = sent.status["bruno@bakery.test"]
        if state.state != "delivered" or len(lab.person("bruno@bakery.test").inbox()) != 1:
            raise LabError(f"the test message did not arrive: {state.words}")
    return f"sent, carried by three servers and read in {time.perf_counter() - began:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
