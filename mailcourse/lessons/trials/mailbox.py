"""Put on a letter, on a file, on a clock, or said to an IMAP server."""

from __future__ import annotations

import re
import socket
from typing import BinaryIO

from mailcourse.views import Lab

from ..dissect import dissect

NAME, LOCAL, READER = "Bruno, at the counter", "bruno+orders", "bruno@bakery.test"
NOT_ONE = "this is read as {} addresses, and one is wanted: a comma outside of quotes ends an address."
NOT_AN_ADDRESS = "“{}” is not an address: {}."
NO_NAME = "no display name comes before the address."
OTHER_NAME = "people would read the name “{}”."
NOT_DELIVERED = "a letter to {} is not delivered: {}."
OTHER_MAILBOX = "the letter comes to Bruno, and the local part is “{}”."


def to_field(text: str) -> str:
    """Send a letter to what was written, and see what people read and where it arrives."""
    value = " ".join(text.split()).removeprefix("To:").strip()
    rows = [(row["part"], row["text"], row["what it is"]) for row in dissect(value)]
    for part, shown, why in rows:
        if part == "not an address":
            return NOT_AN_ADDRESS.format(shown, why)
    parts = {part: shown for part, shown, _ in rows}
    if sum(part == "local part" for part, _, _ in rows) != 1:
        return NOT_ONE.format(sum(part == "local part" for part, _, _ in rows))
    if "display name" not in parts:
        return NO_NAME
    if parts["display name"] != NAME:
        return OTHER_NAME.format(parts["display name"])
    address = f"{parts['local part']}@{parts.get('domain', '')}"
    with Lab("two-offices") as lab:
        sent = lab.person("alice@academy.test").send(to=address, subject="An order")
        lab.settle()
        if not len(lab.person(READER).inbox()):
            return NOT_DELIVERED.format(address, next(iter(sent.status.values())).words)
    return "" if parts["local part"] == LOCAL else OTHER_MAILBOX.format(parts["local part"])


SUBJECT = "Your clock is wrong"
UNIQUE = "1788768000.m3.2.mail.bakery.test,U=1"
FOLDERS = ("new", "cur", "tmp")
NO_FOLDER = "it begins with the name of a folder and a slash: new/, cur/ or tmp/."
OTHER_FOLDER = "the file is not in {}/ after that."
OTHER_FILE = "everything before the flags stays as it was: {}."
NO_FLAGS = "the name has no flags: they come after “:2,”."
OTHER_FLAGS = "the flags {} are not what the server writes."


def file_name(text: str) -> str:
    """Let Bea read and answer a letter, and compare with what its file is called then."""
    given = " ".join(text.split()).strip("\"'")
    folder, slash, name = given.partition("/")
    if not slash or folder not in FOLDERS:
        return NO_FOLDER
    unique, colon, flags = name.partition(":2,")
    with Lab("two-offices") as lab:
        lab.person("alice@academy.test").send(to="bea@bakery.test", subject=SUBJECT)
        bea = lab.person("bea@bakery.test")
        bea.read(1)
        bea.flag(1, "answered")
        row = next(iter(bea.files()))
    if folder != row["in"]:
        return OTHER_FOLDER.format(folder)
    if unique != UNIQUE:
        return OTHER_FILE.format(UNIQUE)
    if not colon or not flags:
        return NO_FLAGS
    return "" if flags == str(row["file"]).partition(":2,")[2] else OTHER_FLAGS.format(flags)


TIME = re.compile(r"\b(\d{1,2}):(\d{2})\b")
NO_TIMES = "write times such as 08:00, with a colon."
TOO_FEW = "the message is still waiting after your last attempt, at {}."
TOO_MANY = "by {} the message had been delivered, so there was no attempt any more."
OTHER_TIME = "the attempt number {} is not at {}."


def attempt_times(text: str) -> str:
    """Switch a server off for 50 minutes, and compare with the attempts of the one that waits."""
    given = [f"{int(hour):02}:{minute}" for hour, minute in TIME.findall(text)]
    if not given:
        return NO_TIMES
    with Lab("two-offices") as lab:
        lab.fault("mail.bakery.test", "down", for_minutes=50)
        sent = lab.person("alice@academy.test").send(to="bruno@bakery.test", subject="Rolls")
        lab.clock.advance(hours=3)
        attempts = [f"{event.time:%H:%M}" for event in sent.events if event.what == "deferred"]
        attempts += [f"{event.time:%H:%M}" for event in sent.events if event.what == "delivered"]
    for number, (mine, true) in enumerate(zip(given, attempts, strict=False), 1):
        if mine != true:
            return OTHER_TIME.format(number, mine)
    if len(given) < len(attempts):
        return TOO_FEW.format(given[-1])
    return TOO_MANY.format(given[len(attempts)]) if len(given) > len(attempts) else ""


MAX_LINES = 20
PATIENCE = 2.0
COMMANDS = ("LOGIN", "SELECT", "EXAMINE", "FETCH", "UID", "LOGOUT")
SUBJECTS = ("Letter 1", "Letter 2")
NO_TAG = "“{}” has no tag in front, as a1 in “a1 NOOP”."
NO_ANSWER = "after “{}” the server waits for more: the command is not complete, or it is IDLE."
SAID_NO = "to “{}” the server answered: {}"
MARKED = "the subjects were there, but the letters are marked as seen now."
NO_SUBJECTS = "the session is fine, but nothing in the answers shows the subjects of both letters."
NO_LOGOUT = "you have the subjects; end the session with LOGOUT."
HUNG_UP = "nothing, the connection is over."
TOO_LONG = f"more than {MAX_LINES} commands are too many here."


def answer_to(line: str, connection: socket.socket, stream: BinaryIO) -> list[str]:
    """Say one command; return the lines up to the one with its tag, or with a +, or the end of the connection."""
    connection.sendall(f"{line}\r\n".encode())
    ends = (f"{line.split(' ')[0]} ", "+")
    lines = []
    for octets in stream:
        lines.append(octets.decode("utf-8", "replace").rstrip("\r\n"))
        if lines[-1].startswith(ends):
            return lines
    return [*lines, HUNG_UP]


def imap_commands(text: str) -> str:
    """Say the commands to Bruno's server, and see what they brought and what they left behind."""
    lines = [line.strip().removeprefix("C: ") for line in text.splitlines() if line.strip()]
    if len(lines) > MAX_LINES:
        return TOO_LONG
    with Lab("two-offices") as lab:
        for subject in SUBJECTS:
            lab.person("alice@academy.test").send(to="bruno@bakery.test", subject=subject)
        lab.settle()
        bruno = lab.person("bruno@bakery.test")
        target = lab.host("mail.bakery.test").addresses[0]
        with lab.host(bruno.machine).dial(target, 143, PATIENCE) as connection:
            found, wrong = said(connection, lines)
        if wrong:
            return wrong
        if not all(subject in found for subject in SUBJECTS):
            return NO_SUBJECTS
        if any("S" in str(row["file"]).partition(":2,")[2] for row in bruno.files()):
            return MARKED
    return "" if lines[-1].upper().endswith("LOGOUT") else NO_LOGOUT


def said(connection: socket.socket, lines: list[str]) -> tuple[str, str]:
    """Say all lines; return what was answered, and what went wrong."""
    found = []
    with connection.makefile("rb") as stream:
        stream.readline()  # the greeting
        for line in lines:
            tag, _, command = line.partition(" ")
            if not command or tag.upper() in COMMANDS:
                return "", NO_TAG.format(line)
            try:
                answered = answer_to(line, connection, stream)
            except TimeoutError:
                return "", NO_ANSWER.format(line)
            except OSError:
                return "", SAID_NO.format(line, HUNG_UP)
            if answered[-1].startswith("+"):
                return "", NO_ANSWER.format(line)
            if not answered[-1].upper().startswith(f"{tag} OK".upper()):
                return "", SAID_NO.format(line, answered[-1])
            found += answered
    return "\n".join(found), ""
