"""The words beside what moves: whole, and over no host, mailbox or title."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bench import OPEN, Bench, wait

pytestmark = [pytest.mark.browser, pytest.mark.motion, pytest.mark.timeout(300)]
#: Keeps in window.__labels what each label said, and in window.__covered what it lay upon: "words: what is covered".
WATCH = """box => {
  window.__labels = new Set();
  window.__covered = new Set();
  const inside = (one, two) => one.left < two.right - 1 && one.right > two.left + 1
    && one.top < two.bottom - 1 && one.bottom > two.top + 1;
  new MutationObserver(() => {
    const label = box.querySelector(".mover .label"), words = label?.textContent;
    if (!words || !label.hasAttribute("transform")) return;
    window.__labels.add(words);
    const place = label.querySelector("rect").getBoundingClientRect();
    const whole = box.querySelector("svg").getBoundingClientRect();
    if (place.left < whole.left || place.right > whole.right || place.top < whole.top || place.bottom > whole.bottom)
      window.__covered.add(`${words}: leaves the picture`);
    for (const part of box.querySelectorAll(".area > text, .node > :is(.icon, text), .mailbox > :is(path, text)")) {
      const other = part.getBoundingClientRect();
      if (other.width && inside(place, other))
        window.__covered.add(`${words}: ${part.parentNode.querySelector("title").textContent}`);
    }
  }).observe(box, { subtree: true, childList: true, attributes: true, attributeFilter: ["transform"] });
}"""


@pytest.mark.parametrize("width", [1400, 760])
def test_words_beside_what_moves_are_whole_and_cover_nothing(bench: Callable[..., Bench], width: int) -> None:
    page = bench(OPEN, "lab.map()", width=width)
    here = page.output(1)
    page.page.evaluate(WATCH, here.locator(".mc-picture").element_handle())
    here.locator(".mc-speed").select_option("fast")
    page.kernel("lab.person('alice@academy.test').send('nobody@bakery.test', 'x', 'x')\nlab.settle()")
    said: Callable[[], set[str]] = lambda: {*page.page.evaluate("[...window.__labels]")}  # noqa: E731
    wait(lambda: "a bounce to alice@academy.test" in said() and not here.locator(".mover").count(), "it does not end")
    assert page.page.evaluate("[...window.__covered]") == []
    assert {"MX of bakery.test?", "ask ns.bakery.test", "550 5.1.1 there is no mailbox"} <= said()
    assert not any("…" in words for words in said())
