"""From a press to the changed picture.

The figures are printed; the bounds here are wide, because a busy machine must not fail a test.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import pytest
from bench import OPEN, Bench, wait

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
CLICKS = 50
#: Presses a button, and resolves with the milliseconds until the text alternative of the picture is another.
TIMED = """
([button, box]) => new Promise((resolve) => {
  const words = () => box.querySelector("svg[role=img]")?.getAttribute("aria-label");
  const before = words();
  const began = performance.now();
  const seen = new MutationObserver(() => {
    if (words() && words() !== before) { seen.disconnect(); resolve(performance.now() - began); }
  });
  seen.observe(box, { subtree: true, childList: true, attributes: true });
  button.click();
})
"""


def timed(page: Bench, words: Callable[[int], str], output: int) -> list[float]:
    """Press 50 times; return each time in milliseconds."""
    box = page.output(output).element_handle()
    took = []
    for number in range(CLICKS):
        button = page.button(words(number), page.output(output))
        wait(lambda button=button: button.is_enabled(), "the button stays at rest")
        took.append(float(page.page.evaluate(TIMED, [button.element_handle(), box])))
    return took


def told(name: str, took: list[float]) -> float:
    """Print median and 95th percentile; return the latter."""
    p95 = statistics.quantiles(took, n=20)[-1]
    print(f"\n{name}: median {statistics.median(took):.0f} ms, p95 {p95:.0f} ms, worst {max(took):.0f} ms")
    return p95


def test_a_press_changes_the_picture_soon(bench: Callable[..., Bench]) -> None:
    journey = "lab.person('alice@academy.test').send(['bruno@bakery.test', 'x@nowhere.test'], 'x', 'y').journey()"
    page = bench(OPEN, "lab.map()", journey)
    page.choose("Host", "mx1.bakery.test")
    assert told("map, a host off and on", timed(page, lambda n: "Switch on" if n % 2 else "Switch off", 1)) < 1000
    assert told("journey, a step", timed(page, lambda n: "Step" if n % 20 < 10 else "Back", 2)) < 1000
