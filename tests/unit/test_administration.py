"""What an administrator does: accounts made and removed, passwords, quotas, certificates."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from mailcourse import Lab
from mailcourse.internet.errors import LabError, UnknownName
from mailcourse.mua.account import LoginRefused

ALICE, BRUNO, CARLA = "alice@academy.test", "bruno@bakery.test", "carla@bakery.test"
HOST = "mail.bakery.test"


def test_a_new_account_writes_and_reads_at_once(lab: Lab) -> None:
    table = lab.administration.add_account(CARLA, "flour-17")
    assert CARLA in repr(table)
    carla = lab.person(CARLA)
    carla.send(to=ALICE, subject="I am new", text="x")
    lab.person(ALICE).send(to=CARLA, subject="welcome", text="y")
    assert [mail.subject for mail in carla.inbox()] == ["welcome"]
    assert [mail.sender for mail in lab.person(ALICE).inbox()] == ["Carla <carla@bakery.test>"]
    assert CARLA in repr(lab.people)


def test_a_password_is_made_where_none_was_given_and_the_same_each_time() -> None:
    made = []
    for _ in range(2):
        with Lab("two-offices", name="accounts") as lab:
            lab.administration.add_account(CARLA)
            lab.person(CARLA).inbox()
            made.append(lab.person(CARLA).password)
    assert made[0] == made[1] != ""


def test_mail_for_an_account_that_was_removed_is_refused_and_its_mailbox_kept(lab: Lab) -> None:
    lab.person(ALICE).send(to=BRUNO, subject="before", text="x")
    lab.settle()
    bruno = lab.person(BRUNO)
    lab.administration.remove_account("Bruno@Bakery.test")
    with pytest.raises(LoginRefused):
        bruno.inbox()
    with pytest.raises(UnknownName):
        lab.person(BRUNO)
    after = lab.person(ALICE).send(to=BRUNO, subject="after", text="y")
    assert "550 5.1.1" in after.status[BRUNO].words
    lab.administration.add_account(BRUNO, "warm-bread-24")
    assert [mail.subject for mail in lab.person(BRUNO).inbox()] == ["before"]


def test_a_new_password_counts_at_once_for_all_protocols(lab: Lab) -> None:
    old = lab.person(BRUNO)
    lab.administration.set_password(BRUNO, "rye-3")
    for act in (old.inbox, lambda: old.fetch("pop3"), lambda: old.send(to=ALICE, subject="x", text="y")):
        with pytest.raises(LoginRefused):
            act()
    new = lab.person(BRUNO)
    assert new.password == "rye-3"
    new.inbox(), new.fetch("pop3"), new.send(to=ALICE, subject="x", text="y")


@pytest.mark.parametrize(
    ("policy", "words", "state"), [("refuse", "552 5.2.2", "bounced"), ("try-later", "452 4.2.2", "deferred")]
)
def test_a_full_mailbox_answers_by_policy(lab: Lab, policy: str, words: str, state: str) -> None:
    lab.configure(HOST, quota=policy)
    lab.person(ALICE).send(to=BRUNO, subject="one", text="x" * 50)
    lab.settle()
    lab.administration.set_quota(BRUNO, 1000)
    sent = lab.person(ALICE).send(to=BRUNO, subject="two", text="y" * 50)
    assert words in sent.status[BRUNO].words
    assert sent.status[BRUNO].state == state
    lab.administration.set_quota(BRUNO, None)
    lab.clock.advance(hours=1)
    came = ["two"] if policy == "try-later" else []
    assert [mail.subject for mail in lab.person(BRUNO).inbox()] == ["one", *came]


def test_a_server_that_is_told_nothing_refuses_for_a_full_mailbox(lab: Lab) -> None:
    with lab.fault(HOST, "mailbox", person=BRUNO):
        assert "552 5.2.2" in lab.person(ALICE).send(to=BRUNO, subject="x", text="y").status[BRUNO].words


def test_a_policy_that_there_is_not_is_named(lab: Lab) -> None:
    with pytest.raises(UnknownName, match="refuse, try-later"):
        lab.configure(HOST, quota="later")


def test_the_table_of_accounts_counts_octets(lab: Lab) -> None:
    lab.administration.set_quota(BRUNO, 5_000)
    lab.person(ALICE).send(to=BRUNO, subject="x", text="y")
    lab.settle()
    row = next(row for row in lab.administration.accounts.rows if row[0] == BRUNO)
    assert row[1] == HOST
    assert row[2] == sum(len(mail.raw) for mail in lab.person(BRUNO).fetch())
    assert row[3] == 5_000


# ---- certificates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["tls", "starttls"])
def test_a_certificate_expires_when_its_days_are_over_and_a_new_one_mends_it(lab: Lab, way: str) -> None:
    bruno = lab.person(BRUNO)
    bruno.reads_by = bruno.sends_by = way
    ends = lab.administration.issue_certificate(HOST, days=90)
    assert (ends - lab.clock.now()).days == 90
    lab.clock.advance(days=89)
    bruno.inbox()
    lab.clock.advance(days=2)
    with pytest.raises(LabError, match=r"mail\.bakery\.test did not prove who it is: certificate has expired"):
        bruno.inbox()
    lab.administration.issue_certificate(HOST)
    bruno.inbox()
    lab.clock.advance(days=60)  # the end of the first is not the end of the second
    bruno.inbox()


def test_a_certificate_for_other_names_is_refused(lab: Lab) -> None:
    lab.administration.issue_certificate(HOST, "imap.bakery.test", "www.bakery.test")
    with pytest.raises(LabError, match="not valid for"):
        lab.person(BRUNO).inbox()
    lab.administration.issue_certificate(HOST, "imap.bakery.test", HOST)
    lab.person(BRUNO).inbox()


def test_a_server_that_wants_certificates_waits_while_one_has_expired(lab: Lab) -> None:
    lab.configure("mx1.bakery.test", tls="must")
    lab.administration.issue_certificate(HOST, days=0)
    sent = lab.person(ALICE).send(to=BRUNO, subject="x", text="y")
    assert sent.status[BRUNO].state == "deferred"
    assert "certificate" in sent.status[BRUNO].words
    lab.administration.issue_certificate(HOST)
    lab.clock.advance(hours=1)
    assert sent.status[BRUNO].state == "delivered"


def test_a_real_client_sees_what_was_issued(lab: Lab) -> None:
    lab.administration.issue_certificate(HOST, "imap.bakery.test")
    pem = ssl.get_server_certificate(lab.endpoint(HOST, 993))
    file = Path(lab.path) / "seen.pem"
    file.write_text(pem)
    names = ssl._ssl._test_decode_cert(str(file))["subjectAltName"]  # type: ignore[attr-defined]
    assert names == (("DNS", "imap.bakery.test"),)


# ---- what is wrong is said -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda a: a.add_account("carla"), "carla"),
        (lambda a: a.add_account("carla@nowhere.test"), "nowhere.test"),
        (lambda a: a.add_account("BRUNO@bakery.test"), "already"),
        (lambda a: a.add_account(CARLA, quota=0), "quota"),
        (lambda a: a.add_account(CARLA, machine="nowhere.test"), "nowhere.test"),
        (lambda a: a.remove_account(CARLA), "carla"),
        (lambda a: a.set_password(BRUNO, ""), "empty"),
        (lambda a: a.set_password(CARLA, "x"), "carla"),
        (lambda a: a.set_quota(BRUNO, -1), "quota"),
        (lambda a: a.issue_certificate("nowhere.test"), "nowhere.test"),
        (lambda a: a.issue_certificate(HOST, days=-1), "days"),
        (lambda a: a.issue_certificate(HOST, days=10**9), "days"),
        (lambda a: a.add_account(None), "account"),
        (lambda a: a.add_account("@bakery.test"), "account"),
        (lambda a: a.add_account("ünal@bakery.test"), "ASCII"),
        (lambda a: a.add_account('"car la"@bakery.test'), "account"),
        (lambda a: a.add_account("x" * 10_000 + "@bakery.test"), "account"),
        (lambda a: a.add_account(CARLA, "pä ss"), "password"),
        (lambda a: a.add_account(CARLA, quota="many"), "quota"),
        (lambda a: a.remove_account(None), "None"),
        (lambda a: a.set_password(BRUNO, None), "password"),
        (lambda a: a.set_password(BRUNO, "a\r\nb"), "password"),
        (lambda a: a.set_password(BRUNO, "a\0b"), "password"),
        (lambda a: a.set_password(BRUNO, "x" * 101), "password"),
        (lambda a: a.set_quota(BRUNO, 1.5), "quota"),
        (lambda a: a.set_quota(BRUNO, True), "quota"),
        (lambda a: a.issue_certificate(HOST, days="x"), "days"),
        (lambda a: a.issue_certificate(HOST, days=float("nan")), "days"),
        (lambda a: a.issue_certificate(HOST, ""), "name"),
        (lambda a: a.issue_certificate(HOST, "not a name"), "name"),
        (lambda a: a.issue_certificate(HOST, "x" * 300 + ".test"), "name"),
    ],
)
def test_a_wrong_call_changes_nothing_and_says_what_is_wrong(lab: Lab, act, words) -> None:  # type: ignore[no-untyped-def]
    before = repr(lab.administration.accounts)
    with pytest.raises(LabError, match=words):
        act(lab.administration)
    assert repr(lab.administration.accounts) == before
    lab.person(BRUNO).inbox()


@pytest.mark.parametrize("password", ["a b", 'say "no"', "back\\slash", "{5}", "(x)", "%", "~" * 100])
def test_a_password_of_any_signs_works_in_every_protocol(lab: Lab, password: str) -> None:
    lab.administration.set_password(BRUNO, password)
    bruno = lab.person(BRUNO)
    bruno.inbox(), bruno.fetch("pop3"), bruno.send(to=ALICE, subject="x", text="y")
