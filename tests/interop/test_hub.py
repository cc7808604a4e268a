"""A class on the real JupyterHub: its files as they are installed, real accounts, real passwords, the real proxy."""

from __future__ import annotations

import asyncio
import csv
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from traitlets import import_item
from traitlets.config import PyFileConfigLoader

ROOT = Path(__file__).parents[2]
HUB = ROOT / "deploy" / "hub"
NAME, COUNT = "01-addresses", 4
#: what the page tells a teacher to do, run as she does
TEACHERS = (
    f"nbgrader release_assignment {NAME}",
    f"nbgrader collect {NAME}",
    f"mailcourse grade {NAME} grading/submitted",
)
#: what it tells an administrator, beside the two scripts that are run here: programs of Debian and of git
SYSTEM = r"(sudo )?(apt-get|git|cd|nano|useradd|passwd|chpasswd|systemctl|journalctl|tar|rm) .*|echo .*"
PROXY = ROOT / ".cache" / "hub"
needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="only root can start other people's servers (sudo -E make test)",
)


def module(name: str) -> ModuleType:
    """Return a file of deploy/hub/ as a module."""
    spec = importlib.util.spec_from_file_location(name, HUB / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


def installed(folder: Path, **changes: str) -> Path:
    """Put the hub's files below a folder, with other settings; return the file with these."""
    environment = {**os.environ, "MAILCOURSE_HUB_FILES_ONLY": "1"}
    command = ["sh", str(HUB / "install.sh"), "--into", str(folder), str(ROOT)]
    subprocess.run(command, env=environment, check=True, capture_output=True, umask=0o077)
    settings = folder / "etc" / "mailcourse" / "hub.toml"
    text = settings.read_text("utf-8")
    for place in ("/var/lib/", "/srv/", "/etc/"):
        text = text.replace(f'"{place}', f'"{folder}{place}')
    for name, value in changes.items():
        text, count = re.subn(rf"(?m)^{name} = [^#\n]*", f"{name} = {value}  ", text)
        assert count == 1
    settings.write_text(text, "utf-8")
    return settings


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Running:
    """A hub with its accounts, on a machine of its own as far as files and processes go."""

    def __init__(self, folder: Path, proxy: Path, **more: str) -> None:
        self.folder, (front, hub, api) = folder, free_ports(3)
        self.address = f"http://127.0.0.1:{front}"
        changes = {"address": f'"{self.address}"', "environment": f'"{sys.prefix}"', "proxy": f'"{proxy}"'}
        changes |= {"spawner": '"local"', "hub": str(hub), "proxy_api": str(api)} | more
        self.settings = installed(folder, **changes)
        config = self.settings.with_name("jupyterhub_config.py")
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", sys.executable]
        command += [str(Path(__file__).with_name("hub_place.py")), str(folder), str(COUNT)]
        command += [sys.executable, "-m", "jupyterhub", f"--config={config}"]
        variables = {**os.environ, "MAILCOURSE_HUB": str(self.settings)}
        self.log: list[str] = []
        self._ready = threading.Event()
        self._process = subprocess.Popen(
            command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        threading.Thread(target=self._listen, daemon=True).start()
        assert self._ready.wait(60), "".join(self.log)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.log.append(line)
            if "JupyterHub is now running" in line:
                self._ready.set()

    def as_teacher(self, command: str) -> str:
        """Run a command as she does in a terminal of the hub; return what it printed."""
        first = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()[0]
        home = self.folder / "home" / "teacher"
        variables = {"HOME": str(home), "PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "MAILCOURSE_HUB": str(self.settings)}
        variables |= {"JUPYTER_CONFIG_PATH": str(self.settings.with_name("teacher"))}
        enter = ["nsenter", "-t", first, "--mount", "--pid", "setpriv", "--reuid=teacher", "--regid=teacher"]
        enter += ["--init-groups", "env", "-i", *(f"{name}={value}" for name, value in variables.items())]
        ran = subprocess.run(
            [*enter, "sh", "-c", f"cd {home}/course && {command}"], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def close(self) -> None:
        self._process.kill()  # and everything in its namespace with it
        self._process.wait()


@pytest.fixture(scope="module")
def proxy() -> Path:
    """The program of the proxy; npm brings it once."""
    program = PROXY / "node_modules" / ".bin" / "configurable-http-proxy"
    if not program.exists():
        if shutil.which("npm") is None:
            pytest.skip("needs npm (Debian: apt install npm)")
        package = re.findall(r"configurable-http-proxy@[^']+", (HUB / "install.sh").read_text())[0]
        command = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(PROXY), package]
        subprocess.run(command, check=True, timeout=110)
    return program


@pytest.fixture
def hub(proxy: Path) -> Iterator[Running]:
    folder = Path(tempfile.mkdtemp(prefix="hub-", dir="/tmp"))
    folder.chmod(0o755)
    running = Running(folder, proxy)
    course = folder / "home" / "teacher" / "course"
    (course / "grading").mkdir(parents=True, mode=0o700)
    shutil.copytree(ROOT / "exercises" / NAME, course / "exercises" / NAME)
    shutil.copy(ROOT / "nbgrader_config.py", course)
    owner = (folder / "home" / "teacher").stat().st_uid
    for path in (course, *course.rglob("*")):
        os.chown(path, owner, owner)
    yield running
    running.close()
    shutil.rmtree(folder)


@needs_root
@pytest.mark.timeout(240)
def test_a_class_signs_in_works_hands_in_and_is_marked(hub: Running) -> None:
    rehearse = module("rehearse")
    people = [(f"s{number:02}", f"pw-s{number:02}") for number in range(1, COUNT + 1)]
    began = time.monotonic()
    first = asyncio.run(rehearse.rehearse(hub.address, people, "", {}))
    assert [one.error for one in first] == [""] * COUNT, "".join(hub.log)[-3000:]
    held = rehearse.held()
    memory = [sum(kinds.values()) for name, kinds in held.items() if name in dict(people)]
    assert len(memory) == COUNT
    assert max(memory) < 165, held  # MB: server, kernel and an open lab

    release, collect, grade = TEACHERS
    hub.as_teacher(release)
    solved = json.loads((ROOT / "solutions" / NAME / f"{NAME}.ipynb").read_text("utf-8"))["cells"]
    answers = {cell["id"]: "".join(cell["source"]) for cell in solved if "mailcourse" in cell["metadata"]}
    second = asyncio.run(rehearse.rehearse(hub.address, people, NAME, answers))
    assert [one.error for one in second] == [""] * COUNT, "".join(hub.log)[-3000:]
    hub.as_teacher(collect)
    hub.as_teacher(grade)
    table = hub.folder / "home" / "teacher" / "course" / "grading" / f"{NAME}.csv"
    with table.open(encoding="utf-8", newline="") as file:
        marks = {row["student"]: float(row["points"]) for row in csv.DictReader(file)}
    assert marks == dict.fromkeys(dict(people), 24.0)
    assert [line for line in hub.log if re.match(r"\[[EC] |Traceback", line)] == []
    assert time.monotonic() - began < 200
    for name, _ in people:
        home = hub.folder / "home" / name
        assert home.stat().st_mode & 0o077 == 0
        assert not list(home.rglob("solutions"))
        assert (home / "mail-course" / "notebooks" / "00-start-here.ipynb").exists()


@needs_root
@pytest.mark.timeout(60)
def test_a_wrong_password_does_not_come_in(hub: Running) -> None:
    (seen,) = asyncio.run(module("rehearse").rehearse(hub.address, [("s01", "guessed")], "", {}))
    assert "name or password is wrong" in seen.error or "403" in seen.error
    assert not (hub.folder / "home" / "s01" / "mail-course").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="a hub for several accounts needs Linux")
@pytest.mark.parametrize(("sign_in", "spawner"), [("pam", "systemd"), ("lti", "local"), ("pam", "auto")])
def test_every_setting_is_one_that_jupyterhub_has(
    sign_in: str, spawner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = installed(tmp_path, sign_in=f'"{sign_in}"', spawner=f'"{spawner}"')
    monkeypatch.setenv("MAILCOURSE_HUB", str(settings))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [])  # a machine that knows its name
    config = PyFileConfigLoader("jupyterhub_config.py", path=str(settings.parent)).load_config()
    places = {"JupyterHub": "jupyterhub.app", "Authenticator": "jupyterhub.auth", "PAMAuthenticator": "jupyterhub.auth"}
    places |= {"Spawner": "jupyterhub.spawner", "ConfigurableHTTPProxy": "jupyterhub.proxy"}
    places |= {"SystemdSpawner": "systemdspawner", "LTI13Authenticator": "ltiauthenticator.lti13.auth"}
    for name, traits in config.items():
        known = import_item(f"{places[name]}.{name}").class_traits()
        assert set(traits) <= set(known), name
        more = {"user": SimpleNamespace(name="ana", id=1)} if name.endswith("Spawner") else {}
        if name != "JupyterHub":
            import_item(f"{places[name]}.{name}")(config=config, **more)  # values of the right kind
    assert ("LTI13Authenticator" in config) == (sign_in == "lti")
    assert config.JupyterHub.concurrent_spawn_limit >= 30
    assert config.Spawner.http_timeout >= 240


def test_somebody_from_moodle_gets_a_name_that_an_account_can_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = installed(tmp_path)
    monkeypatch.setenv("MAILCOURSE_HUB", str(settings))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [])
    values: dict[str, object] = {"get_config": __import__("traitlets.config").config.Config}
    exec((settings.parent / "jupyterhub_config.py").read_text("utf-8"), values)
    unix_name = values["unix_name"]
    assert callable(unix_name)
    names = [
        unix_name(name) for name in ("4711", "Ana López", "ana.lopez@academy.test", "../../root", "x" * 200, "4712")
    ]
    assert len(set(names)) == 6
    assert all(re.fullmatch(r"[a-z][a-z0-9-]{0,31}", name) for name in names)


@pytest.mark.parametrize(("address", "is_told"), [("http://0.0.0.0:8000", True), ("http://127.0.0.1:8000", False)])
def test_a_machine_that_does_not_know_its_own_name_is_told_so_at_once(
    address: str, is_told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setenv("MAILCOURSE_HUB", str(installed(tmp_path, address=f'"{address}"')))
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    loader = PyFileConfigLoader("jupyterhub_config.py", path=str(tmp_path / "etc" / "mailcourse"))
    if is_told:
        with pytest.raises(SystemExit, match=f"127.0.1.1 {re.escape(socket.gethostname())}.* into /etc/hosts"):
            loader.load_config()
    else:
        assert loader.load_config().JupyterHub.bind_url == address


def test_installing_again_keeps_the_settings_and_renews_the_rest(tmp_path: Path) -> None:
    settings = installed(tmp_path)
    settings.write_text(settings.read_text("utf-8").replace("class_size = 40", "class_size = 90"), "utf-8")
    stale = settings.with_name("jupyterhub_config.py")
    stale.write_text("old")
    installed(tmp_path)
    assert tomllib.loads(settings.read_text("utf-8"))["hub"]["class_size"] == 90
    assert stale.read_text("utf-8") == (HUB / "jupyterhub_config.py").read_text("utf-8")
    for path in (settings.with_name("start-server"), *settings.parents[:2], settings.with_name("student")):
        assert path.stat().st_mode & 0o005 == 0o005, "everybody runs what is there, whatever root's umask is"
    assert (tmp_path / "srv" / "mailcourse" / "exchange").stat().st_mode & 0o777 == 0o777
    assert (tmp_path / "var" / "lib" / "mailcourse-hub").stat().st_mode & 0o777 == 0o700


def test_the_unit_and_the_page_name_what_is_installed(tmp_path: Path) -> None:
    installed(tmp_path)
    unit = (tmp_path / "etc" / "systemd" / "system" / "mailcourse-hub.service").read_text()
    started = re.findall(r"ExecStart=(\S+) --config=(\S+)", unit)[0]
    places = tomllib.loads((HUB / "hub.toml").read_text("utf-8"))["places"]
    assert started == (f"{places['environment']}/bin/jupyterhub", f"{places['settings']}/jupyterhub_config.py")
    page = (ROOT / "docs" / "hub.md").read_text("utf-8")
    for place in places.values():
        if place != places["proxy"]:
            assert place in page
    commands = re.findall(r"^    ((?:sudo |git |cd |nbgrader |mailcourse |systemctl |journalctl |echo ).*)", page, re.M)
    others = [command for command in commands if not re.fullmatch(SYSTEM, command)]
    install, rehearse = "sudo sh deploy/hub/install.sh .", "sudo /opt/mailcourse/bin/python deploy/hub/rehearse.py"
    assert {command.partition(" http")[0] for command in others} == {install, rehearse, *TEACHERS}
    for path in re.findall(r"deploy/hub/[\w.]+", page):
        assert (ROOT / path).exists()
