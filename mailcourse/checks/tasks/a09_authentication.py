"""09 Who says so: results and who may be believed, SPF, DKIM, DMARC, a domain whose mail is not believed, a header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from mailcourse.checks.probe import Probe, probe
from mailcourse.checks.signed_letters import (
    STRANGER,
    STRANGER_HOST,
    WHY,
    last_found,
    letters,
    receive,
    signed_world,
    suspected,
)
from mailcourse.checks.task import Case, Shown, Stopped, task, texts
from mailcourse.checks.world import World
from mailcourse.internet.errors import LabError
from mailcourse.lab.table import Table, table
from mailcourse.views import Lab

HERE = "09-authentication"
RELAY = "relay.carrier.test"


# ---- results in a header --------------------------------------------------------------------------------------------

RESULTS = ("pass", "fail", "none")


def _found(world: World) -> dict[str, str]:
    """What the reader's own server found out."""
    spf, dkim = world.pick("spf", RESULTS), world.pick("dkim", RESULTS)
    dmarc = "pass" if "pass" in (spf, dkim) else "fail"
    return {"spf": spf, "dkim": dkim, "dmarc": dmarc}


def results_header(world: World) -> Shown:
    """A header with three fields of results, each by another server."""
    found, sender = _found(world), f"news.{STRANGER}"
    lies = {name: "pass" if value != "pass" else "fail" for name, value in found.items()}
    return Shown(
        f"Delivered-To: {world.person('alice')}\n"
        f"Received: from {sender} ({sender} [198.18.0.66]) by {world.school_server} with ESMTPS\n"
        f"Authentication-Results: {world.school_server}; {_written(found, world)}\n"
        f"Received: from app.{STRANGER} by {sender} with ESMTP\n"
        f"Authentication-Results: {sender}; {_written(lies, world)}\n"
        f"Authentication-Results: mx.provider.example; {_written(lies, world)}\n"
        f"From: {world.person('bruno')}\nTo: {world.person('alice')}\nSubject: New prices"
    )


def _written(found: Mapping[str, str], world: World) -> str:
    about = {"spf": "smtp.mailfrom", "dkim": "header.d", "dmarc": "header.from"}
    return "; ".join(f"{name}={value} {about[name]}={world.shop}" for name, value in found.items())


@task(
    HERE,
    "results",
    "Whom to believe?",
    kind="read",
    aim="find the results of one's own provider in a header, and read them",
    confronts="auth-results",
    parts={"whom to believe": 1, "the results": 3},
    given=results_header,
    hints=(
        "Alice's own server wrote the Received line on top. Which results are in the name of that server?",
        "The first word after Authentication-Results: is who says so. The words after it are method=result.",
    ),
)
def results(case: Case) -> None:
    """A dictionary: "who", "spf", "dkim", "dmarc"."""
    world, found = case.world, _found(case.world)
    got = {name: value.strip().lower() for name, value in case.table(["who", *found]).items()}
    case.expect(
        "whom to believe",
        got["who"].rstrip(".") == world.school_server,
        "the name of the server whose results Alice may believe",
        f"{got['who']} is not Alice's own server",
    )
    for name, value in found.items():
        case.expect("the results", got[name] == value, f"what it says of {name}", f"your answer was {got[name]!r}")


def _publish(case: Case, lab: Lab, name: str) -> str:
    """Put the answer into the school's zone in place of the TXT record of a name; return its text."""
    text = case.text().strip().strip('"')
    try:
        lab.zone(case.world.school).remove(name, "TXT").add(f'{name} TXT "{text}"')
    except LabError as error:
        raise Stopped(f"The name server does not take this record: {error}") from None
    return text


# ---- an SPF record --------------------------------------------------------------------------------------------------


def _third(world: World) -> tuple[str, str]:
    """Who else may send in the name of the school: the host, and how the plan says it."""
    return world.pick(
        "third",
        (
            (RELAY, "the hosts that carrier.test itself lets send: it has a record of its own"),
            ("mail.newsletter.test", "the machine of the newsletter, 203.0.113.125"),
        ),
    )


def _others(world: World) -> str:
    return world.pick("others", ("fail", "softfail"))


def spf_plan(world: World) -> Table:
    """Who may send for the school, and who may not."""
    others = "surely not (fail)" if _others(world) == "fail" else "probably not (softfail)"
    rows = [
        ("the hosts in the MX record of the domain", "yes"),
        (_third(world)[1], "yes"),
        ("everybody else", others),
    ]
    return table((f"may send for {world.school}?", ""), rows)


@task(
    HERE,
    "spf",
    "An SPF record",
    kind="write",
    aim="write the record that says which hosts may send in the name of a domain",
    confronts="spf-from",
    parts={"the hosts in MX": 2, "the others who may": 2, "everybody else": 2},
    given=spf_plan,
    hints=(
        "The record is one text. It begins with v=spf1, then come the terms, from left to right.",
        "mx: the hosts in the MX record. ip4:…: an address. include:…: whoever passes the record of another domain.",
        "The last term is for everybody else: -all says fail, ~all says softfail.",
    ),
)
def spf(case: Case) -> None:
    """The text of the record; tried with letters from several machines."""
    world = case.world
    lab = case.keep(signed_world(world, f"spf {id(case)}"))
    _publish(case, lab, "@")
    source, _ = _third(world)
    tries = (
        ("the hosts in MX", world.school_server, "pass"),
        ("the others who may", source, "pass"),
        ("everybody else", STRANGER_HOST, _others(world)),
        ("everybody else", f"laptop.{world.school}", _others(world)),
    )
    for part, machine, wanted in tries:
        letter = f"From: {world.person('alice')}\nSubject: a probe\n\nx"
        _, found = receive(lab, world, machine, world.person("alice"), letter)
        case.expect(
            part,
            found.get("spf") == wanted,
            f"a letter from {machine} ({lab.host(machine).addresses[0]}): SPF says {wanted}",
            f"SPF says {found.get('spf')}",
        )


# ---- why does DKIM fail? --------------------------------------------------------------------------------------------


@task(
    HERE,
    "dkim",
    "Why does the signature not count?",
    kind="read",
    aim="find out from the steps of DKIM why a signature does not count",
    confronts="dkim-author",
    parts={"the first two": 2, "the others": 2},
    later=("the others",),
    given=lambda world: table(("what may be wrong",), [(why,) for why in WHY]),
    opens=letters,
    hints=(
        "mail.authentication() shows what the server saw. Look at the lane of DKIM, step by step.",
        "Three steps can fail: the hash of the body, the key from the DNS, the signature over the fields.",
    ),
)
def dkim(case: Case) -> None:
    """A dictionary: number of the letter → one of WHY."""
    right = case.world.mixed("letters", WHY)
    got = case.table(range(1, len(right) + 1))
    for number, why in enumerate(right, 1):
        if got[number] not in WHY:
            raise Stopped(f"{got[number]!r} is none of: {', '.join(map(repr, WHY))}.")
        part = "the first two" if number < 3 else "the others"
        case.expect(part, got[number] == why, f"what is wrong with letter {number}", f"not {got[number]!r}")


# ---- a policy -------------------------------------------------------------------------------------------------------

DONE = {"none": "delivered, but counted", "quarantine": "filed into Junk", "reject": "refused"}


def _policies(world: World) -> tuple[str, str]:
    """What is to become of forged mail of the domain, and of its sub-domains."""
    first, second = world.some("policies", ("quarantine", "reject", "none"), 2)
    return first, second


def policy_plan(world: World) -> Table:
    """What the owner of the school's domain wants."""
    own, below = _policies(world)
    rows = [
        (f"forged mail of {world.school}", DONE[own]),
        (f"forged mail of names below it, such as sport.{world.school}", DONE[below]),
        ("reports of what was seen", f"to dmarc@{world.school}"),
    ]
    return table(("what", "is to be"), rows)


@task(
    HERE,
    "policy",
    "A DMARC record",
    kind="write",
    aim="write the record that says what happens to forged mail",
    parts={"forged mail of the domain": 2, "forged mail below it": 2, "honest mail": 1, "reports": 1},
    later=("honest mail",),
    given=policy_plan,
    hints=(
        "v=DMARC1; p=…; and so on: pairs with semicolons between them. p= is for the domain itself.",
        "sp= is for names below the domain. rua= is followed by mailto: and an address.",
    ),
)
def policy(case: Case) -> None:
    """The text of the record; tried with forged and honest letters."""
    world = case.world
    lab = case.keep(signed_world(world, f"policy {id(case)}", "enforce"))
    text = _publish(case, lab, "_dmarc")
    own, below = _policies(world)
    for part, domain, wanted in (
        ("forged mail of the domain", world.school, own),
        ("forged mail below it", f"sport.{world.school}", below),
    ):
        letter = f"From: Director <director@{domain}>\nSubject: a probe\n\nx"
        _, found = receive(lab, world, STRANGER_HOST, f"x@{STRANGER}", letter)
        said = "no policy was found" if found["dmarc"] == "none" else f"it was {DONE[found['disposition']]}"
        ok = found["dmarc"] == "fail" and found["disposition"] == wanted
        case.expect(part, ok, f"a forged letter from director@{domain} is {DONE[wanted]}", said)
    honest = probe(lab, world.person("alice"), world.person("bruno"))
    case.expect(
        "honest mail", honest.arrived and last_found(lab).get("dmarc") == "pass", "Alice's letter passes", honest.story
    )
    wanted = f"mailto:dmarc@{world.school}"
    tags = dict(pair.strip().partition("=")[::2] for pair in text.split(";") if "=" in pair)
    told = {name.strip().lower(): value.strip().lower() for name, value in tags.items()}.get("rua", "")
    case.expect("reports", wanted in re.split(r"\s*,\s*", told), f"reports go to {wanted}", f"rua is {told!r}")


# ---- a domain whose mail is not believed ----------------------------------------------------------------------------


@task(
    HERE,
    "junk",
    "Nobody believes us",
    kind="repair",
    aim="find out why the mail of a domain fails SPF and DKIM, and repair its zone",
    confronts="forwarding-spf",
    parts={"SPF passes": 2, "DKIM passes": 2, "strangers are refused": 2},
    opens=suspected,
    hints=(
        "Send a letter from Alice to Bruno and look: lab.proof(sent). Which question got no answer, or a wrong one?",
        "One SPF record, not two; and it must name the host that sends: the school's mail server.",
        "The signature says d= and s=. The key must be at s, then ._domainkey., then d. Is it there?",
    ),
)
def junk(case: Case) -> None:
    """The text of the repaired zone; tried with letters of Alice and of a stranger."""
    world, text = case.world, case.text()
    lab = case.keep(suspected(world, f"repaired {id(case)}"))
    try:
        lab.zone(world.school).edit(text)
    except LabError as error:
        raise Stopped(f"The name server does not take this zone: {error}") from None
    lab.dns.forget()
    first: Probe = probe(lab, world.person("alice"), world.person("bruno"))
    found = last_found(lab)
    for name in ("spf", "dkim"):
        case.expect(
            f"{name.upper()} passes",
            found.get(name) == "pass",
            f"a letter of Alice: {name}=pass",
            f"{name}={found.get(name, 'not asked')}; {first.story}",
        )
    letter = f"From: {world.person('alice')}\nSubject: a probe\n\nx"
    said, forged = receive(lab, world, STRANGER_HOST, world.person("alice"), letter)
    both = found.get("spf") == found.get("dkim") == "pass"
    case.expect(
        "strangers are refused",
        said.startswith("550") and forged.get("spf") == "fail" and both,
        "Alice's letter passes, and a stranger who writes as Alice is refused, by SPF too",
        f"to the stranger the server said {said}; spf={forged.get('spf')}" if both else "first Alice must be believed",
    )


# ---- a long header --------------------------------------------------------------------------------------------------


def _way(world: World) -> tuple[list[str], list[int]]:
    """The servers from the sender to the reader, and the seconds that each took the letter after the one before."""
    servers = [
        f"app.{STRANGER}",
        world.pick("list", ("lists.forum.example", "out.mailer.example", "relay.hosting.example")),
        f"gate.{world.school}",
        f"scan.{world.school}",
        world.school_server,
    ]
    slow = world.number("slow", 1, 4)
    return servers, [1800 * world.number("wait", 1, 9) if n == slow else world.number(f"s{n}", 1, 5) for n in range(5)]


def long_header(world: World) -> Shown:
    """The Received lines of a letter to Alice, each in its server's own time zone."""
    servers, waits = _way(world)
    when, lines, before = datetime(2026, 9, 7, 8, 0, tzinfo=UTC), list[str](), f"laptop.{STRANGER}"
    for number, (server, wait) in enumerate(zip(servers, waits, strict=True)):
        when += timedelta(seconds=wait)
        hours = world.number(f"zone {number}", -8, 9)
        local = when + timedelta(hours=hours)
        zone = f"{'-' if hours < 0 else '+'}{abs(hours):02}00"
        lines.append(f"Received: from {before}\n    by {server} with ESMTPS;\n    {local:%a, %d %b %Y %H:%M:%S} {zone}")
        before = server
    return Shown("\n".join(reversed(lines)) + f"\nFrom: news@{STRANGER}\nTo: {world.person('alice')}")


@task(
    HERE,
    "hops",
    "A long header",
    kind="read",
    aim="order the hops of a header, find the delay in several time zones, and say where trust begins",
    parts={"the way": 2, "the delay": 1, "trust": 1},
    given=long_header,
    hints=(
        "Each server puts its line on top. So the first server is at the bottom.",
        "read_headers(…) counts all times in UTC. By hand: +0200 means that UTC is two hours less.",
        "Alice believes the lines of her own domain's servers, as long as they follow each other on top.",
    ),
)
def hops(case: Case) -> None:
    """A dictionary: "way" (a list of servers), "waited before" (a server), "believed from" (a server)."""
    servers, waits = _way(case.world)
    if not isinstance(case.answer, dict):
        case.table(["way"])
    with case.part("the way", "all servers, from the sender to the reader") as check:
        way = texts(case.answer.get("way"), 'a list of names for "way"')
        check([name.strip().rstrip(".").lower() for name in way] == servers, f"your list was {way}")
    slow, first = servers[max(range(5), key=waits.__getitem__)], servers[2]
    for part, key, right, expected in (
        ("the delay", "waited before", slow, "the server that got the letter after the longest wait"),
        ("trust", "believed from", first, "the first server on the way whose line Alice may believe"),
    ):
        with case.part(part, expected) as check:
            said = case.table([key])[key].strip().rstrip(".").lower()
            check(said == right, f"your answer was {said}")
