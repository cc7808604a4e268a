"""SPF against pyspf, which others wrote: the same result for records that nobody has thought of.

What is not compared: what the client's own zones do to the count of void answers, of which RFC 7208 leaves more than
one reading.
"""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
import spf
from fake_dns import FakeDns, run
from hypothesis import given
from hypothesis import strategies as st

from mailcourse.authentication.spf import check_host
from mailcourse.dns.stub import NoAnswer

CLIENTS = ["192.0.2.25", "192.0.2.26", "198.51.100.9", "2001:db8::25"]
NAMES = {
    "a.test.example": ["A 192.0.2.25", "AAAA 2001:db8::25"],
    "b.test.example": ["A 192.0.2.26", "A 198.51.100.1"],
    "mx.test.example": ["MX 10 a.test.example", "MX 20 b.test.example"],
    "deep.mx.test.example": ["MX 10 b.test.example"],
    "slow.test.example": ["SILENT"],
    "alice.users.test.example": ["A 127.0.0.2"],
    "25.2.0.192.in-addr.list.example": ["A 127.0.0.2"],
    "one.example": ["TXT v=spf1 ip4:192.0.2.0/24 -all"],
    "two.example": ["TXT v=spf1 include:one.example ?all"],
    "three.example": ["TXT v=spf1 redirect=one.example"],
    "loop.example": ["TXT v=spf1 include:loop.example"],
    "wrong.example": ["TXT v=spf1 oops"],
} | {
    ipaddress.ip_address(ip).reverse_pointer: ["PTR a.test.example", "PTR b.test.example"]
    for ip in CLIENTS
    if ":" not in ip
}
NAMES |= {ipaddress.ip_address(ip).reverse_pointer: ["PTR a.test.example"] for ip in CLIENTS if ":" in ip}
HOSTS = st.sampled_from(
    [*(name for name in NAMES if name.endswith("test.example")), "gone.test.example", "%{l}.users.test.example"]
)
POLICIES = st.sampled_from([name for name in NAMES if name.count(".") == 1] + ["none.example"])
CIDR = st.sampled_from(["", "", "/24", "/0", "//64", "/28//120", "/33", "//129", "/024"])
MECHANISMS = st.one_of(
    st.just("all"),
    st.builds("{}{}".format, st.sampled_from(["a", "mx"]), CIDR),
    st.builds("{}:{}{}".format, st.sampled_from(["a", "mx"]), HOSTS, CIDR),
    st.builds("include:{}".format, POLICIES),
    st.builds(
        "exists:{}".format, st.one_of(HOSTS, st.sampled_from(["%{ir}.%{v}.list.example", "%{d2}", "%{i}.x.example"]))
    ),
    st.builds(
        "ip4:{}".format,
        st.sampled_from(["192.0.2.25", "192.0.2.0/27", "192.0.2.0/24", "198.51.100.0/24", "192.0.2", "x", "1.2.3.4/0"]),
    ),
    st.builds("ip6:{}".format, st.sampled_from(["2001:db8::25", "2001:db8::/32", "::/0", "1.2.3.4", "::1/129"])),
    st.sampled_from(["ptr:test.example", "ptr:other.example"]),
    st.sampled_from(
        [
            "oops",
            "a:",
            "all:x",
            "include",
            "ip4",
            "a:museum",
            "a:%",
            "a:%{x}.test.example",
            "moo=%{l}",
            "exp=x.example",
        ]
    ),
)
TERMS = st.one_of(
    st.builds("{}{}".format, st.sampled_from(["", "", "+", "-", "~", "?"]), MECHANISMS),
    st.builds("redirect={}".format, POLICIES),
)
RECORD = st.lists(TERMS, max_size=6).map(lambda terms: " ".join(["v=spf1", *terms]))


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Let pyspf ask a table, and give it."""
    table: dict[str, list[str]] = dict(NAMES)

    def ask(name: str, kind: str, *_: Any) -> list[Any]:
        try:
            records = run(FakeDns(table).lookup(name, kind))
        except NoAnswer as error:
            raise spf.TempError(str(error)) from None
        read = {
            "A": lambda r: r.address,
            "AAAA": lambda r: r.address,
            "TXT": lambda r: r.strings,
            "MX": lambda r: (r.preference, r.exchange.to_text(omit_final_dot=True)),
            "PTR": lambda r: r.target.to_text(omit_final_dot=True),
        }
        return [((name, kind), read[kind](record)) for record in records]

    monkeypatch.setattr(spf, "DNSLookup", ask)
    return table


@given(record=RECORD, ip=st.sampled_from(CLIENTS))
def test_two_implementations_agree(second: dict[str, list[str]], record: str, ip: str) -> None:
    second["sender.example"] = [f"TXT {record}", "A 192.0.2.25", "MX 5 b.test.example"]
    theirs, *_ = spf.check2(ip, "alice@sender.example", "mail.sender.example")
    ours = run(check_host(ip, "sender.example", "alice@sender.example", "mail.sender.example", FakeDns(second).lookup))
    assert ours.result == theirs, ours.reason
