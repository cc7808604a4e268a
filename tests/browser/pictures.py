"""`make pictures`: the pictures of docs/, made from the views themselves, in the light theme and in the dark one.

docs/journey.png  docs/journey-dark.png …      those that the README shows
docs/views-700-light.webp …                    every view, for narrow, usual and wide screens
"""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path
from typing import Any

from bench import CHROMIUM, FLAGS, OPEN, Bench, Jupyter
from test_views import SEND, VIEWS

DOCS = Path(__file__).parents[2] / "docs"
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
WIDTHS = (700, 1280, 1920)
#: what stands to the left and right of a cell's output in JupyterLab
BESIDE = 150
JOURNEY = "lab.person('alice@academy.test').send('nobody@bakery.test', 'Is anybody there?', 'x').journey()"
STILL = "document.querySelectorAll('.jp-toast, .Toastify').forEach((one) => one.remove())"
#: a host that is off, and a message that waits for it
WAITS = "lab.host('mail.bakery.test').down()\n" + SEND


def step_to(page: Bench, here: Any, words: str) -> None:
    """Press Step until the title has these words, and wait until all has moved."""
    while words not in here.locator(".mc-title").first.inner_text():
        page.press("Step ▶", here)
    page.page.wait_for_timeout(3000)


def for_the_readme(jupyter: Jupyter, browser: Any, theme: str) -> None:
    """Draw the journey of a bounce, the map and the control room."""
    end = "" if theme == "light" else f"-{theme}"
    page = Bench(jupyter, browser, [OPEN, JOURNEY], width=1280, height=900)
    step_to(page, page.output(1), "talks to mx1.bakery.test")
    page.output(1).screenshot(path=DOCS / f"journey{end}.png")
    page.close()
    page = Bench(jupyter, browser, [OPEN, "lab.telnet('mx1.bakery.test', 25)"], width=1000, height=700)
    page.press("EHLO", page.output(1))
    page.page.wait_for_timeout(1000)
    page.output(1).screenshot(path=DOCS / f"terminal{end}.png")
    page.close()
    page = Bench(jupyter, browser, [OPEN, "lab.room()"], width=1280, height=900)
    here = page.output(1)
    here.locator(".mc-top select").nth(1).select_option(index=3)
    here.locator("input[type=range]").first.wait_for()
    step_to(page, here, "mx2.bakery.test takes responsibility")
    here.screenshot(path=DOCS / f"control-room{end}.png")
    page.close()


def every_view(jupyter: Jupyter, browser: Any, theme: str, width: int) -> None:
    """Draw all views below each other, at half their size."""
    views = [code for name, code in VIEWS.items() if name != "room"]  # that is as high as the screen
    views += ["lab.panel()", JOURNEY]
    page = Bench(jupyter, browser, [OPEN, SEND, *views, WAITS], width=width + BESIDE, height=9000)
    page.page.wait_for_timeout(4000)
    page.page.evaluate(STILL)
    box = page.page.locator(".jp-Notebook .jp-Cell").last.bounding_box()
    clip = {"x": 0, "y": 0, "width": width + BESIDE, "height": box["y"] + box["height"], "scale": 0.5}
    session = page.page.context.new_cdp_session(page.page)
    drawn = session.send("Page.captureScreenshot", {"format": "webp", "quality": 40, "clip": clip})
    (DOCS / f"views-{width}-{theme}.webp").write_bytes(base64.b64decode(drawn["data"]))
    page.close()


def main() -> None:
    """Make all pictures."""
    from playwright.sync_api import sync_playwright

    temporary = tempfile.TemporaryDirectory
    with (
        temporary() as folder,
        temporary(prefix="jupyter-") as runtime,
        Jupyter(Path(folder), Path(runtime)) as jupyter,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for theme, name in THEMES.items():
            jupyter.setting("apputils-extension/themes", {"theme": name, "adaptive-theme": False})
            for_the_readme(jupyter, browser, theme)
            for width in WIDTHS:
                every_view(jupyter, browser, theme, width)
        browser.close()


if __name__ == "__main__":
    main()
