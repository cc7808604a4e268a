"""SPF: what each term does, what a record may say, how much is asked (RFC 7208 §4, §5, §7, appendix A)."""

from __future__ import annotations

import pytest
from fake_dns import FakeDns, run

from mailcourse.authentication.spf import SpfResult, check_host

V4, V6 = "192.0.2.25", "2001:db8::25"
#: names that the records below speak of
NAMES: dict[str, list[str]] = {
    "mail.academy.test": ["A 192.0.2.25", "AAAA 2001:db8::25"],
    "near.academy.test": ["A 192.0.2.26", "AAAA 2001:db8::26"],
    "six.academy.test": ["AAAA 2001:db8::25"],
    "four.academy.test": ["A 192.0.2.99"],
    "mx.academy.test": ["MX 10 gone.academy.test", "MX 20 mail.academy.test"],
    "nullmx.academy.test": ["MX 0 ."],
    "self.academy.test": ["TXT v=spf1 include:self.academy.test"],
    "slow.academy.test": ["SILENT"],
    "odd:name/x.academy.test": ["A 192.0.2.25"],
    "foo.academy.xn--zckzah": ["A 192.0.2.25"],
    "pass.academy.test": ["TXT v=spf1 +all"],
    "fail.academy.test": ["TXT v=spf1 -all exp=why.academy.test"],
    "soft.academy.test": ["TXT v=spf1 ~all"],
    "wrong.academy.test": ["TXT v=spf1 moo"],
    "text.academy.test": ["TXT something else"],
    "why.academy.test": ["TXT %{i} is not %{d}"],
    "25.2.0.192.in-addr.arpa": ["PTR other.test", "PTR mail.academy.test"],
    "other.test": ["A 203.0.113.1"],
    "100%  x%20y.academy.test": ["A 192.0.2.25"],
    "25.2.0.192.in-addr.lists.test": ["A 127.0.0.2"],
    "c.b.a.lists.test": ["A 127.0.0.2"],
}


def check(
    record: str | list[str],
    ip: str = V4,
    sender: str = "a.b-c@bakery.test",
    helo: str = "mail.academy.test",
    **more: list[str],
) -> SpfResult:
    records = [record] if isinstance(record, str) else record
    table = NAMES | {"bakery.test": [f"TXT {text}" for text in records] + ["A 192.0.2.25"]} | more
    return run(check_host(ip, sender.rpartition("@")[2], sender, helo, FakeDns(table).lookup))


TERMS = {
    # mechanism, address → result; each record goes on with ~all
    ("a", V4): "pass",
    ("a:near.academy.test", V4): "softfail",
    ("a:near.academy.test/24", V4): "pass",
    ("a:near.academy.test/24", V6): "softfail",
    ("a:near.academy.test//64", V6): "pass",
    ("a:near.academy.test/32//127", V6): "softfail",
    ("a:near.academy.test/24//64", V6): "pass",
    ("a/0", V4): "pass",
    ("a:six.academy.test/0", V4): "softfail",
    ("a:six.academy.test//0", V6): "pass",
    ("a:gone.academy.test/0", V4): "softfail",
    ("a:odd:name/x.academy.test", V4): "pass",
    ("a:foo.academy.xn--zckzah", V4): "pass",
    ("a:mail.academy.test.", V4): "pass",
    ("A:MAIL.academy.TEST", V4): "pass",
    ("mx", V4): "softfail",
    ("mx:mx.academy.test", V4): "pass",
    ("mx:mx.academy.test/8", "192.99.99.99"): "pass",
    ("mx:nullmx.academy.test/0", V4): "softfail",
    ("mx:mail.academy.test", V4): "softfail",  # §5.4: no implicit MX
    ("ptr:academy.test", V4): "pass",
    ("ptr:mail.academy.test", V4): "pass",
    ("ptr:other.test", V4): "softfail",  # its address is another
    ("ptr:y.test", V4): "softfail",
    ("ptr", V6): "softfail",
    ("exists:mail.academy.test", V6): "pass",
    ("exists:six.academy.test", V6): "softfail",
    ("exists:%{ir}.%{v}.lists.test", V4): "pass",
    ("exists:%{lr-.}.lists.test", V4): "pass",
    ("a:100%%%_%_x%-y.academy.test", V4): "pass",
    ("a:%{h}", V4): "pass",
    ("include:pass.academy.test", V4): "pass",
    ("include:fail.academy.test", V4): "softfail",
    ("include:soft.academy.test", V4): "softfail",
    ("-include:pass.academy.test", V4): "fail",
    ("?include:pass.academy.test", V4): "neutral",
    ("include:wrong.academy.test", V4): "permerror",
    ("include:text.academy.test", V4): "permerror",
    ("include:slow.academy.test", V4): "temperror",
    ("a:slow.academy.test", V4): "temperror",
    ("exists:slow.academy.test", V4): "temperror",
    ("ip4:192.0.2.25", V4): "pass",
    ("ip4:192.0.2.0/24", V4): "pass",
    ("ip4:0.0.0.0/0", V4): "pass",
    ("ip4:192.0.2.25", "::ffff:192.0.2.25"): "pass",  # §5
    ("ip6:::ffff:192.0.2.25", "::ffff:192.0.2.25"): "softfail",
    ("ip6:2001:DB8::/32", V6): "pass",
    ("ip6:::/0", V4): "softfail",
    ("moo.cow-far_out=man:dog/cat", V4): "softfail",
    ("default=+", V4): "softfail",
    ("redirect=self.academy.test", V4): "softfail",  # "all" comes first, §6.1
    ("exp=gone.academy.test", V4): "softfail",
    (" a", V4): "pass",
    (" A ", V4): "pass",
}


@pytest.mark.parametrize(("term", "ip"), TERMS, ids=str)
def test_a_term_says_who_may_send(term: str, ip: str) -> None:
    assert check(f"v=spf1 {term} ~all", ip).result == TERMS[term, ip]


WRONG = [
    "moo",
    "all.",
    "all:x",
    "all/8",
    "-",
    "--all",
    "1up=x",
    "=all",
    "redirect:pass.academy.test",
    "+exp=x.academy.test",
    "a:",
    "a/33",
    "a/032",
    "a//129",
    "a/24/64",
    "a:x.academy.test/33",
    "a:abc.123",
    "a:192.0.2.25",
    "a:museum",
    "a:museum.",
    "a:x.-com",
    "a:x.com-",
    "a:x.test:8080",
    "a:x.academy.test\0",
    "a\tb",
    "a:%{a}.academy.test",
    "a:%{c}.academy.test",
    "a:%(ir).x.test",
    "a:x%.test",
    "a:x.test%",
    "a:%{d0}.test",
    "mx:",
    "mx/33",
    "ptr:",
    "ptr/0",
    "exists",
    "exists:",
    "exists:x.academy.test/24",
    "include",
    "include:",
    "include:pass.academy.test/24",
    "ip4",
    "ip4:",
    "ip4:192.0.2",
    "ip4:192.0.2.25:25",
    "ip4:192.0.2.25/33",
    "ip4:192.0.2.25/032",
    "ip4:192.0.2.25//32",
    "ip4:192.0.2.025",
    "ip6",
    "ip6:::1/129",
    "ip6:::1//64",
    "ip6::CAFE::BABE",
    "ip6:fe80::1%eth0",
    "redirect=",
    "redirect=-all",
    "exp=",
    "exp=-all",
    "exp=museum",
    "x=%abc",
    "exp=a.test exp=a.test",
    "redirect=a.test redirect=a.test",
    "a:caf\u00e9.academy.test",
    "\u0080a",
    "mo/o=x",
    "mo:o=x",
]


@pytest.mark.parametrize("term", WRONG)
def test_an_error_anywhere_in_a_record_is_permerror(term: str) -> None:
    assert check(f"v=spf1 ip4:192.0.2.25 {term} -all").result == "permerror"


RECORDS = {
    ("v=spf1",): "neutral",
    ("v=spf1 -all ",): "fail",
    ("V=sPf1 -ALL",): "fail",
    ("v=spf1 -all", "v=spf1 +all"): "permerror",
    ("v=spf1 -all", "V=SPF1 +all"): "permerror",
    ("v=spf1 -all", "v=spf10 +all", "v=spf1", "x"): "permerror",
    ("v=spf1 -all", "v=spf10 +all", " v=spf1"): "fail",
    ("v=spf1 -all", "\u0096"): "fail",
    ("v=spf1 ip4:|192.0.2.25 -all",): "pass",
    ("v=spf1|mx",): "none",
    ("",): "none",
    (): "none",
    ("v=spf1 ?all -all",): "neutral",
    ("v=spf1 redirect=fail.academy.test",): "fail",
    ("v=spf1 redirect=text.academy.test",): "permerror",
    ("v=spf1 redirect=gone.academy.test",): "permerror",
    ("v=spf1 redirect=x..academy.test",): "permerror",
    ("v=spf1 redirect=slow.academy.test",): "temperror",
    ("v=spf1 a:x..academy.test -all",): "fail",  # §4.8: what cannot be a name has no records
    ("v=spf1 a:" + "x" * 64 + ".test -all",): "fail",
}


@pytest.mark.parametrize("records", RECORDS, ids=str)
def test_a_domain_has_one_record_that_begins_with_its_version(records: tuple[str, ...]) -> None:
    assert check(list(records)).result == RECORDS[records]


@pytest.mark.parametrize(
    "domain",
    [
        "a" * 64 + ".test",
        "a...test",
        "test",
        "[192.0.2.25]",
        "",
        ".",
        "x." * 130 + "test",
        "a b",
        "\u00e9.test",
        "\ud800.test",
    ],
)
def test_what_is_no_domain_has_no_policy(domain: str) -> None:
    assert run(check_host(V4, domain, f"a@{domain}", "x", FakeDns({}).lookup)).result == "none"


def test_a_final_dot_of_a_domain_changes_nothing() -> None:
    table = {"bakery.test": ["TXT v=spf1 -all exp=x.bakery.test"], "x.bakery.test": ["TXT %{d}"]}
    assert run(check_host(V4, "bakery.test.", "", "x", FakeDns(table).lookup)).explanation == "bakery.test"


def test_a_silent_dns_is_a_temporary_error() -> None:
    assert run(check_host(V4, "slow.academy.test", "", "x", FakeDns(NAMES).lookup)).result == "temperror"


@pytest.mark.parametrize("record", ["v=spf1 a/24 -all", "v=spf1 include:pass.academy.test -all", "v=spf1 ptr -all"])
def test_each_term_is_a_step_with_question_and_answer(record: str) -> None:
    steps = check(record).steps
    assert steps[0].answer == record
    term = record.split()[1]
    assert next(step.verdict for step in steps if step.what == term).startswith(("match", "no match"))
    assert all(step.question for step in steps if step.what == "record")


# ---- limits (§4.6.4) ----------------------------------------------------------------------------------------------

LIMITS = {
    "v=spf1 a:x.academy.test a:y.academy.test ?all": "neutral",
    "v=spf1 a:x.academy.test a:y.academy.test a:z.academy.test ?all": "permerror",
    "v=spf1 a:x.academy.test a:y.academy.test exp=z.academy.test -all": "fail",  # exp does not count
    "v=spf1" + " a:near.academy.test" * 10 + " ?all": "neutral",
    "v=spf1" + " a:near.academy.test" * 11 + " ?all": "permerror",
    "v=spf1" + " a:near.academy.test" * 10 + " redirect=pass.academy.test": "permerror",
    "v=spf1" + " a:near.academy.test" * 9 + " redirect=pass.academy.test": "pass",
    "v=spf1" + " ip4:192.0.2.99" * 100 + " a ?all": "pass",
    "v=spf1 include:self.academy.test": "permerror",
    "v=spf1 redirect=bakery.test": "permerror",
    "v=spf1 mx:many.academy.test ?all": "permerror",
    "v=spf1 mx:ten.academy.test ?all": "pass",
    "v=spf1 a:crowd.academy.test ?all": "pass",
    "v=spf1 ptr ptr ptr ptr:y.test ?all": "neutral",  # nothing in the client's own zones counts as void
}


@pytest.mark.parametrize("record", LIMITS, ids=lambda text: text[:60])
def test_no_more_is_asked_than_the_rfc_allows(record: str) -> None:
    more = {
        "many.academy.test": [f"MX {n} mail.academy.test" for n in range(11)],
        "ten.academy.test": [f"MX {n} near.academy.test" for n in range(9)] + ["MX 9 mail.academy.test"],
        "crowd.academy.test": [f"A 192.0.2.{n}" for n in range(1, 26)],
        "25.2.0.192.in-addr.arpa": ["PTR gone.test", "PTR gone2.test", "PTR gone3.test"],
    }
    assert check(record, **more).result == LIMITS[record]


@pytest.mark.parametrize(("position", "result"), [(9, "pass"), (10, "neutral")])
def test_ten_names_of_a_client_are_looked_at(position: int, result: str) -> None:
    names = [f"PTR n{n}.other.test" for n in range(12)]
    names[position] = "PTR mail.academy.test"
    more = {"25.2.0.192.in-addr.arpa": names}
    assert check("v=spf1 ptr:academy.test ?all", **more).result == result


def test_a_clients_zone_that_does_not_answer_matches_nothing() -> None:
    more = {"25.2.0.192.in-addr.arpa": ["PTR slow.academy.test", "PTR mail.academy.test"]}
    assert check("v=spf1 ptr:academy.test ?all", **more).result == "pass"
    assert check("v=spf1 ptr:academy.test ?all", **{"25.2.0.192.in-addr.arpa": ["SILENT"]}).result == "neutral"


# ---- explanations and macros (§6.2, §7) ---------------------------------------------------------------------------

EXPLAINED = {
    # the text that exp= leads to → the explanation
    "%{i} is not %{d}": "192.0.2.25 is not bakery.test",
    "%{s}|%{o}|%{L}": "a.b-c@bakery.testbakery.testa.b-c",  # strings of one record are joined
    "%{ir}.%{v}": "25.2.0.192.in-addr",
    "%{d2} %{d1} %{d9} %{dr}": "bakery.test test bakery.test test.bakery",
    "%{l-} %{l1-} %{lr-} %{l2r.}": "a.b.c c c.a.b b-c.a",
    "%{p} %{p2} %{h}": "mail.academy.test academy.test mail.academy.test",
    "%{c} %{r} %{t}": "192.0.2.25 unknown 0",
    "%{S}": "a.b-c%40bakery.test",
    "100%% %_%- end.": "100%  %20 end.",
    "": "",
    "%{x}": "",
    "%": "",
    "%{d0}": "",
    "\u00e9": "",
    "tab\there": "",
}


@pytest.mark.parametrize("text", EXPLAINED)
def test_a_fail_comes_with_what_the_domain_says_about_it(text: str) -> None:
    more = {"exp.bakery.test": [f"TXT {text}"]}
    assert check("v=spf1 -all exp=exp.%{d}", **more).explanation == EXPLAINED[text]


V6_EXPLAINED = "2001:db8::25 is 5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6"


def test_an_ipv6_address_is_written_in_nibbles() -> None:
    more = {"exp.bakery.test": ["TXT %{c} is %{ir}.%{v}"]}
    assert check("v=spf1 -all exp=exp.bakery.test", V6, **more).explanation == V6_EXPLAINED


@pytest.mark.parametrize("there", [[], ["TXT one", "TXT two"], ["SILENT"]])
def test_an_explanation_that_is_not_to_be_had_is_empty(there: list[str]) -> None:
    result = check("v=spf1 -all exp=exp.bakery.test", **{"exp.bakery.test": there})
    assert (result.result, result.explanation) == ("fail", "")


def test_the_explanation_is_that_of_the_record_which_fails() -> None:
    assert check("v=spf1 include:fail.academy.test -all exp=nothing.test").explanation == ""
    assert (
        check("v=spf1 include:fail.academy.test -all exp=x.own.test", **{"x.own.test": ["TXT ours"]}).explanation
        == "ours"
    )
    redirected = check("v=spf1 exp=x.own.test redirect=fail.academy.test", **{"x.own.test": ["TXT ours"]})
    assert redirected.explanation == "192.0.2.25 is not fail.academy.test"


def test_a_sender_without_a_local_part_is_postmaster() -> None:
    more = {"exp.bakery.test": ["TXT %{s}"]}
    for sender in ("@bakery.test", "bakery.test"):
        assert check("v=spf1 -all exp=exp.bakery.test", sender=sender, **more).explanation == "postmaster@bakery.test"
    table = {"bakery.test": ["TXT v=spf1 -all exp=exp.bakery.test"], **more}
    null = run(check_host(V4, "bakery.test", "", "bakery.test", FakeDns(table).lookup))
    assert null.explanation == "postmaster@bakery.test"


def test_a_long_name_is_cut_from_its_left() -> None:
    long = "somewhat.long.bakery.test"
    expected = ".".join([long] * 9) + ".academy.test"
    table = {
        long: ["TXT v=spf1 -all exp=dropped." + "%{d}." * 9 + "academy.test"],
        expected: ["TXT found"],
    }
    assert len(expected) <= 253 < len("dropped." + expected)
    assert run(check_host(V4, long, f"a@{long}", "x", FakeDns(table).lookup)).explanation == "found"


@pytest.mark.parametrize("helo", ["JUMPIN' JUPITER", "[192.0.2.25]", "%" * 22, "x" * 5000, "\udc80", ""])
def test_no_helo_is_an_error(helo: str) -> None:
    assert check("v=spf1 a:%{H} a:%{h}.test -all", helo=helo).result == "fail"


def test_what_costs_much_to_expand_takes_little_time() -> None:
    for record in (
        "v=spf1 " + "a:%{h}.%{h}%{h}.test " * 2800,
        "v=spf1 exists:" + "%{S}" * 15000 + ".test",
        "v=spf1" + " ip4:1.2.3.4" * 5000,
    ):
        assert check(record, helo="h" * 4000).result in ("permerror", "neutral")
