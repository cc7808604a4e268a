"""A class is marked by a real Dask scheduler and workers, each a process of its own: the same marks as without them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client
from submissions import NAME, write

from mailcourse import cli
from mailcourse.internet.errors import LabError
from mailcourse.marking.cluster import connected
from mailcourse.marking.grading import Job, grade

KINDS = ("half", "untouched", "no notebook", "ends the kernel", "wrong type")
TASK = '''"""A task of one teacher."""
from mailcourse.checks.task import Case, task


@task("31-own", "one", "One", {"is one": 1})
def one(case: Case) -> None:
    """Ask for one."""
    case.expect("is one", case.answer == 1, "1", case.answer)
'''


class Machines:
    """A scheduler and its workers, each a process that can be killed."""

    def __init__(self) -> None:
        self.workers: list[subprocess.Popen[str]] = []
        self.scheduler = self._start("scheduler", "--port", "0")
        assert self.scheduler.stderr is not None
        line = next(line for line in self.scheduler.stderr if "Scheduler at:" in line)
        self.address = line.split()[-1]

    def _start(self, kind: str, *more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *more]
        command += ["--host", "127.0.0.1", "--no-dashboard"]
        error = subprocess.PIPE if kind == "scheduler" else subprocess.DEVNULL
        return subprocess.Popen(command, stderr=error, text=True)

    def add_worker(self) -> None:
        self.workers.append(self._start("worker", self.address, "--nthreads", "1", "--no-nanny"))

    def wait_for(self, count: int) -> None:
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, 60)

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.communicate()


@pytest.fixture
def machines() -> Iterator[Machines]:
    made = Machines()
    yield made
    made.close()


@pytest.mark.timeout(300)
def test_a_class_gets_the_same_marks_when_a_worker_is_killed_in_the_middle(tmp_path: Path, machines: Machines) -> None:
    for number, kind in enumerate(KINDS):
        write(tmp_path / "in", f"s{number}", kind)
    grade(Job(NAME, tmp_path / "in", tmp_path / "one"))
    for _ in range(2):
        machines.add_worker()
    machines.wait_for(2)

    def kill_one(done: int, *_: object) -> None:
        if done == 1:
            machines.workers[0].kill()

    with connected(machines.address) as (cluster, how_apart):
        outcome = grade(Job(NAME, tmp_path / "in", tmp_path / "many"), kill_one, cluster, lambda: how_apart)
    assert outcome.is_whole
    one, many = ((tmp_path / into / f"{NAME}.csv").read_text("utf-8") for into in ("one", "many"))
    assert one == many
    pages = [sorted((tmp_path / into / "feedback").rglob("*.html")) for into in ("one", "many")]
    assert [page.read_text("utf-8") for page in pages[0]] == [page.read_text("utf-8") for page in pages[1]]


@pytest.mark.timeout(300)
def test_a_worker_marks_with_the_teachers_own_code_or_not_at_all(tmp_path: Path, machines: Machines) -> None:
    with pytest.raises(LabError, match="The scheduler has no workers"), connected(machines.address):
        pass
    machines.add_worker()
    machines.wait_for(1)
    task = tmp_path / "own" / "tasks" / "a31_own.py"
    task.parent.mkdir(parents=True)
    task.write_text(TASK)
    with connected(machines.address, tmp_path / "own"):
        pass
    task.write_text(TASK.replace("== 1", "== 2"))
    with pytest.raises(LabError, match="another version of mailcourse or of your course") as refused:
        connected(machines.address, tmp_path / "own").__enter__()
    assert "start the worker again" in str(refused.value)

    write(tmp_path / "in", "ana", "untouched")
    machines.workers[0].kill()
    machines.workers[0].wait()
    machines.add_worker()
    machines.wait_for(1)
    with connected(machines.address, patience=1) as (cluster, _):
        machines.workers[1].kill()  # the last one: nobody marks, and nobody waits any longer
        outcome = grade(Job(NAME, tmp_path / "in", tmp_path / "out"), executor=cluster)
    assert "no workers any more. Start some, and give the same command" in cluster.lost
    assert not outcome.is_whole
    assert outcome.marks[0].notes == ["not marked yet: the same command goes on"]
    machines.add_worker()
    machines.wait_for(1)
    with connected(machines.address) as (cluster, _):
        outcome = grade(Job(NAME, tmp_path / "in", tmp_path / "out"), executor=cluster)
    assert outcome.is_whole
    assert outcome.marks[0].notes == []


def test_what_is_missing_for_a_cluster_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["grade", NAME, str(tmp_path), "--into", str(tmp_path / "out"), "--scheduler"]
    assert cli.main([*command, "nowhere"]) == 1
    assert "No scheduler answers at 'tcp://nowhere'" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert cli.main([*command, "127.0.0.1:8786"]) == 1
    assert "run `pip install 'mailcourse[cluster]'` here and where the workers are" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
