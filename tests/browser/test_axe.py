"""Every view under axe-core: nothing that keeps people out, in the light theme and in the dark one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bench import OPEN, Bench, Jupyter
from test_views import SEND, VIEWS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SHOWN = {
    **VIEWS,
    "journey": "lab.person('alice@academy.test').send(['bruno@bakery.test', 'nobody@bakery.test'], 'x', 'y').journey()",
    "panel": "lab.panel()",
}
PRESSED = {"dns": "Walk from the root", "compose": "Look at the raw message", "journey": "Step ▶", "room": "Next ▶"}


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_no_view_keeps_anybody_out(jupyter: Jupyter, bench: Callable[..., Bench], theme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    jupyter.setting("apputils-extension/themes", {"theme": theme, "adaptive-theme": False})
    page = bench(OPEN, SEND, *SHOWN.values(), height=3000)
    jupyter.setting("apputils-extension/themes", {})
    assert ("Dark" in theme) == (page.page.evaluate("document.body.dataset.jpThemeLight") == "false")
    for number, name in enumerate(SHOWN, 2):
        if name in PRESSED:
            page.press(PRESSED[name], page.output(number))
    page.page.wait_for_function("document.querySelectorAll('svg[role=img]').length > 3")
    page.page.locator(".jp-OutputArea-output").nth(2).evaluate("e => e.ownerDocument.activeElement.blur()")
    found = Axe().run(page.page, context=".jp-OutputArea-output .jupyter-widgets, .jp-OutputArea-output .widget-box")
    bad = [
        f"{one['impact']} {one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:4]]}"
        for one in found.response["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert not bad, "\n".join(bad)
