"""A class that comes in at the bell, before the class does: all sign in at once, and work through the first hour.

    /opt/mailcourse/bin/python deploy/hub/rehearse.py http://127.0.0.1:8000 people.txt

people.txt has a line a person: name and password.  Each opens lesson 00, sends a letter, fetches an exercise, hands it
in.  Shown: seconds until everybody's server is there and until the last one's first cell has run, errors, and, for root
on the hub's own machine, memory a person and the processor at rest.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

LESSON = "notebooks/00-start-here.ipynb"
LETTER = """
from mailcourse import Lab
lab = Lab("two-offices")
lab.person("alice@academy.test").send("bruno@bakery.test", "Bread", "Two loaves?")
lab.settle()
print(len(lab.person("bruno@bakery.test").inbox()))
"""
#: real seconds for one person's whole way, and between two looks whether a server is there
PATIENCE, LOOK = 600, 1.0


@dataclass
class Seen:
    """What one person saw: seconds since the bell for each step, and what went wrong."""

    name: str
    seconds: dict[str, float] = field(default_factory=dict)
    error: str = ""


class Person:
    """Somebody in front of a browser."""

    def __init__(self, hub: str, name: str, password: str, began: float) -> None:
        self._hub, self._name, self._password, self._began = hub.rstrip("/"), name, password, began
        self._own = f"{self._hub}/user/{name}"
        self.seen = Seen(name)

    def _done(self, step: str) -> None:
        self.seen.seconds[step] = time.monotonic() - self._began

    async def come(self, assignment: str, answers: dict[str, str]) -> Seen:
        """Go the whole way; whatever goes wrong is written down."""
        try:
            async with (
                asyncio.timeout(PATIENCE),
                aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as self._web,
            ):
                await self._sign_in()
                self._done("signed in")
                await self._wait_for_server()
                self._done("server")
                if "cells" not in (await self._ask("GET", f"api/contents/{LESSON}"))["content"]:
                    raise ValueError("lesson 00 is not there")
                if (said := await self._run(LETTER)) != "1\n":
                    raise ValueError(f"the letter did not arrive: {said}")
                self._done("first cell")
                if assignment:
                    await self._hand_in(assignment, answers)
                    self._done("handed in")
        except (aiohttp.ClientError, OSError, ValueError, KeyError, TimeoutError) as error:
            self.seen.error = f"{type(error).__name__}: {error}"
        return self.seen

    async def _sign_in(self) -> None:
        page = f"{self._hub}/hub/login"
        async with self._web.get(page) as shown:
            shown.raise_for_status()
        form = {"username": self._name, "password": self._password, "_xsrf": self._token(f"{self._hub}/hub/")}
        async with self._web.post(page, data=form) as shown:
            shown.raise_for_status()
            if shown.url.path.endswith("/login"):
                raise ValueError("name or password is wrong")

    async def _wait_for_server(self) -> None:
        """Do what a browser does: ask for the page until it is there; the hub signs in to the server on the way."""
        while True:
            async with self._web.get(f"{self._own}/lab") as shown:
                if shown.status == 200 and shown.url.path.startswith(f"/user/{self._name}/lab"):
                    return
                if shown.status not in (200, 404, 424, 429, 503):
                    raise ValueError(f"{shown.status} {shown.reason} from the hub")
                if shown.status == 429:
                    raise ValueError("429: too many start at once; class_size in hub.toml is too small")
            await asyncio.sleep(LOOK)

    def _token(self, address: str) -> str:
        from yarl import URL

        return self._web.cookie_jar.filter_cookies(URL(address))["_xsrf"].value

    async def _ask(self, method: str, path: str, **more: Any) -> Any:
        head = {"X-XSRFToken": self._token(f"{self._own}/")}
        async with self._web.request(method, f"{self._own}/{path}", headers=head, **more) as shown:
            shown.raise_for_status()
            return json.loads(await shown.read() or b"null")

    async def _run(self, code: str) -> str:
        """Run a cell in a kernel of its own, and return what it printed."""
        kernel = (await self._ask("POST", "api/kernels", json={"name": "python3"}))["id"]
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": self._name, "version": "5.3"}
        header |= {"session": uuid.uuid4().hex, "date": ""}
        request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        text = ""
        async with self._web.ws_connect(f"{self._own}/api/kernels/{kernel}/channels", max_msg_size=0) as channel:
            await channel.send_json(request)
            async for message in channel:
                heard = json.loads(message.data)
                if heard["parent_header"].get("msg_id") != header["msg_id"]:
                    continue
                kind, content = heard["msg_type"], heard["content"]
                text += content["text"] if kind == "stream" else ""
                if kind == "error":
                    raise ValueError(f"{content['ename']}: {content['evalue']}")
                if kind == "status" and content["execution_state"] == "idle":
                    return text
        raise ValueError("the kernel ended")

    async def _hand_in(self, assignment: str, answers: dict[str, str]) -> None:
        about = {"course_id": "mailcourse", "assignment_id": assignment}
        await self._act("fetch", about)
        path = f"api/contents/{assignment}/{assignment}.ipynb"
        notebook = (await self._ask("GET", path))["content"]
        for cell in notebook["cells"]:
            cell["source"] = answers.get(cell["id"], cell["source"])
            cell["source"] = cell["source"].replace('STUDENT = ""', f'STUDENT = "{self._name}"')
        await self._ask("PUT", path, json={"type": "notebook", "format": "json", "content": notebook})
        await self._act("submit", about)

    async def _act(self, action: str, about: dict[str, str]) -> None:
        said = await self._ask("POST", f"assignments/{action}", params=about)
        if not said["success"]:
            raise ValueError(f"{action}: {said['value']}")


async def rehearse(hub: str, people: list[tuple[str, str]], assignment: str, answers: dict[str, str]) -> list[Seen]:
    """Let everybody come at once."""
    began = time.monotonic()
    return await asyncio.gather(*(Person(hub, *one, began).come(assignment, answers) for one in people))


# ---- what they hold ----------------------------------------------------------------------------------------


def held() -> dict[str, dict[str, float]]:
    """Return MB of memory (PSS) by person and kind of process; only root can read it."""
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for folder, name in _theirs():
        try:
            command = (folder / "cmdline").read_bytes()
            rolled = (folder / "smaps_rollup").read_text()
        except OSError:
            continue
        if "Pss:" in rolled:
            kind = (
                "kernel"
                if b"ipykernel" in command
                else "server"
                if b"_server.py" in command or b"singleuser" in command
                else "other"
            )
            found[name][kind] += int(rolled.split("Pss:")[1].split()[0]) / 1024
    return found


def _theirs() -> Iterator[tuple[Path, str]]:
    """Find the processes of people: their folders in /proc, and whose they are."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = dict(v.split(b"=", 1) for v in (folder / "environ").read_bytes().split(b"\0") if b"=" in v)
        except (OSError, ValueError):
            continue
        if name := variables.get(b"JUPYTERHUB_USER", b"").decode():
            yield folder, name


def used() -> float:
    """Return for how many seconds the processes of people, that are running now, have used a processor."""
    ticks = 0
    for folder, _ in _theirs():
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Rehearse, and say what was seen."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("hub", help="such as http://127.0.0.1:8000")
    asked.add_argument("people", type=Path, help="a file with a line a person: name password")
    asked.add_argument("--assignment", default="01-addresses", help="released before (01-addresses); '': none")
    asked.add_argument("--answers", type=Path, help="a notebook with answers, for teachers: solutions/…/….ipynb")
    asked.add_argument(
        "--rest", type=float, default=0, help="then see for so many seconds how much of a processor they use"
    )
    chosen = asked.parse_args()
    people = [tuple(line.split()[:2]) for line in chosen.people.read_text().splitlines() if line.strip()]
    solved = json.loads(chosen.answers.read_text("utf-8"))["cells"] if chosen.answers else []
    answers = {cell["id"]: "".join(cell["source"]) for cell in solved if "mailcourse" in cell["metadata"]}
    seen = asyncio.run(rehearse(chosen.hub, people, chosen.assignment, answers))
    for step in ("signed in", "server", "first cell", "handed in"):
        times = [one.seconds[step] for one in seen if step in one.seconds]
        if times:
            print(f"{step:12}{len(times):>3} of {len(seen)}; half after {statistics.median(times):.0f} s, ", end="")
            print(f"the last after {max(times):.0f} s")
    if os.name == "posix" and os.geteuid() == 0 and (by_person := held()):
        for kind in ("server", "kernel", "other"):
            print(f"{kind:12}{statistics.mean(each[kind] for each in by_person.values()):.0f} MB a person")
    if chosen.rest:
        before = used()
        time.sleep(chosen.rest)
        print(f"at rest     {100 * (used() - before) / chosen.rest:.1f} % of one processor, all people together")
    for one in seen:
        if one.error:
            print(f"{one.name}: {one.error}", file=sys.stderr)
    return 1 if any(one.error for one in seen) else 0


if __name__ == "__main__":
    sys.exit(main())
