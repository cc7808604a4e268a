"""Experiments with two devices of one person: what does the second show, after the first did something?

Who uses it: tasks/a07_access.py.
"""

from __future__ import annotations

from collections.abc import Callable

from mailcourse.views import Lab

from .world import World


def _phone_after(world: World, protocol: str, keep: bool) -> Callable[[Lab], bool]:
    """Return an experiment: does the phone show the letter, after the laptop fetched it?"""

    def run(lab: Lab) -> bool:
        bruno = lab.person(world.person("bruno"))
        bruno.device("laptop", protocol, keep=keep).sync()
        phone = bruno.device("phone", "imap")
        phone.sync()
        return len(phone.messages()) > 0

    return run


def _laptop_after(world: World, act: str, protocol: str) -> Callable[[Lab], bool]:
    """Return an experiment: does the laptop show what the phone did to the letter?"""

    def run(lab: Lab) -> bool:
        bruno = lab.person(world.person("bruno"))
        phone, laptop = bruno.device("phone", "imap"), bruno.device("laptop", protocol)
        phone.sync()
        laptop.sync()
        uid = phone.messages()[0].uid
        phone.delete(uid) if act == "deletes" else phone.read(uid)
        phone.sync()
        laptop.sync()
        there = laptop.messages()
        return len(there) > 0 if act == "deletes" else any("\\Seen" in mail.flags for mail in there)

    return run


def experiments(world: World) -> dict[str, Callable[[Lab], bool]]:
    """Question → the experiment that answers it: on a lab with one letter in Bruno's mailbox."""
    cases = (
        (
            "the laptop fetches by POP3 and deletes; then the phone synchronises by IMAP.",
            "Does the phone show the letter?",
            _phone_after(world, "pop3", keep=False),
        ),
        (
            "the laptop fetches by POP3 and keeps; then the phone synchronises by IMAP.",
            "Does the phone show the letter?",
            _phone_after(world, "pop3", keep=True),
        ),
        (
            "both use IMAP and have the letter; the phone deletes it, both synchronise.",
            "Does the laptop show the letter?",
            _laptop_after(world, "deletes", "imap"),
        ),
        (
            "both use IMAP and have the letter; the phone reads it, both synchronise.",
            "Does the laptop show it as read?",
            _laptop_after(world, "reads", "imap"),
        ),
        (
            "the laptop has the letter by POP3; the phone reads it by IMAP, both synchronise.",
            "Does the laptop show it as read?",
            _laptop_after(world, "reads", "pop3"),
        ),
    )
    runs = {f"{story} {question}": run for story, question, run in cases}
    return {name: runs[name] for name in world.mixed("devices", list(runs))}
