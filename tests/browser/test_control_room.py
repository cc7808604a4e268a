"""A whole story told from the control room: as a notebook in JupyterLab, and as a page that Voilà serves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench import OPEN, Bench, own_port, wait

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def press(page: Any, words: str) -> None:
    page.locator(f"button:has-text('{words}')").first.click()


def tab(page: Any, words: str) -> None:
    page.get_by_role("tab", name=words, exact=True).click()


def moment(page: Any, words: str) -> None:
    """Press a moment of the script; the one before may still be about to show its own page."""
    from playwright.sync_api import TimeoutError as TooLate

    button = page.locator(f"button:has-text('{words}')").first
    for _ in range(20):
        tab(page, "Script")
        try:
            button.click(timeout=3000)
        except TooLate:
            continue
        return
    raise AssertionError(f"{words} cannot be pressed")


def see(place: Any, text: str) -> None:
    from playwright.sync_api import expect

    expect(place.get_by_text(re.compile(text)).locator("visible=true").first).to_be_visible(timeout=30_000)


def map_says(page: Any, words: str) -> None:
    from playwright.sync_api import expect

    the_map = page.locator(".mailcourse-map svg")
    expect(the_map).to_have_attribute("aria-label", re.compile(words), timeout=30_000)


def tell_the_story(page: Any) -> None:
    """The first mail server is off, the second takes the message, and passes it on when the first is back."""
    press(page, "1. A message travels")
    map_says(page, "bruno 1")
    see(page, "of \\d+")
    moment(page, "3. The first mail server is off")
    map_says(page, "mx1.bakery.test +MTA, a mail server: OFF")
    see(page, "mx2.bakery.test")
    moment(page, "4. It comes back")
    map_says(page, "mx1.bakery.test +MTA, a mail server: up")
    map_says(page, "bruno 2")
    moment(page, "6. The mailbox cannot be reached")
    map_says(page, "1 waiting")
    see(page, "mail.bakery.test")
    press(page, "+1 day")
    moment(page, "7. All works again")
    map_says(page, "bruno 3")
    moment(page, "2. How did it know")
    see(page, "bakery.test. +\\d+ +IN +MX|MX")
    moment(page, "8. By hand")
    see(page, "220 mx1.bakery.test")
    press(page, "Larger type")
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], "nothing may lie outside a projector's screen"
    press(page, "Reset")
    map_says(page, "bruno 0")
    page.locator("select", has=page.locator("option:text-is('backup-mx')")).first.select_option("backup-mx")
    map_says(page, "OFF")


def test_the_control_room_tells_the_story_in_jupyterlab(bench: Callable[..., Bench]) -> None:
    made = bench(OPEN, "lab.room()", width=1300, height=900)
    tell_the_story(made.page)


def test_left_and_right_step_and_tab_reaches_the_next_button(bench: Callable[..., Bench]) -> None:
    made = bench(OPEN, "lab.room()", width=1300, height=900)
    press(made.page, "1. A message travels")
    see(made.page, "of \\d+")
    slider = made.page.locator("input[type=range]:visible").first
    pause = made.page.locator("button:has-text('Pause')")
    if pause.count():
        pause.click()
    slider.focus()
    made.page.keyboard.press("Home")
    for key, step in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2)):
        made.page.keyboard.press(key)
        see(made.page, f"\\b{step} of \\d+")
    made.page.keyboard.press("Tab")
    outline = made.page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "3px", "who uses the keyboard sees where she is"


#: `make demo` draws another one at each start
TOKEN = "of-this-test"


@pytest.fixture
def voila(request: pytest.FixtureRequest, tmp_path: Path, runtime: Path) -> Iterator[str]:
    """The page of `make demo`."""
    port = own_port(1)
    run = ["make", "-o", ".venv/ready-demo", "demo", f"BIN={Path(sys.executable).parent}"]
    run += [
        f"DEMO_ARGS=--no-browser --port={port} --Voila.port_retries=0 --token={TOKEN} --KernelManager.transport=ipc"
    ]
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(runtime)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(run, cwd=request.config.rootpath, env=environment, start_new_session=True, **quiet)
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            urllib.request.urlopen(f"{address}/static/", timeout=1).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    try:
        wait(lambda: server.poll() is not None or answers(), "Voilà did not answer")
        assert server.poll() is None, "Voilà did not start"
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def test_the_control_room_tells_the_story_as_a_page(voila: str, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{voila}/?token={TOKEN}", timeout=60_000)
    page.locator("button:has-text('A message travels')").wait_for(timeout=60_000)
    assert "import Lab" not in page.locator("body").inner_text(), "a page for a projector shows no code"
    tell_the_story(page)
    page.close()
    assert wrong == []
    assert [url for url in asked if not url.startswith((voila, "data:", "blob:"))] == [], "it works offline"


def test_the_page_is_for_whoever_has_its_token_and_under_no_other_name(voila: str) -> None:
    def asked(path: str, host: str) -> tuple[int, str]:
        request = urllib.request.Request(f"{voila}{path}", headers={"Host": host})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.url
        except urllib.error.HTTPError as error:
            return error.code, ""

    here = voila.removeprefix("http://")
    for path in ("/", "/?token=guessed", "/api/kernels/x"):
        status, address = asked(path, here)
        assert status in (403, 404) or "/login" in address
    for host in ("evil.test", f"evil.test:{here.rpartition(':')[2]}", "192.0.2.1", "127.0.0.1.evil.test"):
        assert asked(f"/?token={TOKEN}", host)[0] == 403
    assert asked(f"/?token={TOKEN}", here) == (200, f"{voila}/?token={TOKEN}")
