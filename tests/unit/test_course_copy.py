"""`mailcourse lab`: a student's own copy of the course, renewed by a newer version without touching her work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mailcourse.course_copy import MANIFEST, copy_course, course_files

ROOT = Path(__file__).parents[2]


@pytest.fixture
def newer(tmp_path: Path) -> dict[str, Path]:
    """A newer version, in which each file has one line more."""
    found = {}
    for name, source in course_files().items():
        found[name] = tmp_path / "newer" / name
        found[name].parent.mkdir(parents=True, exist_ok=True)
        found[name].write_bytes(source.read_bytes() + b"\n")
    return found


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_copy_has_all_lessons_and_exercises_and_no_solution(tmp_path: Path) -> None:
    copied = copy_course(tmp_path / "course")
    there = tree(tmp_path / "course")
    assert set(copied.new) == set(there) - {MANIFEST}
    assert sum(name.startswith("notebooks/0") for name in there) == 10
    assert sum(name.startswith("exercises/0") for name in there) == 9
    assert not any(b"BEGIN SOLUTION" in octets for name, octets in there.items() if name.endswith(".ipynb"))


def test_links_of_the_lessons_lead_to_what_was_copied(tmp_path: Path) -> None:
    copy_course(tmp_path / "course")
    lessons = [path for path in (tmp_path / "course").rglob("*.ipynb") if "/exercises/" not in path.as_posix()]
    for path in lessons:
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                text = "".join(cell["source"])
                for link in [piece.partition(")")[0].partition("#")[0] for piece in text.split("](")[1:]]:
                    assert (path.parent / link).exists(), f"{path.name}: {link}"


def test_a_second_call_changes_nothing(tmp_path: Path) -> None:
    copy_course(tmp_path / "course")
    before = tree(tmp_path / "course")
    copied = copy_course(tmp_path / "course")
    assert (copied.new, copied.renewed, copied.kept) == ((), (), ())
    assert str(copied) == "everything is there"
    assert tree(tmp_path / "course") == before


def test_a_newer_version_renews_what_nobody_touched_and_nothing_else(tmp_path: Path, newer: dict[str, Path]) -> None:
    course = tmp_path / "course"
    copy_course(course)
    worked_on, own = "exercises/02-dns/02-dns.ipynb", "notebooks/my own.ipynb"
    (course / worked_on).write_text("my answers")
    (course / own).write_text("mine")
    copied = copy_course(course, newer)
    assert copied.kept == (worked_on,)
    assert set(copied.renewed) == set(newer) - {worked_on}
    assert (course / worked_on).read_text() == "my answers"
    assert (course / own).read_text() == "mine"
    assert (course / "docs/glossary.md").read_bytes() == newer["docs/glossary.md"].read_bytes()
    assert worked_on in str(copied)


def test_what_is_there_before_the_first_copy_is_the_student_s(tmp_path: Path) -> None:
    course = tmp_path / "course"
    (course / "notebooks").mkdir(parents=True)
    (course / "notebooks" / "index.ipynb").write_text("mine")
    assert copy_course(course).kept == ("notebooks/index.ipynb",)
    assert (course / "notebooks" / "index.ipynb").read_text() == "mine"


@pytest.mark.parametrize("wrong", [b"", b"{", b"[]", b"\xff\xfe", b'{"notebooks/index.ipynb": 7}'])
def test_a_broken_list_of_what_was_delivered_loses_no_work(
    tmp_path: Path, newer: dict[str, Path], wrong: bytes
) -> None:
    course = tmp_path / "course"
    copy_course(course)
    (course / "notebooks" / "index.ipynb").write_text("mine")
    (course / MANIFEST).write_bytes(wrong)
    copied = copy_course(course, newer)
    assert copied.renewed == ()
    assert (course / "notebooks" / "index.ipynb").read_text() == "mine"


def test_a_file_that_was_removed_comes_back_and_a_link_is_not_followed(tmp_path: Path) -> None:
    course, elsewhere = tmp_path / "course", tmp_path / "elsewhere"
    copy_course(course)
    (course / "docs/glossary.md").unlink()
    (course / "docs/teaching.md").unlink()
    (course / "docs/teaching.md").symlink_to(elsewhere)
    assert copy_course(course).new == ("docs/glossary.md",)
    assert not elsewhere.exists()


def test_a_copy_that_was_stopped_goes_on(tmp_path: Path) -> None:
    course = tmp_path / "course"
    half = dict(list(course_files().items())[:10])
    copy_course(course, half)
    (course / MANIFEST).unlink()
    assert len(copy_course(course).new) == len(course_files()) - 10
    assert copy_course(course).kept == ()


def command(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "mailcourse.cli", "lab", *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, **more)  # type: ignore[call-overload, no-any-return]


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    ran = command(str(tmp_path / "file"), "--copy-only")
    assert ran.returncode == 1
    assert "cannot be used" in ran.stderr
    assert (tmp_path / "file").read_text() == "x"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as a release makes it, with the tools that are here."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=100)
    return next(folder.glob("*.whl"))


def test_the_wheel_has_what_it_needs_and_no_solutions(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as whole:
        names = whole.namelist()
        texts = [whole.read(name) for name in names if name.endswith(".ipynb")]
    assert len(texts) == 21
    assert not any(b"BEGIN SOLUTION" in text for text in texts)
    assert not any(part in name for name in names for part in ("solutions/", "tests/", ".venv", "checkpoints"))
    for needed in ("lab/scenarios/signed-offices.toml", "lessons/specimens/hilltop.eml", "widgets/proof.css"):
        assert f"mailcourse/{needed}" in names
    assert wheel.stat().st_size < 4_000_000


def test_the_course_opens_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as whole:
        whole.extractall(tmp_path / "installed")
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    where = [sys.executable, "-c", "import mailcourse; print(mailcourse.__file__)"]
    assert str(tmp_path) in subprocess.run(where, env=env, cwd=tmp_path, capture_output=True, text=True).stdout
    ran = command("--copy-only", env=env, cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert tree(tmp_path / "mail-course").keys() == {*course_files(), MANIFEST}


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_jupyterlab_ends_with_the_command_that_started_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mailcourse.cli", "lab", str(tmp_path / "course"), "--", "--no-browser"]
    with subprocess.Popen([*command, "--ServerApp.port=0"], stderr=subprocess.PIPE, text=True) as started:
        assert started.stderr is not None
        assert any("is running at" in line for line in started.stderr)
        (jupyter,) = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
        started.terminate()
        started.stderr.read()  # until nobody has it open any more
        started.wait(30)
    assert not Path(f"/proc/{jupyter}").exists()
