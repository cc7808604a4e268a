"""DMARC: which domain speaks for the author, and what the owner wants (RFC 7489 §3.1, §6.3, §6.6; RFC 9989)."""

from __future__ import annotations

import pytest
from fake_dns import FakeDns, cpu, run
from hypothesis import given
from hypothesis import strategies as st

from mailcourse.authentication.dkim import DkimResult
from mailcourse.authentication.dmarc import DmarcResult, authors, evaluate, organisational, read_record
from mailcourse.authentication.octets import split
from mailcourse.authentication.spf import SpfResult


def check(
    author: str = "academy.test",
    records: list[str] | None = None,
    *,
    spf: tuple[str, str] = ("none", "academy.test"),
    dkim: tuple[str, str] | None = None,
    sample: int = 0,
    **more: list[str],
) -> DmarcResult:
    """`spf` and `dkim` are (result, domain); `records` are those of _dmarc.academy.test."""
    table = {"_dmarc.academy.test": [f"TXT {text}" for text in (records or ["v=DMARC1; p=reject"])]}
    table |= {name.replace("__", "."): lines for name, lines in more.items()}
    signatures = [DkimResult(dkim[0], dkim[1])] if dkim else []
    message = split(f"From: Alice <alice@{author}>\r\n\r\n".encode())
    return run(evaluate(message, SpfResult(*spf), signatures, FakeDns(table).lookup, sample=sample))


ALIGNED = [
    # author, verified domain, relaxed, strict
    ("academy.test", "academy.test", True, True),
    ("Academy.Test", "aCADEMY.tEST", True, True),
    ("academy.test", "mail.academy.test", True, False),
    ("news.academy.test", "academy.test", True, False),
    ("news.academy.test", "mail.academy.test", True, False),
    ("academy.test", "academy.test.bakery.test", False, False),
    ("academy.test", "xacademy.test", False, False),
    ("academy.test", "test", False, False),
    ("academy.test", "", False, False),
    ("academy.test", "bakery.test", False, False),
    ("academy.test", "academy.test.", True, True),
]


@pytest.mark.parametrize(("author", "domain", "relaxed", "strict"), ALIGNED)
@pytest.mark.parametrize("method", ["spf", "dkim"])
def test_a_verified_domain_speaks_for_the_author_or_does_not(
    author: str, domain: str, relaxed: bool, strict: bool, method: str
) -> None:
    tag = "aspf" if method == "spf" else "adkim"
    verified = {"spf": ("pass", domain)} if method == "spf" else {"dkim": ("pass", domain)}
    for record, fits in (("v=DMARC1; p=reject", relaxed), (f"v=DMARC1; p=reject; {tag}=s", strict)):
        result = check(author, [record], **verified)
        assert (result.result, result.aligned) == (("pass", (method,)) if fits else ("fail", ()))
        assert result.disposition == ("none" if fits else "reject")
    other = "adkim" if method == "spf" else "aspf"
    assert (check(author, [f"v=DMARC1; p=none; {other}=s"], **verified).result == "pass") == relaxed


@pytest.mark.parametrize("result", ["fail", "softfail", "neutral", "none", "permerror", "temperror", "policy"])
def test_only_a_pass_counts(result: str) -> None:
    assert check(spf=(result, "academy.test"), dkim=(result, "academy.test")).result == "fail"


RECORDS = {
    # the records, and the author's domain → result and disposition when nothing passed
    (("v=DMARC1; p=none",), "academy.test"): ("fail", "none"),
    (("v=DMARC1; p=quarantine",), "academy.test"): ("fail", "quarantine"),
    (("v=DMARC1;p=reject;",), "academy.test"): ("fail", "reject"),
    (("v=DMARC1 ; P = Reject ; x=y ; pct=", "x"), "academy.test"): ("fail", "reject"),
    (("v=DMARC1; p=none; sp=reject",), "news.academy.test"): ("fail", "reject"),
    (("v=DMARC1; p=none; sp=reject",), "academy.test"): ("fail", "none"),
    (("v=DMARC1; p=reject",), "news.academy.test"): ("fail", "reject"),
    (("v=DMARC1; p=reject; sp=none; np=quarantine",), "gone.academy.test"): ("fail", "quarantine"),
    (("v=DMARC1; p=reject; sp=none; np=quarantine",), "news.academy.test"): ("fail", "none"),
    (("v=DMARC1; p=reject; t=y",), "academy.test"): ("fail", "quarantine"),
    (("v=DMARC1; p=quarantine; t=y",), "academy.test"): ("fail", "none"),
    (("v=DMARC1; p=reject; t=n",), "academy.test"): ("fail", "reject"),
    (("v=DMARC1; p=what",), "academy.test"): ("none", "none"),
    (("v=DMARC1",), "academy.test"): ("none", "none"),
    (("v=DMARC1; p=what; rua=mailto:reports@academy.test",), "academy.test"): ("fail", "none"),
    (("v=DMARC1; p=reject; sp=what; rua=mailto:reports@academy.test",), "academy.test"): ("fail", "none"),
    (("v=DMARC1; p=reject; sp=what",), "academy.test"): ("none", "none"),
    (("v=DMARC1; p=reject; adkim=what; aspf=; pct=-5; fo=?",), "academy.test"): ("fail", "reject"),
    (("v=DMARC1; p=reject; pct=" + "9" * 5000,), "academy.test"): ("fail", "reject"),
    (("p=reject; v=DMARC1",), "academy.test"): ("none", "none"),
    (("v=dmarc1; p=reject",), "academy.test"): ("none", "none"),
    (("v=DMARC12; p=reject",), "academy.test"): ("none", "none"),
    (("v=DMARC1; p=reject", "v=DMARC1; p=none"), "academy.test"): ("none", "none"),
    (("v=DMARC1; p=reject", "something else"), "academy.test"): ("fail", "reject"),
    (("\u00ff",), "academy.test"): ("none", "none"),
    (("v=DMARC1; p=reject; \u00ff=\u00ff",), "academy.test"): ("fail", "reject"),
}


@pytest.mark.parametrize(("records", "author"), RECORDS, ids=lambda said: str(said)[:60])
def test_the_owner_of_the_domain_says_what_is_to_be_done(records: tuple[str, ...], author: str) -> None:
    result = check(author, list(records), news__academy__test=["A 192.0.2.9"])
    assert (result.result, result.disposition) == RECORDS[records, author]


@pytest.mark.parametrize(
    ("sample", "disposition"), [(0, "reject"), (29, "reject"), (30, "quarantine"), (99, "quarantine")]
)
def test_a_policy_may_be_for_a_share_of_the_messages(sample: int, disposition: str) -> None:
    assert check(records=["v=DMARC1; p=reject; pct=30"], sample=sample).disposition == disposition


def test_a_sub_domain_has_its_own_record_or_that_of_the_organisation() -> None:
    own = {"_dmarc__news__academy__test": ["TXT v=DMARC1; p=quarantine"]}
    assert check("news.academy.test", **own).disposition == "quarantine"
    assert check("deep.news.academy.test", **own).disposition == "reject"  # not the one in between
    none = {"_dmarc__news__academy__test": ["TXT hello"]}
    assert check("news.academy.test", **none).disposition == "reject"


def test_a_public_suffix_is_nobodys_organisation() -> None:
    assert organisational("co.uk") == "co.uk"
    assert organisational("a.b.example.co.uk") == "example.co.uk"
    uk = {"_dmarc__co__uk": ["TXT v=DMARC1; p=reject"], "_dmarc__example__co__uk": []}
    assert check("example.co.uk", **uk).result == "none"
    assert check("co.uk", spf=("pass", "example.co.uk"), **uk).result == "fail"
    assert check("co.uk", spf=("pass", "co.uk"), **uk).result == "pass"


def test_a_dns_that_does_not_answer_is_a_temporary_error() -> None:
    assert check("slow.test", _dmarc__slow__test=["SILENT"]).result == "temperror"


AUTHORS = {
    b"From: alice@academy.test": ["academy.test"],
    b"From: Alice <alice@Academy.Test>": ["academy.test"],
    b"From: a@academy.test, b@bakery.test": ["academy.test", "bakery.test"],
    b"From: a@academy.test\r\nFROM: b@bakery.test": ["academy.test", "bakery.test"],
    b'From: "bruno@bakery.test" <eve@example.com>': ["example.com"],
    b"From: (bruno@bakery.test) eve@example.com": ["example.com"],
    b"From: office: a@academy.test;": ["academy.test"],
    b"From:\r\n alice\r\n @academy.test": ["academy.test"],
    b"From : alice@academy.test": ["academy.test"],
    "From: eve@b\u00e4ckerei.test".encode(): ["xn--bckerei-5wa.test"],
    b"From: alice": [],
    b"From: <>": [],
    b"From: a@[192.0.2.1]": [],
    b"From: a@" + b"x" * 300: [],
    b"From: \xff@\xff": ["\ufffd"],
    b"To: a@academy.test": [],
    b"": [],
}


@pytest.mark.parametrize("header", AUTHORS)
def test_the_author_is_who_the_reader_sees(header: bytes) -> None:
    assert authors(split(header + b"\r\n\r\nFrom: x@y.test\r\n")) == AUTHORS[header]


def test_of_several_authors_the_strictest_that_fails_counts() -> None:
    table = {"_dmarc.academy.test": ["TXT v=DMARC1; p=reject"], "_dmarc.bakery.test": ["TXT v=DMARC1; p=none"]}
    message = split(b"From: a@bakery.test, b@academy.test\r\nFrom: c@nothing.test\r\n\r\n")
    result = run(evaluate(message, SpfResult("pass", "bakery.test"), [], FakeDns(table).lookup))
    assert (result.domain, result.result, result.disposition) == ("academy.test", "fail", "reject")


def test_a_message_without_an_author_is_an_error() -> None:
    result = run(evaluate(split(b"\r\n"), SpfResult("pass", "academy.test"), [], FakeDns({}).lookup))
    assert (result.result, result.disposition) == ("permerror", "none")


def test_every_step_is_there_to_be_shown() -> None:
    result = check(spf=("pass", "bakery.test"), dkim=("fail", "academy.test"))
    assert [step.what for step in result.steps] == ["From", "record", "SPF", "DKIM", "policy"]
    assert result.steps[2].verdict == "pass, not aligned"
    assert result.steps[3].verdict == "fail, aligned"
    assert result.steps[-1].verdict == "reject"


@given(st.binary(max_size=200))
def test_no_record_raises(octets: bytes) -> None:
    for text in (octets, b"v=DMARC1;" + octets):
        record = read_record("academy.test", text)
        assert record is None or record.policy in ("none", "quarantine", "reject")


@given(st.binary(max_size=200))
def test_no_author_raises(octets: bytes) -> None:
    assert len(authors(split(b"From: " + octets))) <= 5


def test_a_hundred_kilobytes_of_authors_take_no_time() -> None:
    for value in (b"a@b.test," * 11_000, b"(" * 100_000, b'"' * 100_000, b"<" * 100_000, b"\r\n " * 33_000):
        message = split(b"From: " + value + b"\r\n\r\n")
        assert cpu(lambda message=message: authors(message)) < 0.4  # hundreds of times as long, if it were not linear
        assert (
            cpu(lambda value=value: read_record("a.test", b"v=DMARC1;" + value)) < 0.4
        )  # hundreds of times as long, if it were not linear
