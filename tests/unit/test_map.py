"""The map: what it says of the lab, and that it follows it without harm."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
import waits

from mailcourse import Lab
from mailcourse.scene.now import HostNode, state, text_of, troubles
from mailcourse.widgets.live import MAX_LIVE
from mailcourse.widgets.map import MapView, detail

until = partial(waits.until, seconds=10)
ALICE, BRUNO, MX1 = "alice@academy.test", "bruno@bakery.test", "mx1.bakery.test"
PLACES = [
    HostNode("laptop.academy.test", "The Academy", "person"),
    HostNode("mail.academy.test", "The Academy", "mail", waiting=2, boxes=(("alice@academy.test", 3),)),
    HostNode("ns.academy.test", "The Academy", "dns", is_up=False, faults=("down",)),
]


def part(view: MapView, name: str) -> list[str]:
    """Return classes and words of a host, a mailbox or a link, as the browser was told."""
    hosts = [host.name for host in view.ground.hosts]
    boxes = [spot for spot in view.ground.spots if spot.startswith("mailbox of ")]
    number = f"n{hosts.index(name)}" if name in hosts else f"b{boxes.index(name)}"
    marks: Mapping[str, Any] = view.stage.news["marks"]
    return list(marks.get(number, ["", ""]))


BRUNOS = "mailbox of bruno@bakery.test"


def test_a_place_says_how_it_is() -> None:
    assert [place.words for place in PLACES] == ["", "2 waiting · alice 3", "OFF"]


def test_the_map_follows_the_lab(lab: Lab) -> None:
    view = lab.map()
    lab.host(MX1).down()
    until(lambda: part(view, MX1) == ["off", "off"])
    lab.person(ALICE).send(BRUNO, "hi", "x")
    lab.settle()
    until(lambda: part(view, "mx2.bakery.test") == ["waiting", "1 waiting"] and part(view, BRUNOS) == ["", "0"])
    lab.clock.advance(minutes=1)
    lab.host(MX1).up()
    lab.queue("mx2.bakery.test").flush()
    lab.settle()
    until(lambda: part(view, BRUNOS) == ["has", "1"])
    assert part(view, "mx2.bakery.test") == ["", ""]
    assert "bruno 1" in view.stage.news["words"]


def test_the_map_tells_what_moved_once_and_in_order(lab: Lab) -> None:
    view = lab.map()
    told: list[tuple[str, str]] = []
    view.stage.observe(lambda change: told.extend((m["kind"], m["said"]) for m in change["new"]["moves"]), "news")
    lab.person(ALICE).send(BRUNO, "hi", "x")
    lab.settle()
    until(lambda: part(view, BRUNOS) == ["has", "1"])
    until(lambda: sum(kind == "letter" for kind, _ in told) >= 5)  # who listens is told after it can be seen
    kinds = [kind for kind, _ in told]
    assert kinds.count("letter") == 5  # written, three hops, and into the mailbox
    assert kinds.count("stamp") == kinds.count("reply") == 3
    assert kinds.index("question") < kinds.index("answer") < kinds.index("stamp")


def test_nothing_is_told_while_nothing_happens(lab: Lab) -> None:
    view = lab.map()
    lab.person(ALICE).send(BRUNO, "hi", "x")
    lab.settle()
    until(lambda: part(view, BRUNOS) == ["has", "1"])
    before = view.stage.news["number"]
    view.look()
    view.look()
    assert view.stage.news["number"] == before


def test_hosts_are_switched_slowed_and_mended_in_place(lab: Lab) -> None:
    view = lab.map()
    view.host.value = MX1
    view.switch.click()
    until(lambda: not lab.host(MX1).is_up and view.switch.description == "Switch on")
    view.switch.click()
    until(lambda: lab.host(MX1).is_up)
    view.slow.click()
    until(lambda: part(view, MX1) == ["slow chosen", "slow"])
    view.mend.click()
    until(lambda: part(view, MX1) == ["chosen", ""])


def test_a_press_on_the_picture_chooses_a_host_or_a_link(lab: Lab) -> None:
    view = lab.map()

    def press(what: object) -> None:
        view.stage._handle_custom_msg({"pressed": what}, [])

    press("n2")
    assert view.host.value == list(lab.scenario.hosts)[2]
    press("e0")
    link = view.chosen
    assert len(link) == 2
    assert view.stage.news["marks"]["e0"] == ["chosen", ""]
    for nonsense in ("n99", "e99", "x", "", "n-1", "n1.5", None, 5):
        press(nonsense)
    assert view.chosen == link


def test_a_link_is_cut_slowed_and_mended_in_place(lab: Lab) -> None:
    view = lab.map()
    lab.person(ALICE).send(BRUNO, "hi", "x")
    lab.settle()
    ends = {"mail.academy.test", MX1}
    until(lambda: f"mail.academy.test → {MX1}" in view.host.options)
    view.host.value = f"mail.academy.test → {MX1}"
    assert "250" in view.detail.value
    assert "POP3" not in view.detail.value
    view.switch.click()
    until(lambda: view.switch.description == "Switch on" and troubles(lab) == {frozenset(ends): "cut"})
    until(lambda: "link mail.academy.test — mx1.bakery.test: cut" in view.stage.news["words"])
    assert ["cut chosen", ""] in view.stage.news["marks"].values()
    view.switch.click()
    until(lambda: troubles(lab) == {})
    view.slow.click()
    until(lambda: view.slow.description == "Full speed" and troubles(lab) == {frozenset(ends): "slow"})
    view.slow.click()
    until(lambda: troubles(lab) == {} and view.slow.description == "Slow down")


def test_a_host_shows_its_log_queue_mail_and_zones(lab: Lab) -> None:
    lab.person(ALICE).send(BRUNO, "hi", "x")
    lab.settle()
    assert "takes responsibility" in detail(lab, [MX1], "log")
    assert "queue id" in detail(lab, [MX1], "queue")
    assert "no queue" in detail(lab, ["ns.bakery.test"], "queue")
    assert "new/" in detail(lab, ["mail.bakery.test"], "mail")
    assert "mailboxes are empty" in detail(lab, ["mail.academy.test"], "mail")
    assert "no mailboxes" in detail(lab, [MX1], "mail")
    assert "MX 10 mx1" in detail(lab, ["ns.bakery.test"], "zones")


def test_a_view_of_a_closed_lab_says_so_and_does_nothing(lab: Lab) -> None:
    view = lab.map()
    lab.close()
    assert "closed" in view.notice.value
    assert view.switch.disabled
    view.switch.click()
    assert repr(view) == "a map of a lab that is closed"


def test_only_a_few_views_follow_a_lab_and_a_closed_one_none(lab: Lab) -> None:
    views = [lab.map() for _ in range(MAX_LIVE + 2)]
    assert [view.is_live for view in views] == [False, False, *[True] * MAX_LIVE]
    views[-1].close()
    assert not views[-1].is_live
    assert len(lab.trace._listeners) == MAX_LIVE - 1


def test_many_events_are_one_look(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    view = lab.map()
    monkeypatch.setattr(MapView, "look", lambda self: looks.append(time.monotonic()))
    began = time.monotonic()
    for _ in range(500):
        lab.trace.add("mx1.bakery.test", "lab", "warning", text="x")
    until(lambda: bool(looks))
    time.sleep(0.25)
    assert len(looks) <= 2 + 10 * (time.monotonic() - began)
    assert view.is_live


def test_the_map_is_a_text_where_no_widget_is_shown(lab: Lab) -> None:
    bundle = lab.map()._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["text/plain"] == text_of(state(lab))
    assert "mail.bakery.test" in data["text/plain"]
