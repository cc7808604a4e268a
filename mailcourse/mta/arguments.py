"""What follows MAIL and RCPT: a path in angle brackets, then parameters (RFC 5321 §4.1.2, §4.1.1.11).

    FROM:<alice@academy.test> SIZE=2000 BODY=8BITMIME
    TO:<bruno@bakery.test>

Strict where leniency teaches something wrong: the angle brackets are part of the command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailcourse.message.address import Address, MalformedAddress, parse
from mailcourse.message.reply import Reply

PATH = re.compile(r'<((?:"(?:[^"\\]|\\.)*"|[^"<>\s])*)>(?: +(.*))?$', re.DOTALL)
SOURCE_ROUTE = re.compile(r"@[^:]*:")
PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\u0080-\U0010ffff]+))?$")


class BadArgument(Exception):
    """The argument breaks the grammar; carries the reply that says so."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Path:
    """The address between the brackets, None for `<>`, and the parameters, with keywords in capitals."""

    address: Address | None
    parameters: dict[str, str]


def read_path(argument: str, keyword: str, home: str) -> Path:
    """Read `FROM:<…>` or `TO:<…>`; `home` is the domain of a bare `<postmaster>`."""
    verb = "MAIL" if keyword == "FROM:" else "RCPT"
    example = f"{verb} {keyword}<alice@academy.test>"
    if argument[: len(keyword)].upper() != keyword:
        raise BadArgument(Reply(501, "5.5.4", f"write it as {example}"))
    found = PATH.match(argument[len(keyword) :])
    if found is None:
        raise BadArgument(Reply(501, "5.5.4", f"the address stands in angle brackets, without spaces: {example}"))
    return Path(_address(found[1], verb, home), _parameters(found[2] or ""))


def _address(text: str, verb: str, home: str) -> Address | None:
    # RFC 5321 §4.1.1.3: a source route is accepted and ignored.
    text = SOURCE_ROUTE.sub("", text, count=1) if text.startswith("@") else text
    if not text and verb == "MAIL":
        return None  # RFC 5321 §4.5.5: the null sender
    if text.lower() == "postmaster":
        return Address(text, home)  # RFC 5321 §4.5.1: always accepted
    try:
        return parse(text)
    except MalformedAddress as error:
        enhanced = "5.1.7" if verb == "MAIL" else "5.1.3"
        raise BadArgument(Reply(553 if verb == "RCPT" else 501, enhanced, _one_line(str(error)))) from None


def _parameters(text: str) -> dict[str, str]:
    found = {}
    for word in text.split():
        match = PARAMETER.match(word)
        if match is None:
            raise BadArgument(Reply(501, "5.5.4", "a parameter is KEYWORD or KEYWORD=value"))
        if match[1].upper() in found:
            raise BadArgument(Reply(501, "5.5.4", f"the parameter {match[1].upper()} is there twice"))
        found[match[1].upper()] = match[2] or ""
    return found


def _one_line(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()[:400]
