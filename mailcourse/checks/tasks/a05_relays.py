"""05 Relays and MX priority: where a letter waits, for how long, who hears of it; a smart host, a relay, a circle."""

from __future__ import annotations

import re

from mailcourse.checks.outages import began_and_lasted, outages, place_of, places, schedule, whereabouts
from mailcourse.checks.probe import probe, rcpt_reply
from mailcourse.checks.state import lab_in, restore
from mailcourse.checks.task import Case, Shown, Stopped, task
from mailcourse.checks.world import World
from mailcourse.internet.errors import LabError
from mailcourse.lab.administration import settings_of
from mailcourse.lab.table import Table, table
from mailcourse.views import Lab

HERE = "05-relays"
RELAY = "relay.carrier.test"

# ---- where is the letter? -----------------------------------------------------------------------------


@task(
    HERE,
    "where",
    "Where is the letter?",
    kind="predict",
    aim="predict where a message is when servers are off: next MX, queue, bounce",
    confronts="backup-mirror",
    parts={"the first three": 3, "the last two": 2},
    later=("the last two",),
    given=whereabouts,
    hints=(
        "A server that cannot reach the preferred one tries the next, in the same attempt.",
        (
            "A backup takes the message, and then it has the same problem: it has no mailboxes. "
            "It waits for a better server."
        ),
        "A server tries for five days, then it tells the sender. A pause between two attempts is one hour at most.",
    ),
)
def where(case: Case) -> None:
    """A dictionary: number of the moment → place; tried in the lab."""
    moments = outages(case.world)
    got = case.numbered(list(moments))
    known = places(case.world)
    for number, (name, outage) in enumerate(moments.items()):
        if got[name] not in known:
            raise Stopped(f"{got[name]!r} is none of the places: {', '.join(map(repr, known))}.")
        part = "the first three" if number < 3 else "the last two"
        if part not in case.skipped:
            case.expect(
                part,
                got[name] == known[place_of(outage)],
                f"{number + 1}: where the letter is when {name}",
                f"you said {got[name]!r}; in the lab it is somewhere else",
            )


# ---- the next attempt ---------------------------------------------------------------------------------


@task(
    HERE,
    "attempts",
    "When does it go?",
    kind="read",
    aim="work out from the retry schedule when a message is delivered",
    confronts="instant",
    parts={"when": 2, "how many attempts": 1},
    given=schedule,
    hints=(
        "Write down the times of the attempts: 08:00 is the first, then 5 minutes later, then 10 after that, …",
        "The first attempt at or after the time when the server is back delivers the letter.",
    ),
)
def attempts(case: Case) -> None:
    """A time, and a number of attempts; tried on the lab's clock."""
    got = case.table(["delivered at"]) | case.table(["attempts"], int)
    world, lab = case.world, case.lab()
    began, minutes = began_and_lasted(world)
    lab.fault(world.home, "down", for_minutes=minutes)
    sent = lab.person(world.person("alice")).send(world.person("bruno"), "When?")
    lab.clock.advance(minutes=minutes + 70)
    arrived = next(e.time for e in sent.events if e.what == "delivered" and e.message == sent.message)
    result = sum(e.what == "deferred" and e.message == sent.message for e in sent.events) + 1
    assert arrived.replace(tzinfo=None) >= began
    said, like = got["delivered at"], re.fullmatch(r"\d\d:\d\d", got["delivered at"])
    case.expect(
        "when",
        said == f"{arrived:%H:%M}",
        "the time of the first attempt that succeeds, such as 08:05",
        f"at {said} no attempt succeeds" if like else f"{said!r} is not written like that",
    )
    case.expect(
        "how many attempts",
        got["attempts"] == result,
        f"how often {world.best} tried, the first and the last time included",
        f"you counted {got['attempts']}",
    )


# ---- what a report says ---------------------------------------------------------------------------------

REASONS = {
    "5.1.1": "no such person",
    "5.2.2": "the mailbox is full",
    "5.3.4": "the message is too big",
    "5.4.6": "there was a mail loop",
    "5.4.7": "the time was over",
    "5.7.1": "the server does not want it",
}


def _reports(world: World) -> list[tuple[str, str]]:
    """(report, reason) pairs."""
    reports = []
    for n, code in enumerate(world.some("codes", list(REASONS), 5)):
        who = world.pick(f"who {n}", ["bruno", "bea", "info", "orders"])
        text = (
            f"Final-Recipient: rfc822; {who}@{world.shop}\nAction: failed\nStatus: {code}\nRemote-MTA: dns; "
            f"{world.best}"
        )
        reports.append((text, REASONS[code]))
    return reports


@task(
    HERE,
    "reports",
    "Why did it come back?",
    kind="read",
    aim="read the reason from the status of a report; a wrong address is only one of many",
    confronts="bounce",
    parts={"the first three": 3, "the last two": 1},
    later=("the last two",),
    given=lambda world: Shown("\n\n".join(f"--- report {n}\n{text}" for n, (text, _) in enumerate(_reports(world), 1))),
    hints=(
        "The status has three numbers: class, subject, detail. RFC 3463 says what they mean.",
        "x.1.… is about an address, x.2.… a mailbox, x.3.… a system, x.4.… network and routing, x.7.… policy.",
    ),
)
def reports(case: Case) -> None:
    """A dictionary: number → reason."""
    known = _reports(case.world)
    got = case.table(range(1, len(known) + 1))
    for number, (_, reason) in enumerate(known, 1):
        if got[number] not in REASONS.values():
            raise Stopped(f"{got[number]!r} is none of the reasons: {', '.join(map(repr, REASONS.values()))}.")
        part = "the first three" if number <= 3 else "the last two"
        case.expect(
            part,
            got[number] == reason,
            f"the reason in report {number}",
            f"the status of report {number} does not say: {got[number]}",
        )


# ---- what next? -------------------------------------------------------------------------------------------

STEPS = {
    "yes": "done, whenever the other server has it",
    "not now": "wait, or warn once when 4 hours are over",
    "no": "bounce at once",
    "too long": "bounce from 120 hours on, and not before",
}


@task(
    HERE,
    "next-step",
    "What does the queue do now?",
    kind="write",
    aim="turn a reply and the time that has passed into the next step of a queue",
    parts={"yes": 1, "not now": 2, "no": 1, "too long": 1},
    hints=(
        "2xx: the other server has it now. 4xx: try again. 5xx: no use. Which digit do you look at?",
        "A 4xx becomes a bounce when the time is over: after 5 days, so from 120 hours on.",
        'After 4 hours the sender is told once that it takes long: "warn", while the message still waits.',
    ),
)
def next_step(case: Case) -> None:
    """next_step(code, hours, warned) is "done", "wait", "warn" or "bounce"."""
    late = case.world.number("late", 5, 100)
    returned = []
    for part, arguments, expected in (
        ("yes", (250, 0, False), "done"),
        ("yes", (251, 119, True), "done"),
        ("not now", (450, 0, False), "wait"),
        ("not now", (421, late, True), "wait"),
        ("not now", (452, late, False), "warn"),
        ("not now", (451, 4, False), "warn"),
        ("no", (550, 0, False), "bounce"),
        ("no", (554, late, True), "bounce"),
        ("too long", (450, 119, True), "wait"),
        ("too long", (450, 120, True), "bounce"),
        ("too long", (421, 150, False), "bounce"),
    ):
        with case.part(part, STEPS[part]) as check:
            returned.append(case.call(*arguments))
            check(returned[-1] == expected, f"next_step{arguments} returned {returned[-1]!r}")
    case.varied(returned)


# ---- repair: a smart host ---------------------------------------------------------------------------------


def wrong_smart_host(world: World) -> Lab:
    """An office whose provider lets it speak to the carrier's relay only; its server was told another host."""
    lab = world.open("smart-host")
    wrong = world.pick("smart", [world.second, "ns.carrier.test", f"ns.{world.school}"])
    for host in (world.best, world.second, world.home):
        lab.fault(world.school_server, "cut", peer=host)
    lab.configure(world.school_server, smart_host=wrong)
    return lab


@task(
    HERE,
    "smart-host",
    "Fix the way out",
    kind="repair",
    aim="see in queue and settings why nothing leaves an office, and set the smart host",
    parts={"mail goes out": 3, "it goes over the carrier": 1, "all else is as it was": 1},
    opens=wrong_smart_host,
    hints=(
        (
            "Send a letter as Alice, and look at its status, or at lab.queue(…) of the school's server. "
            "To whom does it talk?"
        ),
        "lab.settings(host) shows what a server is told. Is its smart host a server that relays for this office?",
        "lab.configure(host, smart_host=…) changes it. The carrier has a host for this: lab.hosts.",
    ),
)
def smart_host(case: Case) -> None:
    """The lab, with the school's server told what it needs."""
    settings, world = lab_in(case).settings, case.world
    lab = case.keep(wrong_smart_host(world))
    before = {host: settings_of(lab, host) for host in lab.mail_servers}
    try:
        lab.configure(world.school_server, **settings.get(world.school_server, {}))
    except LabError as error:
        raise Stopped(f"The server cannot be set up like that: {error}") from None
    out = probe(lab, world.person("alice"), world.person("bruno"))
    case.expect("mail goes out", out.arrived, f"a letter from {world.school} to {world.shop} arrives", out.story)
    case.expect("it goes over the carrier", RELAY in out.hosts, f"the way leads over {RELAY}", out.story)
    inside = probe(lab, world.person("alice"), world.person("amir"))
    at_home = inside.arrived and inside.hosts == (world.school_server,)
    case.expect(
        "all else is as it was",
        out.arrived and at_home,
        f"mail goes out, and a letter from Alice to Amir is delivered by {world.school_server} itself",
        out.story if at_home else inside.story,
    )
    changed = [
        f"{name} of {host}"
        for host, has in settings.items()
        for name, value in has.items()
        if value != before[host].get(name) and (host, name) != (world.school_server, "smart_host")
    ]
    case.expect(
        "all else is as it was",
        not changed,
        "only the smart host is another one",
        f"this was changed too: {', '.join(changed)}",
    )


# ---- repair: an open relay --------------------------------------------------------------------------------


def open_relay(world: World) -> Lab:
    """The carrier's relay carries mail for everybody."""
    lab = world.open("smart-host")
    lab.configure(RELAY, networks=world.pick("open", [["0.0.0.0/0"], ["198.0.0.0/8", "192.0.0.0/8"], ["128.0.0.0/1"]]))
    return lab


def customers(world: World) -> Table:
    """Whom the relay is for."""
    return table(("customer", "network"), [(world.school, "192.0.2.0/24"), (world.shop, "198.51.100.0/24")])


@task(
    HERE,
    "open-relay",
    "Close an open relay",
    kind="repair",
    aim="let a relay carry mail for its customers, and for nobody else",
    parts={"strangers are refused": 2, "customers are served": 2, "no harm elsewhere": 1},
    given=customers,
    opens=open_relay,
    hints=(
        'lab.settings("relay.carrier.test") shows from which networks it relays. Who is inside them?',
        "A network of a customer is written like 192.0.2.0/24: 256 addresses. 0.0.0.0/0 is everybody.",
        'lab.configure("relay.carrier.test", networks=[…]) with the networks of all customers.',
    ),
)
def close_relay(case: Case) -> None:
    """The lab, with the relay told whom it is for."""
    state, world = lab_in(case), case.world
    lab = case.keep(open_relay(world))
    try:
        lab.configure(RELAY, **state.settings.get(RELAY, {}))
    except LabError as error:
        raise Stopped(f"The relay cannot be set up like that: {error}") from None
    strangers = [
        (source, rcpt_reply(lab, source, RELAY, world.person("bruno"))) for source in ("a.root.test", "a.nic.test")
    ]
    for source, said in strangers:
        case.expect(
            "strangers are refused",
            said.startswith("550"),
            f"{RELAY} says 550 to {source} ({lab.host(source).addresses[0]})",
            f"it said {said}",
        )
    closed = all(said.startswith("550") for _, said in strangers)
    for source, to in ((world.school_server, "bruno"), (f"laptop.{world.shop}", "alice")):
        said = rcpt_reply(lab, source, RELAY, world.person(to))
        case.expect(
            "customers are served",
            closed and said.startswith("250"),
            f"{RELAY} refuses strangers, and says 250 to {source}",
            f"to {source} it said {said}" if closed else "strangers are not refused yet",
        )
    out = probe(lab, world.person("alice"), world.person("bruno"))
    case.expect(
        "no harm elsewhere",
        closed and out.arrived,
        f"strangers are refused, and a letter from {world.school} arrives",
        out.story if closed else "strangers are not refused yet",
    )


# ---- repair: a circle -----------------------------------------------------------------------------------------


def circle(world: World) -> Lab:
    """Two people on holiday, each with the other's address."""
    lab = world.open()
    lab.person(world.person("bruno")).forward(world.person("amir"))
    lab.person(world.person("amir")).forward(world.person("bruno"))
    return lab


@task(
    HERE,
    "circle",
    "Break a circle",
    kind="repair",
    aim="find a mail loop from its report, and forward without one",
    parts={"Bruno's mail arrives": 2, "Amir reads it too": 1, "Amir's own mail stays": 1},
    opens=circle,
    hints=(
        "Send Bruno a letter as Alice, and read what comes back to her: lab.person(…).fetch()[-1].text.",
        (
            "Bruno forwards to Amir, and Amir to Bruno. The wish is: "
            "Bruno keeps a copy, Amir gets one, and Amir forwards nothing."
        ),
        "person.forward(own address, another) keeps a copy; person.forward() forwards no more.",
    ),
)
def break_circle(case: Case) -> None:
    """The lab, with forwarding that does what was wished for."""
    lab = restore(case.lab(), lab_in(case))
    world = case.world
    result = probe(lab, world.person("alice"), world.person("bruno"), "For Bruno")
    bruno, amir = _subjects(lab, world, "bruno"), _subjects(lab, world, "amir")
    case.expect(
        "Bruno's mail arrives",
        bruno == ["For Bruno"],
        "a letter to Bruno is in Bruno's mailbox, once",
        f"Bruno has {len(bruno) or 'no'} letters; {result.story}",
    )
    case.expect(
        "Amir reads it too",
        amir == ["For Bruno"],
        "a copy of it is in Amir's mailbox, once",
        f"Amir has {len(amir) or 'no'} letters",
    )
    own = probe(lab, world.person("alice"), world.person("amir"), "For Amir")
    readers = [name.title() for name in ("amir", "bruno") if "For Amir" in _subjects(lab, world, name)]
    case.expect(
        "Amir's own mail stays",
        readers == ["Amir"],
        "a letter to Amir comes to Amir, and to nobody else",
        f"it came to {' and '.join(readers)}" if readers else own.story,
    )


def _subjects(lab: Lab, world: World, name: str) -> list[str]:
    return [mail.subject for mail in lab.person(world.person(name)).inbox()]
