"""A mailbox, and what people were promised, after a kill at any step of the disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.timeout(900)
def test_a_mailbox_that_is_killed_at_any_step_keeps_what_had_its_ok(kill: Callable[..., dict[str, Any]]) -> None:
    counted = kill("mailboxes.py")
    assert counted.pop("tries") > 100
    assert counted == {"changed": 0, "reused": 0, "halved": 0, "left": 0, "unusable": 0, "wrong after": []}


@pytest.mark.timeout(900)
def test_a_forward_that_was_promised_survives_a_kill_at_any_step(kill: Callable[..., dict[str, Any]]) -> None:
    counted = kill("people.py")
    assert counted.pop("tries") > 50
    assert counted == {"changed": 0, "lost": 0, "left": 0, "unusable": 0, "wrong after": []}
