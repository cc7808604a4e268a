"""The checklist of lesson 08: each point is proved by use, and each is lost by what breaks it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mailcourse import Lab, LabError
from mailcourse.lessons import checklist, real_config

POINTS = ("MX", "a backup", "PTR", "SPF", "a letter in", "a letter out", "postmaster", "people log in", "no open relay")


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    return make_lab("two-offices")


def missing(lab: Lab, domain: str = "bakery.test") -> list[str]:
    """Return the points that are not done, by their first words."""
    undone = [str(row["what"]) for row in checklist(lab, domain) if row["done"] == "not yet"]
    return [next(point for point in POINTS if what.startswith(point)) for what in undone]


def test_a_whole_service_has_all_nine_points(lab: Lab) -> None:
    assert len(checklist(lab)) == len(POINTS)
    assert missing(lab) == []


def test_an_office_with_one_server_and_no_spf_lacks_both(lab: Lab) -> None:
    assert missing(lab, "academy.test") == ["a backup", "SPF"]


@pytest.mark.parametrize(
    ("break_it", "lost"),
    [
        (lambda lab: lab.zone("bakery.test").remove("@", "TXT"), ["SPF"]),
        (lambda lab: lab.zone("bakery.test").remove("mx2", "A"), ["MX", "a backup"]),
        (lambda lab: lab.zone("100.51.198.in-addr.arpa").remove("25", "PTR"), ["PTR"]),
        (lambda lab: lab.alias("postmaster@bakery.test"), ["postmaster"]),
        (lambda lab: lab.configure("mx2.bakery.test", networks=["0.0.0.0/0"]), ["no open relay"]),
        (
            lambda lab: lab.administration.issue_certificate("mail.bakery.test", "other.test"),
            ["a letter out", "people log in"],
        ),
        (
            lambda lab: lab.fault("mx1.bakery.test", "reply", at="RCPT", say="550 5.7.1 no"),
            ["a letter in", "postmaster"],
        ),
    ],
    ids=["no-spf", "no-address", "no-ptr", "no-postmaster", "open-relay", "other-certificate", "refused"],
)
def test_a_point_is_lost_by_what_breaks_it(lab: Lab, break_it: Callable[[Lab], object], lost: list[str]) -> None:
    break_it(lab)
    assert missing(lab) == lost


def test_an_empty_zone_stops_no_checklist(make_lab: Callable[..., Lab]) -> None:
    assert missing(make_lab("new-office")) == list(POINTS[:-1])


def test_a_domain_without_accounts_is_said_to_be_one(lab: Lab) -> None:
    with pytest.raises(LabError, match=r"academy\.test"):
        checklist(lab, "nowhere.test")


def test_the_files_of_postfix_and_dovecot_are_listed_and_shown_whole_or_by_a_word() -> None:
    for row in real_config():
        assert len(real_config(str(row["file"])).splitlines()) > 2
    assert repr(real_config("main.cf", "mynetworks")).startswith("# For whom do I relay?")
    assert real_config("main.cf", "mynetworks").count("\n") == 2
    with pytest.raises(LabError, match=r"main\.cf"):
        real_config("main.conf")
    with pytest.raises(LabError, match="No line of aliases contains 'spf'"):
        real_config("aliases", "spf")
