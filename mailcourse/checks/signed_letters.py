"""Labs in which somebody asks who sent a letter: for the tasks of 09.

signed_world(world, name)             the signed offices of a world; its servers note what they find out
receive(lab, world, machine, …)       a letter from any machine, and what the shop's server found out about it
letters(world)                        four signed letters, of which three do not count
suspected(world)                      a school whose mail nobody believes
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mailcourse.views import Lab

from .probe import spoken
from .world import World

STRANGER, STRANGER_HOST = "stranger.test", "machine.stranger.test"
#: what may be wrong with a signature
WHY = ("nothing is wrong", "the body was changed", "a signed field was changed", "the key is not in the DNS")
SPF_FAULTS = ("a second record", "another host", "no record")
KEY_FAULTS = ("another selector", "no underscore")


def signed_world(world: World, name: str, how: str = "note") -> Lab:
    """Open the signed offices of a world; the shop's servers note, or enforce, what they find out."""
    change = {host: {"authenticate": how} for host in (world.best, world.second)}
    return world.open("signed-offices", f"{name} {how} {world.name}", hosts=change)


def receive(lab: Lab, world: World, source: str, mail_from: str, letter: str) -> tuple[str, Mapping[str, str]]:
    """Have a machine hand a letter for Bruno to the shop's server: its last reply, and what it found out."""
    lines = [f"EHLO {source}", f"MAIL FROM:<{mail_from}>", f"RCPT TO:<{world.person('bruno')}>", "DATA"]
    body = [f".{line}" if line.startswith(".") else line for line in letter.splitlines()]
    said = spoken(lab, source, world.best, [*lines, *body, "."])[-1][1]
    lab.settle()
    return said, last_found(lab)


def last_found(lab: Lab) -> dict[str, str]:
    """Return what was found out about the last letter: spf, dkim, dmarc, disposition; nothing when nobody asked."""
    asked = [event.facts for event in lab.trace if event.what == "authenticated"]
    if not asked:
        return {}
    results = dict(word.split("=") for word in str(asked[-1]["results"]).split())
    return {**results, "disposition": str(asked[-1]["disposition"])}


def letters(world: World) -> Lab:
    """A lab in which four signed letters came to Bruno by a machine that is not their sender's."""
    lab = signed_world(world, "letters to")
    alice, bruno = lab.person(world.person("alice")), lab.person(world.person("bruno"))
    zone = lab.zone(world.school)
    whole = zone.text
    for number, why in enumerate(world.mixed("letters", WHY), 1):
        alice.send(bruno.address, f"Letter {number}", "Please pay 100 euros.")
        (mail,) = [mail for mail in bruno.fetch() if mail.subject == f"Letter {number}"]
        bruno.delete(mail)
        signed = mail.raw[mail.raw.index(b"DKIM-Signature") :].decode()
        if why == WHY[1]:
            signed = signed.replace("100 euros", "900 euros")
        if why == WHY[2]:
            signed = signed.replace("From: Alice", "From: The Director")
        if why == WHY[3]:
            zone.remove("autumn._domainkey", "TXT")
            lab.dns.forget()
        receive(lab, world, STRANGER_HOST, f"list@{STRANGER}", signed)
        if why == WHY[3]:
            zone.edit(re.sub(r"(?m)^(@ .*?SOA.*? )(\d+)( 7200)", lambda m: f"{m[1]}{int(m[2]) + 9}{m[3]}", whole))
            lab.dns.forget()
    return lab


def suspected(world: World, name: str = "") -> Lab:
    """A lab in which nobody believes the school's mail: its zone has two mistakes."""
    lab = signed_world(world, name or "mail of", "enforce")
    lab.zone(world.school).edit(broken(lab.zone(world.school).text, world))
    return lab


def broken(text: str, world: World) -> str:
    """Put a mistake into the SPF record, and one into the name of the key."""
    lines = text.splitlines()
    spf_at = next(n for n, line in enumerate(lines) if "v=spf1 mx -all" in line)
    match world.pick("SPF fault", SPF_FAULTS):
        case "a second record":
            lines.insert(spf_at + 1, lines[spf_at].replace("v=spf1 mx -all", "v=spf1 ip4:203.0.113.99 -all"))
        case "another host":
            lines[spf_at] = lines[spf_at].replace("v=spf1 mx -all", "v=spf1 ip4:203.0.113.99 -all")
        case _:
            del lines[spf_at]
    wrong = "august._domainkey" if world.pick("key fault", KEY_FAULTS) == KEY_FAULTS[0] else "autumn.domainkey"
    return "\n".join(line.replace("autumn._domainkey", wrong) for line in lines) + "\n"
