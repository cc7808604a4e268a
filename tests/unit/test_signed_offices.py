"""Who may use a name, in the servers: noted, enforced, signed; and everything that can break it on the way."""

from __future__ import annotations

import smtplib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from mailcourse import Lab
from mailcourse.authentication.results import read
from mailcourse.internet.trace import Event

BRUNO, ALICE = "bruno@bakery.test", "alice@academy.test"
MX1 = "mx1.bakery.test"


@pytest.fixture
def offices(make_lab: Callable[..., Lab]) -> Lab:
    return make_lab("signed-offices")


def forge(
    lab: Lab,
    author: str = ALICE,
    *,
    sender: str = "eve@stranger.test",
    to: str = BRUNO,
    head: str = "",
    host: str = MX1,
) -> str:
    """Let the stranger say that a message is from `author`; return what the server said."""
    text = f"{head}From: {author}\r\nTo: {to}\r\nSubject: cheap rolls\r\n\r\nClick here.\r\n"
    with lab.online("machine.stranger.test"), smtplib.SMTP(host, 25, local_hostname="machine.stranger.test") as client:
        try:
            client.sendmail(sender, [to], text.encode())
        except smtplib.SMTPDataError as error:
            return f"{error.smtp_code} {error.smtp_error.decode()}"
    lab.settle()
    return "250"


def found(lab: Lab) -> dict[str, Any]:
    """Return the facts of the last examination."""
    events = [event for event in lab.trace if event.what == "authenticated"]
    assert events, "nobody examined anything"
    return dict(events[-1].facts)


def results(raw: bytes) -> list[str]:
    """Return what the Authentication-Results of bakery.test in a message say."""
    lines = raw.replace(b"\r\n\t", b" ").split(b"\r\n")
    fields = [read(line.partition(b":")[2]) for line in lines if line.startswith(b"Authentication-Results:")]
    return [f"{each.method}={each.result}" for field in fields if field for each in field.methods]


def test_what_our_people_write_is_signed_and_passes(offices: Lab) -> None:
    sent = offices.person(ALICE).send(to=BRUNO, subject="rolls", text="Forty, please.")
    assert sent.status[BRUNO].state == "delivered"
    assert found(offices)["results"] == "spf=pass dkim=pass dmarc=pass"
    raw = offices.person(BRUNO).fetch()[0].raw
    assert results(raw) == ["spf=pass", "dkim=pass", "dmarc=pass"]
    assert b"DKIM-Signature: v=1; a=rsa-sha256;" in raw
    back = offices.person(BRUNO).send(to=ALICE, subject="Re: rolls", text="Done.")
    assert back.status[ALICE].state == "delivered"
    assert found(offices)["results"] == "spf=pass dkim=pass dmarc=pass"


POLICY = {
    # p= of academy.test, authenticate → what is said, and the folder
    ("reject", "enforce"): ("550", ""),
    ("quarantine", "enforce"): ("250", "Junk"),
    ("none", "enforce"): ("250", "INBOX"),
    ("reject", "note"): ("250", "INBOX"),
    ("quarantine", "note"): ("250", "INBOX"),
    ("reject", "off"): ("250", "INBOX"),
}


@pytest.mark.parametrize(("policy", "authenticate"), POLICY)
def test_a_forged_message_ends_as_the_policy_and_the_setting_say(offices: Lab, policy: str, authenticate: str) -> None:
    said, folder = POLICY[policy, authenticate]
    zone = offices.zone("academy.test")
    zone.remove("_dmarc", "TXT")
    zone.add(f'_dmarc TXT "v=DMARC1; p={policy}"')
    offices.configure(MX1, authenticate=authenticate)
    answer = forge(offices)
    assert answer.startswith(said)
    bruno = offices.person(BRUNO)
    assert len(bruno.inbox()) == (folder == "INBOX")
    assert ("Junk" in bruno.folders()) == (folder == "Junk")
    if authenticate != "off":
        facts = found(offices)
        assert facts["results"] == "spf=none dkim=none dmarc=fail"
        assert facts["disposition"] == (policy if authenticate == "enforce" else "none")
        assert "academy.test" in facts["reason"]
    if said == "550":
        assert answer == "550 5.7.26 no check that passed belongs to academy.test, and its policy is reject"
    elif authenticate != "off" and folder == "INBOX":
        assert results(bruno.fetch()[0].raw) == ["spf=none", "dkim=none", "dmarc=fail"]
    elif folder == "Junk":
        (delivered,) = [event for event in offices.trace if event.what == "delivered"]
        assert delivered.facts["file"].startswith(".Junk/new/")
        assert "dmarc=fail" in delivered.facts["header"]
        assert "policy.dmarc=quarantine" in delivered.facts["header"]
        assert len(bruno.folder("Junk")) == 1


def test_the_journey_and_the_record_say_why_a_message_was_refused(offices: Lab) -> None:
    forge(offices)
    events = list(offices.trace)
    (refused,) = [event for event in events if event.what == "refused"]
    assert "5.7.26" in refused.facts["reply"]
    steps = [step for check in found(offices)["checks"] for step in check["steps"]]
    assert {"what", "question", "answer", "compared", "verdict", "depth"} == set(steps[0])
    assert any(step["question"] == "TXT of _dmarc.academy.test" for step in steps)
    from mailcourse.widgets.steps import steps as told

    titles = [step.title for step in told([e for e in events if e.message == refused.message])]
    assert f"{MX1} finds spf=none dkim=none dmarc=fail: refused" in titles


def test_the_log_says_why(offices: Lab) -> None:
    forge(offices)
    log = repr(offices.log(MX1))
    assert "policyd-spf[206]: machine.stranger.test[198.18.0.66]: spf=none stranger.test" in log
    assert "dmarc=fail academy.test disposition=reject (no check that passed belongs to academy.test" in log
    assert "reject: END-OF-MESSAGE from machine.stranger.test[198.18.0.66]: 550 5.7.26" in log


def test_spf_is_asked_once_for_each_message(offices: Lab) -> None:
    with offices.online("machine.stranger.test"), smtplib.SMTP(MX1, 25) as client:
        client.ehlo("machine.stranger.test")
        for _ in range(2):
            client.mail("eve@stranger.test")
            assert client.rcpt("nobody@bakery.test")[0] == 550
            assert [client.rcpt(name)[0] for name in (BRUNO, "bea@bakery.test")] == [250, 250]
            client.rset()
    asked = [e for e in offices.trace if e.what == "asked" and e.host == MX1 and e.facts["name"] == "stranger.test."]
    assert len(asked) == 2


def test_a_domain_that_publishes_nothing_is_neither_proved_nor_refused(offices: Lab) -> None:
    sent = offices.person("flora@florist.test").send(to=BRUNO, subject="tulips", text="?")
    assert sent.status[BRUNO].state == "delivered"
    assert found(offices)["results"] == "spf=none dkim=none dmarc=none"


# ---- results in our own name ---------------------------------------------------------------------------------------


def test_results_that_a_stranger_writes_in_our_name_are_taken_off(offices: Lab) -> None:
    head = (
        "AUTHENTICATION-results: (no)\r\n\tBakery.Test; dmarc=pass\r\nAuthentication-Results: other.test; spf=pass\r\n"
    )
    forge(offices, "flora@florist.test", head=head)
    raw = offices.person(BRUNO).fetch()[0].raw
    assert results(raw) == ["spf=none", "dkim=none", "dmarc=none", "spf=pass"]
    assert b"other.test" in raw
    (warning,) = [e for e in offices.trace if e.what == "warning"]
    assert "forged Authentication-Results" in warning.facts["text"]


def test_a_stranger_cannot_put_a_message_into_junk(offices: Lab) -> None:
    head = "Authentication-Results: bakery.test; dmarc=fail policy.dmarc=quarantine\r\n"
    forge(offices, "flora@florist.test", head=head)
    forge(offices, "flora@florist.test", head=head, host="mail.bakery.test")
    assert len(offices.person(BRUNO).inbox()) == 2


def test_ones_own_people_cannot_write_results_either(offices: Lab) -> None:
    alice = offices.person(ALICE)
    with offices.online("laptop.academy.test"), smtplib.SMTP("mail.academy.test", 587) as client:
        client.starttls(context=offices.certificates.client)
        client.login(ALICE, alice.password)
        text = f"Authentication-Results: academy.test; dmarc=pass\r\nFrom: {ALICE}\r\n\r\nx\r\n"
        client.sendmail(ALICE, ["amir@academy.test"], text.encode())
    offices.settle()
    assert b"Authentication-Results" not in offices.person("amir@academy.test").fetch()[0].raw


def test_what_the_backup_found_out_is_believed_behind_it(offices: Lab) -> None:
    with offices.fault(MX1, "down"):
        offices.person("flora@florist.test").send(to=BRUNO, subject="tulips").status  # noqa: B018
    offices.clock.advance(hours=2)
    assert {e.host for e in offices.trace if e.what == "authenticated"} == {"mx2.bakery.test"}
    assert results(offices.person(BRUNO).fetch()[0].raw) == ["spf=none", "dkim=none", "dmarc=none"]


# ---- forwarding, and lists -------------------------------------------------------------------------------------------


def last(lab: Lab, host: str) -> Event:
    """Return the last examination at a host."""
    return [event for event in lab.trace if event.what == "authenticated" and event.host == host][-1]


def test_forwarding_breaks_spf_and_leaves_dkim(offices: Lab) -> None:
    offices.person(BRUNO).forward("flora@florist.test")
    offices.configure("mail.florist.test", authenticate="enforce")
    sent = offices.person(ALICE).send(to=BRUNO, subject="rolls", text="Forty, please.")
    assert sent.status
    facts = last(offices, "mail.florist.test").facts
    assert facts["results"] == "spf=fail dkim=pass dmarc=pass"
    assert len(offices.person("flora@florist.test").inbox()) == 1


FOOTERS = {"": ("spf=pass dkim=pass dmarc=pass", 1), "-- \nstaff@florist.test": ("spf=pass dkim=fail dmarc=fail", 0)}


def with_list(make_lab: Callable[..., Lab], tmp_path: Any, footer: str) -> Lab:
    """The signed offices, and a list at the florist's; she publishes SPF."""
    file = tmp_path / "listed.toml"
    file.write_text(
        'extends = "signed-offices"\n[lists."staff@florist.test"]\nmembers = ["bruno@bakery.test"]\n'
        f'owner = "flora@florist.test"\nfooter = {footer!r}\n[zones]\n"florist.test" = """\n$TTL 60\n'
        "@ SOA ns.carrier.test. hostmaster.carrier.test. 1 2 3 4 5\n@ NS ns.carrier.test.\n@ MX 1 mail\n"
        'mail A 203.0.113.125\n@ TXT "v=spf1 mx -all"\n"""\n'
    )
    return make_lab(file)


@pytest.mark.parametrize("footer", FOOTERS, ids=["without", "with"])
def test_a_list_that_adds_a_footer_breaks_dkim(make_lab: Callable[..., Lab], tmp_path: Any, footer: str) -> None:
    lab = with_list(make_lab, tmp_path, footer)
    lab.person(ALICE).send(to="staff@florist.test", subject="rolls", text="Forty, please.").status  # noqa: B018
    expected, arrived = FOOTERS[footer]
    assert last(lab, MX1).facts["results"] == expected
    assert len(lab.person(BRUNO).inbox()) == arrived


def test_a_forwarder_that_seals_is_believed_where_the_receiver_says_so(
    make_lab: Callable[..., Lab], tmp_path: Any
) -> None:
    lab = with_list(make_lab, tmp_path, "-- \nstaff@florist.test")
    lab.zone("florist.test").add(lab.sign("mail.florist.test", "florist.test", "vase", kind="ed25519"))
    signer = {row["setting"]: row["value"] for row in lab.settings("mail.florist.test")}["sign"]
    lab.configure("mail.florist.test", authenticate="note", seal=signer, sign=None)
    lab.person(ALICE).send(to="staff@florist.test", subject="rolls").status  # noqa: B018
    facts = last(lab, MX1).facts
    assert (facts["disposition"], facts["checks"][-2]["result"]) == ("reject", "pass")  # seen, and not believed
    lab.configure(MX1, sealers=["florist.test"])
    lab.person(ALICE).send(to="staff@florist.test", subject="rolls").status  # noqa: B018
    facts = last(lab, MX1).facts
    assert (facts["disposition"], facts["results"]) == ("none", "spf=pass dkim=fail dmarc=fail")
    assert "florist.test, whom we believe" in facts["reason"]
    assert len(lab.person(BRUNO).inbox()) == 1


# ---- broken in the world ---------------------------------------------------------------------------------------------


def results_after(lab: Lab, change: Callable[[Lab], object]) -> str:
    change(lab)
    lab.person(ALICE).send(to=BRUNO, subject="rolls", text="Forty, please.").status  # noqa: B018
    return str(found(lab)["results"])


def zone_without(lab: Lab, name: str, *lines: str) -> None:
    zone = lab.zone("academy.test")
    zone.remove(name, "TXT")
    for line in lines:
        zone.add(line)


KEY = "autumn._domainkey"
ELEVEN = " ".join(f"a:i{n}.academy.test" for n in range(11))
BROKEN: dict[str, tuple[Callable[[Lab], object], str]] = {
    "no key": (lambda lab: zone_without(lab, KEY), "spf=pass dkim=permerror dmarc=pass"),
    "a revoked key": (
        lambda lab: zone_without(lab, KEY, f'{KEY} TXT "v=DKIM1; p="'),
        "spf=pass dkim=permerror dmarc=pass",
    ),
    "another key": (
        lambda lab: lab.sign("mail.academy.test", "academy.test", "autumn", kind="ed25519"),
        "spf=pass dkim=permerror dmarc=pass",
    ),
    "no SPF": (lambda lab: zone_without(lab, "@"), "spf=none dkim=pass dmarc=pass"),
    "two SPF records": (
        lambda lab: lab.zone("academy.test").add('@ TXT "v=spf1 +all"'),
        "spf=permerror dkim=pass dmarc=pass",
    ),
    "eleven look-ups": (
        lambda lab: zone_without(
            lab, "@", f'@ TXT "v=spf1 {ELEVEN[:200]}" "{ELEVEN[200:]} -all"', *(f"i{n} A 192.0.2.9" for n in range(11))
        ),
        "spf=permerror dkim=pass dmarc=pass",
    ),
    "an include of itself": (
        lambda lab: zone_without(lab, "@", '@ TXT "v=spf1 include:academy.test -all"'),
        "spf=permerror dkim=pass dmarc=pass",
    ),
    "two policies": (
        lambda lab: lab.zone("academy.test").add('_dmarc TXT "v=DMARC1; p=none"'),
        "spf=pass dkim=pass dmarc=none",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_in_the_world_is_seen(offices: Lab, what: str) -> None:
    change, expected = BROKEN[what]
    assert results_after(offices, change) == expected


@pytest.mark.parametrize(
    ("host", "minutes", "result"),
    [
        ("mail.academy.test", 4, "pass"),
        ("mail.academy.test", 90, "policy"),  # signed in the future
        ("mail.academy.test", -90, "pass"),
        (MX1, -90, "policy"),
        (MX1, 90, "pass"),
    ],
)
def test_a_wrong_clock_makes_signatures_of_the_future(offices: Lab, host: str, minutes: int, result: str) -> None:
    with offices.fault(host, "clock", minutes=minutes):
        offices.person(ALICE).send(to=BRUNO, subject="rolls").status  # noqa: B018
        assert f"dkim={result}" in found(offices)["results"]
    offices.person(ALICE).send(to=BRUNO, subject="rolls").status  # noqa: B018
    assert "dkim=pass" in found(offices)["results"]


def test_an_administrator_makes_a_key_and_publishes_it(offices: Lab) -> None:
    line = offices.sign("mail.florist.test", "florist.test", "vase", kind="ed25519")
    assert line.startswith('vase._domainkey TXT "v=DKIM1; k=ed25519; p=')
    offices.zone("florist.test").add(line)
    offices.person("flora@florist.test").send(to=BRUNO, subject="tulips").status  # noqa: B018
    assert found(offices)["results"] == "spf=none dkim=pass dmarc=none"
    signer = {row["setting"]: row["value"] for row in offices.settings("mail.florist.test")}["sign"]
    offices.configure("mail.academy.test", sign=signer)  # what is shown can be written


def test_a_dns_that_does_not_answer_refuses_nobody(offices: Lab) -> None:
    offices.fault("ns.academy.test", "dns", say="SERVFAIL")
    assert forge(offices, sender=ALICE) == "250"
    assert found(offices)["results"] == "spf=temperror dkim=none dmarc=temperror"


def test_the_same_actions_make_the_same_signatures(make_lab: Callable[..., Lab]) -> None:
    raws = []
    for _ in range(2):
        lab = make_lab("signed-offices")
        lab.zone("florist.test").add(lab.sign("mail.florist.test", "florist.test", kind="ed25519"))
        lab.person("flora@florist.test").send(to=BRUNO, subject="tulips").status  # noqa: B018
        raws.append(lab.person(BRUNO).fetch()[0].raw)
    assert raws[0] == raws[1]


@pytest.mark.parametrize(
    "setting",
    [
        {"authenticate": "maybe"},
        {"sign": "key"},
        {"sign": {"domain": "a.test"}},
        {"sign": {"domain": "a.test", "selector": "x", "key": "no key"}},
        {"seal": {"domain": "a.test", "selector": "x", "key": "no key"}},
        {"sign": {"domain": "a; b", "selector": "x", "key": "A" * 43 + "="}},
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_what_to_write(offices: Lab, setting: dict[str, Any]) -> None:
    from mailcourse import LabError

    with pytest.raises(LabError):
        offices.configure("mail.academy.test", **setting)
    sent = offices.person(ALICE).send(to=BRUNO, subject="rolls")
    assert sent.status[BRUNO].state == "delivered"


def test_reports_are_signed_too(offices: Lab) -> None:
    offices.person(BRUNO).send(to="nobody@florist.test", subject="?").status  # noqa: B018
    (report,) = offices.person(BRUNO).fetch()
    assert report.raw.count(b"DKIM-Signature") == 2  # the report's, and that of the message inside


def test_a_long_message_is_examined_on_disk_and_arrives_whole(offices: Lab) -> None:
    text = "Forty rolls, please.\n" * 20_000
    sent = offices.person(ALICE).send(to=BRUNO, subject="rolls", text=text)
    assert sent.status[BRUNO].state == "delivered"
    assert found(offices)["results"] == "spf=pass dkim=pass dmarc=pass"
    raw = offices.person(BRUNO).fetch()[0].raw
    assert raw.partition(b"\r\n\r\n")[2] == sent.raw.partition(b"\r\n\r\n")[2]


def test_where_nobody_signs_nothing_of_it_is_loaded() -> None:
    code = (
        "import sys; from mailcourse import Lab; lab = Lab('two-offices'); "
        f"lab.person({ALICE!r}).send({BRUNO!r}, 'x', 'y'); lab.settle(); "
        "print([name for name in ('dkim', 'nacl', 'publicsuffixlist') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
