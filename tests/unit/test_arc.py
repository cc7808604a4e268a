"""ARC: the chain holds, or it is told where it breaks; sealed by us, by dkimpy, and by both (RFC 8617)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dkim
import pytest
from fake_dns import FakeDns, cpu, run
from hypothesis import given
from hypothesis import strategies as st
from signed import LETTER, NOW, proof, signer, zone

from mailcourse.authentication.arc import ArcResult, seal, validate
from mailcourse.authentication.octets import split
from mailcourse.authentication.signing import sign

NOTED = b"Authentication-Results: lists.test; dkim=pass header.d=academy.test; dmarc=pass header.from=academy.test"
ZONE = zone() | {
    f"{kind}._domainkey.lists.test": records
    for kind in ("rsa", "ed25519")
    for records in [zone()[f"{kind}._domainkey.academy.test"]]
}


def sealed(message: bytes = LETTER, times: int = 1, kind: str = "rsa") -> bytes:
    for number in range(times):
        message = NOTED + (b"; arc=pass" if number else b"") + b"\r\n" + message
        message = seal(signer(kind), message, "lists.test", NOW) + message
    return message


def check(message: bytes) -> ArcResult:
    return run(validate(split(message), FakeDns(ZONE).lookup, NOW))


@pytest.mark.parametrize("times", [1, 2, 5])
@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_what_we_seal_holds(times: int, kind: str) -> None:
    result = check(sealed(times=times, kind=kind))
    assert (result.result, result.sealers) == ("pass", ("academy.test",) * times)
    assert result.found is not None
    assert [each.method for each in result.found.methods] == ["dkim", "dmarc"]


def test_a_message_without_a_seal_has_no_chain() -> None:
    assert check(LETTER).result == "none"


def by_dkimpy(message: bytes) -> Any:
    def ask(name: bytes, timeout: int = 5) -> bytes:
        return b"".join(run(FakeDns(ZONE).lookup(name.decode(), "TXT"))[0].strings)

    return dkim.arc_verify(message, dnsfunc=ask)[0]


def test_dkimpy_finds_our_chain_whole() -> None:
    for times in (1, 2, 3):
        assert by_dkimpy(sealed(times=times)) == b"pass"
    assert by_dkimpy(sealed().replace(b"Forty", b"Fifty")) == b"fail"


BREAKS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a footer": (lambda m: m + b"-- \r\n", "its hash is not bh="),
    "another result": (lambda m: m.replace(b"i=1; lists.test; dkim=pass", b"i=1; lists.test; dkim=fail"), "seal 2"),
    "another newest result": (
        lambda m: m.replace(b"i=2; lists.test; dkim=pass", b"i=2; lists.test; dkim=fail"),
        "seal 2",
    ),
    "a set is gone": (lambda m: without(m, b"i=1;"), "the sets have the numbers 2"),
    "a seal is gone": (lambda m: without(m, b"ARC-Seal: i=1;"), "three fields"),
    "a result is gone": (lambda m: without(m, b"ARC-Authentication-Results: i=2;"), "three fields"),
    "a result twice": (lambda m: b"ARC-Authentication-Results: i=1; x.test; none\r\n" + m, "there twice"),
    "no number": (lambda m: b"ARC-Seal: cv=none\r\n" + m, "no number"),
    "a huge number": (lambda m: m.replace(b"i=2;", b"i=" + b"9" * 5000 + b";"), "no number"),
    "number 51": (lambda m: m.replace(b"i=2;", b"i=51;"), "the sets have the numbers 1, 51"),
    "a first pass": (lambda m: m.replace(b"i=1; cv=none", b"i=1; cv=pass"), "seal 2"),
    "a last none": (lambda m: m.replace(b"i=2; cv=pass", b"i=2; cv=none"), "says cv=none"),
    "it failed before": (lambda m: m.replace(b"i=2; cv=pass", b"i=2; cv=fail"), "says cv=fail"),
    "h= in a seal": (lambda m: m.replace(b"cv=pass", b"cv=pass; h=from"), "seal 2"),
    "no key": (lambda m: m.replace(b"d=academy.test", b"d=nowhere.test"), "no key"),
    "broken tags": (lambda m: m.replace(b"cv=pass", b"cv"), "tags cannot be read"),
}


def without(message: bytes, mark: bytes) -> bytes:
    fields = split(message).fields
    kept = [name + b":" + value for name, value in fields if mark not in name + b":" + value]
    return b"".join(kept) + b"\r\n" + split(message).body


@pytest.mark.parametrize("what", BREAKS)
def test_a_broken_chain_is_told_where(what: str) -> None:
    change, reason = BREAKS[what]
    message = sealed(sign(signer(), LETTER, NOW) + LETTER, times=2)
    assert check(message).result == "pass"
    assert change(message) != message
    result = check(change(message))
    assert result.result == "fail"
    assert reason in result.reason


def test_nothing_is_sealed_where_nothing_was_found_out_or_the_chain_has_ended() -> None:
    assert seal(signer(), LETTER, "lists.test", NOW) == b""
    assert seal(signer(), NOTED + b"\r\n" + LETTER, "other.test", NOW) == b""
    broken = sealed(times=2) + b"-- \r\n"
    assert seal(signer(), NOTED + b"; arc=fail\r\n" + broken, "lists.test", NOW) == b""
    assert seal(signer(), NOTED + b"\r\n" + without(sealed(), b"ARC-Seal"), "lists.test", NOW) == b""


def test_a_seal_is_believed_where_the_receiver_says_so() -> None:
    message = sealed(sign(signer(), LETTER, NOW) + LETTER)
    listed = sealed((sign(signer(), LETTER, NOW) + LETTER) + b"-- \r\na footer\r\n")
    alone = proof(listed, ZONE, ip="203.0.113.1", sender="owner@lists.test")
    assert (alone.summary, alone.disposition) == ("spf=none dkim=fail dmarc=fail", "reject")
    assert proof(message, ZONE).disposition == "none"
    believed = proof(listed, ZONE, ip="203.0.113.1", sender="owner@lists.test", sealers=["academy.test"])
    assert (believed.disposition, believed.dmarc.result) == ("none", "fail")
    assert "whom we believe" in believed.reason
    other = proof(listed, ZONE, ip="203.0.113.1", sender="owner@lists.test", sealers=["lists.test"])
    assert other.disposition == "reject"


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=200))
def test_no_octets_raise(results: bytes, signature: bytes, of_seal: bytes) -> None:
    fields = b"ARC-Authentication-Results: %b\r\nARC-Message-Signature: %b\r\nARC-Seal: %b\r\n" % (
        results,
        signature,
        of_seal,
    )
    assert check(fields + LETTER).result in ("none", "fail")
    seal(signer("ed25519"), NOTED + b"\r\n" + fields + LETTER, "lists.test", NOW)


def test_fifty_sets_are_looked_at_in_a_moment() -> None:
    message = sealed(times=50, kind="ed25519")
    assert check(message).result == "pass"
    assert cpu(lambda: check(message)) < 0.25
    assert seal(signer(), NOTED + b"; arc=pass\r\n" + message, "lists.test", NOW) == b""
