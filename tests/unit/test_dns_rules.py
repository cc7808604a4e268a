"""The finer rules of the DNS: wildcards, EDNS, bad packets, who is believed, IPv6."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rrset
import dns.update
import pytest

from mailcourse import Lab, LabError
from mailcourse.dns.server import AuthoritativeServer, answer
from mailcourse.dns.zone import ZoneError, parse
from mailcourse.internet.connection import Connection

ZONE = """
$TTL 300
@        SOA   ns hostmaster 7 7200 900 604800 60
@        NS    ns
@        MX    10 mail
ns       A     192.0.2.53
mail     A     192.0.2.25
mail     AAAA  2001:db8::25
*.guest  A     192.0.2.99
*.guest  TXT   "anybody"
*.alias  CNAME mail
x.deep.guest A 192.0.2.7
sub      NS    ns.sub
ns.sub   A     192.0.2.54
*.sub    A     192.0.2.1
"""
ZONES = {dns.name.from_text("bakery.test"): parse("bakery.test", ZONE)}
CONNECTION = Connection(1, "laptop.academy.test", "192.0.2.10", "203.0.113.8", 53)


def ask(name: str, kind: str = "A", **how: object) -> dns.message.Message:
    return answer(ZONES, dns.message.make_query(name, kind, **how))  # type: ignore[arg-type]


def shown(reply: dns.message.Message) -> list[str]:
    return [f"{rrset.name} {record}" for rrset in reply.answer for record in rrset]


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "records"),
    [
        ("Anna.guest.bakery.test", "A", "NOERROR", ["Anna.guest.bakery.test. 192.0.2.99"]),
        ("a.b.guest.bakery.test", "A", "NOERROR", ["a.b.guest.bakery.test. 192.0.2.99"]),
        ("anna.guest.bakery.test", "MX", "NOERROR", []),
        ("guest.bakery.test", "A", "NOERROR", []),  # the name between exists, and has nothing
        ("deep.guest.bakery.test", "A", "NOERROR", []),
        ("y.deep.guest.bakery.test", "A", "NXDOMAIN", []),  # the closest encloser is deep, which has no wildcard
        (
            "z.alias.bakery.test",
            "A",
            "NOERROR",
            ["z.alias.bakery.test. mail.bakery.test.", "mail.bakery.test. 192.0.2.25"],
        ),
    ],
)
def test_a_wildcard_answers_for_what_is_not_there(name: str, kind: str, rcode: str, records: list[str]) -> None:
    reply = ask(name, kind)
    assert (dns.rcode.to_text(reply.rcode()), shown(reply)) == (rcode, records)


def test_a_wildcard_does_not_reach_across_a_cut() -> None:
    reply = ask("any.sub.bakery.test")
    assert shown(reply) == []
    assert not reply.flags & dns.flags.AA
    assert [str(record) for record in reply.authority[0]] == ["ns.sub.bakery.test."]


def test_any_gives_everything_that_the_name_has() -> None:
    assert shown(ask("mail.bakery.test", "ANY")) == [
        "mail.bakery.test. 192.0.2.25",
        "mail.bakery.test. 2001:db8::25",
    ]


@pytest.mark.parametrize(
    ("query", "rcode"),
    [
        (dns.message.make_query("bakery.test", "AXFR"), "REFUSED"),
        (dns.message.make_query("bakery.test", "A", rdclass=dns.rdataclass.CH), "REFUSED"),
        (dns.message.make_query("bakery.test", "A", use_edns=1), "BADVERS"),
        (dns.update.UpdateMessage("bakery.test"), "NOTIMP"),
    ],
)
def test_what_is_not_offered_is_refused_in_the_right_word(query: dns.message.Message, rcode: str) -> None:
    reply = answer(ZONES, dns.message.from_wire(query.to_wire()))
    assert dns.rcode.to_text(reply.rcode()) == rcode
    assert dns.message.from_wire(reply.to_wire()).id == query.id


def test_edns_is_answered_with_edns_and_nothing_with_nothing() -> None:
    assert ask("mail.bakery.test", use_edns=0).edns == 0
    assert ask("mail.bakery.test", use_edns=False).edns == -1
    assert ask("mail.bakery.test", use_edns=1).edns == 0


def test_the_case_of_a_question_is_kept(lab: Lab) -> None:
    found = lab.dns.lookup("BaKeRy.TeSt", "MX")
    assert found.records[0].startswith("BaKeRy.TeSt.")


async def broken(query: dns.message.Message, connection: Connection) -> dns.message.Message:
    raise RuntimeError("inside")


def test_a_server_that_stumbles_says_servfail_and_the_trace_tells(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    server = lab.dns_servers["ns.bakery.test"]
    monkeypatch.setattr(server, "reply", broken)
    query = dns.message.make_query("bakery.test", "MX")
    reply = lab.runtime.run(server.answered(query.to_wire(), CONNECTION))
    assert reply is not None
    assert (reply.id, dns.rcode.to_text(reply.rcode())) == (query.id, "SERVFAIL")
    assert any("RuntimeError" in event.sentence() for event in lab.trace)


# ---- the resolver ----------------------------------------------------------------------------------------


def poison(monkeypatch: pytest.MonkeyPatch, lab: Lab, host: str, section: str, record: str) -> None:
    """Make a server add a record to every reply."""
    server = lab.dns_servers[host]
    honest = AuthoritativeServer.reply

    async def lying(query: dns.message.Message, connection: Connection) -> dns.message.Message:
        reply = await honest(server, query, connection)
        getattr(reply, section).append(dns.rrset.from_text(*record.split(" ", 4)))
        return reply

    monkeypatch.setattr(server, "reply", lying)


@pytest.mark.parametrize("section", ["answer", "additional", "authority"])
def test_a_server_is_not_believed_about_other_peoples_names(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, section: str
) -> None:
    poison(monkeypatch, lab, "ns.bakery.test", section, "mail.academy.test. 9999 IN A 198.51.100.66")
    poison(monkeypatch, lab, "ns.bakery.test", section, "academy.test. 9999 IN NS ns.bakery.test.")
    lab.dns.lookup("bakery.test", "MX")
    assert lab.dns.lookup("mail.academy.test").values == ["192.0.2.25"]


def test_a_referral_that_leads_up_or_aside_is_not_followed(lab: Lab) -> None:
    zone = lab.zone("bakery.test")
    zone.edit(zone.text.replace("laptop", "loop 300 NS ns.loop\nns.loop 300 A 198.51.100.53\nlaptop"))
    with pytest.raises(LabError, match="ends"):
        lab.dns.walk("www.loop.bakery.test")
    assert lab.dns.lookup("www.loop.bakery.test").rcode == "SERVFAIL"


def test_aliases_in_a_circle_end_in_servfail(lab: Lab) -> None:
    lab.zone("bakery.test").add("one CNAME two").add("two CNAME one")
    assert lab.dns.lookup("one.bakery.test").rcode == "SERVFAIL"


def test_an_alias_into_another_zone_is_followed(lab: Lab) -> None:
    lab.zone("bakery.test").add("partner CNAME mail.academy.test.")
    assert lab.dns.lookup("partner.bakery.test").values == ["mail.academy.test.", "192.0.2.25"]


def test_the_second_server_of_a_zone_is_asked_when_the_first_says_nothing(lab: Lab) -> None:
    above = lab.zone("test")
    above.edit(above.text + "\nbakery NS ns2.bakery\nns2.bakery A 203.0.113.53\n")
    other = lab.dns_servers["ns.carrier.test"]
    other.put(parse("bakery.test", lab.zone("bakery.test").text))
    began = time.monotonic()
    for say in ("silent", "SERVFAIL", "REFUSED"):
        with lab.fault("ns.bakery.test", "dns", say=say):
            lab.dns.forget()
            assert lab.dns.lookup("mail.bakery.test").values == ["198.51.100.25"]
    assert time.monotonic() - began < 2, "a silent server must not cost real time"


def test_without_recursion_the_resolver_asks_nobody(lab: Lab) -> None:
    lab.zone("bakery.test").add("shop CNAME mx1")
    resolver = lab.resolvers["resolver.carrier.test"]

    def rcode(name: str, kind: str) -> str:
        query = dns.message.make_query(name, kind, flags=0)
        before = len(lab.trace)
        reply = lab.runtime.run(resolver.answered(query.to_wire(), CONNECTION))
        assert reply is not None
        assert [event.what for event in list(lab.trace)[before:]] == ["answered"]
        return dns.rcode.to_text(reply.rcode())

    assert rcode("bakery.test", "MX") == "REFUSED"
    lab.dns.lookup("bakery.test", "MX")
    lab.dns.lookup("shop.bakery.test", "CNAME")
    assert rcode("bakery.test", "MX") == "NOERROR"
    assert rcode("shop.bakery.test", "A") == "REFUSED"  # the alias is known, its target is not


def test_an_edited_zone_is_seen_when_the_old_answer_has_run_out(lab: Lab) -> None:
    assert lab.dns.lookup("mail.bakery.test").values == ["198.51.100.25"]
    zone = lab.zone("bakery.test")
    serial = zone.serial
    zone.remove("mail", "A").add("mail A 198.51.100.26")
    assert zone.serial > serial
    assert lab.dns.lookup("mail.bakery.test").values == ["198.51.100.25"]
    assert lab.dns.lookup("mail.bakery.test", server="ns.bakery.test").values == ["198.51.100.26"]
    lab.clock.advance(hours=1)
    assert lab.dns.lookup("mail.bakery.test").values == ["198.51.100.26"]


def test_the_walk_shows_every_step_and_leaves_the_cache_alone(lab: Lab) -> None:
    steps = list(lab.dns.walk("bakery.test", "MX"))
    assert [(step["server"], step["says"]) for step in steps] == [
        ("a.root.test", "REFERRAL"),
        ("a.nic.test", "REFERRAL"),
        ("ns.bakery.test", "NOERROR"),
    ]
    assert len(lab.dns.cache) == 0


@pytest.mark.parametrize("host", ["mail.academy.test", "mx2.bakery.test", "relay.carrier.test"])
def test_every_address_leads_back_to_its_name(lab: Lab, host: str) -> None:
    assert lab.dns.reverse(lab.host(host).addresses[0]).values == [f"{host}."]


# ---- zones that read well and would not work ---------------------------------------------------------------

HEAD = "$TTL 300\n@ SOA ns hostmaster 7 7200 900 604800 60\n@ NS ns\nns A 192.0.2.53\n"


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("mail.academy.test. A 192.0.2.1", r"line 5, column 1: 'mail\.academy\.test\.' is not a name in this zone"),
        ("ns CNAME mail", "not compatible"),
        ("www A 192.0.2.999\nmail A 192.0.2.1", r"line 5, column 7.*www"),
        ("@ MX mail 10", "line 5, column 6"),
    ],
)
def test_a_zone_that_cannot_work_is_refused_with_its_line(line: str, match: str) -> None:
    with pytest.raises(ZoneError, match=match):
        parse("bakery.test", HEAD + line + "\n")


def test_what_is_wrong_with_a_question_or_a_zone_is_in_the_trace(lab: Lab) -> None:
    server = lab.dns_servers["ns.bakery.test"]
    assert lab.runtime.run(server.answered(b"\x12\x34" + b"\0" * 10 + b"rubbish", CONNECTION)) is not None
    with pytest.raises(ZoneError):
        lab.zone("bakery.test").add("www A nonsense")
    told = [event.facts["text"] for event in lab.trace if event.what == "warning"]
    assert "cannot be read, from laptop.academy.test" in told[0]
    assert "zone not changed" in told[1]


def test_a_name_server_inside_the_zone_needs_an_address() -> None:
    with pytest.raises(ZoneError, match=r"ns\.bakery\.test\. has no address"):
        parse("bakery.test", HEAD.replace("ns A 192.0.2.53\n", ""))


# ---- mail servers and IPv6 -----------------------------------------------------------------------------------

SIX = """
extends = "two-offices"
title = "An office with IPv6"

[hosts."mail.academy.test"]
addresses = ["192.0.2.25", "2001:db8:1::25"]

[hosts."mx1.bakery.test"]
addresses = ["198.51.100.21", "2001:db8:2::21"]

[hosts."mail.bakery.test"]
addresses = ["198.51.100.25", "2001:db8:2::25"]
"""


def test_a_message_goes_to_a_server_that_has_only_ipv6(make_lab: Callable[..., Lab], tmp_path: Path) -> None:
    file = tmp_path / "six.toml"
    file.write_text(SIX)
    lab = make_lab(file)
    zone = lab.zone("bakery.test")
    zone.edit(zone.text.replace("mx1 3600 A 198.51.100.21", "mx1 3600 AAAA 2001:db8:2::21"))
    zone.edit(zone.text.replace("mail 3600 A 198.51.100.25", "mail 3600 A 198.51.100.25\nmail AAAA 2001:db8:2::25"))
    sent = lab.person("alice@academy.test").send("bruno@bakery.test", "six", "x")
    assert sent.status["bruno@bakery.test"].state == "delivered"
    hop = lab.person("bruno@bakery.test").fetch()[0].parsed.get_all("Received")
    assert any("[IPv6:2001:db8:1::25]" in line for line in hop)


def test_an_mx_that_names_an_alias_is_used_and_warned_about(lab: Lab) -> None:
    lab.zone("bakery.test").remove("@", "MX").add("@ MX 10 front").add("front CNAME mx1")
    sent = lab.person("alice@academy.test").send("bruno@bakery.test", "alias", "x")
    assert sent.status["bruno@bakery.test"].state == "delivered"
    assert any("RFC 2181 forbids" in event.sentence() for event in sent.events)


def test_an_mx_without_an_address_is_passed_over(lab: Lab) -> None:
    lab.zone("bakery.test").add("@ MX 5 missing")
    sent = lab.person("alice@academy.test").send("bruno@bakery.test", "x", "y")
    assert sent.status["bruno@bakery.test"].state == "delivered"


def test_a_null_mx_is_for_ever_and_beside_others_it_means_nothing(lab: Lab) -> None:
    lab.zone("bakery.test").add("@ MX 0 .")
    assert lab.person("alice@academy.test").send("bruno@bakery.test", "x", "y").status["bruno@bakery.test"].state == (
        "delivered"
    )
    lab.zone("bakery.test").remove("@", "MX").add("@ MX 0 .")
    lab.clock.advance(hours=2)
    sent = lab.person("alice@academy.test").send("bruno@bakery.test", "x", "y")
    assert "556 5.1.10" in sent.status["bruno@bakery.test"].words


@pytest.mark.parametrize(
    ("address", "state"), [("bruno@[198.51.100.21]", "delivered"), ("bruno@[198.51.100.99]", "deferred")]
)
def test_an_address_in_brackets_is_called_directly(lab: Lab, address: str, state: str) -> None:
    sent = lab.person("alice@academy.test").send(address, "literal", "x")
    named = {one.state for one in sent.status.values()}
    assert state in named
    asked = [e.facts["type"] for e in sent.events if e.what == "asked" and e.host == "mail.academy.test"]
    assert "MX" not in asked
