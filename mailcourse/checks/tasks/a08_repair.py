"""08 Build and repair: a domain from nothing, and four patients of the clinic."""

from __future__ import annotations

from collections.abc import Callable

from mailcourse.checks.clinic import FAULTS, PLACES, RELAY, ExercisePatient, fault_of, healthy, open_patient
from mailcourse.checks.probe import Probe, mailboxes, probe, rcpt_reply
from mailcourse.checks.state import State, lab_in, restore
from mailcourse.checks.task import Case, Stopped, a, numbered, task
from mailcourse.checks.world import World
from mailcourse.lab.table import Table, table
from mailcourse.views import Lab

HERE = "08-repair"

# ---- build ------------------------------------------------------------------------------------------------


def bare_office(world: World) -> Lab:
    """Machines and people; the zone says nothing about mail, and no server knows the domain."""
    lab = world.open("new-office")
    lab.configure(world.home, local_domains=[])
    for host in (world.best, world.second):
        lab.configure(host, relay_domains=[], inside={})
    return lab


def order_of_work(world: World) -> Table:
    """What the customer wants."""
    first, last = world.preferences
    rows = [
        (world.best, "198.51.100.21", f"takes mail for {world.shop}, preference {first}; hands it to the host inside"),
        (world.second, "198.51.100.22", f"backup, preference {last}: keeps mail when the other is off"),
        (world.home, "198.51.100.25", f"has the mailboxes of {world.shop}"),
        (f"info@{world.shop}", "", f"comes to {world.person('bea')}"),
    ]
    return table(("what", "address", "what for"), rows)


@task(
    HERE,
    "build",
    "A domain from nothing",
    kind="write",
    aim="set up a domain that takes mail: zone, servers, backup, alias",
    parts={
        "a letter arrives": 2,
        "over the preferred server": 1,
        "the backup keeps and hands on": 2,
        "an answer goes out": 1,
        "info": 1,
        "no open relay": 1,
    },
    given=order_of_work,
    opens=bare_office,
    hints=(
        "Begin with the zone: MX for the domain, A for every host. Then send a letter and read what happened to it.",
        (
            "A server must know the domain: "
            "the one with the mailboxes in local_domains, the ones in front in relay_domains."
        ),
        (
            "The preferred server needs to know the host inside: lab.configure(…, inside={domain: host}). "
            "The backup asks the DNS."
        ),
        'lab.alias("info@…", "bea@…") makes the alias. No server needs networks=[…] for any of this.',
    ),
)
def build(case: Case) -> None:
    """The lab, set up."""
    state, world = lab_in(case), case.world
    lab = restore(case.keep(bare_office(world)), state)
    alice, bruno, bea = (world.person(name) for name in ("alice", "bruno", "bea"))
    first = probe(lab, alice, bruno)
    case.expect("a letter arrives", first.arrived, f"a letter of {alice} is in Bruno's mailbox", first.story)
    named = [(row["mail server"], row["preference"]) for row in lab.dns.mail_servers(world.shop)]
    planned = list(zip((world.best, world.second), world.preferences, strict=True))
    case.expect(
        "over the preferred server",
        first.arrived and world.best in first.hosts and world.second not in first.hosts,
        f"it goes over {world.best}",
        first.story,
    )
    case.expect(
        "over the preferred server",
        named == planned,
        f"the preferences of the table: {planned}",
        f"the DNS says {named}",
    )
    info = probe(lab, alice, f"info@{world.shop}")
    got = mailboxes(info.sent)
    case.expect(
        "info",
        got == [bea],
        f"a letter to info@{world.shop} comes to Bea alone",
        f"it came to {', '.join(got)}" if got else info.story,
    )
    nothing = "no letter arrives yet; this is looked at when one does"
    out = probe(lab, bruno, alice)
    case.expect(
        "an answer goes out",
        first.arrived and out.arrived,
        "Bruno's answer arrives at the school",
        out.story if first.arrived else nothing,
    )
    sources = ("a.root.test", world.school_server)
    strangers = {
        host: min(_stranger(lab, host, source) for source in sources) for host in (world.best, world.second, world.home)
    }
    said = "; ".join(f"{host} said {reply}" for host, reply in strangers.items() if not reply.startswith("5"))
    case.expect(
        "no open relay",
        first.arrived and not said,
        "no server of the shop carries mail of strangers to strangers",
        said or nothing,
    )
    _backup(case, lab)


def _backup(case: Case, lab: Lab) -> None:
    """Switch the preferred server off, send a letter, and switch it on again."""
    world, bea = case.world, case.world.person("bea")
    lab.host(world.best).down()
    kept = probe(lab, world.person("alice"), bea, "Kept")
    helps, says = world.second in kept.hosts, rcpt_reply(lab, world.school_server, world.second, bea)
    lab.host(world.best).up()
    lab.clock.advance(hours=3)
    came = bool(kept.sent and kept.sent.status[bea].state == "delivered")
    why = (
        f"{world.best} was off for this test, and {world.second} did not take the letter; "
        f"asked for {bea}, it says {says}"
    )
    case.expect(
        "the backup keeps and hands on",
        helps and came,
        f"with {world.best} off, {world.second} takes the letter; later it arrives",
        "it was kept, and did not arrive when the other was back" if helps else why,
    )


def _stranger(lab: Lab, host: str, source: str = "a.root.test") -> str:
    return rcpt_reply(lab, source, host, "y@carrier.test")


# ---- the fixed order -----------------------------------------------------------------------------------------

LOOKS = {
    "dig MX, then dig A for each host in the answer": "DNS",
    "connect to port 25 of that host: does anybody answer?": "port",
    "say EHLO, MAIL and RCPT by hand: does it say 250?": "dialogue",
    "look at the queue of the server that took the letter: does it wait there, and why?": "queue",
    "look at the files of the mailbox: is the letter there?": "mailbox",
    "look at the program: protocol, password, what it deletes": "client",
}


@task(
    HERE,
    "order",
    "In which order?",
    kind="read",
    aim="look for a fault along the way of a letter, and stop at the first place that fails",
    parts={"the first three": 2, "the last three": 1},
    later=("the last three",),
    given=lambda world: numbered("look", world.mixed("looks", list(LOOKS))),
    hints=(
        "Follow the letter: each place is only reached when the one before it works.",
        "Before anybody can connect, the name of the server must be found. The last place is where somebody reads.",
    ),
)
def order(case: Case) -> None:
    """A list: the numbers of the looks, in the order of the way."""
    lines = case.world.mixed("looks", list(LOOKS))
    numbers = case.numbers()
    if sorted(numbers) != list(range(1, len(lines) + 1)):
        raise Stopped(f"The list needs each of the numbers from 1 to {len(lines)} once.")
    got = [lines[number - 1] for number in numbers]
    for number, look in enumerate(LOOKS):
        part = "the first three" if number < 3 else "the last three"
        early = list(LOOKS).index(got[number]) > number
        case.expect(
            part,
            got[number] == look,
            f"number {number + 1} of the way",
            f"{numbers[number]} (“{got[number]}”) comes too {'early' if early else 'late'}",
        )


# ---- the clinic ------------------------------------------------------------------------------------------------


def _cured(case: Case, fault: str, lab: Lab, state: State) -> tuple[bool, str, str]:
    """Say whether a fault is gone: (is it, what was expected, what happened)."""
    world, bruno = case.world, case.world.person("bruno")
    match fault:
        case "the relay carries mail for everybody":
            said = rcpt_reply(lab, "a.root.test", RELAY, bruno)
            return said.startswith("5"), f"{RELAY} refuses strangers", f"to a stranger it said {said}"
        case "an old answer is still remembered":
            old = [mx for mx in state.remembered if "gone" in mx]
            return not old, "the resolver has forgotten the old answer", f"it still remembers: {'; '.join(old)}"
        case "a computer fetches by POP3 and deletes":
            kept = state.device is not None and (state.device["keep"] or state.device["protocol"] == "imap")
            return (
                kept,
                "a letter is still on the server after the old computer has fetched it",
                "the old computer takes it away again",
            )
        case "a program has the wrong password":
            right = state.password == lab.person(bruno).password
            return right, "Bruno's program logs in", "the program says another password than the server knows"
        case "two aliases lead to each other":
            both = [probe(lab, world.person("alice"), f"{name}@{world.shop}") for name in ("info", "office")]
            failed: Probe | None = next((attempt for attempt in both if not attempt.arrived), None)
            return (
                failed is None,
                f"letters to info@{world.shop} and office@{world.shop} arrive",
                failed.story if failed else "",
            )
    result = probe(lab, world.person("alice"), bruno)
    is_over_best = world.best in result.hosts and world.second not in result.hosts
    if fault == "the smart host is the wrong one":
        expected = f"a letter of Alice arrives at {bruno}, over {RELAY}, as all mail of the school to others"
        return result.arrived and RELAY in result.hosts, expected, result.story
    return (
        bruno in mailboxes(result.sent) and is_over_best,
        f"a letter of Alice arrives at {bruno}, over {world.best}",
        result.story,
    )


def _rest(case: Case, lab: Lab) -> tuple[bool, str]:
    """Say whether letters go in all other directions, and strangers are refused."""
    world = case.world
    for sender, to in (("bea", "amir"), ("alice", "bea"), ("bruno", "alice")):
        result = probe(lab, world.person(sender), world.person(to), f"From {sender}")
        if world.person(to) not in mailboxes(result.sent):
            return False, f"{sender} → {to}: {result.story}"
    for host in (world.best, world.second, world.home, world.school_server):
        said = _stranger(lab, host)
        if not said.startswith("5"):
            return False, f"{host} now carries mail of strangers: {said}"
    return True, ""


def _diagnosis(case: Case, fault: str, place: str, cause: str) -> None:
    places = {place.lower(): place for place in PLACES}
    with case.part("the place", "the first place of the way that does not work") as check:
        if place.lower() not in places:
            raise Stopped(f"{place!r} is no place. Choose one of: {', '.join(PLACES)}.")
        said, right = places[place.lower()], FAULTS[fault].place
        before = PLACES.index(said) < PLACES.index(right)
        check(
            said == right,
            f"what one looks for at “{said}” is well" if before else f"a place before “{said}” does not work",
        )
    with case.part("the cause", "what is wrong there, from the list") as check:
        if cause not in FAULTS:
            raise Stopped(f"{cause!r} is not in the list of causes. Copy it from the table, word for word.")
        check(cause == fault, "this is not the cause. Look at the place again")


def _patient(number: int) -> Callable[[Case], None]:
    def judge(case: Case) -> None:
        fault = fault_of(case.world, number)
        got = case.table(["place", "cause"])
        _diagnosis(case, fault, got["place"].strip(), got["cause"].strip())
        with case.part("it is cured", "the patient, fixed in its lab"):
            state = case.answer.get("patient")
            if not isinstance(state, State):
                raise Stopped(f"The answer for 'patient' is {a(state)}; the patient itself is asked for.")
            lab = restore(case.keep(healthy(case.world, fault, f"cured {id(case)}")), state)
            cured, expected, happened = _cured(case, fault, lab, state)
            case.expect("it is cured", cured, expected, happened)
            rest, why = _rest(case, lab) if cured else (False, "first the patient must be cured")
            case.expect(
                "nothing else suffers", rest, "letters in all other directions arrive, strangers are refused", why
            )

    return judge


def _opens(number: int) -> Callable[[World], ExercisePatient]:
    return lambda world: open_patient(world, fault_of(world, number), f"patient {number} of {world.name}")


HINTS = (
    (
        "Begin with the DNS: lab.dns.mail_servers(…). Does each host have an address? "
        "Does it lead where the letter should go?"
    ),
    "Then follow the letter: send one, look at its status and journey, and at every queue: lab.queues().",
    (
        "At the place that fails: lab.settings(host), lab.zone(domain), lab.aliases(domain), lab.hosts, "
        "person.files(), patient.log_in()."
    ),
    (
        "Fix only what is wrong: zone.remove/add, lab.configure, lab.alias, host.up(), host.open_port(25), "
        "person.delete, person.forward(), device.keep, patient.password; what is only remembered ends with time: "
        "lab.clock.advance(hours=…)."
    ),
)
for _number in range(1, 5):
    task(
        HERE,
        f"patient-{_number}",
        f"Patient {_number}",
        kind="repair",
        aim="find a fault in the fixed order, name it, fix it, and break nothing else",
        parts={"the place": 1, "the cause": 1, "it is cured": 2, "nothing else suffers": 1},
        hints=HINTS,
        given=lambda world: table(("place", "cause"), [(fault.place, name) for name, fault in FAULTS.items()]),
        opens=_opens(_number),
    )(_patient(_number))
