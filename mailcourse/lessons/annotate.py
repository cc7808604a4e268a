"""A whole header and a whole conversation, explained line by line.

    explain_header(mail)                   field, value, who wrote it, what it means
    explain_dialogue(sent, "mx1.bakery.test")   who says it, the line, what it means

The lines are those of a real message of the lab; only the explanations are texts, in `annotations.toml`.  A field or a
word that is not in it is shown as well, and said to be unknown here: real headers are full of them (RFC 5322 §3.6.8).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from mailcourse.internet.errors import LabError
from mailcourse.lab.table import Table, table
from mailcourse.message.harmless import visible
from mailcourse.views import ReceivedMail, Sent

TEXTS = "annotations.toml"
MAX_VALUE = 120
SIDES = {"client": "C", "server": "S"}
HOP = re.compile(r"from (\S+) .*?by (\S+) with (\w+)")

UNKNOWN_FIELD = ("somebody", "not one of the usual fields: a program may add its own")
UNKNOWN_LINE = "not explained here"
TOOK = "took it from {}{}"
INSIDE_TLS, LOGGED_IN = ", inside TLS", ", after a log-in"
NO = {"4": "not now; the client tries again later", "5": "no"}
AGAIN = "{} lines of the list above again{}"
WITHOUT = ", without {}"
NO_DIALOGUE = "Nothing was said to {} about this message. It was said to: {}."
NO_MAIL = "Give a message that was read, such as bruno.fetch()[-1]."
#: what a protocol in a Received line adds to ESMTP (RFC 3848)
SECURED, AUTHENTICATED = "S", "A"


@cache
def _texts() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("mailcourse.lessons").joinpath(TEXTS).read_text(encoding="utf-8"))


def explain_header(mail: ReceivedMail) -> Table:
    """Return each field of a message's header, with who wrote it and what it means."""
    if not isinstance(mail, ReceivedMail):
        raise LabError(NO_MAIL)
    rows = []
    for name, value in mail.fields:
        writer, meaning = _texts()["fields"].get(name.lower(), UNKNOWN_FIELD)
        hop = HOP.search(value) if name.lower() == "received" else None
        if hop is not None:
            writer, meaning = hop[2], _took(hop[1], hop[3])
        rows.append((name, _short(value), writer, meaning))
    return table(("field", "value", "written by", "meaning"), rows)


def _took(client: str, protocol: str) -> str:
    ending = protocol.upper().removeprefix("ESMTP").removeprefix("UTF8SMTP")  # RFC 6531 §4.3
    how = (INSIDE_TLS if SECURED in ending else "") + (LOGGED_IN if AUTHENTICATED in ending else "")
    return TOOK.format(client, how)


def explain_dialogue(sent: Sent, host: str) -> Table:
    """Return what was said to one server about a message, line by line, with what it means."""
    said = [(str(row["said by"]), str(row["line"])) for row in sent.said() if row["at server"] == host]
    if not said:
        hosts = dict.fromkeys(str(row["at server"]) for row in sent.said())
        raise LabError(NO_DIALOGUE.format(host, ", ".join(hosts) or "nobody"))
    return table(("who", "line", "meaning"), list(_explained(said)))


def _explained(said: list[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    before, known = "greeting", set[str]()  # the command that is being answered; the list after the first EHLO
    rest = list(said)
    while rest:
        side, line = rest.pop(0)
        if side == "client":
            before = line.split(" ")[0].split(":")[0].upper()
            yield SIDES[side], _short(line), _texts()["commands"].get(before, UNKNOWN_LINE)
            continue
        if line.startswith("235"):  # RFC 4954 §6; what the client said is a password, and not in the trace
            before = "AUTH"
        yield SIDES[side], _short(line), _answer(line, before)
        if before == "EHLO":
            words = []
            while rest and line[3:4] == "-":  # RFC 5321 §4.2.1: more lines follow
                line = rest.pop(0)[1]
                words.append(line)
            if known and {word[4:] for word in words} < known:
                gone = sorted(known - {word[4:] for word in words})
                yield SIDES[side], "250-…", AGAIN.format(len(words), WITHOUT.format(", ".join(gone)))
            else:
                yield from ((SIDES[side], word, _keyword(word)) for word in words)
            known = {word[4:] for word in words}
        elif before == "DATA" and line.startswith("3"):
            before = "message"


def _answer(line: str, before: str) -> str:
    return NO.get(line[:1]) or str(_texts()["answers"].get(before, UNKNOWN_LINE))


def _keyword(line: str) -> str:
    return str(_texts()["keywords"].get(line[4:].split(" ")[0].upper(), UNKNOWN_LINE))


def _short(text: str) -> str:
    shown = visible(text)
    return shown if len(shown) <= MAX_VALUE else f"{shown[:MAX_VALUE]}…"
