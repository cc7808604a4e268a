"""What all tests share: a fresh lab, the guard at the border, and skips that count in CI."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbval.kernel
import pytest
from held_back import TAG, held
from hypothesis import HealthCheck, settings
from nbformat import from_dict
from nbval.plugin import IPyNbCell

from mailcourse import Lab
from mailcourse.checks.kernels import LocalKernel

# Labs next door open many ports: one that a kernel has been promised would be theirs once in a while.
nbval.kernel.KernelManager = LocalKernel

# Fuzzing: a little in every run, the same each time; more, and other, with MAILCOURSE_FUZZ=100.
TIMES = int(os.environ.get("MAILCOURSE_FUZZ", "1"))
settings.register_profile(
    "mailcourse",
    max_examples=150 * TIMES,
    deadline=None,
    derandomize=TIMES == 1,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("mailcourse")

_numbers = itertools.count(1)

# Each folder may have one; two modules of one name cannot both be searched for doctests.
collect_ignore_glob = ["*conftest.py"]


@pytest.fixture
def make_lab() -> Iterator[Callable[..., Lab]]:
    """Open labs under names of their own; all are closed at the end."""
    made = []

    def make(*arguments: Any, **named: Any) -> Lab:
        named.setdefault("name", f"test-{next(_numbers)}")
        made.append(Lab(*arguments, **named))
        return made[-1]

    yield make
    for lab in made:
        lab.close()


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    """The two offices, fresh."""
    return make_lab("two-offices")


#: A folder in memory, where the system has one.  What a killed process leaves there is the same as on a disk, and a
#: test that is about how much, and not about syncing, need not wait for a disk.
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 2**30 else None


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """A temporary folder that is quick to write to."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """`mailcourse up` in a process of its own; gives what its endpoints file says."""
    folder = tmp_path_factory.mktemp("up")
    file = folder / "endpoints.json"
    command = [sys.executable, "-m", "mailcourse.cli", "up", "two-offices", "--endpoints", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "is up" in process.stdout.readline()
    yield json.loads(file.read_text())
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    process.stdout.close()


@pytest.fixture
def need() -> Callable[[str], str]:
    """Return the path of a system program, or skip and say how to get it."""

    def find(program: str, package: str = "") -> str:
        found = shutil.which(program)
        if found is None:
            pytest.skip(f"{program} is not installed (Debian: apt install {package or program})")
        return found

    return find  # type: ignore[return-value]


# ---- what takes long begins first ------------------------------------------------------------------------

#: files that take half a minute or more: begun last, they would leave the other workers without work
LONG = (
    *("test_site", "test_commands", "test_forgeries", "test_grading", "test_honest", "test_again", "test_teaching"),
    *("test_speed", "test_hostile_page", "test_exercise", "test_control_room", "test_views", "test_every_lesson"),
    *("test_nothing_is_lost", "test_abuse", "test_many_clients", "test_waiting", "test_wrong_answers"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, IPyNbCell) and TAG in item.cell.metadata.get("tags", ()):
            # Not in the notebook, so that nobody reads it before she has answered; it has to come all the same.
            item.cell.outputs, item.cell.execution_count = from_dict(held(item.path)[item.cell.id]), 1
            item.options["check"] = True
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


# ---- a skip is a failure where everything should be installed ------------------------------------------


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("MAILCOURSE_SKIPS_FAIL"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which counts as failed here: {report.longrepr}"


# ---- the guard at the border: nothing of this process may touch anything but loopback --------------------

LOOPBACK = ("127.", "::1", "localhost")
_crossed: list[str] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.bind", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
            _crossed.append(f"{event} {address}")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        name = arguments[0].decode() if isinstance(arguments[0], bytes) else arguments[0]
        if name is not None and not str(name).startswith(LOOPBACK):
            _crossed.append(f"{event} {name}")


sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def _nothing_leaves_this_machine() -> Iterator[None]:
    yield
    crossed, _crossed[:] = list(_crossed), []
    assert crossed == []


@pytest.fixture
def crossings() -> list[str]:
    """What the guard has seen since the test began; a test may look, and clear it."""
    return _crossed


ROOT = Path(__file__).parent.parent
