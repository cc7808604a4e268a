"""Every command that the README and docs/ show is run, letter by letter, in a fresh copy of the repository.

What goes on until somebody stops it is started, and stopped when it says that it is there.  What takes an hour is
asked what it would do.  A command that is not in the table here is a failure.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from assignment import ROOT
from submissions import write

NAME = "02-dns"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = r"(?:make|mailcourse|\.venv/bin/mailcourse|nbgrader|jupyter|conda)"
#: one after the other, as somebody would; (what is started, and what it says when it is there)
STARTED = {
    "make lab": "http://127.0.0.1:",
    "make demo": "Voilà is running",
    "jupyter lab notebooks/00-start-here.ipynb": "http://127.0.0.1:",
    "mailcourse lab FOLDER": "http://127.0.0.1:",
    ".venv/bin/mailcourse up two-offices --endpoints endpoints.json": "is up",
}
RUN = (
    ".venv/bin/mailcourse doctor",
    "make exercises",
    "make grade ASSIGNMENT=02-dns FOLDER=path/to/what/they/handed/in",
    "make grade ASSIGNMENT=02-dns FOLDER=…",
    "mailcourse grade 02-dns FOLDER --into grading",
    "mailcourse report 02-dns",
    "nbgrader release_assignment 02-dns",
    "nbgrader collect 02-dns",
    "jupyter nbconvert --to slides notebooks/05-relays-and-mx.ipynb",
)
#: they run for minutes or hours: make is only asked what it would do
ASKED = ("make test", "make bench", "make crash", "make fuzz", "make site", "make pictures")
#: run by test_teaching.py, in the folder that the page makes; by test_cluster.py, with a scheduler of its own;
#: by test_hub.py, on a hub
ELSEWHERE = (
    r"mailcourse (up|new|release|grade) .*(my-course).*|mailcourse grade .* --scheduler tcp://1(0|27).*"
    r"|nbgrader (release_assignment|collect) 01-addresses|mailcourse grade 01-addresses grading/submitted"
)
#: needs a program that Debian does not have; what it reads is looked at
CONDA = ("conda env create -f environment.yml", "conda activate mailcourse")


def shown() -> dict[str, str]:
    """Return the commands of all pages, and where each is."""
    found = {}
    for page in PAGES:
        text = page.read_text("utf-8")
        lines = re.findall(rf"^    ({PROGRAMS} [^#\n]+)", text, re.MULTILINE)
        found |= {line.strip(): page.name for line in (*lines, *re.findall(rf"`({PROGRAMS} [^`\n]+)`", text))}
    return {command: page for command, page in found.items() if command != "mailcourse up"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh copy, with the environment of these tests in it and three folders of submissions."""
    copy = tmp_path_factory.mktemp("clone") / "mailcourse"
    left = shutil.ignore_patterns(".venv", ".git", ".cache", "_site", "grading", "__pycache__", ".*_cache", "*.db")
    shutil.copytree(ROOT, copy, ignore=left)
    (copy / ".venv").symlink_to(sys.prefix)
    (copy / "ready").touch()
    for folder in ("path/to/what/they/handed/in", "…", "FOLDER"):
        write(copy / folder, "ana", "untouched", NAME)
    with (copy / "nbgrader_config.py").open("a") as config:
        config.write(f"c.Exchange.root = {str(copy.parent / 'exchange')!r}\n")
    settings = copy.parent / "home" / "CONFIG"
    settings.mkdir(parents=True)
    (settings / "jupyter_server_config.json").write_text(
        '{"ServerApp": {"allow_root": true}}'
    )  # containers have no other
    (copy.parent / "exchange").mkdir(mode=0o777)
    (copy.parent / "exchange").chmod(0o777)
    return copy


def environment(clone: Path) -> dict[str, str]:
    home, stamps = str(clone.parent / "home"), "READY=ready DEMO=ready DEV=ready"
    own = {f"JUPYTER_{name}_DIR": f"{home}/{name}" for name in ("CONFIG", "DATA", "RUNTIME")}
    path = f"{clone}/.venv/bin{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **own, "HOME": home, "PATH": path, "MAKEFLAGS": f"-- {stamps}", "BROWSER": "true"}


def run(command: str, clone: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, shell=True, cwd=clone, env=environment(clone), capture_output=True, text=True, timeout=110, check=False
    )


def test_every_command_that_a_page_shows_is_known_here() -> None:
    known = {*STARTED, *RUN, *ASKED, *CONDA}
    assert {command for command in shown() if command not in known and not re.fullmatch(ELSEWHERE, command)} == set()
    assert known - set(shown()) == set(), "no page shows it any more"
    assert "name: mailcourse" in (ROOT / "environment.yml").read_text()


@pytest.mark.timeout(300)
def test_a_command_does_what_a_page_says(clone: Path) -> None:
    before = {path: path.read_bytes() for path in (clone / "exercises").rglob("*.ipynb")}
    failed = {}
    for command in RUN:
        ran = run(command, clone)
        if ran.returncode:
            failed[command] = ran.stdout[-800:] + ran.stderr[-800:]
    assert failed == {}
    assert {path: path.read_bytes() for path in (clone / "exercises").rglob("*.ipynb")} == before
    assert (clone / "grading" / f"{NAME}.csv").exists()


@pytest.mark.parametrize("command", STARTED)
def test_what_goes_on_begins_and_ends(command: str, clone: Path) -> None:
    with subprocess.Popen(
        f"exec {command}" if not command.startswith("make") else command,
        shell=True,
        cwd=clone,
        env={**environment(clone), "JUPYTER_PREFER_ENV_PATH": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if STARTED[command] in line:
                break
        os.killpg(process.pid, signal.SIGKILL)
    assert STARTED[command] in "".join(said), "".join(said)[-2000:]


@pytest.mark.parametrize("command", ASKED)
def test_what_takes_long_is_known_to_make(command: str, clone: Path) -> None:
    ran = run(command.replace("make", "make -n", 1), clone)
    assert ran.returncode == 0, ran.stderr
    assert "python" in ran.stdout


@pytest.mark.timeout(200)
def test_nbgraders_own_commands_neither_fail_nor_delete_an_exercise(clone: Path) -> None:
    exercise = clone / "exercises" / NAME / f"{NAME}.ipynb"
    before = exercise.read_bytes()
    shutil.rmtree(clone / "grading", ignore_errors=True)  # as in a fresh clone
    ran = run(f"nbgrader generate_assignment {NAME} --force", clone)
    assert ran.returncode == 0, ran.stderr[-1500:]
    assert exercise.read_bytes() == before
    write(clone / "grading" / "submitted" / "ana", NAME, "right", NAME)
    for command in ("autograde", "generate_feedback"):
        ran = run(f"nbgrader {command} {NAME}", clone)
        assert ran.returncode == 0, ran.stderr[-1500:]
    ran = run("nbgrader export", clone)
    assert ran.returncode == 0, ran.stderr[-1500:]
    assert f"{NAME},,,ana,,,,30.0,0.0,30.0,30.0" in (clone / "grades.csv").read_text()
    assert "ana" in run(f"mailcourse report {NAME}", clone).stdout + (clone / "grading" / f"{NAME}.csv").read_text()
    assert exercise.read_bytes() == before
