"""Recipes of images: what is in them, what is not, and what Kubernetes would be asked for."""

from __future__ import annotations

import asyncio
import math
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from kubernetes_asyncio.config import kube_config
from kubespawner import KubeSpawner
from traitlets.config import Config

ROOT = Path(__file__).parents[2]
VALUES = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "values.yaml").read_text("utf-8"))
DOCKERFILE = (ROOT / "deploy" / "image" / "Dockerfile").read_text("utf-8")
#: the chart's name of a value → KubeSpawner's, for those that we set
TRAITS = {
    "cmd": "cmd",
    "defaultUrl": "default_url",
    "uid": "uid",
    "fsGid": "fs_gid",
    "allowPrivilegeEscalation": "allow_privilege_escalation",
    "startTimeout": "start_timeout",
}


def steps(stage: int) -> list[tuple[str, str]]:
    """Return the instructions of a stage of the Dockerfile, with their arguments."""
    text = re.sub(r"(?m)^#.*\n", "", DOCKERFILE)
    lines = [line.split(" ", 1) for line in text.split("FROM ")[stage].splitlines()[1:] if line.strip()]
    return [(name, rest) for name, rest in lines]


def quick(folder: Path) -> dict[str, str]:
    """Let `pip` do what it is told, into a folder and without what is installed here anyway."""
    return {**os.environ, "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_TARGET": str(folder)}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("image") / "course"
    left = shutil.ignore_patterns(".venv", ".git", ".cache", "_site", "grading", "__pycache__", ".*_cache", "tests")
    shutil.copytree(ROOT, copy, ignore=left)
    (copy / ".git").mkdir()
    return copy


def test_the_image_is_made_from_a_wheel_without_solutions(checkout: Path, tmp_path: Path) -> None:
    ((_, source), (_, wheel)) = steps(1)
    assert source == ". /course"
    command = wheel.replace("python", sys.executable, 1).replace("/course", str(checkout))
    command = command.replace("--wheel-dir /wheel", f"--wheel-dir {tmp_path} --no-build-isolation")
    subprocess.run(command, shell=True, check=True, capture_output=True, timeout=110)
    (made,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(made).namelist()
    assert "mailcourse/notebooks/00-start-here.ipynb" in names
    assert not any("solutions" in name for name in names)


def test_nothing_but_the_wheel_and_settings_goes_into_the_image_and_nobody_is_root() -> None:
    last = steps(2)
    copied = [rest.split()[-2] for name, rest in last if name == "COPY"]
    assert copied == [
        "/wheel",
        "deploy/image/constraints.txt",
        "deploy/hub/student",
        "deploy/kubernetes/nbgrader_config.py",
        "deploy/hub/start-server",
    ]
    assert all((ROOT / path).exists() for path in copied[1:])
    users = [rest for name, rest in last if name == "USER"]
    assert users == ["1000"]
    after = [name for name, _ in last[[name for name, _ in last].index("USER") :]]
    assert "RUN" not in after
    variables = next(rest for name, rest in last if name == "ENV")
    assert "JUPYTER_CONFIG_PATH=/etc/mailcourse/student" in variables
    ignored = (ROOT / "deploy" / "image" / "Dockerfile.dockerignore").read_text().split()
    assert {"solutions", ".git", "grading"} <= set(ignored)


def test_binder_gets_the_package_and_the_demo_and_no_solutions(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    told = yaml.safe_load((checkout / "binder" / "environment.yml").read_text())
    assert told["dependencies"][-1] == "pip"
    environment = quick(tmp_path / "site") | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    wrapper = tmp_path / "bin" / "python"
    wrapper.unlink()
    wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    ran = subprocess.run([checkout / "binder" / "postBuild"], cwd=checkout, env=environment, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()[-2000:]
    assert (tmp_path / "site" / "mailcourse" / "exercises").is_dir()
    assert not (checkout / "solutions").exists()
    assert not (checkout / ".git").exists()


def test_conda_installs_what_binder_does_and_nothing_editable() -> None:
    told = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert told["dependencies"][-1] == {"pip": [".[demo,grading]"]}
    assert ".[demo,grading]" in (ROOT / "binder" / "postBuild").read_text()


async def pod() -> Any:
    """Return what KubeSpawner would ask of Kubernetes for one person."""
    single = VALUES["singleuser"]
    chosen = {TRAITS[name]: value for name, value in single.items() if name in TRAITS}
    chosen |= {f"mem_{name}": value for name, value in single["memory"].items()}
    chosen |= {f"cpu_{name}": value for name, value in single["cpu"].items()}
    chosen |= {"image": f"{single['image']['name']}:{single['image']['tag']}", **VALUES["hub"]["config"]["KubeSpawner"]}
    assert set(chosen) <= set(KubeSpawner.class_traits())
    hub = SimpleNamespace(
        public_host="", url="http://hub:8081/hub/", base_url="/hub/", api_url="http://hub:8081/hub/api"
    )
    user = SimpleNamespace(name="ana", id=1, url="/user/ana", escaped_name="ana", auth_state=None)
    orm = SimpleNamespace(oauth_client=None, name="", server=None)
    config = Config({"KubeSpawner": chosen})
    spawner = KubeSpawner(_mock=True, config=config, hub=hub, user=user, orm_spawner=orm, namespace="class")
    spawner.server = SimpleNamespace(base_url="/user/ana/", orm_server=None)
    return await spawner.get_pod_manifest()


def test_kubernetes_is_asked_for_bounds_and_for_no_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}], "users": []}
    cluster |= {"contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}], "current-context": "c"}
    (tmp_path / "config").write_text(yaml.safe_dump(cluster))
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "config"))
    asked = asyncio.run(pod())
    (container,) = asked.spec.containers
    memory = {kind: int(amounts["memory"]) / 2**20 for kind, amounts in vars_of(container.resources).items()}
    assert memory == {"limits": 1024, "requests": 256}
    assert container.resources.limits["cpu"] == 1
    assert container.security_context == {"allowPrivilegeEscalation": False, "runAsUser": 1000}
    assert container.args == ["start-server"]
    assert asked.spec.automount_service_account_token is False


def vars_of(resources: Any) -> dict[str, dict[str, Any]]:
    return {"limits": resources.limits, "requests": resources.requests}


def test_the_values_let_nobody_out_and_a_lecture_in() -> None:
    rules = VALUES["singleuser"]["networkPolicy"]["egressAllowRules"]
    assert {name for name, is_allowed in rules.items() if is_allowed} == {
        "dnsPortsKubeSystemNamespace",
        "dnsPortsPrivateIPs",
    }
    assert VALUES["hub"]["concurrentSpawnLimit"] >= 300
    assert VALUES["cull"]["enabled"]
    assert VALUES["prePuller"]["hook"]["enabled"]
    named = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
    guarantee = int(VALUES["singleuser"]["memory"]["guarantee"].removesuffix("M"))
    assert f"people × {guarantee / 1000:g} GB" in named
    for people in (30, 300, 3000):
        memory = people * guarantee / 1000
        nodes = math.ceil(memory / 15)  # one of 16 GB is the system's
        bell = math.ceil(people * 5 / (4 * nodes))
        assert f"| {people:,} | {memory:.0f} GB | {nodes} | {bell} s | {people:,} GB |" in named
