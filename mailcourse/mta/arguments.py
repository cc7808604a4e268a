"""What follows MAIL and RCPT: a path in angle brackets, then parameters (RFC 5321 §4.1.2, §4.1.1.11).

    FROM:<alice@academy.test> SIZE=2000 BODY=8BITMIME
    TO:<bruno@bakery.test> NOTIFY=SUCCESS,FAILURE

Strict where leniency teaches something wrong: the angle brackets are part of the command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mailcourse.message.address import Address, MalformedAddress, parse
from mailcourse.message.envelope import Wish
from mailcourse.message.reply import Reply

PATH = re.compile(r'<((?:"(?:[^"\\]|\\.)*"|[^"<>\s])*)>(?: +(.*))?$', re.DOTALL)
SOURCE_ROUTE = re.compile(r"@[^:]*:")
PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\u0080-\U0010ffff]+))?$")

XTEXT = re.compile(r"(?:[!-*,-<>-~\u0080-\U0010ffff]|\+[0-9A-F]{2})+")
EVENTS = frozenset({"NEVER", "SUCCESS", "FAILURE", "DELAY"})


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


def read_wish(parameters: Mapping[str, str]) -> Wish:
    """Read NOTIFY and ORCPT (RFC 3461 §4.1, §4.2).

    >>> read_wish({"NOTIFY": "success,delay"}) == Wish(frozenset({"SUCCESS", "DELAY"}))
    True
    """
    events = frozenset(parameters.get("NOTIFY", "").upper().split(",")) - {""}
    if not events <= EVENTS or ("NEVER" in events and len(events) > 1) or ("NOTIFY" in parameters and not events):
        raise BadArgument(Reply(501, "5.5.4", "NOTIFY is NEVER, or some of SUCCESS,FAILURE,DELAY"))
    original = parameters.get("ORCPT", "")
    kind, semicolon, address = original.partition(";")
    if "ORCPT" in parameters and not (kind and semicolon and address and is_xtext(address)):
        raise BadArgument(Reply(501, "5.5.4", "ORCPT is rfc822;address, written in xtext"))
    return Wish(events, original)


def is_xtext(text: str) -> bool:
    """True for text as RFC 3461 §4 writes it: printable, with + and = as +2B and +3D."""
    return len(text) <= 500 and XTEXT.fullmatch(text) is not None and from_xtext(text).isprintable()


def from_xtext(text: str) -> str:
    """Read xtext.

    >>> from_xtext("bruno+2Bbread@bakery.test")
    'bruno+bread@bakery.test'
    """
    return re.sub(r"\+([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), text)


def _one_line(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()[:400]
