"""A cell that is interrupted, at any moment of whatever it waits for; MAILCOURSE_LONG=1 does it oftener."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

TIMES = "300" if os.environ.get("MAILCOURSE_LONG") else "36"


@pytest.mark.timeout(300)
def test_an_interrupt_ends_a_cell_at_once_and_nothing_else(kill: Callable[..., dict[str, Any]]) -> None:
    counted = kill("interrupts.py", TIMES)
    assert counted["interrupted"] > counted["tries"] / 3, "the harness must interrupt while something is going on"
    assert counted.get("unheard", 0) <= counted["tries"] / 100, "a cell must not free what calls back: it ends there"
    assert {name: counted[name] for name in ("false", "late", "stuck", "lost", "twice")} == {
        "false": 0,
        "late": 0,
        "stuck": 0,
        "lost": 0,
        "twice": 0,
    }
