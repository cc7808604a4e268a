"""A room keeps what is run in it apart, and gives back answers and nothing else."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from submissions import write

from mailcourse.checks.parcel import unpack
from mailcourse.marking.grading import Job, grade
from mailcourse.marking.room import Room, RoomEnded

BEGIN = "from mailcourse.checks import begin, check\nworld = begin('02-dns', 'Ana')"


@pytest.fixture
def room(tmp_path: Path) -> Room:
    (tmp_path / "notes.txt").write_text("mine")
    made = Room(tmp_path, {})
    yield made
    made.close()
    assert not made.folder.exists()


def run(room: Room, source: str) -> str:
    return str(room.ask(run=source, seconds=20)["text"])


def test_a_room_has_a_copy_of_its_own_folder_and_a_home_of_its_own(room: Room, tmp_path: Path) -> None:
    assert "mine" in run(room, "open('notes.txt').read()")
    run(room, "open('notes.txt', 'w').write('other')\nopen('more.txt', 'w').write('x')")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert str(Path.home()) not in run(room, "import os\nprint(os.path.expanduser('~'), os.environ['TMPDIR'])")


def test_a_room_reaches_no_network_and_no_files_of_others(room: Room) -> None:
    said = run(room, f"print(open({__file__!r}).read())")
    assert "FileNotFoundError" in said or "PermissionError" in said
    said = run(room, "import socket\nsocket.create_connection(('192.0.2.1', 25), 3)")
    assert "unreachable" in said


def test_an_answer_crosses_as_data_with_the_world_that_was_begun(room: Room) -> None:
    run(room, f"{BEGIN}\nfirst = {{'a': (1, 'x')}}")
    told = room.ask(answer="first", assignment="02-dns", seconds=10)
    assert unpack(told["parcel"]) == {"a": [1, "x"]}
    assert told["world"] == "Ana"
    assert room.ask(answer="none", assignment="02-dns", seconds=10) == {"missing": "none"}


def test_a_misnamed_answer_is_told_so_in_the_notebook_too(room: Room) -> None:
    run(room, BEGIN)
    run(room, "primero = {}")
    said = run(room, 'from mailcourse.checks import check\n\ncheck("02-dns", "who-takes", first)')
    assert said.strip() == "This task looks for `first`; your cell defines `primero`."
    assert "NameError" in run(room, "missing + 1")


def test_a_room_that_is_silent_or_says_nonsense_is_ended(room: Room) -> None:
    with pytest.raises(RoomEnded, match="did not answer in time"):
        room.ask(run="import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", seconds=0.5)
    with pytest.raises(RoomEnded):
        room.ask(run="1", seconds=1)


def test_what_a_room_left_running_ends_with_it(tmp_path: Path) -> None:
    word = f"left-by-{os.getpid()}"
    program = f"import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)  # {word}"
    with Room(tmp_path, {}) as room:
        run(
            room,
            f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {program!r}], start_new_session=True)",
        )
    left = subprocess.run(["pgrep", "-f", word], capture_output=True, text=True, check=False)
    assert left.stdout == ""


@pytest.mark.timeout(200)
def test_another_executor_can_take_the_place_of_the_threads(tmp_path: Path) -> None:
    for name in ("ana", "eva"):
        write(tmp_path / "in", name, "right")
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        outcome = grade(Job("01-addresses", tmp_path / "in", tmp_path / "out"), executor=executor)
    assert [record.total for record in outcome.marks] == [24, 24]


def test_a_missing_bubblewrap_is_said_on_the_page_of_the_class(tmp_path: Path) -> None:
    write(tmp_path / "in", "ana", "untouched")
    command = [sys.executable, "-m", "mailcourse.cli", "grade", "01-addresses", "in"]
    for path, is_missing in ((os.environ["PATH"], False), (str(tmp_path / "nowhere"), True)):
        environment = {**os.environ, "PATH": path}
        subprocess.run([*command, "--again"], cwd=tmp_path, env=environment, check=True, capture_output=True)
        page = (tmp_path / "grading" / "01-addresses.html").read_text("utf-8")
        assert ("bubblewrap is missing on this machine" in page) == is_missing
