"""DKIM: what a signature covers, and each way in which it does not count (RFC 6376, RFC 8301, RFC 8463)."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from fake_dns import cpu
from hypothesis import given
from hypothesis import strategies as st
from signed import LETTER, NOW, key, signatures, signer, zone

from mailcourse.authentication.dkim import MAX_SIGNATURES
from mailcourse.authentication.octets import Bodies
from mailcourse.authentication.signer import Signer, problem_of
from mailcourse.authentication.signing import make_key, public_record, sign, zone_line

FORMS = ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"]
KINDS = ["rsa", "ed25519"]


def signed(kind: str = "rsa", **more: object) -> bytes:
    return sign(signer(kind, **more), LETTER, NOW) + LETTER


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_we_sign_verifies(kind: str, form: str) -> None:
    (result,) = signatures(signed(kind, form=form))
    assert (result.result, result.domain, result.selector, result.reason) == ("pass", "academy.test", kind, "")
    assert result.covered == ("from", "to", "subject", "date", "message-id")
    assert [step.what for step in result.steps] == ["signature", "body", "key", "fields"]


@pytest.mark.parametrize("form", FORMS)
def test_one_flipped_octet_anywhere_signed_fails(form: str) -> None:
    message = signed("ed25519", form=form)
    places = range(message.index(b"From:"), message.index(b"\r\n\r\nForty") - 2, 3)
    body = range(message.index(b"Forty"), message.index(b"Alice\r\n\r\n") + 5)
    for place in (*places, *body):
        changed = message[:place] + bytes([message[place] ^ 0x01]) + message[place + 1 :]
        (result,) = signatures(changed)
        assert result.result == "fail", (place, message[place - 5 : place + 5])


def test_a_changed_body_and_a_changed_field_are_told_apart() -> None:
    message = signed()
    (body,) = signatures(message.replace(b"Forty", b"Fifty"))
    (field,) = signatures(message.replace(b"Subject:  two", b"Subject:  one"))
    assert "its hash is not bh=" in body.reason
    assert body.steps[-1].verdict == "signed with this key"  # the fields are still those that were signed
    assert "a signed field was changed" in field.reason


RELAXED = {
    # what a server on the way did → does relaxed/relaxed, does simple/simple survive?
    "a field on top": (lambda m: b"Received: from x\r\n" + m, True, True),
    "folds": (lambda m: m.replace(b"two\r\n  lines ", b"two lines"), True, False),
    "case of a name": (lambda m: m.replace(b"Subject:", b"SUBJECT:"), True, False),
    "spaces in a line": (lambda m: m.replace(b"Forty  rolls, \t please. ", b"Forty rolls, please."), True, False),
    "empty lines at the end": (lambda m: m + b"\r\n\r\n", True, True),
    "a footer": (lambda m: m + b"-- \r\nstaff@bakery.test\r\n", False, False),
    "another From": (lambda m: b"From: eve@example.com\r\n" + m, False, False),
    "another Subject": (lambda m: b"Subject: x\r\n" + m, False, False),
    "a tag in the subject": (lambda m: m.replace(b"Subject:  two", b"Subject: [staff] two"), False, False),
}


@pytest.mark.parametrize("change", RELAXED)
def test_what_happens_on_the_way_breaks_a_signature_or_does_not(change: str) -> None:
    change_it, relaxed, simple = RELAXED[change]
    for form, survives in (("relaxed/relaxed", relaxed), ("simple/simple", simple)):
        (result,) = signatures(change_it(signed(form=form)))
        assert (result.result == "pass") == survives, form


# ---- the signature field ------------------------------------------------------------------------------------------

FIELDS = {
    # what is put in place of what → the result
    (b"v=1", b"v=2"): "neutral",
    (b"v=1; ", b""): "neutral",
    (b"a=rsa-sha256", b"a=rsa-sha1"): "policy",
    (b"a=rsa-sha256", b"a=rot13"): "neutral",
    (b"a=rsa-sha256", b"a=ed25519-sha256"): "permerror",
    (b"c=relaxed/relaxed", b"c=strict"): "neutral",
    (b"d=academy.test", b"d=bakery.test"): "permerror",  # no key there
    (b"d=academy.test", b"d=academy..test"): "neutral",
    (b"d=academy.test", b"d=\xff"): "neutral",
    (b"s=rsa", b"s=gone"): "permerror",
    (b"s=rsa", b"s=" + b"x" * 64): "neutral",
    (b"h=from", b"h=sender; z=from"): "permerror",
    (b"h=from", b"h=" + b"a:" * 300 + b"from"): "policy",
    (b"bh=", b"bh=!"): "neutral",
    (b"\r\n b=", b"\r\n b=!!"): "neutral",
    (b"\r\n b=", b"\r\n b=AAAA"): "fail",
    (b"bh=", b"bh=AAAA"): "fail",
    (b"v=1;", b"v=1; v=1;"): "neutral",
    (b"v=1;", b"v=1; nothing;"): "neutral",
    (b"v=1;", b"v=1; i=@example.com;"): "permerror",
    (b"v=1;", b"v=1; i=academy.test;"): "neutral",
    (b"v=1;", b"v=1; q=carrier/pigeon;"): "neutral",
    (b"v=1;", b"v=1; q=dns/txt:carrier/pigeon;"): "fail",  # it was not signed with that
    (b"v=1;", b"v=1; l=x;"): "neutral",
    (b"v=1;", b"v=1; l=0;"): "policy",
    (b"v=1;", b"v=1; l=1000000;"): "fail",
    (b"v=1;", b"v=1; l=" + b"9" * 80 + b";"): "neutral",
    (b"v=1;", b"v=1; x=-1;"): "neutral",
    (b"v=1;", b"v=1; x=1;"): "neutral",
    (b"v=1;", b"v=1; x=1788768001;"): "fail",
    (b"t=1788768000", b"t=1788800000"): "policy",
    (b"t=1788768000", b"t=" + b"9" * 15): "policy",
    (b"t=1788768000", b"t=1788768100"): "fail",
    (b"v=1;", b"v=1; z=" + b"x" * 9000 + b";"): "policy",
    (b"v=1;", b"v=1; z=" + b" " * 200 + b"x;"): "policy",
    (b"v=1;", b"v=1; \xff=1;"): "neutral",
}


@pytest.mark.parametrize(("old", "new"), FIELDS, ids=lambda text: repr(text[:30]))
def test_a_signature_that_cannot_count_is_told_why(old: bytes, new: bytes) -> None:
    message = signed()
    assert old in message
    (result,) = signatures(message.replace(old, new, 1), now=NOW + timedelta(seconds=5))
    assert result.result == FIELDS[old, new]
    assert result.reason


def test_times_are_those_of_the_lab() -> None:
    message = signed(lasts=7 * 86_400)
    for days, result in ((0, "pass"), (7, "pass"), (8, "fail"), (-1, "policy")):
        (found,) = signatures(message, now=NOW + timedelta(days=days))
        assert found.result == result, days


def test_a_signature_that_has_expired_still_says_whose_it_is() -> None:
    (found,) = signatures(signed(lasts=7 * 86_400), now=NOW + timedelta(days=8))
    assert (found.domain, found.selector) == ("academy.test", "rsa")
    assert "expired at 2026-09-14 08:00:00" in found.reason


def test_what_is_behind_a_signed_length_may_change() -> None:
    message = signed(length=20)
    (result,) = signatures(message + b"-- \r\na footer\r\n")
    assert result.result == "pass"
    assert "more are not signed" in result.steps[1].question
    (changed,) = signatures(message.replace(b"Forty", b"Fifty"))
    assert changed.result == "fail"


# ---- the key ------------------------------------------------------------------------------------------------------

PUBLIC = public_record(key())
P = PUBLIC.partition("p=")[2]
RECORDS = {
    # the records at the selector → the result
    (): "permerror",
    (PUBLIC, PUBLIC.replace("v=DKIM1;", "v=DKIM1; n=2;")): "permerror",
    ("v=DKIM1; p=",): "permerror",
    ("v=DKIM1",): "permerror",
    (f"p={P}",): "pass",
    (f"p={P[:30]} {P[30:]}",): "pass",
    (f"v=DKIM1; k=rsa; h=sha256; s=email; t=y; n=note; p={P}",): "pass",
    (f"v=DKIM2; p={P}",): "permerror",
    (f"v=DKIM1; k=ed25519; p={P}",): "permerror",
    (f"v=DKIM1; k=rot13; p={P}",): "permerror",
    (f"v=DKIM1; h=sha1; p={P}",): "permerror",
    (f"v=DKIM1; s=tlsrpt; p={P}",): "permerror",
    (f"v=DKIM1; s=email:*; p={P}",): "pass",
    (f"v=DKIM1; s=other:email; t=y:s; p={P}",): "pass",
    (f"v=; p={P}",): "permerror",
    (f"v=DKIM1; t=s; p={P}",): "pass",
    (f"v=DKIM1; p={P[:40]}",): "permerror",
    ("v=DKIM1; p=!!!!",): "permerror",
    ("v=DKIM1; p=A",): "permerror",
    ("v=DKIM1; p=" + "A" * 5000,): "policy",
    ("\xff\xfe",): "permerror",
    ("p",): "permerror",
    ("",): "permerror",
    (public_record(key("rsa", 512)),): "policy",
    (public_record(key("rsa", 1026)),): "fail",
}


@pytest.mark.parametrize("records", RECORDS, ids=lambda texts: " + ".join(text[:40] for text in texts))
def test_a_key_that_cannot_be_used_is_told_why(records: tuple[str, ...]) -> None:
    table = zone() | {"rsa._domainkey.academy.test": [f"TXT {text}" for text in records]}
    (result,) = signatures(signed(), table)
    assert result.result == RECORDS[records]


def huge(bits: int, exponent: int) -> str:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    numbers = rsa.RSAPublicNumbers(exponent, (1 << bits) - 1).public_key()
    der = numbers.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; p={base64.b64encode(der).decode()}"


@pytest.mark.parametrize("record", [huge(8192, 65537), huge(2048, 2**60 + 1)], ids=["8,192 bits", "a huge exponent"])
def test_a_key_that_costs_too_much_is_refused(record: str) -> None:
    (result,) = signatures(signed(), zone() | {"rsa._domainkey.academy.test": [f"TXT {record}"]})
    assert result.result == "policy"


def test_a_key_that_cannot_be_asked_for_now_is_a_temporary_error() -> None:
    (result,) = signatures(signed(), zone() | {"rsa._domainkey.academy.test": ["SILENT"]})
    assert result.result == "temperror"


def test_a_key_may_forbid_sub_domains() -> None:
    text = sign(signer(), LETTER, NOW) + LETTER
    of_shop = text.replace(b"v=1;", b"v=1; i=@shop.academy.test;")
    strict = zone() | {"rsa._domainkey.academy.test": [f"TXT v=DKIM1; t=s; p={P}"]}
    assert signatures(of_shop, strict)[0].result == "permerror"
    assert signatures(of_shop)[0].result == "fail"  # only because i= was not signed


# ---- several signatures, and too much of everything ----------------------------------------------------------------


def test_each_signature_has_its_own_result() -> None:
    message = signed("rsa")
    twice = sign(signer("ed25519"), message, NOW) + message
    assert [each.result for each in signatures(twice)] == ["pass", "pass"]
    assert [each.result for each in signatures(twice.replace(b"s=rsa", b"s=gone"))] == ["pass", "permerror"]


def test_of_a_hundred_signatures_some_are_looked_at() -> None:
    message = sign(signer("rsa"), LETTER, NOW) * 100 + LETTER
    results = signatures(message)
    assert [each.result for each in results] == ["pass"] * MAX_SIGNATURES + ["policy"]


HUGE = {
    "spaces in a line": LETTER + b" " * 100_000 + b"x\r\n",
    "spaces at the ends of lines": LETTER + b" \r\n" * 30_000 + b"x\r\n",
    "empty lines": LETTER + b"\r\n" * 50_000,
    "a long field": b"X: " + b" \t" * 50_000 + b"\r\n" + LETTER,
    "folds": b"X:" + b"\r\n " * 30_000 + b"x\r\n" + LETTER,
    "fields": b"".join(b"X%d: x\r\n" % n for n in range(900)) + LETTER,
    "a long signature": b"DKIM-Signature: " + b"b " * 50_000 + b"\r\n" + LETTER,
    "a signature of folds": b"DKIM-Signature: v=1; b" + b"\r\n " * 30_000 + b"\r\n" + LETTER,
    "many tags": b"DKIM-Signature: " + b"a=;" * 30_000 + b"\r\n" + LETTER,
}


@pytest.mark.parametrize("form", ["relaxed/relaxed", "simple/simple"])
@pytest.mark.parametrize("what", HUGE)
def test_a_hundred_kilobytes_take_less_than_a_tenth_of_a_second(what: str, form: str) -> None:
    message = sign(signer("rsa", form=form), HUGE[what], NOW) + HUGE[what]
    assert cpu(lambda: signatures(message)) < 0.4  # hundreds of times as long, if it were not linear
    assert signatures(message)[0].result == "pass"


def test_more_fields_than_are_looked_at_are_said() -> None:
    message = signed() + b""
    many = b"".join(b"X%d: x\r\n" % n for n in range(2000)) + message
    assert signatures(many)[0].result == "policy"


@given(st.binary(max_size=300), st.binary(max_size=300), st.integers(0, 900))
def test_no_octets_raise(field: bytes, other: bytes, place: int) -> None:
    message = signed("ed25519")
    broken = message[:place] + other + message[place:]
    for text in (b"DKIM-Signature: " + field + b"\r\n" + LETTER, field, broken):
        assert all(each.result for each in signatures(text))


@given(st.binary(max_size=400))
def test_no_key_record_raises(record: bytes) -> None:
    table = zone() | {"rsa._domainkey.academy.test": [f"TXT {record.decode('latin-1')}"]}
    assert signatures(signed(), table)[0].result in ("permerror", "policy", "fail")


BODY = st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"b ", b"\r", b"\n"]), max_size=30).map(b"".join)


@given(BODY)
def test_a_canonical_body_is_what_dkimpy_makes(body: bytes) -> None:
    from dkim.canonicalization import Relaxed, Simple

    assert Bodies(body).form(b"relaxed") == Relaxed.canonicalize_body(body)
    assert Bodies(body).form(b"simple") == Simple.canonicalize_body(body)


# ---- keys ---------------------------------------------------------------------------------------------------------


def test_the_same_chance_makes_the_same_key() -> None:
    from random import Random

    assert make_key("rsa", Random(1), 1024) == make_key("rsa", Random(1), 1024) != make_key("rsa", Random(2), 1024)
    assert make_key("ed25519", Random(1)) != make_key("ed25519", Random(2))


NO_KEYS = [
    "",
    "AAAA",
    "é",
    "A" * 43 + "!",
    "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    "-----BEGIN",
]


@pytest.mark.parametrize("text", NO_KEYS)
def test_what_is_no_private_key_is_told(text: str) -> None:
    assert problem_of(text)


@pytest.mark.parametrize("kind", KINDS)
def test_a_private_key_is_one(kind: str) -> None:
    assert problem_of(key(kind)) == problem_of(key(kind) + "\n") == ""
    assert problem_of(key("rsa", 512)) == ""  # to be seen failing


def test_the_record_of_a_key_fits_a_zone() -> None:
    line = zone_line(replace(signer(), key=key("rsa", 2048)))
    assert line.startswith('rsa._domainkey TXT "v=DKIM1; k=rsa; p=')
    assert all(len(string) <= 255 for string in line.split('"')[1::2])
    assert isinstance(zone_line(Signer("a.test", "s", key())), str)
