"""The settings of a mail server as people write them: in a scenario, in `lab.configure`, shown by `lab.settings`.

    smart_host = { host = "relay.carrier.test", port = 587 }      a scenario
    lab.configure("mail.academy.test", smart_host={…})            the same words
    lab.settings("mail.academy.test")                             shows what `configure` takes

`SETTINGS` is the only list of them; `mta/settings.py` says what each does.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from mailcourse.authentication.signer import FORMS, Signer, problem_of
from mailcourse.internet.errors import LabError, unknown
from mailcourse.mta.settings import AUTHENTICATE, LMTP, QUOTA_POLICIES, TLS_POLICIES, Settings, SmartHost


def _domains(written: Any) -> frozenset[str]:
    return frozenset(str(domain).lower() for domain in _list(written))


def _networks(written: Any) -> tuple[str, ...]:
    return tuple(_network(text) for text in _list(written))


def _list(written: Any) -> Collection[object]:
    if not isinstance(written, (list, tuple, set, frozenset)):
        raise TypeError
    return written


def _network(text: object) -> str:
    try:
        return str(ipaddress.ip_network(str(text)))
    except ValueError:
        raise LabError(f"{text!r} is no network. Write one such as 192.0.2.0/24.") from None


def _hosts_by_domain(written: Any) -> dict[str, str]:
    if not isinstance(written, dict):
        raise TypeError
    return {str(domain).lower(): str(host) for domain, host in written.items()}


def _relay(written: Any) -> SmartHost | None:
    if written is None or isinstance(written, str):
        return SmartHost(written) if written else None
    return SmartHost(**written)


def _show_relay(relay: SmartHost | None) -> Any:
    return relay and (relay.host if relay == SmartHost(relay.host) else asdict(relay))


def _tls(written: Any) -> str:
    if written not in TLS_POLICIES:
        raise unknown("way of using TLS", written, TLS_POLICIES)
    return str(written)


def _authenticate(written: Any) -> str:
    if written not in AUTHENTICATE:
        raise unknown("way of authenticating", written, AUTHENTICATE)
    return str(written)


NAME_OF_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*\._domainkey\.[A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9]")


def _signer(written: Any) -> Signer | None:
    if written is None:
        return None
    if not isinstance(written, dict) or not {"domain", "selector", "key"} <= set(written):
        raise TypeError
    more = {name: value for name, value in written.items() if name not in ("domain", "selector", "key")}
    if more.get("form", FORMS[0]) not in FORMS:
        raise unknown("form", more["form"], FORMS)
    if not all(type(more.get(name, 1)) is int and more.get(name, 1) >= 0 for name in ("lasts", "length")):
        raise TypeError
    name = f"{written['selector']}._domainkey.{written['domain']}"
    if not NAME_OF_KEY.fullmatch(name):
        raise LabError(f"{name!r} is no name for a key. Write a selector such as autumn, and a domain.")
    key = str(written["key"]).replace("\r\n", "\n").strip() + "\n"
    if problem := problem_of(key):
        raise LabError(f"The key of {written['domain']} cannot be used: {problem}. lab.sign makes one.")
    return Signer(str(written["domain"]).lower(), str(written["selector"]), key, **more)


def _show_signer(signer: Signer | None) -> Any:
    usual = {"form": FORMS[0], "lasts": None, "length": None}
    return signer and {name: value for name, value in asdict(signer).items() if value != usual.get(name, "")}


def _quota(written: Any) -> str:
    if written not in QUOTA_POLICIES:
        raise unknown("policy for a full mailbox", written, QUOTA_POLICIES)
    return str(written)


def _boolean(written: Any) -> bool:
    if not isinstance(written, bool):
        raise TypeError
    return written


def _number(written: Any) -> int:
    if not isinstance(written, int) or written < 1:
        raise TypeError
    return written


def _itself(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: how it is written, read and shown; `field` is its name in `Settings`."""

    field: str
    example: str
    read: Callable[[Any], Any]  # raises TypeError for what is not written like the example
    show: Callable[[Any], Any] = _itself
    is_always_shown: bool = False


#: what a server does that is told nothing else
USUAL = Settings()

#: the name that people write -> the setting
SETTINGS = {
    "local_domains": Setting("local_domains", 'a list of domains, such as ["bakery.test"]', _domains, sorted, True),
    "relay_domains": Setting("relay_domains", 'a list of domains, such as ["bakery.test"]', _domains, sorted, True),
    "inside": Setting(
        "internal_hosts", 'a table, such as {"bakery.test": "mail.bakery.test"}', _hosts_by_domain, dict, True
    ),
    "networks": Setting(
        "networks", 'a list of networks, such as ["192.0.2.0/24"]; [] for none', _networks, sorted, True
    ),
    "smart_host": Setting(
        "smart_host", 'a host, such as "relay.carrier.test", or None for no smart host', _relay, _show_relay, True
    ),
    "fallback": Setting("fallback", 'a host, such as "relay.carrier.test", or None for none', _relay, _show_relay),
    "tls": Setting("tls", '"never", "may" or "must"', _tls),
    "offers_tls": Setting("offers_tls", "True or False", _boolean),
    "answers_vrfy": Setting("answers_vrfy", "True or False", _boolean),
    "authenticate": Setting("authenticate", '"off", "note" or "enforce"', _authenticate),
    "sign": Setting(
        "sign",
        "a table with domain, selector and key, perhaps lasts, length and form; or None; lab.sign makes it",
        _signer,
        _show_signer,
    ),
    "seal": Setting("seal", "a table like that of sign, or None", _signer, _show_signer),
    "sealers": Setting("sealers", 'a list of domains, such as ["florist.test"]', _domains, sorted),
    "quota": Setting("quota", '"refuse" or "try-later"', _quota),
    "max_octets": Setting("max_octets", "a number of octets", _number),
    "max_recipients": Setting("max_recipients", "a number", _number),
}


def read_settings(written: Mapping[str, Any], hosts: Collection[str], before: Settings = USUAL) -> Settings:
    """Return `before` with what is written; `hosts` are those that may be named.  Raises `LabError`."""
    changes = {}
    for name, value in written.items():
        if name not in SETTINGS:
            raise unknown("setting", name, SETTINGS)
        setting = SETTINGS[name]
        try:
            changes[setting.field] = setting.read(value)
        except TypeError:
            raise LabError(f"{name} must be {setting.example}; this is {value!r}.") from None
    settings = replace(before, **changes)
    for host in settings.named_hosts():
        if host.removeprefix(LMTP) not in hosts:
            raise unknown("host", host, hosts)
    return settings


def show_settings(settings: Settings) -> dict[str, Any]:
    """Return settings as they are written; what is not always shown only where it differs from what is usual."""
    return {
        name: setting.show(value)
        for name, setting in SETTINGS.items()
        if (value := getattr(settings, setting.field)) != getattr(USUAL, setting.field) or setting.is_always_shown
    }
