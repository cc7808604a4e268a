"""03 Who does what: roles, the decision of an MTA, aliases, the Received chain, a Maildir."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from mailcourse.checks.probe import mailboxes, probe
from mailcourse.checks.task import Case, Shown, Stopped, a, task
from mailcourse.checks.world import World
from mailcourse.internet.errors import LabError
from mailcourse.lab.table import Table, table
from mailcourse.views import Lab, Sent

HERE = "03-roles"
ROLES = ("MUA", "MSA", "MTA", "MDA", "access server")

# ---- who did that? ------------------------------------------------------------------------------------


def _deeds(world: World) -> list[tuple[str, str]]:
    """What was done on the way of a letter, in an order of this world, and the role that did it."""
    deeds = [
        (f"turns what Alice typed into a message with header fields, on laptop.{world.school}", "MUA"),
        (f"asks Alice for her password and takes the message, on port 587 of {world.school_server}", "MSA"),
        (f"asks the DNS for the MX of {world.shop}, on {world.school_server}", "MTA"),
        (f"takes the message on port 25 of {world.best} and hands it on to {world.home}", "MTA"),
        (f"writes the message into Bruno's Maildir, on {world.home}", "MDA"),
        (f"shows Bruno's program what is in his mailbox, on port 143 of {world.home}", "access server"),
        (f"marks the message as read on Bruno's screen, on laptop.{world.shop}", "MUA"),
    ]
    return world.mixed("deeds", deeds)


@task(
    HERE,
    "roles",
    "Who did that?",
    kind="read",
    aim="name the role behind each step, also where one machine has several",
    confronts="one-program",
    parts={"on the sending side": 2, "on the receiving side": 2},
    given=lambda world: table(("number", "somebody …"), [(n, deed) for n, (deed, _) in enumerate(_deeds(world), 1)]),
    hints=(
        "A role is what somebody does, and not where. One machine can have several roles.",
        "Port 587 is for people who log in; port 25 is for servers among themselves. Who puts mail into a mailbox?",
        "Reading needs two: the program on the laptop, and the server that gives it the mail.",
    ),
)
def roles(case: Case) -> None:
    """A dictionary: number → role."""
    deeds = _deeds(case.world)
    got = case.table(range(1, len(deeds) + 1))
    for number, (deed, role) in enumerate(deeds, 1):
        said = got[number]
        if said not in ROLES:
            raise Stopped(f"{said!r} is no role. Use these words: {', '.join(ROLES)}.")
        part = "on the sending side" if _is_at_school(case.world, deed) else "on the receiving side"
        case.expect(part, said == role, f"the role of somebody who {deed}", f"the work of the {said} is another one")


def _is_at_school(world: World, deed: str) -> bool:
    """True for what is done at the school."""
    return deed.endswith((f"laptop.{world.school}", world.school_server))


# ---- the decision of an MTA -----------------------------------------------------------------------------


def _settings(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    """A part, the domain of a recipient, and what a server is told about itself."""
    shop, school, other = world.shop, world.school, "carrier.test"
    inside = {shop: world.home}
    alone: dict[str, Any] = {"local_domains": [school], "inside": {}, "smart_host": None, "relay_domains": []}
    office = {**alone, "smart_host": "relay.carrier.test"}
    door = {**alone, "local_domains": [], "relay_domains": [shop], "inside": inside}
    backup = {**alone, "local_domains": [], "relay_domains": [shop], "smart_host": "relay.carrier.test"}
    return [
        ("mine", school, alone),
        ("mine", school.upper(), office),
        ("a host inside", shop, door),
        ("a host inside", shop.title(), {**door, "smart_host": "relay.carrier.test"}),
        ("a smart host", other, office),
        ("a smart host", shop, office),
        ("a smart host", shop, backup),
        ("everybody else", other, alone),
        ("everybody else", school, door),
    ]


@task(
    HERE,
    "decide",
    "The decision of an MTA, in your own code",
    kind="write",
    aim="write down the questions of an MTA in their order",
    parts={"mine": 1, "a host inside": 2, "a smart host": 2, "everybody else": 1},
    hints=(
        "Four questions, one after the other, and the first yes wins. Upper and lower case mean the same in a domain.",
        "A smart host gets everything that is left, but not the domains for which this server itself is a relay.",
        "Look at lab.decide(…), and at mailcourse/mta/route.py: your server is asked the same questions.",
    ),
)
def decide(case: Case) -> None:
    """decide("b.test", settings) is ("here", "b.test"), ("host", name) or ("mx", "b.test"), as in the lab."""
    lab, server = case.lab(), case.world.school_server
    kinds, said = {"the mailbox is here": "here", "to the domain's mail servers": "mx"}, []
    for part, domain, settings in _settings(case.world):
        lab.configure(server, **settings)
        row = next(iter(lab.decide(server, f"somebody@{domain}")))
        expected = [kinds.get(str(row["decision"]), "host"), row["target"]]
        with case.part(part, f"what a server with these settings does with mail for {domain}: {settings}") as check:
            got = case.call(domain, settings)
            check(got == expected, f"decide({domain!r}, …) returned {got!r}")
            said.append(got[0] if isinstance(got, list) and got else got)
    case.varied(said)


# ---- an alias table ---------------------------------------------------------------------------------------


def wishes(world: World) -> Mapping[str, list[str]]:
    """The wishes of this world's shop: address → who should get it."""
    one, two = world.some("alias", ["info", "hello", "office", "contact"], 2)
    both, away = world.pick("orders", ["orders", "sales", "desk"]), world.pick("away", ["tax", "lawyer", "printer"])
    shop, (first, second) = world.shop, world.mixed("who", ["bruno", "bea"])
    return {
        f"{one}@{shop}": [f"{first}@{shop}"],
        f"{two}@{shop}": [f"{second}@{shop}"],
        f"{both}@{shop}": [f"bruno@{shop}", f"bea@{shop}"],
        f"{away}@{shop}": [f"amir@{world.school}"],
        f"whoever{world.number('any', 10, 99)}@{shop}": [f"{first}@{shop}"],
    }


def wish_list(world: World) -> Table:
    """What the student sees."""
    expected = list(wishes(world).items())
    rows = [(address, ", ".join(targets)) for address, targets in expected[:-1]]
    return table(("mail to", "should come to"), [*rows, ("every other name in the domain", expected[-1][1][0])])


@task(
    HERE,
    "aliases",
    "An alias table",
    kind="write",
    aim="let addresses stand for people, for several, for somebody elsewhere, and for the rest",
    parts={"one person": 1, "two people": 2, "somebody elsewhere": 1, "everybody else": 1},
    given=wish_list,
    opens=lambda world: world.open(),
    hints=(
        "The table is a dictionary: an address, and the list of addresses that it stands for.",
        'The rest of a domain is written as an address without a local part: "@…".',
        'Try it in the lab: lab.alias("info@…", "bea@…"), then send a letter and look at its status.',
    ),
)
def aliases(case: Case) -> None:
    """A dictionary: address → list of addresses; tried with letters."""
    world, answer = case.world, case.answer
    if not isinstance(answer, dict):
        raise Stopped(f"The answer is {a(answer)}; a dictionary {{ … }} is asked for.")
    lab = case.lab()
    try:
        for address, targets in answer.items():
            lab.alias(str(address), *([targets] if isinstance(targets, str) else targets))
    except (LabError, TypeError) as error:
        raise Stopped(f"The server does not take this table: {error}") from None
    for number, (address, expected) in enumerate(wishes(world).items()):
        part = ("one person", "one person", "two people", "somebody elsewhere", "everybody else")[number]
        result = probe(lab, world.person("alice"), address, f"To {address}")
        reached = sorted(set(mailboxes(result.sent)))
        said = f"it came to {', '.join(reached)}" if reached else result.story
        case.expect(
            part,
            reached == sorted(expected),
            f"a letter to {address} comes to those of the list, and to nobody else",
            said,
        )


# ---- a Received chain -----------------------------------------------------------------------------------


def _late_letter(world: World) -> tuple[Lab, Sent]:
    """A letter that waited at one server of this world; the lab is open."""
    lab = world.open(name=f"a late letter of {world.name}")
    broken = world.pick("late where", [world.home, world.best])
    hosts = [broken] if broken == world.home else [world.best, world.second]
    faults = [lab.fault(host, "down") for host in hosts]
    sent = lab.person(world.person("alice")).send(world.person("bruno"), "Is it late?", "When did you get this?")
    lab.clock.advance(minutes=world.number("late", 20, 300))
    for fault in faults:
        fault.mend()
    lab.clock.advance(hours=3)
    return lab, sent


def _waited(world: World) -> tuple[str, list[str], str, int]:
    """The trace lines of the late letter, the hosts it passed, where it waited, and for how many minutes."""
    lab, sent = _late_letter(world)
    with lab:
        mail = lab.person(world.person("bruno")).fetch()[-1]
        taken = [(e.host, e.time) for e in sent.events if e.what == "accepted" and e.message == sent.message]
    pauses = [(later[1] - earlier[1], earlier[0]) for earlier, later in itertools.pairwise(taken)]
    pause, host = max(pauses)
    lines = mail.raw.decode().split("\r\nFrom:")[0].replace("\r\n", "\n")
    return lines, [f"laptop.{world.school}", *(host for host, _ in taken)], host, int(pause.total_seconds() // 60)


@task(
    HERE,
    "late",
    "A letter that came late",
    kind="read",
    aim="read a Received chain from below, and find where a message waited",
    parts={"the way": 2, "where it waited": 2, "how long": 1},
    given=lambda world: Shown(_waited(world)[0]),
    hints=(
        "Each server puts its Received line on top. So the oldest line is the lowest one.",
        (
            "A line says: from (who handed it over) by (who took it), and when. "
            "Compare the times of two neighbouring lines."
        ),
        "Between two times, the message was at the server that had taken it at the earlier one.",
    ),
)
def late(case: Case) -> None:
    """The hosts from the first to the last, the one where it waited, and the minutes."""
    got = case.table(["hosts"], list) | case.table(["waited at"]) | case.table(["minutes"], int)
    _, hosts, where, minutes = _waited(case.world)
    case.expect(
        "the way",
        got["hosts"] == hosts,
        "every host from the writer's machine to the one with the mailbox, in their order",
        f"your list was {got['hosts']}",
    )
    case.expect(
        "where it waited",
        got["waited at"] == where,
        "the server that had the message for the longest time",
        f"the times do not say that it was {got['waited at']}",
    )
    case.expect(
        "how long", got["minutes"] == minutes, "the minutes between two of the times", f"you found {got['minutes']}"
    )


# ---- which lines to trust ------------------------------------------------------------------------------

#: addresses of the shop's servers
INSIDE = ("198.51.100.21", "198.51.100.22", "198.51.100.25")


def _forged(world: World) -> tuple[str, int, str]:
    """A chain with lines that the sender made up, how many lines are the shop's own, and who handed it over."""
    address = f"203.0.113.{world.number('spam', 60, 200)}"
    own = world.number("own", 1, 2)
    claimed = f"mail.{world.pick('bank', ['bank', 'tax-office', 'post'])}.example"
    inner = (
        f"Received: from {world.best} ({world.best} [198.51.100.21])\n\tby {world.home} with ESMTPS id 7QK2;\n"
        f"\tTue, 08 Sep 2026 10:14:0{world.number('s', 1, 9)} +0000\n"
    )
    outer = (
        f"Received: from {claimed} (unknown [{address}])\n"
        f"\tby {world.best if own == 2 else world.home} with ESMTP id 3MD8;\n"
        "\tTue, 08 Sep 2026 10:14:00 +0000\n"
    )
    made_up = "".join(
        f"Received: from {a_host} ({a_host} [192.0.2.{n}])\n"
        f"\tby {by} with ESMTPS id {n}X;\n"
        f"\tTue, 08 Sep 2026 10:13:{n} +0000\n"
        for n, a_host, by in (
            (51, f"inside.{claimed[5:]}", claimed),
            (42, f"director.{claimed[5:]}", f"inside.{claimed[5:]}"),
        )
    )
    return (inner if own == 2 else "") + outer + made_up + f"From: Director <director@{claimed[5:]}>", own, address


@task(
    HERE,
    "trust",
    "Which lines can be believed?",
    kind="read",
    aim="say which Received lines the receiving side itself has written, and what is known of the sender",
    confronts="received",
    parts={"lines to believe": 2, "who handed it over": 1},
    given=lambda world: Shown(_forged(world)[0]),
    hints=(
        'Who wrote a Received line? The server after the word "by". Which of these servers are your shop\'s?',
        "Everything below the last line of your own servers came with the message. Anybody can write it.",
        (
            "In the lowest line that you believe, your server notes the IP address that it saw. "
            "That address was not made up."
        ),
    ),
)
def trust(case: Case) -> None:
    """Two answers: a number of lines, and an IP address."""
    got = case.table(["lines to believe"], int) | case.table(["handed over by"])
    _, own, address = _forged(case.world)
    said = got["lines to believe"]
    case.expect(
        "lines to believe",
        said == own,
        "the Received lines, from the top, that the shop's own servers wrote",
        f"{said} is too {'many: a stranger wrote some of them' if said > own else 'few'}",
    )
    said = got["handed over by"]
    known = (
        f"a server of the shop itself has {said}; it only handed the message on"
        if said in INSIDE
        else f"no server of the shop has seen {said} as its client"
    )
    case.expect(
        "who handed it over",
        said == address,
        "the IP address from which the shop really got the message",
        known
        if said[:1].isdigit()
        else f"{said!r} is a name that somebody claims; the IP address that was seen is asked for",
    )


# ---- a Maildir ---------------------------------------------------------------------------------------------

FLAGS = ("", "S", "FS", "RS", "F", "ST", "FRS")


def _maildir(world: World) -> list[tuple[str, str]]:
    """(folder, file) pairs."""
    files: list[tuple[str, str]] = []
    for n in range(world.number("files", 8, 12)):
        folder = world.pick(f"folder {n}", ["new", "cur", "cur", "cur", "tmp"])
        flags = world.pick(f"flags {n}", FLAGS)
        name = f"17887{n + 10}500.m{n + 1}.{world.number('id', 10, 99)}.{world.home}"
        files.append(
            (folder, name + (f",U={n + 1}" if folder != "tmp" else "") + (f":2,{flags}" if folder == "cur" else ""))
        )
    fixed = [
        ("new", f"1788700000.m99.1.{world.home},U=99"),
        ("cur", f"1788700001.m98.1.{world.home},U=98:2,FS"),
        ("cur", f"1788700002.m97.1.{world.home},U=97:2,F"),  # known to a program, and not read
        ("tmp", f"1788799000.m96.1.{world.home}"),
    ]
    return sorted([*fixed, *files])


@task(
    HERE,
    "maildir",
    "What a folder tells",
    kind="read",
    aim="read the state of each message from its folder and its file name",
    confronts="maildir",
    parts={"folders": 1, "flags": 2},
    given=lambda world: table(("in", "file"), _maildir(world)),
    hints=(
        "tmp: being written. new: delivered, and no mail program has looked yet. cur: a mail program knows it.",
        "The flags come after :2, in the name. S is seen, F is flagged, R is replied, T is trashed.",
        "What is in tmp is no message yet: nobody sees it.",
    ),
)
def maildir(case: Case) -> None:
    """Four numbers."""
    keys = ("delivered", "not looked at by any program", "read", "flagged")
    got = case.table(keys, int)
    files = _maildir(case.world)
    flags = [name.partition(":2,")[2] for folder, name in files if folder == "cur"]
    folders = [folder for folder, _ in files]
    right = dict(
        zip(
            keys,
            (
                len(files) - folders.count("tmp"),
                folders.count("new"),
                sum("S" in f for f in flags),
                sum("F" in f for f in flags),
            ),
            strict=True,
        )
    )
    for key in keys:
        part = "folders" if key in keys[:2] else "flags"
        case.expect(part, got[key] == right[key], f"how many messages are {key}", f"you counted {got[key]}")
