"""The journey: from events to steps, to pictures; and the two widgets without a browser."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree
from collections.abc import Callable

import pytest

from mailcourse import Lab
from mailcourse.widgets.journey import JourneyView, dot, frame, said, steps, way
from mailcourse.widgets.panel import SendPanel

HOSTILE = '<script>alert(1)</script> & "quotes" \\N -> ]]> <img src=x onerror=alert(2)>'


@pytest.fixture
def sent_view(lab: Lab) -> JourneyView:
    return lab.person("alice@academy.test").send("bruno@bakery.test", "Bread", "?").journey()


def test_every_hop_is_a_step_and_the_last_is_the_mailbox(sent_view: JourneyView) -> None:
    titles = [step.title for step in sent_view.steps]
    links = [step.link for step in sent_view.steps if step.kind == "mail" and step.link]
    assert list(dict.fromkeys(links)) == [
        ("laptop.academy.test", "mail.academy.test"),
        ("mail.academy.test", "mx1.bakery.test"),
        ("mx1.bakery.test", "mail.bakery.test"),
    ]
    assert sum("takes responsibility" in title for title in titles) == 3
    assert titles[-1] == "mail.bakery.test puts it into the mailbox of bruno@bakery.test"
    assert any("10 mx1.bakery.test, 20 mx2.bakery.test" in title for title in titles)


def test_what_was_said_is_told_at_its_step_and_secrets_are_not(sent_view: JourneyView) -> None:
    lines = [line for step in sent_view.steps for line in step.lines]
    assert "C: MAIL FROM:<alice@academy.test> SIZE=480" in lines or any("C: MAIL FROM:<alice" in x for x in lines)
    assert "C: (a secret, not shown)" in lines
    assert "S: 250 STARTTLS" in lines or "S: 250-STARTTLS" in lines
    assert not any("apple-tree" in line for line in lines)


def test_at_each_step_what_acts_is_marked_and_what_comes_later_is_pale(sent_view: JourneyView) -> None:
    road = way(sent_view.steps)
    for number, step in enumerate(sent_view.steps):
        picture = frame(road, sent_view.steps, number)
        classes = dict(re.findall(r'<g id="([ne]\d+)" class="\w+ ?(\w*)">', picture))
        marked = {name for index, name in enumerate(road.nodes) if classes[f"n{index}"] == "now"}
        assert marked == {step.host, *(step.link or ())}
        pale = {name for index, name in enumerate(road.nodes) if classes[f"n{index}"] == "later"}
        assert pale == {name for name, (_, first) in road.nodes.items() if first > number} - marked
        assert f'aria-label="Step {number + 1} of {len(sent_view.steps)}' in picture
        xml.etree.ElementTree.fromstring(picture.replace("xlink:", "").replace("xmlns:xlink", "xmlns-x"))


def test_the_buttons_go_back_and_forth_and_stop_at_the_ends(sent_view: JourneyView) -> None:
    sent_view.back.click()
    assert sent_view.slider.value == 0
    for _ in range(100):
        sent_view.forth.click()
    assert sent_view.slider.value == len(sent_view.steps) - 1
    sent_view.back.click()
    assert sent_view.slider.value == len(sent_view.steps) - 2


def test_a_saved_notebook_has_a_picture_and_a_text(sent_view: JourneyView) -> None:
    bundle = sent_view._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert "puts it into the mailbox" in data["text/plain"]


def test_bounces_and_several_recipients_are_told(lab: Lab) -> None:
    everybody = ["bruno@bakery.test", "amir@academy.test", "nobody@bakery.test", "x@nowhere.test"]
    view = lab.person("alice@academy.test").send(everybody, "All", "?").journey()
    titles = "\n".join(step.title for step in view.steps)
    for words in (
        "mailbox of bruno",
        "mailbox of amir",
        "mailbox of alice",
        "sends a bounce",
        "nowhere.test does not exist",
    ):
        assert words in titles


def test_a_host_that_is_down_is_told(lab: Lab) -> None:
    lab.host("mx1.bakery.test").down()
    view = lab.person("alice@academy.test").send("bruno@bakery.test", "All", "?").journey()
    titles = [step.title for step in view.steps]
    assert any("cannot reach mx1.bakery.test port 25: no answer" in title for title in titles)
    road = way(view.steps)
    assert road.broken == {("mail.academy.test", "mx1.bakery.test"), ("mx2.bakery.test", "mx1.bakery.test")}
    assert dot(road).count("arrowhead=tee") == 2


def test_hostile_content_never_becomes_markup(lab: Lab) -> None:
    view = lab.person("alice@academy.test").send("bruno@bakery.test", HOSTILE, HOSTILE).journey()
    for number, step in enumerate(view.steps):
        shown = said(step, number, 9) + frame(way(view.steps), view.steps, number)
        assert "<script" not in shown
        assert "<img" not in shown
    assert "\\N" not in dot(way(view.steps))


def test_an_empty_journey_says_so() -> None:
    assert steps([]) == []
    assert repr(JourneyView()) == "nothing has happened yet"


def test_the_panel_sends_and_shows(lab: Lab) -> None:
    panel = lab.panel()
    panel.subject.value = "From the panel"
    panel.button.click()
    assert panel.sent is not None
    assert panel.sent.status["bruno@bakery.test"].state == "delivered"
    assert [m.subject for m in lab.person("bruno@bakery.test").inbox()] == ["From the panel"]
    assert "delivered" in panel._result.value
    assert panel.journey.steps[-1].kind == "mailbox"


@pytest.mark.parametrize(
    ("to", "words"), [("nobody", "there is no @"), ("", "no recipient"), (HOSTILE, "is not an address")]
)
def test_the_panel_explains_a_mistake_and_goes_on(lab: Lab, to: str, words: str) -> None:
    panel = lab.panel()
    panel.to.value = to
    panel.button.click()
    assert "Not sent." in panel._result.value
    assert words in panel._result.value
    assert "<script" not in panel._result.value
    panel.to.value = "bruno@bakery.test"
    panel.button.click()
    assert "delivered" in panel._result.value
    assert not panel.button.disabled


def test_a_panel_whose_lab_was_closed_says_so(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab("two-offices")
    panel = SendPanel(lab)
    lab.close()
    panel.button.click()
    assert "This lab was closed" in panel._result.value
