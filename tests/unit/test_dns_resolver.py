"""What the resolver believes, remembers and tells, and where it stops asking."""

from __future__ import annotations

import time

import dns.flags
import dns.message
import pytest

from mailcourse import Lab
from mailcourse.dns.mail_servers import MxHost, mail_servers
from mailcourse.dns.resolver import MAX_QUESTIONS
from mailcourse.dns.server import AuthoritativeServer
from mailcourse.dns.zone import parse
from mailcourse.internet.connection import Connection
from mailcourse.message.reply import Diagnosis


def asked(lab: Lab) -> list[str]:
    """The servers that the resolver asked, in order."""
    return [e.facts["server"] for e in lab.trace if e.what == "asked" and e.host == "resolver.carrier.test"]


def test_any_gives_all_that_a_name_has_and_does_not_follow_an_alias(lab: Lab) -> None:
    found = lab.dns.lookup("bakery.test", "ANY")
    assert {record.split()[2] for record in found.records} == {"SOA", "NS", "MX", "TXT"}
    assert lab.dns.lookup("imap.bakery.test", "ANY").values == ["mail.bakery.test."]
    assert lab.dns.lookup("no.bakery.test", "ANY").rcode == "NXDOMAIN"


def test_what_must_not_be_remembered_is_still_told(lab: Lab) -> None:
    lab.zone("bakery.test").add("now 0 CNAME moment.academy.test.")
    lab.zone("academy.test").add("moment 0 A 192.0.2.25")
    for _ in range(2):
        before = len(asked(lab))
        assert lab.dns.lookup("now.bakery.test").values == ["moment.academy.test.", "192.0.2.25"]
        assert {"ns.bakery.test", "ns.academy.test"} <= set(asked(lab)[before:])


def test_what_a_referral_says_is_a_hint_and_no_answer(lab: Lab) -> None:
    lab.zone("bakery.test").add("web A 198.51.100.25")
    lab.zone("test").add("ns.bakery A 203.0.113.53")  # old glue: nobody serves bakery.test there
    lab.dns.lookup("web.bakery.test")
    assert lab.dns.lookup("bakery.test", "NS").records == ("bakery.test. 3600 NS ns.bakery.test.",)
    assert lab.dns.lookup("ns.bakery.test").values == ["198.51.100.53"]


def test_a_name_that_is_missing_is_missing_for_every_type(lab: Lab) -> None:
    lab.dns.lookup("new.bakery.test", "A")
    before = len(asked(lab))
    assert lab.dns.lookup("new.bakery.test", "MX").rcode == "NXDOMAIN"
    assert len(asked(lab)) == before


def test_a_type_that_is_missing_says_nothing_of_the_others(lab: Lab) -> None:
    assert lab.dns.lookup("mail.bakery.test", "MX").records == ()
    assert lab.dns.lookup("mail.bakery.test", "A").values == ["198.51.100.25"]


def test_the_case_of_a_question_is_kept_also_from_the_cache(lab: Lab) -> None:
    lab.dns.lookup("bakery.test", "MX")
    assert lab.dns.lookup("BAKERY.test", "MX").records[0].startswith("BAKERY.test.")


def test_servfail_is_not_remembered(lab: Lab) -> None:
    with lab.fault("ns.bakery.test", "dns", say="SERVFAIL"):
        assert lab.dns.lookup("bakery.test", "MX").rcode == "SERVFAIL"
        assert list(lab.trace)[-1].facts["rcode"] == "SERVFAIL"
    assert lab.dns.lookup("bakery.test", "MX").rcode == "NOERROR"


def test_a_broken_server_is_seen_in_the_trace(lab: Lab) -> None:
    with lab.fault("ns.bakery.test", "dns", say="REFUSED"):
        lab.dns.lookup("bakery.test", "MX")
    said = [e.facts["rcode"] for e in lab.trace if e.what == "answered" and e.host == "ns.bakery.test"]
    assert said == ["REFUSED"]


# ---- servers that should not be there ------------------------------------------------------------------


def second_server(lab: Lab, line: str) -> None:
    """Name another server of bakery.test above, before the true one."""
    above = lab.zone("test")
    above.edit(above.text.replace("bakery 86400 NS ns.bakery", f"{line}\nbakery 86400 NS ns.bakery"))


def test_a_lame_server_is_passed_over(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    second_server(lab, "bakery NS ns.carrier.test.")
    lame = lab.dns_servers["ns.carrier.test"]
    lame.put(parse("bakery.test", lab.zone("bakery.test").text.replace("198.51.100.25", "203.0.113.66")))

    async def without_authority(query: dns.message.Message, connection: Connection) -> dns.message.Message:
        reply = await AuthoritativeServer.reply(lame, query, connection)
        reply.flags &= ~dns.flags.AA
        return reply

    lab.dns.lookup("ns.carrier.test")
    monkeypatch.setattr(lame, "reply", without_authority)
    assert lab.dns.lookup("mail.bakery.test").values == ["198.51.100.25"]
    assert "ns.carrier.test" in asked(lab)


def test_a_name_server_without_glue_is_found_first(lab: Lab) -> None:
    lab.dns_servers["ns.carrier.test"].put(parse("bakery.test", lab.zone("bakery.test").text))
    lab.zone("test").remove("bakery", "NS").remove("ns.bakery", "A").add("bakery NS nowhere.carrier.test.").add(
        "bakery NS ns.carrier.test."
    )
    assert lab.dns.lookup("mail.bakery.test").values == ["198.51.100.25"]


def test_two_zones_that_name_each_other_end_in_servfail(lab: Lab) -> None:
    lab.zone("test").add("one NS ns.two").add("two NS ns.one")
    assert lab.dns.lookup("www.one.test").rcode == "SERVFAIL"
    assert len(asked(lab)) <= MAX_QUESTIONS


def test_a_tree_of_servers_without_glue_is_not_climbed_for_ever(lab: Lab) -> None:
    zone = lab.zone("test")
    lines = [f"z{n} NS ns.z{m}.z{(n + 1) % 8}" for n in range(8) for m in range(8)]
    zone.edit(zone.text + "\n".join(lines) + "\n")
    began = time.monotonic()
    assert lab.dns.lookup("www.z0.test").rcode == "SERVFAIL"
    assert len(asked(lab)) <= MAX_QUESTIONS
    assert time.monotonic() - began < 5


def test_aliases_in_a_circle_across_zones_end_in_servfail(lab: Lab) -> None:
    lab.zone("bakery.test").add("one CNAME two.academy.test.")
    lab.zone("academy.test").add("two CNAME one.bakery.test.")
    found = lab.dns.lookup("one.bakery.test")
    assert (found.rcode, found.records) == ("SERVFAIL", ())


# ---- who takes the mail ----------------------------------------------------------------------------------


def servers(lab: Lab, domain: str) -> list[MxHost] | Diagnosis:
    return lab.runtime.run(mail_servers(lab.stub("mail.academy.test"), domain))


def test_the_mx_of_an_alias_is_that_of_its_target(lab: Lab) -> None:
    lab.zone("academy.test").add("cakes CNAME bakery.test.")
    assert servers(lab, "cakes.academy.test") == [MxHost("mx1.bakery.test", 10), MxHost("mx2.bakery.test", 20)]


def test_an_alias_to_nowhere_is_no_domain(lab: Lab) -> None:
    lab.zone("academy.test").add("gone CNAME gone.bakery.test.")
    found = servers(lab, "gone.academy.test")
    assert isinstance(found, Diagnosis)
    assert str(found).startswith("550 5.1.2 ")


def test_two_null_mx_are_as_good_as_one(lab: Lab) -> None:
    lab.zone("bakery.test").remove("@", "MX").add("@ A 198.51.100.25").add("@ MX 0 .").add("@ MX 10 .")
    found = servers(lab, "bakery.test")
    assert isinstance(found, Diagnosis)
    assert str(found).startswith("556 ")


def test_an_address_in_an_mx_is_a_name_that_nobody_has(lab: Lab) -> None:
    lab.zone("bakery.test").add("@ MX 5 198.51.100.25.")
    sent = lab.person("alice@academy.test").send("bruno@bakery.test", "x", "y")
    assert sent.status["bruno@bakery.test"].state == "delivered"
    assert "mx1.bakery.test" in [event.host for event in sent.events if event.what == "accepted"]
    assert lab.dns.lookup("198.51.100.25").rcode == "NXDOMAIN"


def test_a_silent_resolver_means_later_and_costs_no_time(lab: Lab) -> None:
    began = time.monotonic()
    with lab.fault("resolver.carrier.test", "dns", say="silent"):
        found = servers(lab, "bakery.test")
    assert isinstance(found, Diagnosis)
    assert str(found).startswith("451 4.4.3 ")
    assert time.monotonic() - began < 1


# ---- two kinds of address -----------------------------------------------------------------------------------


def test_a_host_asks_only_for_addresses_that_it_can_call(lab: Lab) -> None:
    lab.zone("bakery.test").add("mail AAAA 2001:db8:2::25")
    both = lab.internet.add_host("both.academy.test", ["192.0.2.80", "2001:db8:1::80"])
    for host, found in ((both.name, ["198.51.100.25", "2001:db8:2::25"]), ("mail.academy.test", ["198.51.100.25"])):
        assert lab.runtime.run(lab.stub(host).addresses("mail.bakery.test")) == found
    types = [e.facts["type"] for e in lab.trace if e.what == "asked" and e.host == "mail.academy.test"]
    assert types == ["A"]
