"""What follows MAIL and RCPT: a path in angle brackets, then parameters (RFC 5321 §4.1.2, §4.1.1.11).

    FROM:<alice@academy.test> SIZE=2000 BODY=8BITMIME
    TO:<bruno@bakery.test> NOTIFY=SUCCESS,FAILURE

Strict where leniency teaches something wrong: the angle brackets are part of the command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mailcourse.message.address import Address, no_address, read
from mailcourse.message.envelope import DsnOptions, Envelope
from mailcourse.message.reply import Reply

from . import replies

PATH = re.compile(r'<((?:"(?:[^"\\]|\\.)*"|[^"<>\s])*)>(?: +(.*))?$', re.DOTALL)
PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\x00- =\x7f]+))?$")

XTEXT = re.compile(r"(?:[^\x00- +=\x7f]|\+[0-9A-F]{2})+")
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
    match = PATH.match(argument[len(keyword) :])
    if match is None:
        raise BadArgument(Reply(501, "5.5.4", f"the address must be in angle brackets, without spaces: {example}"))
    return Path(_address(match[1], verb, home), _parameters(match[2] or ""))


def _address(text: str, verb: str, home: str) -> Address | None:
    # RFC 5321 §4.1.1.3: a source route is accepted and ignored.
    text = text.partition(":")[2] if text.startswith("@") and ":" in text else text
    if not text and verb == "MAIL":
        return None  # RFC 5321 §4.5.5: the null sender
    if text.strip('"').lower() == "postmaster":
        return Address(text, home)  # RFC 5321 §4.5.1: always accepted
    found = read(text)
    if isinstance(found, str):
        code, enhanced = (501, "5.1.7") if verb == "MAIL" else (553, "5.1.3")
        raise BadArgument(Reply(code, enhanced, _one_line(no_address(text, found))))
    return found


def _parameters(text: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for word in text.split():
        match = PARAMETER.match(word)
        if match is None:
            raise BadArgument(replies.BAD_PARAMETER)
        if match[1].upper() in parameters:
            raise BadArgument(Reply(501, "5.5.4", f"duplicate parameter {match[1].upper()}"))
        parameters[match[1].upper()] = match[2] or ""
    return parameters


def read_mail(argument: str, home: str, *, is_extended: bool, max_octets: int) -> Envelope:
    """Read what follows MAIL: the envelope of a new message."""
    path = read_path(argument, "FROM:", home)
    said = path.parameters
    for keyword, value in said.items():
        _check_mail_parameter(keyword, value, max_octets, is_extended=is_extended)
    utf8 = "SMTPUTF8" in said
    if path.address is not None and not utf8 and not str(path.address).isascii():
        raise BadArgument(replies.NEEDS_SMTPUTF8)
    eight_bit = said.get("BODY", "").upper() == "8BITMIME"
    return Envelope(path.address, (), eight_bit, utf8, said.get("RET", "").upper(), said.get("ENVID", ""))


def _check_mail_parameter(keyword: str, value: str, max_octets: int, *, is_extended: bool) -> None:
    """Refuse a parameter that is not offered, or has a value that it cannot have."""
    if not is_extended:
        raise BadArgument(replies.PARAMETERS_NEED_EHLO)
    match keyword:
        case "SIZE":  # RFC 1870 §6.1
            _require(value.isdecimal() and len(value) <= 20, replies.BAD_SIZE)
            _require(int(value) <= max_octets, replies.TOO_BIG)
        case "BODY":  # RFC 6152 §3
            _require(value.upper() in ("7BIT", "8BITMIME"), replies.BAD_BODY)
        case "SMTPUTF8":  # RFC 6531 §3.4
            _require(not value, replies.BAD_SMTPUTF8)
        case "AUTH":  # RFC 4954 §5: accepted and not believed
            pass
        case "RET":  # RFC 3461 §4.3
            _require(value.upper() in ("FULL", "HDRS"), replies.BAD_RET)
        case "ENVID":  # RFC 3461 §4.4
            _require(value.isascii() and is_xtext(value), replies.BAD_ENVID)
        case _:
            raise BadArgument(replies.parameter_not_offered(keyword))


def _require(is_right: bool, reply: Reply) -> None:
    if not is_right:
        raise BadArgument(reply)


def read_recipient(argument: str, home: str, *, is_extended: bool) -> tuple[Address, DsnOptions]:
    """Read what follows RCPT: a recipient, and what the sender wants to hear about it."""
    path = read_path(argument, "TO:", home)
    assert path.address is not None  # only MAIL may have <>
    for keyword in path.parameters:
        _require(keyword in ("NOTIFY", "ORCPT"), replies.parameter_not_offered(keyword))
        _require(is_extended, replies.PARAMETERS_NEED_EHLO)
    return path.address, read_dsn_options(path.parameters)


def read_dsn_options(parameters: Mapping[str, str]) -> DsnOptions:
    """Read NOTIFY and ORCPT (RFC 3461 §4.1, §4.2).

    >>> read_dsn_options({"NOTIFY": "success,delay"}) == DsnOptions(frozenset({"SUCCESS", "DELAY"}))
    True
    """
    events = frozenset(parameters.get("NOTIFY", "").upper().split(",")) - {""}
    if not events <= EVENTS or ("NEVER" in events and len(events) > 1) or ("NOTIFY" in parameters and not events):
        raise BadArgument(replies.BAD_NOTIFY)
    original = parameters.get("ORCPT", "")
    kind, semicolon, address = original.partition(";")
    if "ORCPT" in parameters and not (kind and semicolon and address and is_xtext(address)):
        raise BadArgument(replies.BAD_ORCPT)
    return DsnOptions(events, original)


def is_xtext(text: str) -> bool:
    """True for text as RFC 3461 §4 writes it: printable, with + and = as +2B and +3D."""
    return len(text) <= 500 and XTEXT.fullmatch(text) is not None and from_xtext(text).isprintable()


def from_xtext(text: str) -> str:
    """Read xtext.

    >>> from_xtext("bruno+2Bbread@bakery.test")
    'bruno+bread@bakery.test'
    """
    return re.sub(r"\+([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), text)


def _one_line(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()[:400]
