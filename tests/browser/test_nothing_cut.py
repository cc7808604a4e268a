"""Nothing that a view says is cut: on a narrow page, at 150 %, and in a notebook on a small projector."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bench import OPEN, Bench, wait
from test_axe import PRESSED, SHOWN
from test_control_room import SMALLEST, TIGHT, WHOLE, press
from test_views import SEND

pytestmark = [pytest.mark.browser, pytest.mark.motion, pytest.mark.timeout(300)]
#: All views but the room, which is as high as the screen.
VIEWS = {name: code for name, code in SHOWN.items() if name != "room"}
#: Texts that are wider than what they stand in, or that leave the view: "kind: text (pixels > pixels)".
CUT = """root => {
  const cut = [], outer = root.getBoundingClientRect();
  const note = (kind, part, has, room) =>
    cut.push(`${kind}: ${part.textContent.trim().slice(0, 40)} (${has} > ${room})`);
  for (const part of root.querySelectorAll("*")) {
    const box = part.getBoundingClientRect(), style = getComputedStyle(part);
    const says = [...part.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!box.width || style.visibility === "hidden" || style.clipPath !== "none" || style.opacity === "0") continue;
    if (part.closest("option, .mover, title, style, .jupyter-widget-hprogress")) continue;
    if (part.closest("svg")) {
      const place = part.closest("svg").getBoundingClientRect();
      const area = part.matches(".area > text") && part.parentNode.querySelector("rect");
      const room = area ? area.getBoundingClientRect() : place;
      const leaves = box.right > room.right + 1 || box.left < room.left - 1;
      if (says && leaves) note("picture", part, box.right, room.right);
      continue;
    }
    const hides = ["hidden", "clip"].includes(style.overflowX) || style.textOverflow === "ellipsis";
    if (says && hides && part.scrollWidth > part.clientWidth + 1) note("cut", part, part.scrollWidth, part.clientWidth);
    if (style.overflowY === "hidden" && part.clientHeight && part.textContent.trim()
        && part.scrollHeight > part.clientHeight + 3) note("below", part, part.scrollHeight, part.clientHeight);
    const scrolls = part.closest("pre, .mc-sheet");
    if (says && !scrolls && box.right > outer.right + 2) note("outside", part, box.right, outer.right);
  }
  return cut;
}"""


@pytest.mark.parametrize(("width", "scale"), [(700, 1.0), (853, 1.5)], ids=["700 px", "1280 px at 150 %"])
def test_no_view_cuts_what_it_says(bench: Callable[..., Bench], browser: object, width: int, scale: float) -> None:
    page = bench(OPEN, SEND, *VIEWS.values(), SEND, width=width, height=2400)
    session = page.page.context.new_cdp_session(page.page)
    size = {"width": width, "height": 2400, "deviceScaleFactor": scale, "mobile": False}
    session.send("Emulation.setDeviceMetricsOverride", size)
    for number, name in enumerate(VIEWS, 2):
        if name in PRESSED:
            page.press(PRESSED[name], page.output(number))
    page.page.wait_for_timeout(500)
    found = {name: page.output(number).evaluate(CUT) for number, name in enumerate(VIEWS, 2)}
    assert {name: cut for name, cut in found.items() if cut} == {}


def test_in_a_notebook_all_moments_are_on_a_small_screen_once_something_is_pressed(
    bench: Callable[..., Bench],
) -> None:
    page = bench(f"{OPEN}\nlab.room()", width=1280, height=720)
    for number in range(1, 9):
        press(page.page, "Ask first")
        assert all(all(here) for here in page.page.evaluate(WHOLE)), f"the question of moment {number}"
        press(page.page, "Next ▶")
        menu = page.page.locator(".mc-top select").nth(1)
        wait(menu.is_enabled, "the moment does not end")
        assert all(all(here) for here in page.page.evaluate(WHOLE)), f"the words of moment {number}"
        room, panel = (page.page.locator(name).bounding_box() for name in (".mailcourse-room", ".jp-Notebook"))
        assert room["y"] >= panel["y"] - 1
        assert room["y"] + room["height"] <= panel["y"] + panel["height"] + 1, "all of it is on the screen"
        assert page.page.evaluate(SMALLEST) >= 13.9
    press(page.page, "Larger type")
    wait(lambda: page.page.evaluate(SMALLEST) >= 19.9, "the picture stays small")
    assert page.page.evaluate(TIGHT) == []


def test_what_explains_a_line_stands_beside_it_and_a_letter_is_whole_in_its_list(bench: Callable[..., Bench]) -> None:
    views = ["lab.telnet('mx1.bakery.test', 25)", "lab.person('bruno@bakery.test').mail()"]
    page = bench(OPEN, SEND, *views, width=1430, height=900)
    page.press("EHLO", page.output(2))
    wait(lambda: "250 HELP" in page.output(2).inner_text(), "no answer")
    far = """root => Math.max(...[...root.querySelectorAll(".mc-spoken")].map((row) =>
      row.children[1].getBoundingClientRect().left - row.children[0].getBoundingClientRect().right))"""
    assert page.output(2).evaluate(far) < 40
    typed = page.output(2).locator("input[type=text]").bounding_box()
    assert typed["width"] > 700, "a line to type has the width of a line"
    rows = page.output(3).locator("select[size], select[multiple]").first
    wait(lambda: rows.locator("option").count() == 1, "no letter")
    assert rows.evaluate("list => list.scrollWidth <= list.clientWidth")
