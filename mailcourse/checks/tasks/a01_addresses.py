"""01 Addresses: what is an address, who decides what it means, and which server does it lead to?"""

from __future__ import annotations

from collections.abc import Mapping

from mailcourse.checks.probe import answers
from mailcourse.checks.task import Case, Stopped, task
from mailcourse.checks.world import World
from mailcourse.lab.table import Table, table

HERE = "01-addresses"
NAMES = ("Ana Lopez", "Mara Kovac", "Teo Berg", "Lin Wei", "Ines Duarte", "Jonas Maier", "Olga Petrova", "Sam Okoye")


def _address(name: str, domain: str) -> str:
    return f"{name.lower().replace(' ', '.')}@{domain}"


# ---- who gets the reply? -----------------------------------------------------------------------------


def _from_lines(world: World) -> list[tuple[str, str]]:
    """Return From fields, each with the address in it; the first two are plain."""
    one, two, three, four, five = world.some("names", NAMES, 5)
    away = f"x{world.number('box', 10, 99)}@carrier.test"
    coded = f"=?utf-8?q?{five.split()[0]}=C3=A9?="
    return [
        (f"From: {one} <{_address(one, world.shop)}>", _address(one, world.shop)),
        (f"From: {_address(two, world.school)}", _address(two, world.school)),
        (f'From: "info@{world.school}" <{away}>', away),
        (
            f'From: "{three.split()[1]}, {three.split()[0]}" <{three.split()[0].lower()}+orders@{world.shop}>',
            f"{three.split()[0].lower()}+orders@{world.shop}",
        ),
        (f"From: {_address(four, world.school)} (evenings only, not help@{world.shop})", _address(four, world.school)),
        (f"From: {coded} <{five.split()[0].lower()}@{world.shop}>", f"{five.split()[0].lower()}@{world.shop}"),
    ]


def from_fields(world: World) -> Table:
    """What the student sees."""
    return table(("number", "field"), [(n, line) for n, (line, _) in enumerate(_from_lines(world), 1)])


@task(
    HERE,
    "reply-to-whom",
    "Who gets the reply?",
    kind="read",
    aim="tell an address from the name that is shown beside it",
    confronts="display-name",
    parts={"plain fields": 1, "fields with a trap": 3},
    given=from_fields,
    hints=(
        "In a field with < and >, only what is between them is the address.",
        "What is in quotes, or in brackets ( ), is for people to read. A program does not look at it.",
        "Give the list in the order of the numbers, each as local-part@domain, with nothing around it.",
    ),
)
def reply_to_whom(case: Case) -> None:
    """The addresses of six From fields."""
    lines = _from_lines(case.world)
    got = case.names()
    if len(got) != len(lines):
        raise Stopped(f"There are {len(lines)} fields, and your list has {len(got)} addresses.")
    for number, (line, address) in enumerate(lines):
        part = "plain fields" if number < 2 else "fields with a trap"
        said = f"your answer for field {number + 1} was {got[number]!r}; a reply to that does not reach the writer"
        case.expect(part, got[number] == address, f"the address in {line}", said)


# ---- cutting an address ------------------------------------------------------------------------------

SPLIT: Mapping[str, tuple[tuple[str, tuple[str, str]], ...]] = {
    "plain addresses": (("{a}@{d}", ("{a}", "{d}")), ("{a}+x@{d}", ("{a}+x", "{d}")), ("{a}@{D}", ("{a}", "{d}"))),
    "quoted local parts": (('"{a}@home"@{d}', ('"{a}@home"', "{d}")), ('"two words"@{D}', ('"two words"', "{d}"))),
}
NO_ADDRESS = ("{d}", "@{d}", "{a}@", "{a}@{d}@{d}", "")


@task(
    HERE,
    "split",
    "A function that cuts an address in two",
    kind="write",
    aim="cut an address at the right @, and refuse what is none",
    parts={"plain addresses": 2, "quoted local parts": 2, "no addresses": 2},
    hints=(
        "The domain has no @ in it, and the local part may have one, in quotes. From which side do you look for it?",
        "rpartition cuts at the last @. Then look at the local part: an @ in it is only allowed inside quotes.",
        "Upper and lower case mean the same in a domain, so give it back in lower case. Raise ValueError for the rest.",
    ),
)
def split(case: Case) -> None:
    """split("a@b.test") is ("a", "b.test"); ValueError for what is no address."""
    person = case.world.pick("split", NAMES).split()[0].lower()
    words = {"a": person, "d": case.world.shop, "D": case.world.shop.upper()}
    for part, pairs in SPLIT.items():
        with case.part(part, "the local part as it is, and the domain in lower case") as check:
            for address, expected in pairs:
                given, right = address.format(**words), [text.format(**words) for text in expected]
                got = case.call(given)
                if not check(got == right, f"split({given!r}) returned {got!r}"):
                    break
    with case.part("no addresses", "ValueError for what has no local part, no domain, or one @ too many") as check:
        for address in NO_ADDRESS:
            given = address.format(**words)
            if not check(case.raises("ValueError", given), f"split({given!r}) did not raise ValueError"):
                break


# ---- the same mailbox? -------------------------------------------------------------------------------


@task(
    HERE,
    "same",
    "The same mailbox?",
    kind="write",
    aim="say who decides about upper and lower case: the DNS for the domain, its own servers for the rest",
    confronts="case",
    parts={"domains": 2, "local parts": 2},
    hints=(
        "Two questions: may I compare the domains without regard to case? And the local parts?",
        "RFC 5321 §2.4: only the domain's own servers know what its local parts mean. You are not one of them.",
        "So: domains compared in lower case, local parts letter by letter.",
    ),
)
def same(case: Case) -> None:
    """same(a, b) for a stranger: True only when both must be one mailbox."""
    person, shop = case.world.pick("same", NAMES).split()[0].lower(), case.world.shop
    tries = {
        "domains": (
            (f"{person}@{shop}", f"{person}@{shop.upper()}", True),
            (f"{person}@{shop}", f"{person}@{case.world.school}", False),
            (f"{person}@{shop}", f"{person}@{shop}", True),
        ),
        "local parts": (
            (f"{person}@{shop}", f"{person.title()}@{shop}", False),
            (f"{person}@{shop}", f"{person}+x@{shop}", False),
            (f"{person}@{shop.title()}", f"{person}@{shop}", True),
        ),
    }
    for part, pairs in tries.items():
        with case.part(part, "True only where every stranger may be sure that it is one mailbox") as check:
            for one, two, expected in pairs:
                got = case.call(one, two)
                if not check(got is expected, f"same({one!r}, {two!r}) returned {got!r}"):
                    break


# ---- will it be taken? -------------------------------------------------------------------------------


def _recipients(world: World) -> list[str]:
    one, two = world.mixed("taken", ["bruno", "bea"])
    seen = [f"{one}@{world.shop}", f"nobody{world.number('nobody', 1, 9)}@{world.shop}", f"{two}+cakes@{world.shop}"]
    return [*seen, f"{one.upper()}@{world.shop.upper()}", f"alice@{world.school}", f"{two}@{world.home}"]


def recipients(world: World) -> Table:
    """What the student sees."""
    return table(("said to " + world.best,), [(f"RCPT TO:<{address}>",) for address in _recipients(world)])


@task(
    HERE,
    "taken",
    "Will it be taken?",
    kind="predict",
    aim="predict what a server says to an address: its own, another spelling, somebody else's",
    parts={"the first three": 2, "the last three": 2},
    later=("the last three",),
    given=recipients,
    hints=(
        "The server speaks for the addresses of one domain. Which of these are in that domain, letter by letter?",
        "For its own domain it knows who is there. What follows a + is, by custom, for the reader.",
        "mail.… in front of a domain makes another domain.",
    ),
)
def taken(case: Case) -> None:
    """A dictionary: address → True when RCPT TO is answered with 250."""
    addresses = _recipients(case.world)
    got = case.table(addresses, bool)
    lab = case.lab()
    for number, address in enumerate(addresses):
        lines = ("EHLO client.example", "MAIL FROM:<a@carrier.test>", f"RCPT TO:<{address}>")
        reply = answers(lab, case.world.best, *lines)[-1]
        part = "the first three" if number < 3 else "the last three"
        # What the server said would be the answer; it is told which address to think about.
        case.expect(
            part,
            got[address] is reply.startswith("250"),
            f"what {case.world.best} says to {address}",
            f"it did not do what you predicted ({got[address]}): try it, with lab.telnet",
        )


# ---- letters of the whole world ------------------------------------------------------------------------

INTERNATIONAL = ("café.example", "bücher.example", "piñata.test", "smørrebrød.example", "été.test", "größer.example")


@task(
    HERE,
    "wire",
    "A domain with accents, as the DNS sees it",
    kind="write",
    aim="know that the DNS asks for ASCII, and that there is one way to write every name in it",
    parts={"ASCII stays": 1, "other letters": 2},
    hints=(
        "Python has a codec for it: text.encode(…) gives octets, .decode() makes text of them.",
        "The codec is called idna. A domain in ASCII passes it unchanged, but for the case, which you take care of.",
    ),
)
def wire(case: Case) -> None:
    """on_the_wire("café.example") is "xn--caf-dma.example"."""
    with case.part("ASCII stays", "the same name, in lower case") as check:
        got = case.call(case.world.shop.upper())
        check(got == case.world.shop, f"{case.world.shop.upper()} became {got!r}")
    with case.part("other letters", "the name in ASCII, each part with xn-- in front where it needs it") as check:
        for domain in case.world.some("wire", [name for name in INTERNATIONAL if "ß" not in name], 3):
            got = case.call(domain)
            if not check(got == domain.encode("idna").decode(), f"{domain} became {got!r}"):
                break


# ---- the domain is not a server --------------------------------------------------------------------------


@task(
    HERE,
    "servers",
    "Which machine is it?",
    kind="read",
    aim="find the machines behind a domain in place of guessing their names",
    confronts="server-name",
    parts={"the one that takes mail": 1, "the one that keeps it": 1, "the domain itself": 1},
    opens=lambda world: world.open(),
    hints=(
        "lab.dns.mail_servers(domain) does what a sending server does. lab.domains says where mailboxes are.",
        'The name of a domain is a name in the DNS; does it have an address of its own? lab.dns.lookup(domain, "A").',
    ),
)
def servers(case: Case) -> None:
    """Three answers about the shop."""
    keys = ("takes mail first", "keeps the mailboxes", "is the domain a machine")
    got = case.table(keys[:2], str) | case.table(keys[2:], bool)
    lab = case.lab()
    first = next(iter(lab.dns.mail_servers(case.world.shop)))["mail server"]
    kept = {row["domain"]: row["mailboxes on"] for row in lab.domains}[case.world.shop]
    address = lab.dns.lookup(case.world.shop, "A").records
    case.expect(
        "the one that takes mail",
        got[keys[0]].rstrip(".") == first,
        f"the host that a stranger's server calls first with a letter for {case.world.shop}",
        f"a letter does not go to {got[keys[0]]!r} first",
    )
    case.expect(
        "the one that keeps it",
        got[keys[1]].rstrip(".") == kept,
        "the host with the mailboxes",
        f"there is no mailbox of {case.world.shop} on {got[keys[1]]!r}",
    )
    case.expect(
        "the domain itself",
        got[keys[2]] is bool(address),
        f"whether {case.world.shop} has an address",
        "the DNS says something else when it is asked for A",
    )
