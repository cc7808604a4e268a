"""What a code host would run: the same commands as here, each of them tried."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NBVAL = "python -m pytest --nbval --nbval-sanitize-with tests/nbval.cfg --nbval-cell-timeout 60 notebooks"
#: what a step runs → where the same is run
RUN = {
    'sudo -E env "PATH=$PATH" .ci/run': ".ci/run",
    "python -m pip install build": "pyproject.toml",
    "python -m build": "docs/maintaining.md",
    "make site": "Makefile",
    "python -m pip install '.[grading]' nbval": "pyproject.toml",
    NBVAL: "docs/adopt.md",
}


def steps() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for file in FILES:
        jobs = yaml.safe_load(file.read_text("utf-8"))["jobs"]
        found += [(file.name, step) for job in jobs.values() for step in job["steps"]]
    return found


def test_every_step_is_a_known_command_or_a_known_action() -> None:
    assert [file.name for file in FILES] == ["check.yml", "my-course.yml"]
    assert {step["run"] for _, step in steps() if "run" in step} == set(RUN)
    used = {step["uses"] for _, step in steps() if "uses" in step}
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", action) for action in used)


def test_what_a_step_needs_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    dev = " ".join(project["optional-dependencies"]["dev"])
    assert "build>=" in dev
    assert "nbval>=" in dev
    assert "grading" in project["optional-dependencies"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert re.search(r"^site: ", (ROOT / "Makefile").read_text(), re.M)
    for command, page in RUN.items():
        if page.startswith("docs/"):
            assert command in (ROOT / page).read_text("utf-8")


def test_a_workflow_may_only_read_and_ends_by_itself() -> None:
    for file in FILES:
        told = yaml.safe_load(file.read_text("utf-8"))
        assert told["permissions"] == {"contents": "read"}
        assert all(1 <= job["timeout-minutes"] <= 60 for job in told["jobs"].values())


@pytest.mark.timeout(120)
def test_a_teachers_notebook_is_held_to_what_it_shows(tmp_path: Path) -> None:
    """The command of her copy, with one notebook that is right and one that is not."""
    from nbformat import write
    from nbformat.v4 import new_code_cell, new_notebook, new_output

    for name, shown, expected in (("right", "2", 0), ("wrong", "3", 1)):
        output = new_output("execute_result", data={"text/plain": shown}, execution_count=1)
        cell = new_code_cell("1 + 1", outputs=[output], execution_count=1)
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        folder = tmp_path / name
        folder.mkdir()
        write(new_notebook(cells=[cell], metadata=kernel), folder / "lesson.ipynb")
        command = NBVAL.replace("tests/nbval.cfg", str(ROOT / "tests" / "nbval.cfg")).replace("notebooks", str(folder))
        own = ["-c", "/dev/null", "-p", "no:cacheprovider"]
        ran = subprocess.run([sys.executable, *command.split()[1:], *own], cwd=folder, capture_output=True, text=True)
        assert ran.returncode == expected, ran.stdout
