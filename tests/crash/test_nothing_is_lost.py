"""A lab that is killed loses nothing; `harness.py` does the killing.  MAILCOURSE_LONG=1 kills oftener."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
MOMENTS = "200" if os.environ.get("MAILCOURSE_LONG") else "20"


def kill(program: str, *how: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, str(HERE / program), *how], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", [("steps",), ("moments", MOMENTS)], ids=["after-every-step", "at-random-moments"])
def test_nothing_that_had_its_250_is_lost_or_halved(how: tuple[str, ...]) -> None:
    counted = kill("harness.py", *how)
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


@pytest.mark.timeout(900)
def test_a_mailbox_that_is_killed_at_any_step_keeps_what_had_its_ok() -> None:
    counted = kill("mailboxes.py")
    assert counted.pop("tries") > 100
    assert counted == {"changed": 0, "reused": 0, "halved": 0, "left": 0, "unusable": 0, "wrong after": []}


@pytest.mark.timeout(900)
def test_a_forward_that_was_promised_survives_a_kill_at_any_step() -> None:
    counted = kill("people.py")
    assert counted.pop("tries") > 50
    assert counted == {"changed": 0, "lost": 0, "left": 0, "unusable": 0, "wrong after": []}
