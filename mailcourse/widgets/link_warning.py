r"""Does a link lead where it says?  Hosts are compared as browsers do (the URL Standard of WHATWG, RFC 6068).

    what is shown            where it leads                        ⚠
    bakery.test              https://shop.bakery.test/             nothing: a sub-domain, at a dot
    bakery.test              https://evilbakery.test/              it says bakery.test
    bakery.test              https://evil.test\@bakery.test/       it says bakery.test: a backslash is a slash
    here                     https://xn--bkery-4ve.test/           letters beyond ASCII, and they are mixed
    bea@bakery.test          mailto:eve@bakery.test                it says bea@bakery.test

Knows texts.  Does not know HTML: `reading.py` finds the links.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import unquote

#: names in a text that are compared, addresses of one link, letters of a word that may be a name (RFC 1035 §2.3.4)
MAX_NAMES, MAX_TARGETS, MAX_NAME = 20, 20, 255
#: dots that browsers take for one, and signs that they leave out of names
DOTS, NOTHING = re.compile("[\u3002\uff0e\uff61\u2024]"), re.compile("[\xad\u200b-\u200f\u2060-\u2064\ufeff]")
#: alphabets whose letters look alike
ALIKE = {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}
#: what a person reads
WORDS = {
    "no address": "⚠ no sound address",
    "alone": "{name} alone",
    "says": "it says {name}",
    "host": "its host is {host}",
    "beyond": "letters beyond ASCII: {host}",
    "mixed": "letters that look alike are mixed: {host}",
}


def warning(text: str, target: str) -> str:
    """Return a warning of a link, or an empty text.

    >>> warning("https://bakery.test/login", "https://bakery.test.evil.test/login")
    '⚠ it says bakery.test'
    """
    led = list(_addresses(target))
    if not led or not all(host for _, host in led):
        return WORDS["no address"]
    named = list(_named(text))
    said = [name for name in named if not any(_fits(name, address) for address in led)]
    if named and not said and not all(any(_fits(name, address) for name in named) for address in led):
        said = [WORDS["alone"].format(name=named[0])]
    words = [WORDS["says"].format(name=said[0].removeprefix("@"))] if said else []
    hosts = list(dict.fromkeys(host for _, host in led))
    words += [
        WORDS["host"].format(host=host) for host in hosts if "@" in target and not target.lower().startswith("mailto:")
    ]
    words += [WORDS["beyond"].format(host=_in_dns(host)) for host in hosts if not host.isascii()]
    words += [WORDS["mixed"].format(host=host) for host in hosts if any(map(_is_mixed, host.split(".")))]
    return f"⚠ {'; '.join(words)}" if words else ""


def _addresses(target: str) -> Iterator[tuple[str, str]]:
    """Yield (local part, host) of each address that a link leads to; the local part is empty on the web."""
    clear = re.sub(r"[\t\r\n]", "", target).strip()
    scheme, _, rest = clear.partition(":")
    if scheme.lower() != "mailto":
        authority = re.split("[/?#]", rest.replace("\\", "/").lstrip("/"), maxsplit=1)[0]
        host = authority.rpartition("@")[2]
        yield "", _host(host if host.startswith("[") else host.partition(":")[0])
        return
    path, _, query = rest.partition("?")
    fields = [field.partition("=") for field in query.split("&", MAX_TARGETS)[:MAX_TARGETS]]
    lists = [path, *(value for name, _, value in fields if name.lower() in ("to", "cc", "bcc"))]
    for address in ",".join(lists).replace("%2C", ",").replace("%2c", ",").split(",")[:MAX_TARGETS]:
        if address.strip():
            local, _, host = unquote(address[: 2 * MAX_NAME]).strip().rpartition("@")
            yield local.lower(), _host(host)


def _host(text: str) -> str:
    """Return a host as browsers compare it, in letters; empty when it is none."""
    if len(text) > MAX_NAME or not text.strip():
        return ""
    plain = unicodedata.normalize("NFKC", DOTS.sub(".", NOTHING.sub("", unquote(text)))).lower().rstrip(".")
    return ".".join(map(_in_letters, DOTS.sub(".", plain).split(".")))


def _in_letters(label: str) -> str:
    try:
        return label[4:].encode("ascii").decode("punycode") if label.startswith("xn--") else label
    except ValueError:
        return label


def _in_dns(host: str) -> str:
    labels = host.split(".")
    return ".".join(one if one.isascii() else f"xn--{one.encode('punycode').decode('ascii')}" for one in labels)


def _is_mixed(label: str) -> bool:
    scripts = {unicodedata.name(sign, "").split(" ")[0] for sign in label if sign.isalpha()}
    return len(scripts & ALIKE) > 1


def _named(text: str) -> Iterator[str]:
    """Yield the hosts and addresses that a text names: "bakery.test", "bea@bakery.test"."""
    count = 0
    for word in re.split(r"[\s<>()\[\]\"',;|]+", NOTHING.sub("", text)):
        for piece in re.split(r"[/\\?#:]+", word) if len(word) <= 4 * MAX_NAME else ():
            local, at, host = piece.rpartition("@")
            host = _host(host.strip("!*_~`")).strip(".-").removeprefix("www.")
            if count < MAX_NAMES and _is_name(host):
                count += 1
                yield f"{local.lower()}{at}{host}"


def _is_name(host: str) -> bool:
    labels = host.split(".")
    if len(labels) < 2 or not all(re.fullmatch(r"[\w-]+", label) for label in labels):
        return False
    return (len(labels[-1]) > 1 and labels[-1].isalpha()) or _is_number(host)


def _is_number(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def _fits(named: str, address: tuple[str, str]) -> bool:
    """True when a name that is shown is the one that a link leads to, or one above it."""
    local, at, name = named.rpartition("@")
    is_same = address[1] == name or address[1].endswith(f".{name}")
    return is_same and (not (at and address[0]) or local == address[0])
