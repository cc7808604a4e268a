"""Run the recipe of the image without Docker, step by step, in folders that are roots: what a builder would do.

    sudo python deploy/image/steps.py ROOT [--stages FOLDER]

ROOT is what stands for the base image: a Debian with Python, made by `debootstrap`.  Each stage of the Dockerfile gets
a copy of it, and its COPY, RUN, USER, WORKDIR, ENV and ARG are done in order, RUN by `chroot`.  At the end it says what
is in the last root: its size, who starts it, and whether anything is there that must not be.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLAIN = {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin", "HOME": "/root", "LANG": "C.UTF-8"}


@dataclass
class Stage:
    """A root as it becomes: where it is, what it is called, and what holds for the next step."""

    name: str
    root: Path
    variables: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    user: str = "0"
    folder: str = "/"
    command: list[str] = field(default_factory=list)


def instructions(recipe: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile with their arguments; lines that go on are one."""
    text = re.sub(r"(?m)^\s*#.*\n", "", recipe).replace("\\\n", " ")
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in text.splitlines()) if name]


def ignored(path: str, patterns: list[str]) -> bool:
    """Say whether a path of the project is kept from the builder (.dockerignore)."""
    parts = path.split("/")
    return any(
        fnmatch("/".join(parts[: end + 1]), pattern) or (pattern.startswith("**/") and fnmatch(parts[end], pattern[3:]))
        for pattern in patterns
        for end in range(len(parts))
    )


def copy(stage: Stage, rest: str, stages: list[Stage], context: Path) -> None:
    """Do COPY: from the project, without what is ignored, or from an earlier stage."""
    words = rest.split()
    origin = context
    patterns = (ROOT / "deploy" / "image" / "Dockerfile.dockerignore").read_text("utf-8").split()
    if words[0].startswith("--from="):
        origin = next(one.root for one in stages if one.name == words[0].removeprefix("--from="))
        words, patterns = words[1:], []
    source, target = origin / words[0].lstrip("/"), stage.root / words[1].lstrip("/")

    def left_out(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder).relative_to(origin).as_posix()
        return {name for name in names if ignored(name if inside == "." else f"{inside}/{name}", patterns)}

    if source.is_dir():
        shutil.copytree(source, target, ignore=left_out, dirs_exist_ok=True, symlinks=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def run(stage: Stage, command: str) -> None:
    """Do RUN: a shell in the root, as the user of that moment, with its variables."""
    variables = {**PLAIN, **stage.arguments, **stage.variables}
    called = ["chroot", f"--userspec={stage.user}:{stage.user}", str(stage.root), "/bin/sh", "-c"]
    subprocess.run([*called, f"cd {shlex.quote(stage.folder)} && {command}"], env=variables, check=True)


def step(name: str, rest: str, stages: list[Stage], base: Path, folder: Path, context: Path) -> None:
    """Do one instruction."""
    if name == "FROM":
        called = rest.partition(" AS ")[2] or "image"
        subprocess.run(["cp", "--archive", "--one-file-system", str(base), str(folder / called)], check=True)
        stages.append(Stage(called, folder / called))
        return
    stage = stages[-1]
    match name:
        case "COPY":
            copy(stage, rest, stages, context)
        case "RUN":
            run(stage, rest)
        case "ARG":
            key, _, value = rest.partition("=")
            stage.arguments[key] = value
        case "ENV":
            stage.variables |= dict(part.split("=", 1) for part in shlex.split(rest))
        case "USER":
            stage.user = rest
        case "WORKDIR":
            stage.folder = rest
            (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "CMD":
            stage.command = [part.strip('"') for part in rest.strip("[]").split(", ")]
        case "EXPOSE":
            pass
        case _:
            raise SystemExit(f"{name}: this instruction is not known here; teach {Path(__file__).name} what it does.")


def must_not_be(root: Path) -> list[str]:
    """Return what is in a root that learners are not to have."""
    wanted = ("solutions", "hidden_tests", "held_back")
    return [str(path.relative_to(root)) for name in wanted for path in root.rglob(name) if "mailcourse" in str(path)]


def main() -> int:
    """Do all steps, and say what came out."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("root", type=Path, help="stands for the base image")
    asked.add_argument("--stages", type=Path, default=Path("stages"), help="where the roots are made (stages)")
    chosen = asked.parse_args()
    chosen.stages.mkdir(exist_ok=True)
    stages: list[Stage] = []
    for name, rest in instructions((ROOT / "deploy" / "image" / "Dockerfile").read_text("utf-8")):
        began = time.monotonic()
        step(name, rest, stages, chosen.root, chosen.stages.resolve(), ROOT)
        print(f"{time.monotonic() - began:6.1f} s  {name} {rest[:90]}", flush=True)
    last = stages[-1]
    size, before = (
        int(subprocess.run(["du", "-sm", folder], capture_output=True, text=True, check=True).stdout.split()[0])
        for folder in (last.root, chosen.root)
    )
    print(f"{size} MB, {size - before} of them above the base; started by user {last.user}: {' '.join(last.command)}")
    found = must_not_be(last.root)
    for path in found:
        print(f"must not be there: {path}", file=sys.stderr)
    return 1 if found or last.user in ("0", "root") else 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
