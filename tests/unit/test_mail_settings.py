"""Settings of a mail server: one list for scenarios, for `lab.settings` and for `lab.configure`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from mailcourse import Lab, LabError
from mailcourse.lab.administration import settings_of
from mailcourse.lab.mail_settings import SETTINGS, read_settings, show_settings
from mailcourse.mta.settings import Settings, SmartHost, TransportPolicy

SERVER, RELAY = "mail.academy.test", "relay.carrier.test"
CUSTOMER = """
extends = "two-offices"
title = "A customer of a smart host that wants a password"

[hosts."mail.academy.test"]
tls = "must"
smart_host = { host = "relay.carrier.test", port = 587, person = "academy", password = "oak" }
fallback = "mx1.bakery.test"
inside = { "lists.academy.test" = "lmtp:mail.bakery.test" }
max_octets = 5000
"""
SAMPLES = [
    Settings(),
    Settings(local_domains=frozenset({"a.test", "b.test"}), networks=("192.0.2.0/24",), answers_vrfy=True),
    Settings(smart_host=SmartHost(RELAY, 587, "academy", "oak"), tls="must", max_recipients=100),
    Settings(relay_domains=frozenset({"a.test"}), internal_hosts={"a.test": "lmtp:in.test"}, offers_tls=False),
]


@pytest.fixture
def customer(make_lab: Callable[..., Lab], tmp_path: Path) -> Lab:
    (tmp_path / "customer.toml").write_text(CUSTOMER)
    return make_lab(tmp_path / "customer.toml")


def test_every_field_has_a_name_that_people_write() -> None:
    assert [setting.field for setting in SETTINGS.values()] == [field.name for field in fields(Settings)]


@pytest.mark.parametrize("settings", SAMPLES)
def test_what_is_shown_can_be_read_back(settings: Settings) -> None:
    assert read_settings(show_settings(settings), {RELAY, "in.test"}) == settings


def test_configuring_what_is_shown_changes_nothing(customer: Lab) -> None:
    for host, server in customer.mail_servers.items():
        before = server.settings
        customer.configure(host, **settings_of(customer, host))
        assert server.settings == before


def test_a_smart_host_keeps_its_port_its_login_and_the_encryption(customer: Lab) -> None:
    customer.configure(SERVER, **settings_of(customer, SERVER))
    policy = customer.mail_servers[SERVER].settings.policy_for(RELAY)
    assert policy == TransportPolicy("must", 587, ("academy", "oak"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"smart_host": 5}, "smart_host must be a host"),
        ({"smart_host": {"server": RELAY}}, "smart_host must be a host"),
        ({"smart_host": "relay.carier.test"}, "Did you mean 'relay.carrier.test'"),
        ({"networks": ["home"]}, "'home' is no network"),
        ({"networks": "192.0.2.0/24"}, "networks must be a list"),
        ({"tls": "yes"}, "no way of using TLS 'yes'"),
        ({"max_octets": "big"}, "max_octets must be a number"),
        ({"colour": "red"}, "no setting 'colour'"),
    ],
)
def test_a_wrong_setting_says_how_it_is_written_and_changes_nothing(
    lab: Lab, change: dict[str, object], words: str
) -> None:
    before = lab.mail_servers[SERVER].settings
    with pytest.raises(LabError, match=words):
        lab.configure(SERVER, **change)
    assert lab.mail_servers[SERVER].settings == before
