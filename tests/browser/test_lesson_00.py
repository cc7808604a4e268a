"""Lesson 00 as a student meets it: JupyterLab in a real browser, Run all, Send, look."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from bench import Jupyter, run_all

pytestmark = pytest.mark.browser


@pytest.mark.timeout(300)
def test_run_all_then_send_shows_the_delivered_message_and_every_hop(
    jupyter: Jupyter, browser: Any, notebooks: Path
) -> None:
    from playwright.sync_api import expect

    shutil.copy(notebooks / "00-start-here.ipynb", jupyter.folder)
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    page.set_default_timeout(60_000)
    page.goto(f"{jupyter.address}/doc/tree/00-start-here.ipynb?reset")
    page.locator(".jp-Notebook .jp-Cell").first.click()
    run_all(page, 90)
    # The last cell of the lesson prints the bounce.
    expect(page.locator(".jp-OutputArea-output", has_text="Nobody will try again").last).to_be_attached(timeout=90_000)

    button = page.locator(".jp-OutputArea button:has-text('Send')")
    page.locator(".jp-OutputArea input[type=text]").nth(1).fill("Fresh bread")
    button.click()
    panel = page.locator(".jp-OutputArea-output", has=page.locator("button:has-text('Send')"))
    picture = panel.locator("svg[role=img]")
    for name in ("laptop", "mx1", "resolver", "bruno"):
        expect(picture.locator("text", has_text=name).first).to_be_visible()

    # It plays by itself; stop it, and go on by hand to the last step.  What became of the message is told after it.
    verdict = panel.get_by_text("in the mailbox of bruno@bakery.test, on mail.bakery.test")
    expect(picture).not_to_have_attribute("aria-label", re.compile("^Step 1 of"), timeout=20_000)
    expect(verdict).to_be_hidden()
    step = panel.locator("button:has-text('Step')")
    for _ in range(25):
        step.click()
    expect(panel.get_by_text("puts it into the mailbox of bruno@bakery.test").first).to_be_visible()
    expect(panel.get_by_text("written: new/").first).to_be_visible()
    expect(verdict).to_be_visible()
    panel.locator("button:has-text('Back')").click()
    expect(panel.get_by_text("decides for bruno@bakery.test: the mailbox is here").first).to_be_visible()

    # Bruno reads: run that cell once more, and the new message is on the page.
    page.locator(".jp-Cell", has_text="bruno.inbox()").last.locator(".jp-InputArea-editor").click()
    page.keyboard.press("Control+Enter")
    expect(page.locator(".jp-OutputArea-output td", has_text="Fresh bread").first).to_be_visible()
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    page.close()
