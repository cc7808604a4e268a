"""Nothing of one person's lab can be reached or read by somebody else on the machine: tried under two real user ids."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailcourse import Lab
from mailcourse.leftovers import SWEEP_AFTER, HeldFolder

ROOT = Path(__file__).parents[2]
ANA, BEA = 41_001, 41_002
#: everything that a person's lab has: folders, temporary and kept, doors, logs, a judge; it waits until it is ended
OWNER = """
import json, os, sys
os.umask(0o022)
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from mailcourse import Lab
from mailcourse.checks.judging import JudgeProcess
from mailcourse.cli import _write
home = Path(sys.argv[1])
labs = [Lab("two-offices", name="temporary"), Lab("two-offices", name="kept", path=home / "kept")]
labs[0].log_to(home / "logs")
labs[1].person("alice@academy.test").send("bruno@bakery.test", "Bread", "x")
labs[1].settle()
_write(home / "endpoints.json", json.dumps(labs[0].endpoints()))
judge = JudgeProcess()
print("ready", flush=True)
sys.stdin.read()
"""
#: as somebody else: opens what there is, and says what opened, and what each port said to a greeting
NEIGHBOUR = """
import encodings.idna, json, os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
asked, opened = json.load(sys.stdin), []
for path in asked["files"]:
    for flags in (os.O_RDONLY, os.O_WRONLY):
        try: os.close(os.open(path, flags)); opened.append(path)
        except OSError: pass
for path in asked["sockets"]:
    with socket.socket(socket.AF_UNIX) as client:
        try: client.connect(path if path[0] != "@" else chr(0) + path[1:]); opened.append(path)
        except OSError: pass
for port in asked["tcp"]:
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(b"a NOOP\\r\\n"); client.shutdown(socket.SHUT_WR)
            if client.recv(100): opened.append(port)
    except OSError: pass
for port in asked["udp"]:
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(0.2)
        try: client.sendto(bytes.fromhex(asked["query"]), ("127.0.0.1", port)); client.recv(512); opened.append(port)
        except OSError: pass
print(json.dumps(opened))
"""
#: bakery.test MX
QUERY = "000101000001000000000000" + "0662616b657279047465737400" + "000f0001"
needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be another user (sudo -E make test)"
)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that others may enter, as on many machines: what is in it has to be closed by itself."""
    folder = Path(tempfile.mkdtemp(prefix="home-", dir="/tmp"))
    (folder / "tmp").mkdir()
    for path in (folder, folder / "tmp"):
        path.chmod(0o755)
        os.chown(path, ANA, ANA)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def owner(home: Path) -> Iterator[subprocess.Popen[str]]:
    # Python itself may be where only root can read: that, and nothing else, she may as well.
    command = ["setpriv", f"--reuid={ANA}", f"--regid={ANA}", "--clear-groups", "--inh-caps=+dac_read_search"]
    command += ["--ambient-caps=+dac_read_search", "--bounding-set=-all,+dac_read_search"]
    command += [sys.executable, "-c", OWNER, str(home), str(ROOT)]
    with subprocess.Popen(
        command,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home / "tmp")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def ports_of(user: int, kind: str) -> list[int]:
    """Return the ports at which a user listens, as the system tells everybody."""
    rows = [line.split() for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]]
    return [int(row[1].partition(":")[2], 16) for row in rows if row[7] == str(user) and row[3] in ("0A", "07")]


def unix_sockets() -> list[str]:
    return [line.split()[7] for line in Path("/proc/net/unix").read_text().splitlines()[1:] if len(line.split()) == 8]


def belongings(user: int, *roots: Path) -> list[Path]:
    paths = [path for root in roots for path in root.rglob("*")]
    return [path for path in paths if path.lstat().st_uid == user]


@needs_root
@pytest.mark.timeout(60)
def test_every_port_socket_and_file_of_a_lab_refuses_another_user(home: Path, owner: subprocess.Popen[str]) -> None:
    files = belongings(ANA, home, Path("/dev/shm"))
    asked = {
        "files": [str(path) for path in files if not path.is_dir()],
        "sockets": unix_sockets(),
        "tcp": ports_of(ANA, "tcp"),
        "udp": ports_of(ANA, "udp"),
        "query": QUERY,
    }
    assert len(asked["files"]) > 10
    assert len(asked["tcp"]) > 20
    assert len(asked["udp"]) > 2
    opened = {}
    for user in (ANA, BEA):
        ran = subprocess.run(
            [sys.executable, "-c", NEIGHBOUR, str(user)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=True,
        )
        opened[user] = json.loads(ran.stdout)
    assert set(map(str, asked["files"])) <= set(map(str, opened[ANA])), "the trial itself finds what is there"
    assert len(set(asked["tcp"]) & set(opened[ANA])) > 15  # some wait for TLS, or for a question
    assert set(asked["udp"]) & set(opened[ANA])
    assert {path for path in opened[BEA] if path in asked["files"]} == set()
    assert [port for port in opened[BEA] if port in asked["tcp"] + asked["udp"]] == []
    own = {path for path in opened[ANA] if path in asked["sockets"]} - set(opened[BEA])
    assert not own, "a lab has no sockets in files"
    first = {path.relative_to(home).parts[0] for path in files if path.is_relative_to(home)}
    assert first == {"tmp", "kept", "logs", "endpoints.json"}
    for folder in (home / "kept", home / "logs", *(home / "tmp").glob("mailcourse-*")):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
def test_nothing_is_left_of_a_killed_kernel_once_another_lab_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_lab: Callable[..., Lab]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = "from mailcourse import Lab; lab = Lab('two-offices'); print('ready', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as kernel:
        assert kernel.stdout is not None
        kernel.stdout.readline()
        (left,) = tmp_path.glob("mailcourse-*")
        long_ago = left.stat().st_mtime - 2 * SWEEP_AFTER
        os.utime(left / "lock", (long_ago, long_ago))
        make_lab("two-offices", name="meanwhile").close()
        assert left.exists(), "a lab that lives keeps its folder"
        kernel.send_signal(signal.SIGKILL)
    lab = make_lab("two-offices", name="afterwards")
    assert not left.exists()
    lab.close()
    assert [*tmp_path.iterdir()] == []


@pytest.mark.skipif(os.name != "posix", reason="Windows needs a right to make links")
def test_sweeping_follows_no_link_and_takes_nothing_of_somebody_else(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "lock").write_text("mine")
    os.utime(precious / "lock", (0, 0))
    (tmp_path / "mailcourse-link").symlink_to(precious)
    trap = tmp_path / "mailcourse-trap"
    trap.mkdir()
    (trap / "lock").symlink_to(precious / "lock")
    os.utime(trap / "lock", (0, 0), follow_symlinks=False)
    others = tmp_path / "mailcourse-others"
    others.mkdir()
    (others / "lock").touch()
    os.utime(others / "lock", (0, 0))
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(others, BEA, BEA)
    with HeldFolder("own-", str(tmp_path)) as own:
        assert own.exists()
    assert not own.exists()
    assert (precious / "lock").read_text() == "mine"
    assert (trap / "lock").is_symlink()
    assert others.exists() is is_root


def test_a_folder_of_marks_is_closed_whatever_it_was(tmp_path: Path) -> None:
    from mailcourse.marking import grading

    exercise = ROOT / "exercises" / "01-addresses" / "01-addresses.ipynb"
    (tmp_path / "in" / "ana").mkdir(parents=True)
    shutil.copy(exercise, tmp_path / "in" / "ana")
    (tmp_path / "out").mkdir(mode=0o755)
    before = os.umask(0)
    try:
        grading.grade(grading.Job("01-addresses", tmp_path / "in", tmp_path / "out", is_judged=False))
    finally:
        assert os.umask(before) == 0, "and nothing else of the process is changed"
    made = [*(tmp_path / "out").rglob("*")]
    assert len(made) > 10
    assert [str(path) for path in made if path.lstat().st_mode & 0o077] == []


def test_the_trial_knows_a_listening_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        if sys.platform == "linux":
            assert server.getsockname()[1] in ports_of(os.getuid(), "tcp")
