"""The drawing: places that nothing moves, states that show by their shape, and motions from place to place."""

from __future__ import annotations

import re
import xml.etree.ElementTree
from itertools import combinations
from pathlib import Path

import pytest

from mailcourse import Lab
from mailcourse.lab.scenario import load, names
from mailcourse.scene.draw import PartMark, draw
from mailcourse.scene.hosts import SceneHost, hosts_in, scene_hosts
from mailcourse.scene.moves import TURN, Move, moves_of
from mailcourse.scene.now import HostNode, marks_of
from mailcourse.scene.places import CELL_WIDTH, MAX_BOXES, Places, ground_of, places, with_names
from mailcourse.scene.still import LINE, MAX_LETTERS, MAX_LINES, bundle, sheet

ALICE, BRUNO = "alice@academy.test", "bruno@bakery.test"
HOSTILE = '<script>alert("1")</script>&'


def overlaps(ground: Places) -> list[tuple[str, str]]:
    """Return hosts that stand too near each other to be told apart."""
    spots = {host.name: ground.spots[host.name] for host in ground.hosts}
    return [
        (a, b)
        for (a, one), (b, two) in combinations(spots.items(), 2)
        if abs(one.x - two.x) < CELL_WIDTH - 1 and abs(one.y - two.y) < 90
    ]


@pytest.mark.parametrize("scenario", names())
def test_every_scenario_has_places_inside_the_picture_and_no_two_on_each_other(scenario: str) -> None:
    ground = ground_of(load(scenario))
    assert {*load(scenario).hosts} == {host.name for host in ground.hosts}
    assert overlaps(ground) == []
    assert all(0 < spot.x < ground.width and 0 < spot.y < ground.height for spot in ground.spots.values())
    assert ground == ground_of(load(scenario))


def test_a_scenario_of_forty_offices_and_a_hundred_people_has_places_too() -> None:
    people = tuple(f"person{number}@o0.test" for number in range(100))
    hosts = [
        SceneHost(f"mail{n}.o{n}.test", f"Office {n}", "mail", people if n == 0 else (f"x@o{n}.test",))
        for n in range(40)
    ]
    hosts += [SceneHost(f"h{n}.one.test", "One", "person") for n in range(30)]
    ground = places(hosts)
    assert overlaps(ground) == []
    picture = draw(ground, {})
    assert picture.count("person") < 2 * MAX_BOXES + 40
    assert "96 more" in picture


def test_the_offices_are_joined_by_the_ways_that_mail_takes() -> None:
    links = ground_of(load("two-offices")).links
    assert ("mail.academy.test", "mx1.bakery.test") in links
    assert ("mx1.bakery.test", "mail.bakery.test") in links
    assert ("mail.academy.test", "relay.carrier.test") in ground_of(load("smart-host")).links


def test_a_state_is_a_shape_and_a_word_and_not_only_a_colour() -> None:
    ground = ground_of(load("two-offices"))
    nodes = [
        HostNode("mx1.bakery.test", "", "mail", is_up=False, faults=("down",)),
        HostNode("mx2.bakery.test", "", "mail", waiting=2),
        HostNode("mail.bakery.test", "", "mail", faults=("reply", "disk"), boxes=((BRUNO, 3),)),
        HostNode("relay.carrier.test", "", "mail", faults=("slow",)),
    ]
    shown = sorted((mark.classes, mark.words) for mark in marks_of(ground, nodes).values())
    assert shown == [
        (("has",), "3"),
        (("off",), "off"),
        (("refusing", "trouble"), "refuses · disk"),
        (("slow",), "slow"),
        (("waiting",), "2 waiting"),
    ]
    picture = draw(ground, marks_of(ground, nodes))
    for state in ("off", "waiting", "slow", "refusing", "trouble"):
        assert f'<g class="sign {state}">' in picture


def test_what_stands_in_a_scenario_is_never_markup_and_long_names_break_nothing() -> None:
    hosts = [SceneHost(f"{'x' * 10_000}.test", HOSTILE, "mail", (f"{HOSTILE}@x.test",), (HOSTILE * 1000,))]
    picture = draw(places(hosts), {"n0": PartMark(("off",), HOSTILE)}, title=HOSTILE)
    xml.etree.ElementTree.fromstring(picture)
    assert "<script" not in picture
    assert len(picture) < 15_000


def test_hosts_of_the_same_first_name_are_told_apart() -> None:
    picture = draw(ground_of(load("two-offices")), {})
    assert ">a.root<" in picture
    assert ">a.nic<" in picture
    assert picture.count(">ns<") == 3  # one in each organisation


def test_a_trace_without_its_lab_has_places_for_all_who_take_part(lab: Lab) -> None:
    sent = lab.person(ALICE).send(BRUNO, "x", "?")
    hosts = hosts_in(sent.events)
    roles = {host.name: host.role for host in hosts}
    assert roles["laptop.academy.test"] == "person"
    assert roles["mx1.bakery.test"] == "mail"
    assert roles["ns.bakery.test"] == "dns"
    ground = places(hosts)
    assert overlaps(ground) == []
    assert {name for move in moves_of(sent.events) for name in move.names} <= ground.spots.keys()


def test_who_comes_later_gets_a_place_and_moves_nobody() -> None:
    ground = ground_of(load("two-offices"))
    more = with_names(ground, ["outside", "mail.academy.test", "mailbox of x@y.test"])
    assert {name: more.spots[name] for name in ground.spots} == ground.spots
    assert overlaps(more) == []
    assert more.height > ground.height


def test_a_letter_begins_at_one_host_and_ends_at_the_other() -> None:
    ground = ground_of(load("two-offices"))
    start, end = "mail.academy.test", "mx2.bakery.test"
    move = Move("letter", (start, end), "m1", 600)
    assert move.at(ground, 0) == ground.spots[start]
    assert move.at(ground, 1) == ground.spots[end]
    assert ground.spots[start].x < move.at(ground, 0.5).x < ground.spots[end].x


def test_an_attempt_that_fails_turns_back_before_it_arrives() -> None:
    ground = ground_of(load("two-offices"))
    move = Move("fail", ("mail.academy.test", "mx1.bakery.test"), "no answer", 600, turns=True)
    far, near = ground.spots["mx1.bakery.test"].x, ground.spots["mail.academy.test"].x
    places_of = [move.at(ground, t / 10).x for t in range(11)]
    assert places_of[0] == places_of[-1] == near
    assert max(places_of) == places_of[5] < far
    assert move.told(ground)["turns"] == TURN


def test_a_refusal_comes_back_and_a_bounce_is_another_envelope(lab: Lab) -> None:
    sent = lab.person(ALICE).send("nobody@bakery.test", "x", "?")
    moves = moves_of(sent.events)
    (refusal,) = [move for move in moves if move.kind == "refusal"]
    assert refusal.names == ("mx1.bakery.test", "mail.academy.test")
    assert refusal.said.startswith("550 5.1.1")
    before = moves[moves.index(refusal) - 1]
    assert (before.names, before.said) == (refusal.names[::-1], "for nobody@bakery.test?")
    bounces = [move for move in moves if move.kind == "bounce"]
    assert bounces[0].said == f"a bounce to {ALICE}"
    assert bounces[-1].names == ("mail.academy.test", f"mailbox of {ALICE}")
    assert all(move.kind == "bounce" for move in moves[moves.index(bounces[0]) :])


def test_a_question_to_the_dns_goes_out_and_its_answer_comes_back(lab: Lab) -> None:
    lab.dns.lookup("bakery.test", "MX")
    moves = moves_of(lab.trace)
    assert [move.names for move in moves if move.kind == "question"] == [
        move.names[::-1] for move in sorted((m for m in moves if m.kind == "answer"), key=_asked(moves))
    ]
    assert moves[0].said == "MX of bakery.test?"
    assert moves[-1].said == "10 mx1, 20 mx2"
    assert [move.said for move in moves if move.said.startswith("ask ")] == ["ask a.nic.test", "ask ns.bakery.test"]


def _asked(moves: list[Move]) -> object:
    questions = [move.names for move in moves if move.kind == "question"]
    return lambda answer: questions.index(answer.names[::-1])


def test_a_picture_is_kept_as_png_where_something_can_draw_one(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = draw(ground_of(load("two-offices")), {})
    assert bundle(picture)["image/png"].startswith("iVBOR")
    monkeypatch.setattr("mailcourse.scene.still.find_spec", lambda name: None)
    assert bundle(picture) == {}


def test_lines_are_drawn_as_they_were_said_the_last_ones_and_never_as_markup() -> None:
    lines = [("C", f"line {number}") for number in range(100)] + [("S", HOSTILE + "\x00\x1b" + "y" * 10_000)]
    drawn = xml.etree.ElementTree.fromstring(sheet(lines, "title"))
    texts = [part.text or "" for part in drawn if part.tag.endswith("text")]
    assert len(texts) == MAX_LINES + 1
    assert texts[0] == "title"
    assert texts[-2] == "line 99"
    assert texts[-1].startswith(HOSTILE)
    assert len(texts[-1]) == MAX_LETTERS
    assert float(drawn.attrib["viewBox"].split()[3]) > LINE * len(texts)


@pytest.mark.parametrize("show", ["queues()", "wiretap()", "devices('bruno@bakery.test')", "telnet(HOST, 25)", "map()"])
def test_a_saved_notebook_keeps_a_picture_of_each_view_that_says_something(lab: Lab, show: str) -> None:
    pytest.importorskip("resvg_py")
    lab.host("mail.bakery.test").down()
    lab.person(ALICE).send(BRUNO, "hi", "x")
    lab.settle()
    view = eval(f"lab.{show}", {"lab": lab, "HOST": "mx1.bakery.test"})
    shown = view._repr_mimebundle_()
    data = shown[0] if isinstance(shown, tuple) else shown
    assert data["image/png"].startswith("iVBOR")
    assert len(data["image/png"]) > 3000, "an empty sheet is smaller"
    xml.etree.ElementTree.fromstring(view.svg())


def test_no_program_is_started_and_nothing_is_asked_of_the_web() -> None:
    folder = Path(draw.__code__.co_filename).parent
    source = "".join(path.read_text() for path in folder.iterdir() if path.is_file())
    assert not re.search(r"graphviz|subprocess|@import|url\(http", source)
    assert scene_hosts(load("two-offices"))
