"""Zones that are edited: what is refused, and what an added record inherits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mailcourse import Lab, LabError
from mailcourse.dns.zone import ZoneError, parse

HEAD = "$TTL 300\n@ SOA ns hostmaster 7 7200 900 604800 60\n@ NS ns\nns A 192.0.2.53\nwww CNAME ns\n"


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        ("www CNAME mail", "line 6, column 11: the same name has another CNAME"),
        ("@ SOA ns hostmaster 8 1 1 1 1", "line 6, column 7: the same name has another SOA"),
        ("www A 192.0.2.1", "line 6, column 7: a CNAME is not compatible with other records"),
        ("ns CNAME www", "line 6, column 10: a CNAME is not compatible with other records"),
        ("*.shop NS ns", "line 6, column 11: a wildcard has no name servers"),
        ("$ORIGIN academy.test.\nmail A 192.0.2.1", r"line 7.*'mail\.academy\.test\.' is not a name in this zone"),
        ("$INCLUDE /etc/passwd", "line 6, column 1.*not allowed"),
        ("x CH TXT a", "line 6"),
        ("x A", "line 6"),
        ("shop NS ns.shop", r"ns\.shop\.bakery\.test\. has no address"),
        ("@ NS www", r"www\.bakery\.test\. has no address"),
    ],
)
def test_a_record_that_cannot_stand_there_is_refused_with_its_line(lines: str, match: str) -> None:
    with pytest.raises(ZoneError, match=match):
        parse("bakery.test", f"{HEAD}{lines}\n")


def test_the_same_record_twice_is_one_record() -> None:
    assert parse("bakery.test", HEAD + "www CNAME ns\n") == parse("bakery.test", HEAD)


def test_an_added_record_has_the_ttl_of_the_zone_and_not_of_the_line_before(lab: Lab) -> None:
    zone = lab.zone("bakery.test").add("zz 5 A 198.51.100.25").add("new A 198.51.100.25")
    assert "new 3600 A 198.51.100.25" in zone.text
    assert "zz 5 A 198.51.100.25" in zone.text


def test_a_text_keeps_its_words(lab: Lab) -> None:
    lab.zone("bakery.test").add('note TXT "bread IN town; and \\"cake\\"" "IN"').add("other A 198.51.100.25")
    assert lab.dns.lookup("note.bakery.test", "TXT").values == ['"bread IN town; and \\"cake\\"" "IN"']


@pytest.mark.parametrize(
    "wrong",
    [
        lambda lab: lab.zone("bakery.test").remove("mail", "BOGUS"),
        lambda lab: lab.zone("bakery.test").remove("a..b", "A"),
        lambda lab: lab.zone("bakery.test").remove("mail", "MX"),
        lambda lab: lab.zone("bakery.test").remove("@", "SOA"),
        lambda lab: lab.zone("bakery.test").add("nonsense"),
        lambda lab: lab.zone("bakery.test").add("a..b A 192.0.2.1"),
        lambda lab: lab.dns.lookup("a..b"),
        lambda lab: lab.dns.lookup("a" * 64 + ".test"),
        lambda lab: lab.dns.walk("a..b"),
        lambda lab: lab.dns.reverse("192.0.2"),
    ],
)
def test_a_mistake_is_explained_and_changes_nothing(lab: Lab, wrong: Callable[[Lab], object]) -> None:
    before = lab.zone("bakery.test").text
    with pytest.raises(LabError):
        wrong(lab)
    assert lab.zone("bakery.test").text == before
