"""The DNS on the screen: sections of an answer, the walk, the memory, a zone that is edited."""

from __future__ import annotations

import pytest
from waits import until

from mailcourse import Lab
from mailcourse.widgets.dig import DigView, answer, memory


def press(view: DigView, word: str) -> None:
    button = {"ask": view.ask, "walk": view.walk, "forget": view.forget, "save": view.save}[word]
    button.click()
    until(lambda: not button.disabled)


@pytest.fixture
def view(lab: Lab) -> DigView:
    made = lab.dig()
    made.name.value = "bakery.test"
    return made


def test_the_resolver_and_the_zones_own_server_answer_differently(view: DigView) -> None:
    press(view, "ask")
    assert "10 mx1.bakery.test." in view.answer.value
    assert "RA (it asks others for you)" in view.answer.value
    view.server.value = "ns.bakery.test"
    press(view, "ask")
    assert "AA (this server holds the zone)" in view.answer.value
    assert "RA" not in view.answer.value


def test_a_referral_shows_in_the_authority_section(lab: Lab) -> None:
    found = lab.dns.lookup("bakery.test", "MX", "a.root.test")
    assert found.records == ()
    assert any(" NS " in record for record in found.authority)
    assert any(" A " in record for record in found.additional)
    assert "<b>Answer</b> no records" in answer(found)
    assert answer(found).count("<table") == 2


def titles(view: DigView) -> list[str]:
    return [step.title for step in view.film.steps]


def test_the_walk_asks_from_the_root_down_and_is_played(view: DigView) -> None:
    press(view, "walk")
    told = "\n".join(titles(view))
    places = [told.index(f"{server} tells") for server in ("a.root.test", "a.nic.test", "ns.bakery.test")]
    assert places == sorted(places)
    assert "REFERRAL" in view.answer.value
    assert view.film.stage.playing


def test_an_answer_from_memory_is_a_short_way(view: DigView) -> None:
    press(view, "ask")
    long = len(titles(view))
    press(view, "ask")
    assert titles(view)[-1].startswith("resolver.carrier.test tells laptop.academy.test: it answers")
    assert len(titles(view)) == 2 < long


def test_a_name_that_is_not_there_is_told_too(view: DigView) -> None:
    view.name.value = "nobody.test"
    press(view, "walk")
    assert "NXDOMAIN" in titles(view)[-1]


def test_the_bar_of_what_is_remembered_runs_down() -> None:
    longest: dict[tuple[str, str], int] = {}
    entry = {"name": "x.test.", "type": "MX", "seconds left": 3600, "from": "answer", "answer": "10 <b>mx</b>"}
    assert "width:100%" in memory([entry], longest)
    later = memory([{**entry, "seconds left": 900}], longest)
    assert "width:25%" in later
    assert "<b>mx" not in later


def test_what_the_resolver_remembers_runs_out_on_the_labs_clock(view: DigView, lab: Lab) -> None:
    press(view, "ask")
    until(lambda: "3600" in view.memory.value)
    lab.clock.advance(minutes=10)
    until(lambda: "3000" in view.memory.value)
    press(view, "forget")
    until(lambda: "3000" not in view.memory.value)


def test_a_saved_zone_has_a_new_serial_and_the_resolver_still_believes_the_old(view: DigView, lab: Lab) -> None:
    press(view, "ask")
    view.zone.value = "bakery.test"
    before = lab.zone("bakery.test").serial
    view.text.value = view.text.value.replace("mx1", "mx9")
    press(view, "save")
    assert lab.zone("bakery.test").serial > before
    assert f"Saved with serial {lab.zone('bakery.test').serial}" in view.status.value
    press(view, "ask")
    assert "mx1.bakery.test" in view.answer.value  # from memory
    press(view, "forget")
    press(view, "ask")
    assert "mx9.bakery.test" in view.answer.value


def test_a_mistake_is_told_with_its_line_and_changes_nothing(view: DigView, lab: Lab) -> None:
    view.zone.value = "bakery.test"
    before = lab.zone("bakery.test").text
    lines = before.splitlines()
    lines.insert(3, "@ MX ten mx1")
    view.text.value = "\n".join(lines)
    press(view, "save")
    assert "Not saved" in view.status.value
    assert "line 4" in view.status.value
    assert lab.zone("bakery.test").text == before
    assert "@ MX ten mx1" in view.text.value  # nothing typed is lost


@pytest.mark.parametrize("name", ["", "a..b", "<b>x</b>.test", "x" * 70 + ".test", "é.test"])
def test_whatever_is_asked_is_answered_or_explained_and_never_markup(view: DigView, name: str) -> None:
    view.name.value = name
    press(view, "ask")
    assert "<b>x" not in view.answer.value + view.notice.value
    assert view.answer.value or view.notice.value
    press(view, "walk")


def test_a_server_that_is_down_gives_a_sentence(view: DigView, lab: Lab) -> None:
    lab.host("ns.bakery.test").down()
    view.server.value = "ns.bakery.test"
    press(view, "ask")
    assert "ns.bakery.test gave no answer" in view.notice.value


def test_a_closed_lab_says_so(view: DigView, lab: Lab) -> None:
    lab.close()
    assert view.ask.disabled
    assert "closed" in view.notice.value
    assert "form to ask the DNS" in repr(view)


def test_a_remembered_answer_is_told_without_what_stands_beside_it(lab: Lab) -> None:
    lab.dns.lookup("bakery.test", "MX")
    told = memory([dict(row) for row in lab.dns.cache], {})
    row = next(row for row in told.split("<tr>") if "10 mx1" in row)
    assert "10 mx1.bakery.test.<br>20 mx2.bakery.test." in row
    assert row.count("bakery.test.<br><small>") == 1
    assert "IN MX" not in told
    assert "60 min · 3600 s" in row
