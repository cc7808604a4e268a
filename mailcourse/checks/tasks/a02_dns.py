"""02 DNS for mail: who takes the mail of a domain, and what goes wrong on the way to that answer?"""

from __future__ import annotations

import re

from mailcourse.checks.probe import Probe, probe
from mailcourse.checks.records import dig_answers, dig_output, mx_shapes, wrong_lines
from mailcourse.checks.state import lab_in, restore
from mailcourse.checks.task import Case, Shown, Stopped, numbered, task, texts
from mailcourse.checks.world import World
from mailcourse.checks.wrong_records import OUTCOMES, tried, without_mx, wrong_records
from mailcourse.internet.errors import LabError
from mailcourse.lab.table import Table, table
from mailcourse.views import Lab

HERE = "02-dns"

# ---- reading dig's answers ---------------------------------------------------------------------------


@task(
    HERE,
    "who-takes",
    "Who is called first?",
    kind="read",
    aim="read MX records: lower first; no MX, then the domain's own address; a null MX",
    confronts="mx-number",
    parts={"domains with MX records": 2, "a domain without MX": 1, "a domain that takes no mail": 1},
    later=("a domain that takes no mail",),
    given=dig_output,
    hints=(
        "The number before a host is its preference. Which one is preferred?",
        (
            "The lower number is preferred; the order of the lines means nothing. "
            "Without any MX, RFC 5321 §5.1 has another way."
        ),
        "Without MX, the domain itself is called, if it has an address. And when the host is a dot alone? RFC 7505.",
    ),
)
def who_takes(case: Case) -> None:
    """A dictionary: domain → host, or "nobody"."""
    known = dig_answers(case.world)
    got = case.table(list(known))
    for domain, (records, first) in known.items():
        part = "domains with MX records" if records else "a domain without MX"
        part = "a domain that takes no mail" if first == "nobody" else part
        said = f"a sender of mail for {domain} does not begin with {got[domain]!r}"
        if re.fullmatch(r"[\d.]+", got[domain]):
            said = f"{got[domain]} is an address; the name of the host is asked for"
        case.expect(
            part, got[domain].strip().rstrip(".").lower() == first, f"whom a sender calls first for {domain}", said
        )


# ---- putting MX records in order -----------------------------------------------------------------------


@task(
    HERE,
    "mx-order",
    "An order for MX records",
    kind="write",
    aim="say in code in which order mail servers are tried",
    confronts="mx-number",
    parts={"three or more": 3, "equal preferences": 1, "nobody to call": 1},
    hints=(
        "sorted() puts pairs in order by their first value, if that is a number and not a text.",
        'What comes back is a list of names, the preferred one first. A null MX is one record with the name ".".',
    ),
)
def mx_order(case: Case) -> None:
    """mx_order([(20, "b"), (10, "a")]) is ["a", "b"]; [] when there is nobody."""
    for part, records in mx_shapes(case.world):
        with case.part(
            part, "all hosts once, the lower preference before the higher; [] when nobody is to be called"
        ) as check:
            got = texts(case.call(records), "a list of names")
            number = {host: preference for preference, host in records if host != "."}
            order = [number.get(host, -1) for host in got]
            right = order == sorted(order) and sorted(got) == sorted(number)
            check(right, f"mx_order({records}) returned {got}")


# ---- writing a zone --------------------------------------------------------------------------------------


def empty_shop(world: World) -> Lab:
    """A shop whose zone has no word about mail."""
    return world.open("new-office")


@task(
    HERE,
    "zone",
    "A zone for mail",
    kind="write",
    aim="write a zone with two mail servers that other people's servers can find",
    confronts="mx-value",
    parts={
        "the names have addresses": 1,
        "mail arrives": 2,
        "the preferred one is called": 2,
        "the other one helps": 2,
    },
    given=lambda world: plan(world),
    opens=empty_shop,
    hints=(
        "An MX record holds a preference and the NAME of a host. Each such name needs an A record in the same zone.",
        "A name without a dot at its end gets the zone's own name added: write mx1, or the whole name with a dot.",
        "Look at what you wrote with lab.dns.mail_servers(…) after lab.zone(…).edit(…): are there addresses?",
    ),
    part_hints={
        "the preferred one is called": (
            "The preferences are in the plan. The lower number is preferred.",
            "lab.dns.mail_servers(…) shows who is called first, and with which preference.",
        ),
        "the other one helps": (
            "Two MX records, one for each server that takes mail, each with its own preference from the plan.",
            "The second server is called only when the first is off. Has its name an address too?",
        ),
    },
)
def zone(case: Case) -> None:
    """The text of a zone, tried with letters; also when the preferred server is off."""
    world, text = case.world, case.text()
    lab = case.keep(empty_shop(world))
    try:
        lab.zone(world.shop).edit(text)
    except LabError as error:
        case.expect("the names have addresses", False, "a zone that the name server takes", error)
        return
    for host in (world.best, world.second, world.home):
        addresses = lab.dns.lookup(host, "A").values
        expected = list(lab.host(host).addresses)
        if not case.expect(
            "the names have addresses",
            addresses == expected,
            f"an A record of {host}: {expected[0]}",
            f"the DNS says {addresses}",
        ):
            break
    first = probe(lab, world.person("alice"), world.person("bruno"))
    case.expect("mail arrives", first.arrived, f"a letter from {world.school} to {world.shop} arrives", _story(first))
    called = _called(first, world)
    case.expect(
        "the preferred one is called",
        called == world.best,
        f"{world.best} is called first",
        f"{called} was called first",
    )
    _as_planned(case, lab, "the preferred one is called", world.best, world.preferences[0])
    lab.host(world.best).down()
    second = probe(lab, world.person("amir"), world.person("bea"))
    case.expect(
        "the other one helps",
        world.second in second.hosts,
        f"with {world.best} off, {world.second} takes the letter",
        _story(second),
    )
    _as_planned(case, lab, "the other one helps", world.second, world.preferences[1])


def _called(result: Probe, world: World) -> str:
    """Return the first host after the sender's own server."""
    return next((host for host in result.hosts if host != world.school_server), "nobody")


def _story(result: Probe) -> str:
    """Tell what came of a letter; a circle is explained, since no lesson does."""
    if "5.4.6" not in result.story:
        return result.story
    return (
        f"{result.story}. That server has no mailboxes; it asked the DNS for a better one, and found no other "
        "than itself. Are the preferences as in the plan?"
    )


def _as_planned(case: Case, lab: Lab, part: str, host: str, expected: int) -> None:
    lab.dns.forget()
    preferences = {row["mail server"]: row["preference"] for row in lab.dns.mail_servers(case.world.shop)}
    got = preferences.get(host, "no MX record")
    case.expect(part, got == expected, f"{host} has the preference of the plan: {expected}", f"the DNS says: {got}")


def plan(world: World) -> Table:
    """Which hosts there are, and what they are for."""
    first, last = world.preferences
    rows = [
        (world.best, "198.51.100.21", f"takes mail, preference {first}"),
        (world.second, "198.51.100.22", f"takes mail when the other is off, preference {last}"),
        (world.home, "198.51.100.25", "has the mailboxes"),
        (f"ns.{world.shop}", "198.51.100.53", "name server; its records are there already"),
    ]
    return table(("host", "address", "what for"), rows)


# ---- what happens if … -----------------------------------------------------------------------------------


@task(
    HERE,
    "what-if",
    "What happens to the letter?",
    kind="predict",
    aim="predict what a sender does when MX records are missing, empty or wrong",
    confronts="a-first",
    parts={"the first three": 3, "the others": 2},
    later=("the others",),
    given=lambda world: numbered("the zone has", wrong_records(world)),
    hints=(
        "First question: is there an MX at all? Only if there is none does the domain's own address count.",
        "MX 0 . is a clear no. A name without an address may be a mistake that somebody fixes soon.",
        "A sender tries the next MX when one cannot be used. If all are unusable for now, it does not give up at once.",
    ),
)
def what_if(case: Case) -> None:
    """A dictionary: number of the case → one of OUTCOMES; tried in the lab."""
    questions = wrong_records(case.world)
    got = case.numbered(list(questions))
    for number, name in enumerate(questions):
        if got[name] not in OUTCOMES:
            raise Stopped(f"{got[name]!r} is none of the outcomes: {', '.join(map(repr, OUTCOMES))}.")
        part = "the first three" if number < 3 else "the others"
        if part == "the others" and not case.is_marked:
            continue
        case.expect(
            part,
            tried(name) == got[name],
            f"{number + 1}: what happens to a letter when the zone has: {name}",
            f"you said {got[name]!r}; in the lab something else happened",
        )


# ---- caches ------------------------------------------------------------------------------------------------


def _ages(world: World) -> tuple[int, int, int]:
    """TTL of the MX records, seconds that passed since they were asked, and seconds that "no such name" is kept."""
    ttl = 600 * world.number("ttl", 2, 9)
    return ttl, world.number("age", 60, 500), 60 * world.number("negative", 10, 25)


def cache_story(world: World) -> Shown:
    """The facts of one afternoon."""
    ttl, age, negative = _ages(world)
    return Shown(
        f"12:00:00  the resolver asks for the MX of {world.shop}. The answer has a TTL of {ttl} seconds\n"
        f"          the resolver asks for new.{world.shop}: NXDOMAIN. SOA with TTL 3600 and last number {negative}\n"
        f"{_clock(age)}  the zone is changed: another MX, and new.{world.shop} gets an A record\n"
        f"          both are asked for again, once every second"
    )


def _clock(seconds: int) -> str:
    return f"12:{seconds // 60:02}:{seconds % 60:02}"


@task(
    HERE,
    "cache",
    "Who still believes the old answer?",
    kind="predict",
    aim="work out how long a resolver keeps an answer, and a no",
    confronts="dns-at-once",
    parts={"the old MX": 2, "the new name": 2},
    given=cache_story,
    hints=(
        "A resolver keeps an answer for its TTL, counted from the moment it got it. The change does not matter to it.",
        "A no is kept too: as long as the last number of the SOA says, if that is less than the SOA's TTL.",
        "Both began at 12:00:00. How much of each is left when the zone changes?",
    ),
)
def cache(case: Case) -> None:
    """Two numbers of seconds after the change, tried on the lab's clock."""
    keys = ("the old MX is given for", "the new name is missing for")
    got = case.table(keys, int)
    ttl, age, negative = _ages(case.world)
    for key, part, left in ((keys[0], "the old MX", ttl - age), (keys[1], "the new name", negative - age)):
        _see_it(case, part, left)
        case.expect(
            part, got[key] == left, f"for how many seconds after the change {key[:-4]}", _late(part, got[key], left)
        )


def _see_it(case: Case, part: str, left: int) -> None:
    """Let the lab show that an answer is still given after `left` - 1 seconds, and no longer after `left`."""
    ttl, age, negative = _ages(case.world)
    lab, shop = case.lab(), case.world.shop
    zone = re.sub(r"^(@ )\d+ (MX .*)$", rf"\g<1>{ttl} \2", lab.zone(shop).text, flags=re.MULTILINE)
    lab.zone(shop).edit(zone.replace(" 604800 300", f" 604800 {negative}"))
    before = lab.dns.lookup(shop, "MX").values
    lab.dns.lookup(f"new.{shop}", "A")
    lab.clock.advance(seconds=age)
    lab.zone(shop).remove("@", "MX").add("@ MX 7 new").add("new A 198.51.100.22")
    seen = []
    for seconds in (left - 1, 1):
        lab.clock.advance(seconds=seconds)
        mail, name = lab.dns.lookup(shop, "MX").values == before, not lab.dns.lookup(f"new.{shop}", "A").records
        seen.append(mail if part == "the old MX" else name)
    assert seen == [True, False], f"{part}: the lab does not do what the check believes"


def _late(part: str, got: int, left: int) -> str:
    """Tell what the resolver says at the end of the seconds that somebody believes in."""
    old, new = ("gives the old MX", "gives the new MX") if part == "the old MX" else ("says no", "knows the new name")
    return f"{got} seconds after the change the resolver {'still ' + old if got < left else 'already ' + new}"


# ---- repair ------------------------------------------------------------------------------------------------


def broken_zone(world: World) -> Lab:
    """The two offices, with one thing wrong in the shop's zone; nobody has asked yet."""
    return without_mx(world.open(), world, wrong_lines(world)[1])


@task(
    HERE,
    "repair",
    "Fix a zone",
    kind="repair",
    aim="find what is wrong with MX records, and fix it",
    confronts="mx-value",
    parts={"mail arrives": 2, "the preferred one is called": 2, "both are named": 1},
    given=lambda world: plan(world),
    opens=broken_zone,
    hints=(
        "Look at lab.dns.mail_servers(domain), and at lab.zone(domain). Is each name what it should be? "
        "Has it an address? A resolver remembers old answers: lab.clock.advance(hours=2) lets it forget them.",
        "Compare with the plan: names, preferences, and what is at the end of each name.",
        'Take the wrong records out with lab.zone(…).remove("@", "MX"), and put right ones in with .add("@ MX …").',
    ),
)
def repair(case: Case) -> None:
    """The lab, repaired."""
    world = case.world
    lab = restore(case.lab(), lab_in(case))
    lab.dns.forget()
    servers = lab.dns.mail_servers(world.shop)
    first = probe(lab, world.person("alice"), world.person("bruno"))
    case.expect("mail arrives", first.arrived, f"a letter to {world.shop} arrives", _story(first))
    called = _called(first, world)
    case.expect(
        "the preferred one is called",
        called == world.best,
        f"{world.best} is called first, as planned",
        f"{called} was called first",
    )
    named = [(row["mail server"], row["preference"]) for row in servers]
    planned = list(zip((world.best, world.second), world.preferences, strict=True))
    case.expect(
        "both are named",
        named == planned,
        "two mail servers with the preferences of the plan",
        f"the DNS names {named}",
    )
