"""A machine of its own for a hub: the real files, with other accounts, in namespaces that end with it.

    python hub_place.py FOLDER COUNT PROGRAM …     run by root in `unshare --mount --pid --fork`

Accounts teacher, s01, s02, … with passwords "pw-NAME" are in copies of /etc/passwd and its like; the machine's own are
not changed.  Python may be where only root can look: there, everybody sees what Python needs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

FIRST_ID = 42_000
ROOT = Path(__file__).parents[2]


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


def open_ways(folder: Path, wanted: list[Path]) -> None:
    """Let everybody reach these folders, wherever they are."""
    closed: dict[Path, list[Path]] = {}
    for place in wanted:
        above = [one for one in reversed(place.parents) if not one.stat().st_mode & 0o001]
        if above:
            closed.setdefault(above[0], []).append(place)
    for number, (above, places) in enumerate(closed.items()):
        shown = folder / "ways" / str(number)
        for place in places:
            (shown / place.relative_to(above)).mkdir(parents=True, mode=0o755)
            mount("--bind", place, shown / place.relative_to(above))
        mount("--rbind", shown, above)


def add_accounts(folder: Path, count: int) -> None:
    """Put our accounts into private copies."""
    for name in ("passwd", "shadow", "group"):
        shutil.copy(Path("/etc", name), folder / name)
    for number, name in enumerate(["teacher", *(f"s{one:02}" for one in range(1, count + 1))]):
        user, home = FIRST_ID + number, folder / "home" / name
        secret = subprocess.run(["openssl", "passwd", "-6", f"pw-{name}"], capture_output=True, text=True, check=True)
        lines = {
            "passwd": f"{name}:x:{user}:{user}::{home}:/bin/bash",
            "group": f"{name}:x:{user}:",
            "shadow": f"{name}:{secret.stdout.strip()}:19000:0:99999:7:::",
        }
        for file, line in lines.items():
            with (folder / file).open("a") as opened:
                opened.write(line + "\n")
        home.mkdir(parents=True, mode=0o700)
        os.chown(home, user, user)
    for name in ("passwd", "shadow", "group"):
        mount("--bind", folder / name, f"/etc/{name}")


def main() -> None:
    folder, count, program = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    os.umask(0o022)
    mount("-t", "proc", "proc", "/proc")
    add_accounts(folder, count)
    open_ways(folder, [Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), ROOT])
    # We are the first process here, and bury those that nobody waits for, as the first one of every machine does.
    main = subprocess.Popen(program, cwd=folder).pid
    while os.wait()[0] != main:
        pass


if __name__ == "__main__":
    main()
