"""A lab that is cut off at any moment loses nothing; `harness.py` cuts.  MAILCOURSE_LONG=1 does it oftener."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

#: in each of the two worlds
MOMENTS = "100" if os.environ.get("MAILCOURSE_LONG") else "10"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("world", ["two-offices", "signed-offices"])
@pytest.mark.parametrize("how", [("steps",), ("moments", MOMENTS)], ids=["after-every-step", "at-random-moments"])
def test_nothing_that_had_its_250_is_lost_or_halved(
    how: tuple[str, ...], world: str, kill: Callable[..., dict[str, Any]]
) -> None:
    counted = kill("harness.py", *how, world=world)
    assert counted["promised"] > counted["tries"] / 2, "the harness must kill while something is going on"
    assert {name: counted[name] for name in ("lost", "halved", "renumbered", "left", "reports")} == {
        "lost": 0,
        "halved": 0,
        "renumbered": 0,
        "left": 0,
        "reports": 0,
    }
    # A copy comes twice only where the step between a delivery and its record was cut.
    assert counted["twice"] <= counted["promised"]
