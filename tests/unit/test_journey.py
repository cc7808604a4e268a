"""The journey: from events to steps, to pictures; and the two widgets without a browser."""

from __future__ import annotations

import base64
import time
import xml.etree.ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest

from mailcourse import Lab, SavedTrace
from mailcourse.internet.errors import LabError
from mailcourse.scene.draw import host_id
from mailcourse.widgets.journey import EVERYBODY, JourneyView
from mailcourse.widgets.panel import SendPanel
from mailcourse.widgets.steps import branch, recipients, steps

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


def test_at_each_step_what_acts_is_marked(sent_view: JourneyView) -> None:
    ground = sent_view.stage.ground
    for step, frame in zip(sent_view.steps, sent_view.stage.frames, strict=True):
        lit = {part for part, (classes, _) in frame["marks"].items() if "now" in classes.split() and part[0] in "nb"}
        assert lit == {host_id(ground, name) for name in (step.host, *(step.link or ()))}


def test_the_picture_beside_the_widget_is_well_formed_and_says_its_step(sent_view: JourneyView) -> None:
    for number, step in enumerate(sent_view.steps):
        sent_view.stage.step = number
        root = xml.etree.ElementTree.fromstring(sent_view.svg())
        last = number or len(sent_view.steps) - 1
        assert sent_view.steps[last].title in root.attrib["aria-label"]
        assert step.title in sent_view.stage.frames[number]["title"]


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
    turned = [move for frame in view.stage.frames for move in frame["moves"] if move["kind"] == "fail"]
    assert [move["turns"] > 0 for move in turned] == [True, True]
    assert [move["said"] for move in turned] == ["no answer from mx1.bakery.test"] * 2


def test_hostile_content_never_becomes_markup(lab: Lab) -> None:
    view = lab.person("alice@academy.test").send("bruno@bakery.test", HOSTILE, HOSTILE).journey()
    shown = view.svg() + "".join(frame["said"] + frame["letter"] for frame in view.stage.frames)
    assert "<script" not in shown
    assert "<img" not in shown
    assert "&lt;script&gt;" in shown


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
    ("to", "words"), [("nobody", "there is no @"), ("", "Write the reader"), (HOSTILE, "is not an address")]
)
def test_the_panel_explains_a_mistake_and_goes_on(lab: Lab, to: str, words: str) -> None:
    panel = lab.panel()
    panel.to.value = to
    panel.button.click()
    assert "Not sent." in panel._result.value
    assert words in panel._result.value
    assert "<script" not in panel._result.value
    assert panel.journey.steps == []
    panel.to.value = "bruno@bakery.test"
    panel.button.click()
    assert "delivered" in panel._result.value
    assert not panel.button.disabled
    assert panel.journey.steps
    panel.to.value = to
    panel.button.click()
    assert panel.journey.steps == [], "the way of an earlier message is not that of this one"
    assert not panel.journey.stage.playing


def test_a_panel_whose_lab_was_closed_says_so(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab("two-offices")
    panel = SendPanel(lab)
    lab.close()
    panel.button.click()
    assert "This lab was closed" in panel._result.value


def test_the_panel_takes_names_with_addresses(lab: Lab) -> None:
    panel = lab.panel()
    panel.to.value = '"Bea, of the Bakery" <bea@bakery.test>, bruno@bakery.test'
    panel.button.click()
    assert panel.sent is not None
    assert [one.state for one in panel.sent.status.values()] == ["delivered", "delivered"]


def test_what_became_of_a_message_is_told_when_it_has_been_seen(lab: Lab) -> None:
    panel = lab.panel()
    panel.button.click()
    assert panel._result.layout.visibility == "hidden"
    panel.journey.stage.playing = False
    assert panel._result.layout.visibility == "visible"
    assert "mc-chip good" in panel._result.value


# ---- branches, header lines, and a message that is still on its way ----------------------------------------------


def test_each_recipient_has_a_branch_and_the_bounce_belongs_to_who_was_not_reached(lab: Lab) -> None:
    view = lab.person("alice@academy.test").send(["bruno@bakery.test", "nobody@bakery.test"], "x", "?").journey()
    assert list(view.whose.options) == [EVERYBODY, "bruno@bakery.test", "nobody@bakery.test"]
    everything = len(view.steps)
    view.whose.value = "bruno@bakery.test"
    titles = " ".join(step.title for step in view.steps)
    assert "mailbox of bruno" in titles
    assert "bounce" not in titles
    assert "mailbox of alice" not in titles
    view.whose.value = "nobody@bakery.test"
    titles = " ".join(step.title for step in view.steps)
    assert "mailbox of bruno" not in titles
    assert "sends a bounce" in titles
    assert "mailbox of alice" in titles
    assert len(view.stage.frames) == len(view.steps) < everything


def test_a_look_up_belongs_to_whom_it_was_made_for(lab: Lab) -> None:
    told = lab.person("alice@academy.test").send(["amir@academy.test", "bruno@bakery.test"], "x", "?").journey().steps
    assert recipients(told) == ["amir@academy.test", "bruno@bakery.test"]
    assert not any("MX of bakery.test" in step.title for step in branch(told, "amir@academy.test"))
    assert any("MX of bakery.test" in step.title for step in branch(told, "bruno@bakery.test"))


def test_a_forwarded_copy_belongs_to_whom_it_came_for(lab: Lab) -> None:
    lab.person("bruno@bakery.test").forward("amir@academy.test")
    view = lab.person("alice@academy.test").send(["bruno@bakery.test", "alice@academy.test"], "x", "?").journey()
    view.whose.value = "bruno@bakery.test"
    assert any("mailbox of amir" in step.title for step in view.steps)
    assert not any("mailbox of alice" in step.title for step in view.steps)


def test_it_goes_on_while_the_message_travels(lab: Lab) -> None:
    lab.host("mail.bakery.test").down()
    view = lab.person("alice@academy.test").send("bruno@bakery.test", "x", "?").journey()
    before = len(view.steps)
    view.stage.step = 3
    lab.host("mail.bakery.test").up()
    lab.clock.advance(hours=2)
    end = time.monotonic() + 20
    while "mailbox of bruno" not in repr(view):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert len(view.steps) > before
    assert view.stage.step == 3
    assert any("tries" in step.title or "try again" in step.title for step in view.steps)
    assert len({step.time for step in view.steps}) > 1


def test_a_saved_trace_tells_the_same_without_the_lab(lab: Lab, tmp_path: Path) -> None:
    sent = lab.person("alice@academy.test").send(["bruno@bakery.test", "nobody@bakery.test"], "é", "?")
    live = sent.journey()
    saved = SavedTrace(lab.save_trace(tmp_path / "trace.jsonl"))
    lab.close()
    view = saved.journey(sent.message)
    assert [(s.title, s.lines) for s in view.steps] == [(s.title, s.lines) for s in live.steps]
    told = [(frame["title"], frame["said"], frame["letter"]) for frame in view.stage.frames]
    assert told == [(frame["title"], frame["said"], frame["letter"]) for frame in live.stage.frames]
    password = base64.b64encode(b"\0alice@academy.test\0apple-tree-41").decode()
    assert password not in (tmp_path / "trace.jsonl").read_text()
    with pytest.raises(LabError, match="no message 'm77'"):
        saved.journey("m77")


@pytest.mark.parametrize("text", ["nonsense\n", "{}\n", '{"what": "flown"}\n', "[]\n", "\x00\n"])
def test_a_file_that_is_no_trace_is_told_with_its_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(LabError, match=r"Line 1 of x\.jsonl"):
        SavedTrace(tmp_path / "x.jsonl")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot be used: "):
        SavedTrace(tmp_path / "no.jsonl")
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(LabError, match="cannot be used: "):
        SavedTrace(tmp_path / "bytes.jsonl")


def test_many_journeys_do_not_all_follow_the_lab(lab: Lab) -> None:
    sent = lab.person("alice@academy.test").send("bruno@bakery.test", "x", "?")
    before = len(lab.trace._listeners)
    views = [sent.journey() for _ in range(10)]
    assert len(lab.trace._listeners) <= before + 3
    assert all(view.steps for view in views)
