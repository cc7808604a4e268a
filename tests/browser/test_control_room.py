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

pytestmark = [pytest.mark.browser, pytest.mark.motion, pytest.mark.timeout(300)]


def press(page: Any, words: str) -> None:
    page.locator(f"button:has-text('{words}')").first.click()


def moment(page: Any, words: str) -> None:
    """Choose a moment of the script, once the one before is done, and wait until its film is there."""
    menu = page.locator(".mc-top select").nth(1)
    wait(menu.is_enabled, "the moment before does not end")
    menu.select_option(label=words)
    page.locator(".mc-caption h2").filter(has_text=words).wait_for()  # it has begun, so the menu rests until it ends
    wait(menu.is_enabled, "the moment does not end")


def see(place: Any, text: str) -> None:
    from playwright.sync_api import expect

    expect(place.get_by_text(re.compile(text)).locator("visible=true").first).to_be_visible(timeout=30_000)


def scene_has(page: Any, part: str, words: str) -> None:
    """A host or a mailbox of the scene has these words below it, in a moment."""
    from playwright.sync_api import expect

    here = page.locator(f".mc-scene g:has(> title:text-is('{part}'))").first
    expect(here).to_contain_text(words, timeout=40_000)


def places(page: Any) -> dict[str, list[float]]:
    """Return where each host of the scene is on the screen."""
    code = """() => Object.fromEntries([...document.querySelectorAll(".mc-scene :is(.node, .mailbox)")].map((part) => {
      const box = part.querySelector(".icon, .box").getBoundingClientRect();
      return [part.id, [Math.round(box.x), Math.round(box.y)]]; }))"""
    return dict(page.evaluate(code))


def finish(page: Any) -> None:
    """Go to the last step of the film, as the key End does."""
    page.locator(".mc-stage.has-film input[type=range]").focus()
    page.keyboard.press("End")


#: keeps what each title of a film says: while it plays, one may be gone before anybody asks for it
TITLES = """() => {
  window.__titles = new Set();
  const hear = () => document.querySelectorAll(".mc-title").forEach((title) => window.__titles.add(title.textContent));
  new MutationObserver(hear).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


def told(page: Any, words: str) -> None:
    """A title has said this since it was asked last."""
    wait(lambda: any(words in title for title in page.evaluate("[...window.__titles]")), f"no title says {words!r}")
    page.evaluate("window.__titles.clear()")


def tell_the_story(page: Any) -> None:
    """The first mail server is off, the second takes the message, and passes it on when the first is back."""
    page.evaluate(TITLES)
    press(page, "Next ▶")
    see(page, "of \\d+")
    finish(page)
    scene_has(page, "mailbox of bruno@bakery.test", "✓")
    moment(page, "3. The first mail server is off")
    told(page, "writes a message")
    finish(page)
    scene_has(page, "mx1.bakery.test", "no answer")
    scene_has(page, "mx2.bakery.test", "waiting")
    moment(page, "4. It comes back")
    see(page, "mx2.bakery.test")
    finish(page)
    scene_has(page, "mailbox of bruno@bakery.test", "✓")
    moment(page, "6. The mailbox cannot be reached")
    told(page, "writes a message")
    finish(page)
    scene_has(page, "mail.bakery.test", "no answer")
    moment(page, "7. All works again")
    see(page, "Nothing was lost")
    moment(page, "2. How did it know where to go?")
    see(page, "MX of bakery.test\\?")
    moment(page, "8. By hand")
    see(page, "220 mx1.bakery.test")
    press(page, "Larger type")
    page.locator(".mailcourse-large").wait_for()
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], "nothing may lie outside a projector's screen"
    press(page, "Reset")
    scene_has(page, "mailbox of bruno@bakery.test", "0")
    page.locator("select", has=page.locator("option:text-is('backup-mx')")).first.select_option("backup-mx")
    scene_has(page, "mx1.bakery.test", "off")


def test_the_control_room_tells_the_story_in_jupyterlab(bench: Callable[..., Bench]) -> None:
    made = bench(OPEN, "lab.room()", width=1300, height=900)
    tell_the_story(made.page)


def test_left_and_right_step_and_tab_reaches_the_next_button(bench: Callable[..., Bench]) -> None:
    made = bench(OPEN, "lab.room()", width=1300, height=900)
    press(made.page, "Next ▶")
    slider = made.page.locator("input[type=range]:visible").first
    slider.wait_for()
    slider.focus()
    made.page.keyboard.press("Home")
    for key, step in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2)):
        made.page.keyboard.press(key)
        see(made.page, f"\\b{step} of \\d+")
    made.page.keyboard.press("Tab")
    outline = made.page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "3px", "who uses the keyboard sees where she is"


WHOLE = """() => [...document.querySelectorAll(".mc-caption h2, .mc-caption p")].map((part) => {
  const box = part.getBoundingClientRect();
  const outer = part.parentElement.getBoundingClientRect();
  return [box.top >= 0, box.bottom <= innerHeight, box.bottom <= outer.bottom + 1, box.right <= innerWidth];
})"""
SMALLEST = """() => Math.min(...[...document.querySelectorAll(".mc-scene text")]
  .filter((text) => text.textContent.trim())
  .map((text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a))"""

#: Lines of the picture that are pressed together, titles and tabs that are cut: none may be.
TIGHT = """() => {
  const found = [];
  for (const text of document.querySelectorAll(".mc-scene text[textLength]")) {
    const room = text.textLength.baseVal.value;
    text.removeAttribute("textLength");
    if (room < 0.9 * text.getComputedTextLength()) found.push(text.textContent);
    text.setAttribute("textLength", room);
  }
  for (const part of document.querySelectorAll(".mc-status, .lm-TabBar-tab, .lm-TabBar-tabLabel, .mc-button")) {
    const isCut = part.scrollHeight > part.clientHeight + 3 || part.scrollWidth > part.clientWidth + 1;
    if (isCut) found.push(part.innerText);
  }
  return found;
}"""


def in_all_moments(page: Any, smallest: float) -> None:
    """Go through the script: the words are on the screen, no host moves, and every letter can be read."""
    page.wait_for_timeout(300)
    before = places(page)
    assert len(before) == 18
    for number in range(1, 9):
        press(page, "Ask first")
        see(page, f"^{number}\\. ")
        assert all(all(here) for here in page.evaluate(WHOLE)), f"the question of moment {number}"
        press(page, "Next ▶")
        page.locator(".mc-caption:not(.ask)").wait_for()  # it has begun, so the menu rests until it ends
        menu = page.locator(".mc-top select").nth(1)
        wait(lambda menu=menu: menu.is_enabled(), "the moment does not end")
        assert all(all(here) for here in page.evaluate(WHOLE)), f"the words of moment {number}"
        if number < 8:
            assert places(page) == before, f"a host has moved in moment {number}"
        assert page.evaluate(SMALLEST) >= smallest - 0.1
        assert page.evaluate(TIGHT) == [], f"moment {number}"
        assert page.evaluate("document.scrollingElement.scrollHeight <= innerHeight")


#: `make demo` draws another one at each start
TOKEN = "of-this-test"


@pytest.fixture(scope="module")
def voila(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> Iterator[str]:
    """The page of `make demo`."""
    configuration = tmp_path_factory.mktemp("voila")
    port = own_port(1)
    run = ["make", "-o", ".venv/ready-demo", "demo", f"BIN={Path(sys.executable).parent}"]
    run += [
        f"DEMO_ARGS=--no-browser --port={port} --Voila.port_retries=0 --token={TOKEN} --KernelManager.transport=ipc"
    ]
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(configuration), "JUPYTER_RUNTIME_DIR": str(runtime)}
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
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(f"{voila}/?token={TOKEN}", timeout=60_000)
    page.locator("button:has-text('Next ▶')").wait_for(timeout=60_000)
    assert "import Lab" not in page.locator("body").inner_text(), "a page for a projector shows no code"
    tell_the_story(page)
    page.close()
    assert wrong == []
    assert [url for url in asked if not url.startswith((voila, "data:", "blob:"))] == [], "it works offline"


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080)])
def test_all_moments_fit_on_a_projector_in_usual_and_in_large_type(
    voila: str, browser: Any, width: int, height: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page.goto(f"{voila}/?token={TOKEN}", timeout=60_000)
    page.locator("button:has-text('Next ▶')").wait_for(timeout=60_000)
    in_all_moments(page, 14)
    press(page, "Reset")
    press(page, "Larger type")
    wait(lambda: page.locator(".mailcourse-large").count() == 1, "the type stays small")
    in_all_moments(page, 20)
    page.close()


#: Notes where the controls stand, at each picture that the browser draws.
STANDS = """() => {
  window.stands = new Set();
  const note = () => {
    const row = [...document.querySelector(".mc-top").querySelectorAll("button, select")];
    window.stands.add(row.map((part) => Math.round(part.getBoundingClientRect().x)).join(" "));
    requestAnimationFrame(note);
  };
  note();
}"""


@pytest.mark.parametrize("is_large", [False, True], ids=["usual", "large"])
@pytest.mark.parametrize("width", [1280, 1920])
def test_a_reset_leaves_each_control_where_it_is(voila: str, browser: Any, width: int, is_large: bool) -> None:
    page = browser.new_page(viewport={"width": width, "height": 720})
    page.goto(f"{voila}/?token={TOKEN}", timeout=60_000)
    page.locator("button:has-text('Next ▶')").wait_for(timeout=60_000)
    if is_large:
        press(page, "Larger type")
        page.locator(".mailcourse-large").wait_for()
    controls = page.locator(".mc-top :is(button, select)").element_handles()
    stage = page.locator(".mailcourse-stage").element_handle()
    page.evaluate(STANDS)
    press(page, "Reset")
    wait(lambda: not stage.evaluate("stage => stage.isConnected"), "the lab stays")
    page.locator(".mc-caption h2").filter(has_text="New: ").wait_for()
    page.wait_for_timeout(300)
    assert len(page.evaluate("[...window.stands]")) == 1, "who presses what has moved has pressed something else"
    assert all(control.evaluate("control => control.isConnected") for control in controls)
    page.close()


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
