"""Cut a server off after each step of the disk while people get mailboxes and forward their mail.

    python tests/crash/people.py            every step of the story, one after the other

Another process opens a copy of the folder and looks:

    changed     a forward that was promised is not in force, or is half there      must be 0
    lost        a delivered message is not there                                   must be 0
    left        something stays in tmp/                                            must be 0
    unusable    a person's mailbox does not take a message                         must be 0
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

from harness import Stopping
from mailboxes import HOST, START, cut_after_every_step, message

from mailcourse.internet.disk import Disk
from mailcourse.mailbox.accounts import Accounts

BRUNO, BEA, AMIR = "bruno@bakery.test", "bea@bakery.test", "amir@academy.test"
#: who forwards to whom, one after the other
FORWARDS = [(BRUNO, [BEA]), (BEA, [AMIR, BEA]), (BRUNO, [BRUNO, BEA, AMIR]), (BEA, []), (BRUNO, [AMIR])]


def opened(folder: Path, disk: Disk) -> Accounts:
    """Make the mailboxes, as a server does whenever it starts."""
    accounts = Accounts(folder, disk)
    for person in (BRUNO, BEA):
        accounts.add(person, "loaf", b"salt")
        accounts.mailbox(person).sweep(HOST)
    return accounts


def first(folder: Path, log: int) -> None:
    """The process that is stopped."""
    accounts = opened(folder, Stopping())
    for number, (person, targets) in enumerate(FORWARDS):
        os.write(log, json.dumps({"doing": [person, targets]}).encode() + b"\n")
        accounts.forward(person, targets)
        os.write(log, json.dumps({"did": [person, targets]}).encode() + b"\n")
        accounts.mailbox(person).deliver([message(f"p{number}")], f"1788768000.m{number}.1.{HOST}", START)
        os.write(log, json.dumps({"delivered": [person, f"p{number}"]}).encode() + b"\n")


def second(folder: Path, log: Path) -> dict[str, int]:
    """The process that looks."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    accounts = opened(folder, Disk())
    result = Counter(changed=0, lost=0, left=0, unusable=0)
    for person in (BRUNO, BEA):
        promised = [line["did"][1] for line in lines if line.get("did", [""])[0] == person]
        doing = [line["doing"][1] for line in lines[-1:] if line.get("doing", [""])[0] == person]
        result["changed"] += accounts.forwards(person) not in [*(promised[-1:] or [[]]), *doing]
        box = accounts.mailbox(person)
        contents = [box.read(entry) for entry in box.scan()]
        wanted = [message(line["delivered"][1]) for line in lines if line.get("delivered", [""])[0] == person]
        result["lost"] += len([content for content in wanted if content not in contents])
        result["left"] += len([path for path in (box.path / "tmp").iterdir() if not path.name.startswith(".")])
        box.deliver([message("after")], f"1788768000.m9.1.{HOST}", START)
        accounts.forward(person, [AMIR])
        result["unusable"] += len(box.scan()) != len(contents) + 1 or accounts.forwards(person) != [AMIR]
    return dict(result)


if __name__ == "__main__":
    cut_after_every_step(first, second)
