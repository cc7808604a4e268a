"""Put into a zone or an alias table: MX records, an SPF record, aliases."""

from __future__ import annotations

from smtplib import SMTP

from mailcourse.internet.errors import LabError
from mailcourse.views import Lab

MAX_LINES = 20
BRANCH = "branch.bakery.test"
WANTED = ["mx1.bakery.test", "mx2.bakery.test"]

NO_SERVER = "the zone took it, but nobody finds a mail server for {}: {}"
NO_ADDRESS = "the zone took it, but senders would look for the host {}, which has no address."
OTHER_ORDER = "senders would try {}."
ONLY = "only {}"
BOTH_AT_RANDOM = "{} by chance, since both have the same number"
TOO_MANY = f"more than {MAX_LINES} lines are too many here."


def lines_of(text: str) -> list[str]:
    """Return the lines that say something; a line that begins with ; or # is a comment."""
    lines = [line.strip() for line in text.splitlines()]
    found = [line for line in lines if line and line[0] not in ";#"]
    if len(found) > MAX_LINES:
        raise LabError(TOO_MANY)
    return found


def backup_records(text: str) -> str:
    """Write MX records into the Bakery's zone, and ask whom a sender tries for the branch."""
    with Lab("two-offices") as lab:
        zone = lab.zone("bakery.test")
        for line in lines_of(text):
            zone.add(line)
        rows = [(str(row["mail server"]), row["preference"], row["addresses, or why not"]) for row in tries(lab)]
    lost = [name for name, preference, addresses in rows if addresses == "no address"]
    if lost:
        return NO_ADDRESS.format(lost[0])
    names = [name for name, _, _ in rows]
    if names == ["nobody"]:
        return NO_SERVER.format(BRANCH, rows[0][2])
    if sorted(names) == WANTED and rows[0][1] == rows[1][1]:
        return OTHER_ORDER.format(BOTH_AT_RANDOM.format(" and ".join(WANTED)))
    if names != WANTED:
        return OTHER_ORDER.format(", then ".join(names) if len(names) > 1 else ONLY.format(names[0]))
    return ""


def tries(lab: Lab) -> list[dict[str, object]]:
    """Return whom a sender tries for the branch, in order."""
    return list(lab.dns.mail_servers(BRANCH))


ALIASES = {
    "postmaster": ["bea@bakery.test"],
    "orders": ["bea@bakery.test", "bruno@bakery.test"],
}
SUBJECT = "Who reads this?"
NO_COLON = "“{}” has no colon between the alias and who stands behind it."
GOES_TO = "a letter to {}@bakery.test came to {}."
NOBODY = "nobody at the Bakery"


def alias_table(text: str) -> str:
    """Read lines as /etc/aliases has them, and see who gets a letter."""
    with Lab("two-offices") as lab:
        lab.alias("postmaster@bakery.test")  # there is one; without it, a line that is missing is noticed
        for line in lines_of(text):
            name, colon, targets = line.partition(":")
            if not colon:
                return NO_COLON.format(line)
            lab.alias(at_bakery(name), *(at_bakery(target) for target in targets.split(",") if target.strip()))
        alice = lab.person("alice@academy.test")
        staff = [who for who in lab.addresses if who.endswith("@bakery.test")]
        for name, wanted in ALIASES.items():
            before = {who: len(lab.person(who).inbox()) for who in staff}
            alice.send(to=f"{name}@bakery.test", subject=SUBJECT)
            lab.settle()
            got = sorted(who for who in staff if grew(lab, who, before))
            if got != wanted:
                return GOES_TO.format(name, " and ".join(got) or NOBODY)
    return ""


def at_bakery(name: str) -> str:
    """Complete a name as a server does: `bea` is bea@bakery.test."""
    return name.strip() if "@" in name else f"{name.strip()}@bakery.test"


def grew(lab: Lab, who: str, before: dict[str, int]) -> bool:
    """True when somebody has a letter more than before."""
    return len(lab.person(who).inbox()) > before[who]


#: a machine that calls → what SPF must say of it
CALLERS = {"mail.florist.test": "pass", "relay.carrier.test": "pass", "machine.stranger.test": "fail"}
LETTER = "From: flora@florist.test\r\nSubject: Tulips\r\n\r\nTen, as always.\r\n"
SPF_SAYS = "when {} sends in Flora's name, SPF says {}{}."
MUST = ", and it should say {}"


def spf_record(text: str) -> str:
    """Publish a record for the Florist, and let three machines send in her name."""
    record = " ".join(lines_of(text)).strip('"“”').strip()
    with Lab("signed-offices") as lab:
        lab.zone("florist.test").add(f'@ TXT "{record}"')
        for caller, wanted in CALLERS.items():
            said = spf_of(lab, caller)
            if said != wanted:
                return SPF_SAYS.format(caller, said, MUST.format(wanted))
    return ""


def spf_of(lab: Lab, caller: str) -> str:
    """Let a machine send as Flora; return what the Bakery's server found out by SPF."""
    with lab.online(caller), SMTP("mx1.bakery.test", 25, caller) as client:
        client.ehlo()
        client.mail("flora@florist.test")
        client.rcpt("bruno@bakery.test")
        client.data(LETTER)
    found = [event.facts["checks"] for event in lab.trace if event.what == "authenticated"]
    return str(found[-1][0]["result"])
