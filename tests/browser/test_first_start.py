"""The first start: no news of somebody else's, and only the buttons that make sense on what is open."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from bench import Jupyter

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]


def opened(jupyter: Jupyter, browser: Any, folder: str, name: str) -> Any:
    shutil.copy(ROOT / folder / name, jupyter.folder / name)
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    page.goto(f"{jupyter.address}/lab/tree/{name}?reset")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
    page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=60_000)
    return page


def validate(page: Any) -> Any:
    return page.locator(".jp-NotebookPanel-toolbar .jp-ToolbarButtonComponent-label", has_text="Validate")


def test_a_lesson_has_no_button_of_an_exercise_and_no_news(jupyter: Jupyter, browser: Any) -> None:
    page = opened(jupyter, browser, "notebooks", "00-start-here.ipynb")
    assert not any(button.is_visible() for button in validate(page).all())
    assert "Create Assignment" not in page.locator("body").inner_text()
    assert page.get_by_text("get notified about official Jupyter news").count() == 0
    page.close()


def test_a_lesson_that_was_only_opened_is_not_modified(jupyter: Jupyter, browser: Any) -> None:
    page = opened(jupyter, browser, "notebooks", "07-pop3-and-imap.ipynb")
    page.wait_for_function("() => document.querySelector('.jp-NotebookPanel') !== null", timeout=60_000)
    assert page.locator(".jp-mod-dirty").count() == 0
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.keyboard.press("b")  # a cell more: now it is
    page.locator(".jp-mod-dirty").first.wait_for(timeout=60_000)
    page.close()


def test_an_exercise_has_the_button_validate(jupyter: Jupyter, browser: Any) -> None:
    page = opened(jupyter, browser, "exercises/01-addresses", "01-addresses.ipynb")
    validate(page).first.wait_for(timeout=60_000)
    page.close()


def test_nobody_is_asked_whether_news_may_be_fetched(jupyter: Jupyter) -> None:
    address = f"{jupyter.address}/lab/api/settings/@jupyterlab/apputils-extension:notification"
    with urllib.request.urlopen(address, timeout=30) as answer:
        schema = json.loads(answer.read())["schema"]
    assert schema["properties"]["fetchNews"]["default"] == "false"  # "none" would ask
    assert schema["properties"]["checkForUpdates"]["default"] is False
