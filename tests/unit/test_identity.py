"""Who am I, and who is he?  A server knows itself by any name; quotes and case do not make another mailbox."""

from __future__ import annotations

import pytest

from mailcourse import Lab, LabError
from mailcourse.message.address import Address, key_of, parse

BRUNO = "bruno@bakery.test"

# ---- a server knows itself -----------------------------------------------------------------------------


def send(lab: Lab, to: str = BRUNO) -> str:
    sent = lab.person("alice@academy.test").send(to=to, subject="bread", text="six loaves")
    lab.settle()
    (status,) = sent.status.values()
    return f"{status.state}: {status.words}"


def point_mail_to(lab: Lab, origin: str, *records: str) -> None:
    zone = lab.zone(origin)
    zone.remove("@", "MX")
    for record in records:
        zone.add(record)


@pytest.mark.parametrize(
    "name",
    [
        "backup CNAME mx2",
        "backup A 198.51.100.22",
        "backup A 198.51.100.99\nbackup A 198.51.100.22",
        "BACKUP CNAME MX2",
    ],
)
def test_a_backup_that_is_called_by_another_name_keeps_the_mail_until_the_first_is_back(lab: Lab, name: str) -> None:
    point_mail_to(lab, "bakery.test", "@ MX 10 mx1", "@ MX 20 backup", *name.splitlines())
    down = lab.fault("mx1.bakery.test", "down")
    assert send(lab).startswith("deferred: 421 4.4.1 no answer from mx1.bakery.test")
    assert len(lab.queue("mx2.bakery.test")) == 1
    down.mend()
    lab.clock.advance(hours=2)
    assert len(lab.person(BRUNO).inbox()) == 1


def test_a_backup_passes_over_what_is_behind_it(lab: Lab) -> None:
    point_mail_to(
        lab, "bakery.test", "@ MX 10 mx1", "@ MX 20 backup", "backup CNAME mx2", "@ MX 30 third", "third CNAME ns"
    )
    lab.fault("mx1.bakery.test", "down")
    send(lab)
    tried = [
        event.facts["peer"] for event in lab.trace if event.what == "unreachable" and event.host == "mx2.bakery.test"
    ]
    assert set(tried) == {"mx1.bakery.test"}


@pytest.mark.parametrize("record", ["other CNAME mail", "other A 192.0.2.25", "other A 127.0.0.1"])
def test_mail_that_would_come_back_at_once_is_a_loop_found_at_once(lab: Lab, record: str) -> None:
    lab.zone("academy.test").add(record)
    lab.zone("academy.test").add("elsewhere MX 10 other.academy.test.")
    assert "mail loop detected" in send(lab, "x@elsewhere.academy.test")
    assert len([event for event in lab.trace if event.what == "accepted"]) <= 2, "the message, and the bounce"


def test_a_smart_host_that_leads_back_is_a_loop_too(lab: Lab) -> None:
    lab.configure("mail.academy.test", smart_host="relay.carrier.test")
    lab.zone("carrier.test").remove("relay", "A")
    lab.zone("carrier.test").add("relay A 192.0.2.25")
    assert "mail loop detected" in send(lab)
    assert len([event for event in lab.trace if event.what == "accepted"]) <= 2, "the message, and the bounce"


# ---- one mailbox, written in several ways ------------------------------------------------------------

FORMS = ['"bruno"@bakery.test', '"br\\uno"@bakery.test', '"\\b\\r\\u\\n\\o"@Bakery.Test', '"BRUNO"@bakery.test']


@pytest.mark.parametrize("form", FORMS)
def test_a_quoted_form_of_a_name_is_the_same_mailbox(lab: Lab, form: str) -> None:
    assert send(lab, form).startswith("delivered")
    assert len(lab.person(BRUNO).inbox()) == 1


def test_an_alias_may_be_written_in_quotes_and_asked_for_without(lab: Lab) -> None:
    lab.alias('"orders"@bakery.test', '"bruno"@bakery.test')
    assert lab.aliases("bakery.test")["orders@bakery.test"] == ['"bruno"@bakery.test']
    assert send(lab, "orders@bakery.test").startswith("delivered")
    lab.alias('"o\\rders"@bakery.test')
    assert "orders@bakery.test" not in lab.aliases("bakery.test")


def test_a_recipient_named_twice_in_two_ways_gets_one_copy(lab: Lab) -> None:
    lab.person("alice@academy.test").send(to=[BRUNO, FORMS[0], FORMS[1]], subject="once", text="x")
    assert len(lab.person(BRUNO).inbox()) == 1


def test_a_forward_to_oneself_in_quotes_keeps_a_copy_and_is_no_loop(lab: Lab) -> None:
    lab.person(BRUNO).forward(FORMS[0], "bea@bakery.test")
    assert send(lab).startswith("delivered")
    assert [len(lab.person(who).inbox()) for who in (BRUNO, "bea@bakery.test")] == [1, 1]


def test_quotes_that_are_needed_stay_and_make_another_mailbox(lab: Lab) -> None:
    assert key_of('"two words"@Bakery.test') == key_of('"two\\ words"@bakery.test') == '"two words"@bakery.test'
    assert key_of('"a..b"@x.test') == '"a..b"@x.test'
    assert key_of('"a\\"b"@x.test') == '"a\\"b"@x.test'
    lab.alias("@bakery.test")
    assert "550 5.1.1 there is no mailbox" in send(lab, '"bruno "@bakery.test')


LITERALS: list[tuple[str, str]] = [
    ("alice@[IPV6:2001:DB8::1]", "alice@[ipv6:2001:db8::1]"),
    ("alice@[ipv6:2001:db8:0:0::1]", "alice@[ipv6:2001:db8::1]"),
    ("alice@[192.0.2.25]", "alice@[192.0.2.25]"),
]


@pytest.mark.parametrize(("text", "key"), LITERALS)
def test_the_tag_of_a_literal_has_no_case(text: str, key: str) -> None:
    assert parse(text).key == key
    assert parse(key).key == key
    assert parse(text) == Address(*text.split("@"))


@pytest.mark.parametrize("text", ["a@[IPv6]", "a@[v6:1]", "a@[IPv6:192.0.2.1]", "a@[2001:db8::1]", "a@[IPv6:]", "a@[]"])
def test_what_is_no_literal_is_refused(text: str) -> None:
    with pytest.raises(LabError, match="is not an address"):
        parse(text)


def test_a_literal_of_a_host_is_its_mailbox_whatever_the_case_of_its_tag(lab: Lab) -> None:
    for literal in ("[198.51.100.25]", "[198.51.100.25]"):
        lab.person("alice@academy.test").send(to=f"bruno@{literal}", subject="x", text="x")
    assert len(lab.person(BRUNO).inbox()) == 2
