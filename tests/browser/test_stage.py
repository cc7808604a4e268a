"""What moves on the scene, measured on the page: where it is, what it carries, and that it can be followed."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import hypot
from typing import Any

import pytest
from bench import OPEN, Bench, wait
from test_views import SEND, VIEWS, see

from mailcourse.lab.scenario import load
from mailcourse.scene.moves import Move
from mailcourse.scene.places import ground_of

pytestmark = [pytest.mark.browser, pytest.mark.motion, pytest.mark.timeout(300)]
MakeBench = Callable[..., Bench]
JOURNEY = "lab.person('alice@academy.test').send('bruno@bakery.test', 'Fresh bread', 'x').journey()"
BOUNCED = "lab.person('alice@academy.test').send('nobody@bakery.test', 'Fresh bread', 'x').journey()"
GROUND = ground_of(load("two-offices"))
#: Keeps in window.__seen each place of what moves, with its kind and what it says.
RECORD = """box => {
  window.__seen = [];
  new MutationObserver(() => {
    const mover = box.querySelector(".mover");
    const place = mover?.getAttribute("transform")?.match(/translate\\(([-\\d.]+) ([-\\d.]+)\\)/);
    if (place) window.__seen.push([mover.classList[1], Number(place[1]), Number(place[2]), mover.textContent]);
  }).observe(box, { subtree: true, childList: true, attributes: true, attributeFilter: ["transform"] });
}"""


def record(page: Bench, here: Any) -> None:
    page.page.evaluate(RECORD, here.locator(".mc-picture").element_handle())


def seen(page: Bench, kind: str) -> list[list[Any]]:
    return [one for one in page.page.evaluate("window.__seen") if one[0] == kind]


def step_to(page: Bench, here: Any, words: str) -> None:
    """Press Step until the title has these words."""
    for _ in range(40):
        if re.search(words, here.locator(".mc-title").inner_text()):
            return
        page.press("Step ▶", here)
    raise AssertionError(words)


def distance(move: Move, x: float, y: float) -> float:
    """Return how far a place is from the curve of a move."""
    spots = (move.at(GROUND, t / 400) for t in range(401))
    return min(hypot(spot.x - x, spot.y - y) for spot in spots)


def test_an_envelope_glides_along_the_wire_from_host_to_host(bench: MakeBench) -> None:
    page = bench(OPEN, JOURNEY)
    here = page.output(1)
    step_to(page, here, "academy.test talks to mx1|MX of bakery.test")
    record(page, here)
    step_to(page, here, "mail.academy.test talks to mx1.bakery.test")
    wait(lambda: len(seen(page, "letter")) > 8 and not here.locator(".mover").count(), "nothing moved")
    move = Move("letter", ("mail.academy.test", "mx1.bakery.test"), "m1", 600)
    places = seen(page, "letter")
    xs = [x for _, x, _, _ in places]
    assert xs == sorted(xs), "it goes one way"
    start, end = GROUND.spots["mail.academy.test"].x, GROUND.spots["mx1.bakery.test"].x
    for part in (1, 2, 3):
        _, x, y, said = places[len(places) * part // 4]
        assert start < x < end, "on its way at three times"
        assert distance(move, x, y) < 1
        assert said == "m1"
    assert (xs[0], xs[-1]) == pytest.approx((start, end), abs=60)


def test_a_refusal_comes_back_and_a_bounce_leaves_in_an_envelope_of_its_own(bench: MakeBench) -> None:
    page = bench(OPEN, BOUNCED)
    here = page.output(1)
    step_to(page, here, "talks to mail.academy.test")
    envelope = here.locator(".mc-envelope")
    see(envelope, "alice@academy.test")
    see(envelope, "nobody@bakery.test")
    record(page, here)
    step_to(page, here, "talks to mx1.bakery.test")
    wait(lambda: len(seen(page, "refusal")) > 5 and not here.locator(".mover").count(), "no refusal came back")
    xs = [x for _, x, _, _ in seen(page, "refusal")]
    assert xs == sorted(xs, reverse=True), "it comes back"
    see(here, re.compile("550"))
    step_to(page, here, "puts it into the mailbox of alice")
    wait(lambda: len(seen(page, "bounce")) > 5 and not here.locator(".mover").count(), "no bounce moved")
    assert all(said.startswith("<>") for _, _, _, said in seen(page, "bounce"))
    see(envelope, "<>")
    see(envelope, "alice@academy.test")
    assert "nobody@bakery.test" not in envelope.inner_text()


INSIDE = """pane => {
  const outer = pane.getBoundingClientRect();
  return [...pane.querySelectorAll(".mc-said:not(.fold)")].filter((line) => {
    const box = line.getBoundingClientRect();
    return box.top >= outer.top - 1 && box.bottom <= outer.bottom + 1;
  }).map((line) => line.innerText.toUpperCase());
}"""


def test_the_lines_that_matter_are_in_sight_and_the_cell_keeps_its_height(bench: MakeBench) -> None:
    page = bench(OPEN, JOURNEY)
    here = page.output(1)
    heights, summary = set(), ""
    for words in ("writes a message", "talks to mail.academy", "MX of bakery", "talks to mx1", "puts it into"):
        step_to(page, here, words)
        heights.add(here.evaluate("e => Math.round(e.getBoundingClientRect().height)"))
        if "talks" in words:
            lines = "\n".join(here.locator(".mc-talk").evaluate(INSIDE))
            for line in ("MAIL FROM:", "RCPT TO:", "C: DATA", "S: 354"):
                assert line in lines, f"{line} is out of sight"
            assert "EHLO" not in lines
            summary = here.locator(".mc-talk summary").first.inner_text()
    assert len(heights) == 1, heights
    assert "lines)" in summary


def test_who_wants_less_motion_sees_the_steps_without_gliding(bench: MakeBench) -> None:
    page = bench(OPEN, JOURNEY)
    page.page.emulate_media(reduced_motion="reduce")
    here = page.output(1)
    step_to(page, here, "MX of bakery.test")
    record(page, here)
    step_to(page, here, "talks to mx1")
    wait(lambda: len(seen(page, "letter")) > 0 and not here.locator(".mover").count(), "nothing was shown")
    end = GROUND.spots["mx1.bakery.test"]
    assert {(x, y) for _, x, y, _ in seen(page, "letter")} == {(end.x, end.y)}


def test_the_keyboard_alone_plays_steps_and_leads_to_the_line_of_a_step(bench: MakeBench) -> None:
    page = bench(OPEN, JOURNEY)
    here, keys = page.output(1), page.page.keyboard
    here.locator(".mc-play").focus()
    keys.press("ArrowRight")
    see(here, re.compile("Step 2 of"))
    keys.press("End")
    see(here, re.compile("puts it into the mailbox"))
    for _ in range(30):
        keys.press("Tab")
        text = page.page.evaluate("document.activeElement.innerText")
        if text.startswith("Received") and "by mx1.bakery.test" in text:
            break
    assert text.startswith("Received")
    keys.press("Enter")
    see(here, re.compile("mx1.bakery.test takes responsibility"))
    keys.press("Home")
    see(here, re.compile("Step 1 of"))
    here.locator(".mc-play").focus()
    keys.press("Enter")
    see(here, re.compile("Step 2 of"))
    keys.press("Enter")
    see(here, "▶ Play")


#: another film begins, and only then the kernel hears where the page was in the one before
LATE = """
with stage.hold_sync():
    stage.step, stage.frames = 0, other.stage.frames
stage.playing = True
stage.step = len(kept) - 1
"""


def test_a_late_word_about_the_film_before_does_not_move_the_next(bench: MakeBench) -> None:
    page = bench(OPEN, f"way, other = {JOURNEY}, {BOUNCED}; stage, kept = way.stage, way.stage.frames; way")
    here, last = page.output(1), int(page.kernel("print(len(kept) - 1)"))
    here.locator("input[type=range]").first.focus()
    page.page.keyboard.press("End")
    wait(lambda: page.kernel("print(stage.step)") == str(last), "the kernel does not hear of the end")
    page.kernel(LATE)
    wait(lambda: "Step 2 of" in here.locator(".mc-count").inner_text(), "the next film does not play")
    wait(lambda: int(page.kernel("print(stage.step)")) < last - 2, "the kernel does not hear of the next film")


def test_the_map_shows_a_letter_on_its_way_and_then_rests(bench: MakeBench) -> None:
    page = bench(OPEN, "lab.map()")
    here = page.output(1)
    record(page, here)
    here.locator(".mc-speed").select_option("fast")
    page.kernel(SEND)
    wait(
        lambda: {one[0] for one in page.page.evaluate("window.__seen")} >= {"letter", "question", "answer", "stamp"},
        "x",
    )
    see(here, "1")
    wait(lambda: here.locator(".mover").count() == 0, "it does not come to rest")
    wait(lambda: "1" in here.locator("g.mailbox.has").first.text_content(), "the mailbox does not show its letter")
    page.page.evaluate("window.__seen.length = 0")
    page.page.wait_for_timeout(1000)
    assert page.page.evaluate("window.__seen") == []


def test_forget_can_be_pressed_under_thirty_rows(bench: MakeBench) -> None:
    page = bench(OPEN, "lab.dig()")
    here = page.output(1)
    page.kernel("for n in range(30): lab.dns.lookup(f'host{n}.bakery.test')")
    here.locator(".lm-TabBar-tab", has_text="Memory").click()
    wait(lambda: here.locator("tbody tr").count() > 30, "the memory is not shown")
    forget = page.button("Forget", here)
    assert forget.bounding_box()["height"] >= 24
    forget.click()
    see(here, "Nothing.")


def test_no_button_needs_a_font_of_icons(bench: MakeBench) -> None:
    page = bench(OPEN, SEND, *VIEWS.values(), JOURNEY, "lab.panel()", height=2000)
    assert page.page.locator(".jp-OutputArea button .fa:visible").count() == 0
    for number in range(2, len(VIEWS) + 4):
        assert page.output(number).locator("button").count() > 0


def test_after_a_restart_a_view_shows_its_last_picture_and_says_what_to_do(bench: MakeBench) -> None:
    page = bench(OPEN, "lab.map()", JOURNEY)
    step_to(page, page.output(2), "talks to mail.academy")
    page.page.get_by_role("menuitem", name="Kernel").first.click()
    page.page.get_by_text("Restart Kernel…", exact=True).click()
    page.page.locator(".jp-Dialog button.jp-mod-accept").click()
    after = "e => getComputedStyle(e, '::after').content"
    for number in (1, 2):
        view = page.output(number).locator(".mc-view").first
        wait(lambda view=view: "run this cell again" in view.evaluate(after), "nothing says what to do")
        assert page.output(number).locator("svg.mc-scene").count() == 1
    assert page.page.locator(".mc-view .jupyter-widgets-disconnected").first.evaluate(
        "e => getComputedStyle(e, '::before').content"
    ) in ("none", "normal")
    page.press("Step ▶", page.output(2))
    see(page.output(2), re.compile("takes responsibility"))
    page.page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for()


def test_the_control_room_is_led_by_keys_alone(bench: MakeBench) -> None:
    page = bench(OPEN, "lab.room()", width=1300, height=900)
    here, keys = page.output(1), page.page.keyboard
    page.button("Ask first", here).focus()
    keys.press("a")
    see(here, "Which computers touch a message between Send and the reader's mailbox?")
    keys.press("n")
    see(here, re.compile("^Step 1 of"))
    keys.press("PageDown")
    see(here, re.compile("looked up in the DNS, from the root"))
    see(here, re.compile("asks resolver.carrier.test"))
