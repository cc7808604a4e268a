"""dig and named-checkzone: what the DNS of a lab says, letter by letter, to the tools of those who invented it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mailcourse import Lab
from mailcourse.lab import scenario

pytestmark = pytest.mark.interop
Dig = Callable[..., str]
RESOLVER, BAKERY, REGISTRY, ROOT = "resolver.carrier.test", "ns.bakery.test", "a.nic.test", "a.root.test"


@pytest.fixture
def dig(lab: Lab, need: Callable[..., str]) -> Dig:
    """Ask the DNS server of a lab host; return what dig writes."""
    program = need("dig", "bind9-dnsutils")

    def dig(host: str, *options: str) -> str:
        address, port = lab.endpoint(host, 53)
        command = [program, "-r", f"@{address}", "-p", str(port), "+time=5", "+tries=1", *options]
        told = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert told.returncode == 0, told.stdout
        assert "WARNING: Message" not in told.stdout  # dig found the octets wrong
        return told.stdout

    return dig


def header(told: str) -> tuple[str, set[str]]:
    """The status and the flags of a reply."""
    found = re.search(r"status: (\w+).*\n;; flags: ([a-z ]*);", told)
    assert found, told
    return found[1], set(found[2].split())


def section(told: str, name: str) -> list[list[str]]:
    """The records of a section: name, TTL, IN, type, value."""
    part = told.partition(f";; {name} SECTION:\n")[2].partition("\n\n")[0]
    return [line.split(None, 4) for line in part.splitlines()]


def values(told: str) -> list[str]:
    return [record[4] for record in section(told, "ANSWER")]


# ---- what is asked ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("A", "mx1.bakery.test", "198.51.100.21"),
        ("NS", "bakery.test", "ns.bakery.test."),
        ("SRV", "_submission._tcp.bakery.test", "0 1 587 mail.bakery.test."),
        ("TXT", "bakery.test", '"v=spf1 mx a:mail.bakery.test -all"'),
        ("PTR", "21.100.51.198.in-addr.arpa", "mx1.bakery.test."),
        ("SOA", "bakery.test", "ns.bakery.test. hostmaster.bakery.test. 1 7200 900 604800 300"),
    ],
)
@pytest.mark.parametrize("host", [BAKERY, RESOLVER])
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_a_record_is_the_same_from_both_servers_over_both_transports(
    dig: Dig, kind: str, name: str, value: str, host: str, transport: str
) -> None:
    told = dig(host, transport, kind, name)
    assert header(told)[0] == "NOERROR"
    assert values(told) == [value]


def test_an_address_is_looked_up_backwards(dig: Dig) -> None:
    assert values(dig(RESOLVER, "-x", "192.0.2.25")) == ["mail.academy.test."]


def test_any_tells_all_that_is_at_a_name(dig: Dig) -> None:
    assert {record[3] for record in section(dig(BAKERY, "ANY", "bakery.test"), "ANSWER")} == {"SOA", "NS", "MX", "TXT"}


@pytest.mark.parametrize("host", [BAKERY, RESOLVER])
def test_a_name_comes_back_as_it_was_written(dig: Dig, host: str) -> None:
    told = dig(host, "MX", "BaKeRy.TeSt")
    assert ";BaKeRy.TeSt." in told
    assert [record[0] for record in section(told, "ANSWER")] == ["BaKeRy.TeSt."] * 2


@pytest.mark.parametrize("host", [BAKERY, RESOLVER])
def test_a_wildcard_answers_with_the_name_that_was_asked(lab: Lab, dig: Dig, host: str) -> None:
    lab.zone("bakery.test").add("*.shop MX 5 mail")
    told = dig(host, "MX", "cakes.shop.bakery.test")
    assert section(told, "ANSWER") == [["cakes.shop.bakery.test.", "3600", "IN", "MX", "5 mail.bakery.test."]]


@pytest.mark.parametrize(
    ("name", "kind", "status"), [("no.bakery.test", "A", "NXDOMAIN"), ("mx1.bakery.test", "MX", "NOERROR")]
)
@pytest.mark.parametrize("host", [BAKERY, RESOLVER])
def test_no_is_said_with_the_soa_that_limits_it(dig: Dig, host: str, name: str, kind: str, status: str) -> None:
    told = dig(host, kind, name)
    assert header(told)[0] == status
    assert [(record[1], record[3]) for record in section(told, "AUTHORITY")] == [("300", "SOA")]


# ---- how it is asked ------------------------------------------------------------------------------------------------


def test_only_the_owner_of_a_zone_has_authority_and_only_the_resolver_finds_the_rest(dig: Dig) -> None:
    assert header(dig(BAKERY, "+norec", "MX", "bakery.test")) == ("NOERROR", {"qr", "aa"})
    assert header(dig(BAKERY, "MX", "academy.test")) == ("REFUSED", {"qr", "rd"})
    assert header(dig(RESOLVER, "MX", "bakery.test")) == ("NOERROR", {"qr", "rd", "ra"})
    referral = dig(REGISTRY, "+norec", "MX", "bakery.test")
    assert header(referral) == ("NOERROR", {"qr"})
    assert section(referral, "ANSWER") == []


def test_a_reply_too_big_for_a_datagram_is_asked_for_again_over_tcp(lab: Lab, dig: Dig) -> None:
    text = " ".join(f'"{n:03}{"x" * 200}"' for n in range(10))
    lab.zone("bakery.test").add(f"big TXT {text}")
    for host in (BAKERY, RESOLVER):
        for size in ("+bufsize=512", "+noedns", "+bufsize=4096"):
            assert "tc" in header(dig(host, size, "+ignore", "TXT", "big.bakery.test"))[1]
            told = dig(host, size, "TXT", "big.bakery.test")
            assert told.startswith(";; Truncated, retrying in TCP mode.")
            assert values(told) == [text]


def test_who_speaks_no_edns_gets_none(dig: Dig) -> None:
    assert "OPT PSEUDOSECTION" not in dig(BAKERY, "+noedns", "MX", "bakery.test")
    assert "EDNS: version: 0, flags:; udp: 1232" in dig(BAKERY, "MX", "bakery.test")


@pytest.mark.parametrize("host", [BAKERY, RESOLVER])
def test_a_later_edns_is_answered_with_the_version_that_is_known(dig: Dig, host: str) -> None:
    told = dig(host, "+edns=1", "+noednsneg", "MX", "bakery.test")
    assert header(told)[0] == "BADVERS"
    assert "EDNS: version: 0" in told
    assert header(dig(host, "+edns=1", "MX", "bakery.test"))[0] == "NOERROR"  # dig asks again by itself


@pytest.mark.parametrize(
    "options",
    [
        ["+dnssec"],
        ["+cookie"],
        ["+nsid"],
        ["+subnet=192.0.2.0/24"],
        ["+padding=128"],
        ["+cd"],
        ["+ad"],
        ["+ednsopt=65001:00ff"],
        ["+ednsflags=0x4000"],
        ["+zflag"],
        ["+tcp", "+keepopen", "+keepalive"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("host", [BAKERY, RESOLVER])
def test_an_option_that_is_not_known_here_changes_no_answer(dig: Dig, host: str, options: list[str]) -> None:
    told = dig(host, *options, "MX", "bakery.test")
    assert header(told)[0] == "NOERROR"
    assert values(told) == ["10 mx1.bakery.test.", "20 mx2.bakery.test."]


@pytest.mark.parametrize("host", [BAKERY, RESOLVER])
@pytest.mark.parametrize(
    ("question", "status"),
    [(["CH", "TXT", "version.bind"], "REFUSED"), (["+opcode=NOTIFY", "SOA", "bakery.test"], "NOTIMP")],
    ids=["another class", "another operation"],
)
def test_what_is_not_done_here_is_refused(dig: Dig, host: str, question: list[str], status: str) -> None:
    assert header(dig(host, *question))[0] == status


@pytest.mark.parametrize("host", [BAKERY, RESOLVER])
def test_nobody_gets_a_whole_zone(dig: Dig, host: str) -> None:
    assert "; Transfer failed." in dig(host, "AXFR", "bakery.test")


def test_one_connection_carries_many_questions(dig: Dig) -> None:
    told = dig(RESOLVER, "+tcp", "+keepopen", "+short", "A", "mail.academy.test", "A", "mx1.bakery.test")
    assert told.split() == ["192.0.2.25", "198.51.100.21"]


# ---- from the root downwards ----------------------------------------------------------------------------------------


def test_the_way_from_the_root_is_walked_by_the_referrals_alone(lab: Lab, dig: Dig) -> None:
    """What `dig +trace` does; that itself wants port 53 of each server."""
    by_address = {address: name for name, host in lab.internet.hosts.items() for address in host.addresses}
    asked, address = [], lab.host(ROOT).addresses[0]
    for _ in range(5):
        asked.append(by_address[address])
        told = dig(by_address[address], "+norec", "MX", "bakery.test")
        if "aa" in header(told)[1]:
            break
        ((_, _, _, kind, server),) = section(told, "AUTHORITY")
        glue = {record[0]: record[4] for record in section(told, "ADDITIONAL")}
        assert kind == "NS"
        address = glue[server]
    assert asked == [ROOT, REGISTRY, BAKERY]
    assert values(told) == ["10 mx1.bakery.test.", "20 mx2.bakery.test."]


# ---- the zones themselves -------------------------------------------------------------------------------------------

FACTORY = str(Path(__file__).with_name("factory.toml"))


@pytest.mark.parametrize("name", [*scenario.names(), FACTORY], ids=lambda name: Path(name).stem)
def test_named_checkzone_finds_nothing_wrong_with_the_zones(
    name: str, need: Callable[..., str], tmp_path: Path
) -> None:
    program, file = need("named-checkzone", "bind9-utils"), tmp_path / "zone"
    for origin, text in scenario.load(name).zones.items():
        file.write_text(text)
        told = subprocess.run([program, "-i", "local", origin, str(file)], capture_output=True, text=True, timeout=30)
        assert told.returncode == 0, told.stdout + told.stderr
        assert re.fullmatch(r"zone \S+: loaded serial \d+\nOK\n", told.stdout), told.stdout


def test_named_checkzone_reads_a_zone_that_was_edited(lab: Lab, need: Callable[..., str], tmp_path: Path) -> None:
    program, file = need("named-checkzone", "bind9-utils"), tmp_path / "zone"
    zone = lab.zone("bakery.test").add('note TXT "a; b" "c \\" d"').add("*.shop MX 5 mail").remove("@", "TXT")
    file.write_text(zone.text)
    told = subprocess.run(
        [program, "-i", "local", "bakery.test", str(file)], capture_output=True, text=True, timeout=30
    )
    assert told.stdout.endswith(f"loaded serial {zone.serial}\nOK\n"), told.stdout
