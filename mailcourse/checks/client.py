"""The client of exercise 04, tried: five letters over a `RecordingProxy`, each to a fresh lab.

    try_client(case)                  calls send(host, port, sender, recipients, message), and looks at what came of it
    sender_said(commands, address)    is MAIL FROM what it should be?  (is it so, what was expected, what happened)

Who uses it: tasks/a04_smtp.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import dropwhile
from typing import Any

from mailcourse.checks.recording_proxy import RecordingProxy
from mailcourse.checks.task import Case, Stopped, a
from mailcourse.checks.world import World


def sender_said(commands: Sequence[str], expected: str) -> tuple[bool, str, str]:
    """Look for MAIL FROM in what a client said: (is it right, what was expected, what happened)."""
    said = next((line for line in commands if line.upper().startswith("MAIL FROM")), "")
    right = re.match(r"MAIL FROM:\s*<([^>]*)>", said, re.IGNORECASE)
    is_so = right is not None and right[1] == expected
    return is_so, f"MAIL FROM:<{expected}>", f"you said {said!r}" if said else "there was no MAIL FROM"


def _message(world: World, subject: str, lines: Sequence[str]) -> str:
    head = [f"From: {world.person('alice')}", f"To: {world.person('bruno')}", f"Subject: {subject}", ""]
    return "\r\n".join([*head, *lines]) + "\r\n"


def _send(case: Case, proxy: RecordingProxy, to: Sequence[str], message: str) -> Any:
    try:
        with proxy:
            return case.call(
                *proxy.address, case.world.person("alice"), list(to), message, seconds=10, doors=[proxy.address[1]]
            )
    except Stopped as why:
        raise type(why)(f"{why} {proxy.last}".strip()) from None


def try_client(case: Case) -> None:
    """Let the student's client send letters, and look at each part of what it does."""
    world = case.world
    bruno, bea, nobody = world.person("bruno"), world.person("bea"), f"nobody{world.number('no', 1, 99)}@{world.shop}"
    tries: tuple[tuple[str, list[str], list[str], list[str]], ...] = (
        ("a letter arrives", [bruno], ["Good morning.", "", "Alice"], [bruno]),
        ("the whole dialogue", [bruno], ["Good evening."], [bruno]),
        ("a line that is a dot", [bea], ["This is the first part.", ".", "..", ".hidden", "the end"], [bea]),
        ("one of several is refused", [nobody, bruno, bea], ["To all of you."], [bruno, bea]),
        ("nobody is left", [nobody], ["To nobody."], []),
    )
    for part, to, lines, reached in tries:
        with case.part(part, _wanted(reached)) as check:
            lab = case.lab()
            proxy = RecordingProxy(lab.endpoint(world.best, 25))
            codes = _send(case, proxy, to, _message(world, part, lines))
            lab.settle()
            if part == "the whole dialogue":
                _look_at(case, part, proxy)
                continue
            if not isinstance(codes, dict) or set(codes) != set(to):
                check(False, f"send(…) returned {a(codes)}, and not a code for each recipient")
                continue
            right = {person: 250 if person in reached else 550 for person in to}
            boxes = {person: list(lab.person(person).fetch()) for person in (bruno, bea)}
            got = {person: [mail.text.rstrip("\n").split("\n") for mail in mails] for person, mails in boxes.items()}
            check(codes == right, _codes(codes))
            check(got == {person: [lines] if person in reached else [] for person in boxes}, _arrived(got, proxy.last))
            if not reached:
                check(
                    "DATA" not in [line.upper().strip() for line in proxy.commands],
                    "DATA was said, and nobody was left to get the message",
                )


def _look_at(case: Case, part: str, proxy: RecordingProxy) -> None:
    """Look at the dialogue itself: who speaks first, MAIL FROM, and QUIT."""
    said = [line.upper().strip() for line in proxy.commands]
    case.expect(
        part,
        bool(said) and not proxy.is_early,
        "the server speaks first",
        "you spoke before you had read the greeting" if said else "nothing was said",
    )
    case.expect(part, *sender_said(proxy.commands, case.world.person("alice")))
    case.expect(part, "QUIT" in said, "QUIT at the end", "you did not say QUIT")


def _wanted(reached: Sequence[str]) -> str:
    return f"the letter comes whole to {' and '.join(reached) or 'nobody'}, and a code for each recipient is returned"


def _codes(codes: dict[str, Any]) -> str:
    text = next((person for person, code in codes.items() if isinstance(code, str)), "")
    if text:
        return f"the code of {text} is text ({codes[text]!r}); a whole number is asked for"
    return f"the codes were {codes}"


def _arrived(got: dict[str, list[list[str]]], last: str) -> str:
    came = [f"{person} got {letters}" for person, letters in got.items() if letters]
    if came:
        return "; ".join(came)
    return f"nothing arrived. {last}" if last else "nothing arrived; no server was asked"


def has_empty_line(lines: Sequence[str]) -> bool:
    """Say whether the fields behind DATA end with an empty line."""
    message = [*lines][[line.upper().strip() for line in lines].index("DATA") + 1 :]
    after = list(dropwhile(lambda line: re.match(r"[!-9;-~]+:|[ \t]+\S", line), message))
    return after[:1] == [""]
