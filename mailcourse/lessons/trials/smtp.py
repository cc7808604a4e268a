"""Said to a mail server: an envelope, a whole conversation, the settings of a mail program."""

from __future__ import annotations

import ssl
from smtplib import SMTP, SMTP_SSL, SMTPException, SMTPNotSupportedError

from mailcourse.internet.errors import LabError
from mailcourse.lab.ports import SERVICES
from mailcourse.views import Lab

from ..dialogue import Dialogue, speak

MAX_LINES = 40
#: a program that waits for a greeting that never comes stops waiting after this many seconds
PATIENCE = 2.0

LETTER = ("From: Amir <amir@academy.test>", "To: bea@bakery.test", "Subject: Cake", "", "One, please.", ".")
WAITS = "after DATA the server waits for a line with a single dot, and there is none."
NO_DATA = "no message was ever sent: there is no DATA."
ANSWERED = "to “{}” the server answered: {}"
NOT_HERE = "leave out STARTTLS here: after it, nothing can be typed by hand."
ONLY_ENVELOPE = "DATA is not part of the envelope. Write MAIL and RCPT only."
ARRIVED_AT = "all was accepted, but the letter is in the mailbox of {}."
BOUNCE_TO = "the letter arrived, but a bounce would go to {}."
TO_NOBODY = "nobody at all"
SEEN = "the letter arrived, but its header shows {} to everybody."
NO_GOODBYE = "the letter arrived, but you hung up without saying goodbye."
TOO_MANY = f"more than {MAX_LINES} lines are too many for one letter."


def lines_of(text: str) -> list[str]:
    """Return the lines of an answer, without the marks C: that a reader may have copied."""
    return [line.removeprefix("C: ").rstrip() for line in text.splitlines()]


def play(talk: Dialogue, lines: list[str]) -> str:
    """Say lines to a server, each after the answer to the one before; return the first refusal."""
    if len(lines) > MAX_LINES:
        return TOO_MANY
    rest = list(lines)
    while rest:
        line = rest.pop(0)
        if line.split(" ")[0].upper() == "STARTTLS":
            return NOT_HERE
        answer = talk.say(line)
        if answer.code >= 400:
            return ANSWERED.format(line, answer.answered[-1])
        if answer.code == 354:
            if "." not in rest:
                return WAITS
            end = rest.index(".") + 1
            answer = talk.say(*rest[:end])
            rest = rest[end:]
            if answer.code >= 400:
                return ANSWERED.format(".", answer.answered[-1])
    return ""


def readers_of(lab: Lab) -> list[str]:
    """Return who has a letter in the inbox."""
    lab.settle()
    return [address for address in lab.addresses if len(lab.person(address).inbox())]


def envelope(text: str) -> str:
    """Play MAIL and RCPT for a letter from Amir to Bea."""
    lines = [line for line in lines_of(text) if line.strip()]
    if any(line.upper().startswith("DATA") for line in lines):
        return ONLY_ENVELOPE
    with Lab("two-offices") as lab:
        talk = speak(lab, "mx1.bakery.test", source="mail.academy.test")
        refused = play(talk, ["EHLO mail.academy.test", *lines, "DATA", *LETTER])
        if refused:
            return refused
        readers = readers_of(lab)
        if readers != ["bea@bakery.test"]:
            return ARRIVED_AT.format(" and ".join(readers) or TO_NOBODY)
        sender = str(lab.person("bea@bakery.test").fetch()[-1].field("Return-Path")).strip("<>")
        return "" if sender == "amir@academy.test" else BOUNCE_TO.format(sender or TO_NOBODY)


def by_hand(text: str) -> str:
    """Play a whole conversation: one letter for Bruno, and a blind copy for Bea."""
    lines = lines_of(text)
    with Lab("two-offices") as lab:
        talk = speak(lab, "mx1.bakery.test", source="laptop.academy.test")
        refused = play(talk, lines)
        if refused:
            return refused
        if "DATA" not in [line.strip().upper() for line in lines]:
            return NO_DATA
        readers = readers_of(lab)
        if readers != ["bruno@bakery.test", "bea@bakery.test"]:
            return ARRIVED_AT.format(" and ".join(readers) or TO_NOBODY)
        fields = lab.person("bruno@bakery.test").fetch()[-1].fields
        shown = [f"{name}: {value}" for name, value in fields if name in ("Bcc", "Cc", "To") and "bea@" in value]
        if shown:
            return SEEN.format(f"“{shown[0]}”")
    return "" if lines[-1].strip().upper() == "QUIT" else NO_GOODBYE


KEYS = {
    "server": ("mail.academy.test", "mail.bakery.test", "mx1.bakery.test", "mx2.bakery.test"),
    "port": ("25", "465", "587"),
    "security": ("none", "STARTTLS", "TLS"),
    "certificate": ("check", "accept all"),
}
ORDER = "Subject: Rolls\n\nForty, please."
MISSING = "there is no line “{}: …”."
CHOOSE = "“{}: {}” is none of: {}."
SILENCE = "the program waited for a greeting in the clear, and the server for TLS: nobody said anything."
NO_TLS = "the program began with TLS, and the server answered in the clear."
NOBODY_LISTENS = "nothing listens there: {}."
NO_LOGIN = "the server offered no log-in there, so it takes nothing from a person."
ANY_MACHINE = "the letter was taken, but this program would also give the password to any other machine."
REFUSED = "the server refused: {}"


def settings(text: str) -> str:
    """Let Alice's mail program submit a letter with these settings."""
    given = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    chosen = {key.strip().lower(): value.strip() for key, value in given.items()}
    for key, values in KEYS.items():
        if key not in chosen:
            return MISSING.format(key)
        fitting = [value for value in values if value.lower() == chosen[key].lower()]
        if not fitting:
            return CHOOSE.format(key, chosen[key], ", ".join(values))
        chosen[key] = fitting[0]
    with Lab("two-offices") as lab:
        refused = submit(lab, chosen)
    return refused or ("" if chosen["certificate"] == "check" else ANY_MACHINE)


def submit(lab: Lab, chosen: dict[str, str]) -> str:
    """Send a letter from Alice's laptop; return what went wrong."""
    alice, context = lab.person("alice@academy.test"), ssl.create_default_context(cafile=lab.ca)
    if chosen["certificate"] != "check":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    server, port, security = chosen["server"], int(chosen["port"]), chosen["security"]
    if SERVICES[port] == "submissions" and security != "TLS":
        return SILENCE
    try:
        with lab.online(alice.machine):
            client = (
                SMTP_SSL(server, port, alice.machine, timeout=PATIENCE, context=context)
                if security == "TLS"
                else SMTP(server, port, alice.machine, timeout=PATIENCE)
            )
            with client:
                if security == "STARTTLS":
                    client.starttls(context=context)
                client.login(alice.address, alice.password)
                client.sendmail(alice.address, ["bruno@bakery.test"], ORDER)
    except ssl.SSLCertVerificationError as error:
        return REFUSED.format(error.verify_message)
    except ssl.SSLError:
        return NO_TLS
    except SMTPNotSupportedError:
        return NO_LOGIN
    except SMTPException as error:
        return REFUSED.format(error)
    except (LabError, OSError) as error:
        return NOBODY_LISTENS.format(error)
    return ""
