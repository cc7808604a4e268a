"""Zones, servers, the resolver, and the search for mail servers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.query
import dns.rcode
import pytest

from mailcourse import Lab
from mailcourse.dns.mail_servers import MxHost, better_than_self, mail_servers
from mailcourse.dns.server import answer
from mailcourse.dns.zone import parse, serial, text_of, with_serial
from mailcourse.message.reply import Diagnosis

ZONE = """
$TTL 300
@      SOA   ns hostmaster 7 7200 900 604800 60
@      NS    ns
ns     A     192.0.2.53
mail   A     192.0.2.25
www    CNAME mail
loop1  CNAME loop2
loop2  CNAME loop1
a.b    A     192.0.2.9
shop   NS    ns.shop
ns.shop A    192.0.2.54
"""
ZONES = {dns.name.from_text("bakery.test"): parse("bakery.test", ZONE)}


def ask(name: str, kind: str = "A") -> dns.message.Message:
    return answer(ZONES, dns.message.make_query(name, kind))


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "records"),
    [
        ("mail.bakery.test", "A", "NOERROR", ["192.0.2.25"]),
        ("MAIL.bakery.TEST", "A", "NOERROR", ["192.0.2.25"]),
        ("www.bakery.test", "A", "NOERROR", ["mail.bakery.test.", "192.0.2.25"]),
        ("www.bakery.test", "CNAME", "NOERROR", ["mail.bakery.test."]),
        ("mail.bakery.test", "MX", "NOERROR", []),
        ("b.bakery.test", "A", "NOERROR", []),
        ("no.bakery.test", "A", "NXDOMAIN", []),
        ("bakery.example", "A", "REFUSED", []),
        ("loop1.bakery.test", "A", "SERVFAIL", None),
    ],
)
def test_an_authoritative_server_answers_by_the_algorithm(
    name: str, kind: str, rcode: str, records: list[str] | None
) -> None:
    reply = ask(name, kind)
    assert dns.rcode.to_text(reply.rcode()) == rcode
    if records is not None:
        assert [record.to_text() for rrset in reply.answer for record in rrset] == records


def test_no_comes_with_the_soa_and_its_minimum() -> None:
    for name in ("no.bakery.test", "mail.bakery.test"):
        reply = ask(name, "TXT")
        assert [rrset.ttl for rrset in reply.authority] == [60]


def test_a_name_behind_a_cut_is_referred_with_glue_and_without_authority() -> None:
    reply = ask("till.shop.bakery.test")
    assert not reply.flags & dns.flags.AA
    assert [r.to_text() for rrset in reply.authority for r in rrset] == ["ns.shop.bakery.test."]
    assert [r.to_text() for rrset in reply.additional for r in rrset] == ["192.0.2.54"]


def test_other_opcodes_are_not_implemented() -> None:
    query = dns.message.make_query("bakery.test", "SOA")
    query.set_opcode(dns.opcode.NOTIFY)
    assert answer(ZONES, query).rcode() == dns.rcode.NOTIMP


def test_a_zone_written_and_read_again_is_the_same() -> None:
    zone = parse("bakery.test", ZONE)
    assert parse("bakery.test", text_of(zone)) == zone
    assert serial(with_serial(zone, 8)) == 8


def test_a_broken_packet_gets_formerr_and_rubbish_gets_nothing(lab: Lab) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.settimeout(5)
        at = lab.endpoint("ns.bakery.test", 53)
        out.sendto(b"\x00", at)
        out.sendto(b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xff\xff", at)
        reply = dns.message.from_wire(out.recv(512), question_only=True)
        assert (reply.id, reply.rcode()) == (0x1234, dns.rcode.FORMERR)


def test_a_long_answer_is_cut_over_udp_and_whole_over_tcp(lab: Lab) -> None:
    zone = lab.zone("bakery.test")
    zone.edit(zone.text + "".join(f'long TXT "{n:03}{"x" * 100}"\n' for n in range(30)))
    host, port = lab.endpoint("resolver.carrier.test", 53)
    query = dns.message.make_query("long.bakery.test", "TXT")
    short = dns.query.udp(query, host, port=port, timeout=5)
    assert short.flags & dns.flags.TC
    whole = dns.query.tcp(query, host, port=port, timeout=5)
    assert len(whole.answer[0]) == 30


def test_the_resolver_walks_from_the_root_once_and_then_remembers(lab: Lab) -> None:
    asked = lambda: [e.facts["server"] for e in lab.trace if e.what == "asked" and e.host == "resolver.carrier.test"]  # noqa: E731
    lab.dns.lookup("bakery.test", "MX")
    assert asked() == ["a.root.test", "a.nic.test", "ns.bakery.test"]
    lab.dns.lookup("bakery.test", "MX")
    assert len(asked()) == 3
    lab.clock.advance(hours=2)
    lab.dns.lookup("bakery.test", "MX")
    assert asked()[3:] == ["ns.bakery.test"]


def test_what_does_not_exist_is_remembered_for_the_time_of_its_soa(lab: Lab) -> None:
    lab.dns.lookup("new.bakery.test", "A")
    zone = lab.zone("bakery.test")
    zone.edit(zone.text + "new A 198.51.100.77\n")
    assert lab.dns.lookup("new.bakery.test", "A").rcode == "NXDOMAIN"
    lab.clock.advance(seconds=301)
    assert lab.dns.lookup("new.bakery.test", "A").values == ["198.51.100.77"]


def test_ttls_count_down_on_the_lab_clock(lab: Lab) -> None:
    lab.dns.lookup("bakery.test", "MX")
    lab.clock.advance(minutes=10)
    assert lab.dns.lookup("bakery.test", "MX").records[0].split()[1] == "3000"


# ---- RFC 5321 §5.1 -------------------------------------------------------------------------------------


def servers(lab: Lab, domain: str) -> list[MxHost] | Diagnosis:
    return lab.runtime.run(mail_servers(lab.stub("mail.academy.test"), domain))


def edited(lab: Lab, records: str) -> Lab:
    zone = lab.zone("bakery.test")
    zone.edit("".join(f"{line}\n" for line in zone.text.splitlines() if " MX " not in line) + records)
    return lab


def test_mx_records_come_in_order_of_preference(lab: Lab) -> None:
    assert servers(lab, "bakery.test") == [MxHost("mx1.bakery.test", 10), MxHost("mx2.bakery.test", 20)]


def test_the_address_of_the_domain_counts_only_without_mx(lab: Lab) -> None:
    assert servers(edited(lab, "@ A 198.51.100.25\n"), "bakery.test") == [MxHost("bakery.test", None)]


def test_with_an_mx_the_address_of_the_domain_does_not_count(lab: Lab) -> None:
    assert servers(edited(lab, "@ A 198.51.100.25\n@ MX 5 mx2\n"), "bakery.test") == [MxHost("mx2.bakery.test", 5)]


@pytest.mark.parametrize(
    ("records", "domain", "code", "enhanced"),
    [
        ("@ MX 0 .\n", "bakery.test", 556, "5.1.10"),
        ("", "bakery.test", 550, "5.1.2"),
        ("", "nowhere.test", 550, "5.1.2"),
    ],
)
def test_a_domain_without_mail_servers_is_refused_for_ever(
    lab: Lab, records: str, domain: str, code: int, enhanced: str
) -> None:
    found = servers(edited(lab, records), domain)
    assert isinstance(found, Diagnosis)
    assert str(found).startswith(f"{code} {enhanced} ")


def test_a_silent_dns_means_later(lab: Lab) -> None:
    lab.host("ns.bakery.test").down()
    found = servers(lab, "bakery.test")
    assert isinstance(found, Diagnosis)
    assert str(found).startswith("451 ")


def test_equal_preferences_are_shared_and_the_seed_decides(make_lab: Callable[..., Lab]) -> None:
    def first(seed: int) -> list[str]:
        lab = edited(make_lab("two-offices", seed=seed), "@ MX 10 mx1\n@ MX 10 mx2\n")
        found = [servers(lab, "bakery.test") for _ in range(10)]
        return [each[0].name for each in found if isinstance(each, list)]

    assert set(first(1)) == {"mx1.bakery.test", "mx2.bakery.test"}
    assert first(2) == first(2)


def test_a_backup_server_drops_itself_and_all_that_are_not_better() -> None:
    three = [MxHost("a.test", 10), MxHost("b.test", 20), MxHost("c.test", 20), MxHost("d.test", 30)]
    assert better_than_self(three, "B.test") == three[:1]
    assert better_than_self(three, "x.test") == three


def test_every_zone_that_we_ship_is_accepted_by_named_checkzone(need: Callable[..., str], tmp_path: Path) -> None:
    import subprocess

    from mailcourse.lab import scenario

    program = need("named-checkzone", "bind9-utils")
    for name in scenario.names():
        for origin, text in scenario.load(name).zones.items():
            file = tmp_path / "zone"
            file.write_text(text)
            checked = subprocess.run([program, "-i", "local", origin, str(file)], capture_output=True, text=True)
            assert checked.returncode == 0, checked.stdout
