"""DMARC's aggregate reports: what a receiver writes for the owner of a domain (RFC 7489 §7.2)."""

from __future__ import annotations

import gzip
import smtplib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from signed import LETTER, NOW, proof, signer, zone

from mailcourse import Lab
from mailcourse.authentication.aggregate import reports
from mailcourse.authentication.signing import sign

ASKED = zone() | {
    "_dmarc.academy.test": ["TXT v=DMARC1; p=reject; sp=none; aspf=s; rua=mailto:postmaster@academy.test"]
}
END = NOW + timedelta(days=1)


def report(*examined: tuple[bytes, str]) -> Xml.Element:
    """Return the one report about these messages, each from an address."""
    proofs = [proof(message, ASKED, ip=ip) for message, ip in examined]
    ((name, octets),) = reports("bakery.test", [(p.checks(), p.disposition) for p in proofs], NOW, END).items()
    assert name == "bakery.test!academy.test!1788768000!1788854400.xml.gz"
    return Xml.fromstring(gzip.decompress(octets))


def test_the_owner_of_a_domain_is_told_what_was_done() -> None:
    signed = sign(signer(), LETTER, NOW) + LETTER
    found = report((signed, "192.0.2.25"), (signed, "192.0.2.25"), (LETTER, "198.18.0.66"))
    assert found.findtext("report_metadata/org_name") == "bakery.test"
    assert found.findtext("report_metadata/date_range/begin") == "1788768000"
    policy = {each.tag: each.text for each in found.find("policy_published") or ()}
    assert policy == {"domain": "academy.test", "adkim": "r", "aspf": "s", "p": "reject", "sp": "none", "pct": "100"}
    rows = {each.findtext("row/source_ip"): each for each in found.findall("record")}
    passed, forged = rows["192.0.2.25"], rows["198.18.0.66"]
    assert passed.findtext("row/count") == "2"
    assert passed.findtext("row/policy_evaluated/dkim") == passed.findtext("row/policy_evaluated/spf") == "pass"
    assert passed.findtext("auth_results/dkim/selector") == "rsa"
    assert forged.findtext("row/policy_evaluated/disposition") == "reject"
    assert forged.findtext("auth_results/spf/result") == "fail"
    assert forged.find("auth_results/dkim") is None
    assert forged.findtext("identifiers/header_from") == "academy.test"


def test_nobody_is_told_who_does_not_ask() -> None:
    table = zone()
    found = proof(LETTER, table)
    assert reports("bakery.test", [(found.checks(), found.disposition)], NOW, END) == {}
    assert reports("bakery.test", [], NOW, END) == {}


def test_a_name_of_a_domain_leads_to_no_other_folder() -> None:
    table = {"_dmarc.a/../../b.test": ["TXT v=DMARC1; p=none; rua=mailto:a@b.test"]}
    found = proof(b"From: x@a/../../b.test\r\n\r\n", table)
    for name in reports("bakery.test", [(found.checks(), "none")], NOW, END):
        assert "/" not in name


def test_a_lab_writes_them_into_files(make_lab: Callable[..., Lab], tmp_path: Path) -> None:
    written = []
    for folder in ("one", "two"):
        lab = make_lab("signed-offices")
        lab.person("alice@academy.test").send(to="bruno@bakery.test", subject="rolls").status  # noqa: B018
        machine = lab.online("machine.stranger.test")
        with machine, smtplib.SMTP("mx1.bakery.test", 25) as client, pytest.raises(smtplib.SMTPDataError):
            client.sendmail("eve@stranger.test", ["bruno@bakery.test"], b"From: alice@academy.test\r\n\r\nx\r\n")
        lab.clock.advance(hours=24)
        (file,) = lab.dmarc_reports("mx1.bakery.test", tmp_path / folder)
        start, end = (int(part) for part in file.name.removesuffix(".xml.gz").split("!")[2:])
        assert datetime.fromtimestamp(end, UTC) - datetime.fromtimestamp(start, UTC) == timedelta(hours=24)
        written.append(file.read_bytes())
    assert written[0] == written[1]
    assert len(Xml.fromstring(gzip.decompress(written[0])).findall("record")) == 2
