"""Is a mail service complete?  Nine points, each proved by use: names, letters, a log-in, a stranger refused.

    checklist(lab, "bakery.test")      what was looked at, what was seen, whether it is done

A table to hand in.  It sends letters in the lab, and changes nothing else.
"""

from __future__ import annotations

import ssl
from smtplib import SMTP_SSL, SMTPException

from mailcourse.internet.errors import LabError, unknown
from mailcourse.lab.table import Table, table
from mailcourse.views import Lab

from .dialogue import speak

DONE = {True: "yes", False: "not yet"}
STRANGER, ELSEWHERE = "x@stranger.example", "y@elsewhere.example"
NOBODY = "nobody"
NO_PEOPLE = "No account in {} yet. Make one with lab.administration.add_account(…)."
NO_OTHER = "There is nobody in another domain who could write."
#: what a person reads
WORDS = {
    "domain": "domain with accounts",
    "mx": "MX: senders find a server",
    "backup": "a backup with another number",
    "ptr": "PTR: {address} has a name",
    "none": "none",
    "spf": "SPF: who may send",
    "no record": "no record",
    "in": "a letter in",
    "out": "a letter out",
    "postmaster": "postmaster is read",
    "subject": "Checklist",
    "letter": "{sender} to {recipient}: {states}",
    "logged in": "logged in, inside TLS, certificate checked",
    "log in": "people log in at {server}",
    "no relay": "no open relay",
}


def checklist(lab: Lab, domain: str = "bakery.test") -> Table:
    """Try what a mail domain needs, one thing after the other."""
    if domain not in {who.partition("@")[2] for who in lab.addresses}:
        raise unknown(WORDS["domain"], domain, sorted({who.partition("@")[2] for who in lab.addresses}))
    own = next(who for who in lab.addresses if who.endswith(f"@{domain}"))
    others = [who for who in lab.addresses if not who.endswith(f"@{domain}")]
    if not others:
        raise LabError(NO_OTHER)
    rows = [*_names(lab, domain, own), *_letters(lab, domain, own, others[0]), *_doors(lab, domain, own)]
    return table(("what", "seen", "done"), [(what, seen, DONE[is_so]) for what, seen, is_so in rows])


def _names(lab: Lab, domain: str, own: str) -> list[tuple[str, str, bool]]:
    servers = [
        (str(row["mail server"]), row["preference"], row["addresses, or why not"]) for row in _servers(lab, domain)
    ]
    found = [name for name, _, addresses in servers if name != NOBODY and addresses != "no address"]
    home = lab.person(own).server
    address = lab.host(home).addresses[0]
    names = [value.rstrip(".") for value in lab.dns.reverse(address).values]
    texts = [value.strip('"') for value in lab.dns.lookup(domain, "TXT").values]
    spf = [text for text in texts if text.startswith("v=spf1")]
    backup = {preference for _, preference, _ in servers}
    return [
        (WORDS["mx"], ", ".join(found) or NOBODY, bool(found) and len(found) == len(servers)),
        (
            WORDS["backup"],
            ", ".join(f"{name} {number}" for name, number, _ in servers),
            len(found) > 1 and len(backup) > 1,
        ),
        (WORDS["ptr"].format(address=address), ", ".join(names) or WORDS["none"], home in names),
        (WORDS["spf"], ", ".join(spf) or WORDS["no record"], len(spf) == 1),
    ]


def _servers(lab: Lab, domain: str) -> list[dict[str, object]]:
    return list(lab.dns.mail_servers(domain))


def _letters(lab: Lab, domain: str, own: str, other: str) -> list[tuple[str, str, bool]]:
    rows = []
    for what, sender, recipient in (
        (WORDS["in"], other, own),
        (WORDS["out"], own, other),
        (WORDS["postmaster"], other, f"postmaster@{domain}"),
    ):
        try:
            sent = lab.person(sender).send(to=recipient, subject=WORDS["subject"])
        except LabError as error:  # her own server does not take it
            rows.append((what, str(error), False))
            continue
        lab.settle()
        states = [status.state for status in sent.status.values()]
        seen = WORDS["letter"].format(sender=sender, recipient=recipient, states=", ".join(states))
        rows.append((what, seen, "delivered" in states))
    return rows


def _doors(lab: Lab, domain: str, own: str) -> list[tuple[str, str, bool]]:
    person = lab.person(own)
    seen = WORDS["logged in"]
    try:
        trust = ssl.create_default_context(cafile=lab.ca)
        with lab.online(person.machine), SMTP_SSL(person.server, 465, person.machine, context=trust) as client:
            client.login(person.address, person.password)
        is_in = True
    except (SMTPException, OSError) as error:
        seen, is_in = str(error), False
    answers = {}
    for name in dict.fromkeys([person.server, *(str(row["mail server"]) for row in _servers(lab, domain))]):
        if name != NOBODY:
            answers[name] = _as_a_stranger(lab, name)
    refused = [name for name, code in answers.items() if code >= 500]
    return [
        (WORDS["log in"].format(server=person.server), seen, is_in),
        (WORDS["no relay"], ", ".join(f"{name}: {code}" for name, code in answers.items()), refused == list(answers)),
    ]


def _as_a_stranger(lab: Lab, name: str) -> int:
    """Ask a server, from a machine outside, to carry mail for somebody else; return its answer to RCPT, 0 for none."""
    hosts = list(lab.scenario.hosts)
    outside = next((host for host in hosts if host.endswith(".root.test")), hosts[-1])
    try:
        talk = speak(lab, name, source=outside)
    except LabError:
        return 0
    talk.say("EHLO stranger.example")
    talk.say(f"MAIL FROM:<{STRANGER}>")
    code = talk.say(f"RCPT TO:<{ELSEWHERE}>").code
    talk.say("QUIT")
    return code
