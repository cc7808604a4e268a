"""What a cluster is given: pins, Dask's cluster, nbgrader's exchange, and the recipe of the image as it is run here."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from test_install_size import closure
from traitlets.config import PyFileConfigLoader

ROOT = Path(__file__).parents[2]
IMAGE, CLUSTER = ROOT / "deploy" / "image", ROOT / "deploy" / "kubernetes"
VALUES = yaml.safe_load((CLUSTER / "values.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def steps() -> ModuleType:
    spec = importlib.util.spec_from_file_location("steps", IMAGE / "steps.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules["steps"] = made
    spec.loader.exec_module(made)
    return made


def pins() -> dict[str, str]:
    lines = [line for line in (IMAGE / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    found = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}
    assert len(found) == len(lines)
    return found


def test_every_package_of_the_image_is_pinned_to_a_version_that_the_others_take() -> None:
    pinned = pins()
    python = re.findall(r"FROM python:([\d.]+)", (IMAGE / "Dockerfile").read_text())[-1]
    needed = closure("mailcourse", frozenset({"grading", "cluster"}), python)
    assert sorted(set(needed) - set(pinned)) == []
    for requirement in map(Requirement, distribution("mailcourse").requires or ()):
        name = canonicalize_name(requirement.name)
        if name in needed:
            assert requirement.specifier.contains(pinned[name]), requirement
    assert "jupyterhub" not in pinned, "the chart says which"
    assert "--constraint /wheel/constraints.txt" in (IMAGE / "Dockerfile").read_text()


def test_the_steps_here_are_those_of_the_recipe_and_leave_solutions_out(steps: ModuleType, tmp_path: Path) -> None:
    context, base, made = tmp_path / "course", tmp_path / "base", tmp_path / "stages"
    for name in ("solutions/x.ipynb", "mailcourse/a.py", ".git/config", "deploy/hub/start-server"):
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).write_text(name)
    base.mkdir()
    made.mkdir()
    stages: list[Any] = []
    recipe = "FROM x AS wheel\n# why\nCOPY . /course\nARG A=1\nENV B=2 C='3 4'\nUSER 1000\nWORKDIR /home/x\n"
    for name, rest in steps.instructions(f'{recipe}FROM x\nCOPY --from=wheel /course /c\nCMD ["start", "--ip"]\n'):
        steps.step(name, rest, stages, base, made, context)
    first, last = stages
    assert (first.user, first.folder, first.variables, first.arguments) == (
        "1000",
        "/home/x",
        {"B": "2", "C": "3 4"},
        {"A": "1"},
    )
    copied = sorted(path.relative_to(last.root).as_posix() for path in last.root.rglob("*") if path.is_file())
    assert copied == ["c/deploy/hub/start-server", "c/mailcourse/a.py"]
    assert last.command == ["start", "--ip"]
    assert steps.must_not_be(last.root) == []
    (last.root / "mailcourse" / "solutions").mkdir(parents=True)
    assert steps.must_not_be(last.root) == ["mailcourse/solutions"]
    with pytest.raises(SystemExit, match="HEALTHCHECK"):
        steps.step("HEALTHCHECK", "x", stages, base, made, context)


def test_each_instruction_of_the_recipe_is_one_that_the_steps_know(steps: ModuleType) -> None:
    names = {name for name, _ in steps.instructions((IMAGE / "Dockerfile").read_text("utf-8"))}
    source = (IMAGE / "steps.py").read_text("utf-8")
    assert names == {"FROM", *re.findall(r'case "(\w+)":', source)}


def unknown(value: Any, schema: dict[str, Any], at: str = "") -> Iterator[str]:
    """Name what the schema does not know: Kubernetes would drop it without a word."""
    known = schema.get("properties")
    if isinstance(value, dict) and known is not None and not schema.get("x-kubernetes-preserve-unknown-fields"):
        for name, inner in value.items():
            if name in known:
                yield from unknown(inner, known[name], f"{at}.{name}")
            else:
                yield f"{at}.{name}"
    elif isinstance(value, list) and "items" in schema:
        for one in value:
            yield from unknown(one, schema["items"], f"{at}[]")


@pytest.fixture(scope="module")
def dask_schema() -> dict[str, Any]:
    spec = importlib.util.find_spec("dask_kubernetes")
    assert spec is not None
    assert spec.submodule_search_locations
    (file,) = Path(spec.submodule_search_locations[0]).rglob("helm/*/crds/daskcluster.yaml")
    schema: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def test_the_marking_cluster_is_one_that_dasks_operator_understands(dask_schema: dict[str, Any]) -> None:
    told = yaml.safe_load((CLUSTER / "dask.yaml").read_text("utf-8"))
    assert (told["apiVersion"], told["kind"]) == ("kubernetes.dask.org/v1", "DaskCluster")
    own = {"spec": told["spec"]}
    jsonschema.validate(own, dask_schema)
    assert list(unknown(own, dask_schema)) == []
    assert "replicas" in str(list(unknown({"spec": {"replicas": 1}}, dask_schema)))
    scheduler, worker = told["spec"]["scheduler"], told["spec"]["worker"]
    assert scheduler["service"]["type"] == "ClusterIP"
    (port,) = scheduler["service"]["ports"]
    (container,) = scheduler["spec"]["containers"]
    assert port["targetPort"] in {one["name"] for one in container["ports"]}
    assert {one["image"] for part in (scheduler, worker) for one in part["spec"]["containers"]} == {container["image"]}
    page = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")
    assert f"service/{told['metadata']['name']}-scheduler {port['port']}:" in page


def test_the_exchange_is_where_the_hub_and_everybody_look_for_it() -> None:
    _, service, deployment = yaml.safe_load_all((CLUSTER / "ngshare.yaml").read_text("utf-8"))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    variables = {one["name"]: one.get("value") or one["valueFrom"]["secretKeyRef"]["key"] for one in container["env"]}
    name = variables["JUPYTERHUB_SERVICE_NAME"]
    port = service["spec"]["ports"][0]["port"]
    assert VALUES["hub"]["services"][name]["url"] == f"http://{service['metadata']['name']}:{port}"
    assert variables["JUPYTERHUB_SERVICE_URL"].endswith(f":{port}")
    assert variables["JUPYTERHUB_API_TOKEN"] == f"hub.services.{name}.apiToken"
    where = VALUES["singleuser"]["extraEnv"]["NGSHARE_URL"]
    assert where.endswith(variables["JUPYTERHUB_SERVICE_PREFIX"].rstrip("/"))
    for role in VALUES["hub"]["loadRoles"].values():
        assert f"access:services!service={name}" in role["scopes"]
    assert service["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    assert deployment["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"]


def test_without_an_exchange_nbgrader_begins_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NGSHARE_URL", raising=False)
    config = PyFileConfigLoader("nbgrader_config.py", path=str(CLUSTER)).load_config()
    assert config.CourseDirectory.course_id == "mailcourse"
    assert "ExchangeFactory" not in config
