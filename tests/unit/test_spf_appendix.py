"""SPF: the examples of RFC 7208, appendix A, with the names and addresses that stand there."""

from __future__ import annotations

import pytest
from fake_dns import FakeDns, run

from mailcourse.authentication.spf import check_host

NAMES = {
    "example.com": ["A 192.0.2.10", "A 192.0.2.11", "MX 10 mail-a.example.com", "MX 20 mail-b.example.com"],
    "amy.example.com": ["A 192.0.2.65"],
    "bob.example.com": ["A 192.0.2.66"],
    "mail-a.example.com": ["A 192.0.2.129"],
    "mail-b.example.com": ["A 192.0.2.130"],
    "www.example.com": ["CNAME example.com"],
    "example.org": ["MX 10 mail-c.example.org"],
    "mail-c.example.org": ["A 192.0.2.140"],
    "10.2.0.192.in-addr.arpa": ["PTR example.com"],
    "11.2.0.192.in-addr.arpa": ["PTR example.com"],
    "65.2.0.192.in-addr.arpa": ["PTR amy.example.com"],
    "66.2.0.192.in-addr.arpa": ["PTR bob.example.com"],
    "129.2.0.192.in-addr.arpa": ["PTR mail-a.example.com"],
    "130.2.0.192.in-addr.arpa": ["PTR mail-b.example.com"],
    "140.2.0.192.in-addr.arpa": ["PTR mail-c.example.org"],
    "10.0.0.10.in-addr.arpa": ["PTR example.com"],
}

#: record of example.com → the last octets of 192.0.2.x that pass, and some that do not
SIMPLE = {
    "v=spf1 +all": ([1, 10, 129], []),
    "v=spf1 a -all": ([10, 11], [65, 129, 1]),
    "v=spf1 a:example.org -all": ([], [10, 140, 129]),
    "v=spf1 mx -all": ([129, 130], [10, 140]),
    "v=spf1 mx:example.org -all": ([140], [129, 10]),
    "v=spf1 mx mx:example.org -all": ([129, 130, 140], [10, 65]),
    "v=spf1 mx/30 mx:example.org/30 -all": ([128, 129, 130, 131, 140, 141, 142, 143], [127, 132, 139, 144]),
    "v=spf1 ptr -all": ([10, 65, 66, 129], [140]),
    "v=spf1 ip4:192.0.2.128/28 -all": ([129, 130, 140], [65, 10]),
}


@pytest.mark.parametrize("record", SIMPLE)
def test_simple_records(record: str) -> None:
    passing, failing = SIMPLE[record]
    lookup = FakeDns(NAMES | {"example.com": [*NAMES["example.com"], f"TXT {record}"]}).lookup
    for octet, expected in [(octet, "pass") for octet in passing] + [(octet, "fail") for octet in failing]:
        found = run(check_host(f"192.0.2.{octet}", "example.com", "joel@example.com", "mail.example.com", lookup))
        assert found.result == expected, octet


def test_a_name_that_only_the_client_claims_does_not_match() -> None:
    lookup = FakeDns(NAMES | {"example.com": [*NAMES["example.com"], "TXT v=spf1 ptr -all"]}).lookup
    assert run(check_host("10.0.0.10", "example.com", "", "x", lookup)).result == "fail"


SEVERAL = {
    # A.2: the same administrator for several domains
    "example.com": ["TXT v=spf1 include:example.net include:example.org -all"],
    "example.net": ["TXT v=spf1 ip4:192.0.2.0/25 -all"],
    "example.org": ["TXT v=spf1 ip4:198.51.100.7 -all"],
    "la.example.com": ["TXT v=spf1 redirect=example.com"],
    # A.3: a list of hosts that may, in the DNS
    "user.example.com": ["TXT v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all"],
    "ip4._spf.user.example.com": ["TXT v=spf1 -ip4:192.0.2.0/24 +all"],
    "ptr._spf.user.example.com": ["TXT v=spf1 -ptr:example.org +all"],
    # A.4: many requirements at once
    "many.example.com": ["TXT v=spf1 exists:%{l}.%{d}.users.example.com -all"],
    "joel.many.example.com.users.example.com": ["A 127.0.0.2"],
}


@pytest.mark.parametrize(
    ("ip", "sender", "result"),
    [
        ("192.0.2.5", "a@example.com", "pass"),
        ("198.51.100.7", "a@example.com", "pass"),
        ("198.51.100.8", "a@example.com", "fail"),
        ("192.0.2.5", "a@la.example.com", "pass"),
        ("198.51.100.8", "a@la.example.com", "fail"),
        ("192.0.2.140", "a@user.example.com", "pass"),
        ("192.0.2.10", "a@user.example.com", "fail"),
        ("198.51.100.8", "a@user.example.com", "fail"),
        ("203.0.113.1", "joel@many.example.com", "pass"),
        ("203.0.113.1", "eve@many.example.com", "fail"),
    ],
)
def test_records_of_several_domains(ip: str, sender: str, result: str) -> None:
    lookup = FakeDns(NAMES | SEVERAL).lookup
    assert run(check_host(ip, sender.rpartition("@")[2], sender, "mail.example.com", lookup)).result == result
