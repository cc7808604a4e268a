"""What a student sees below a cell with a check: one card, and no lines of our code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mailcourse.checks.kernels import LocalKernel

Run = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Run a cell in a kernel; returns what is shown below it."""
    manager = LocalKernel()
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(60)

    def shown(code: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        kinds = ("display_data", "execute_result", "error", "stream")
        client.execute_interactive(
            code, output_hook=lambda said: found.append(said) if said["msg_type"] in kinds else None
        )
        return found

    yield shown
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_check_before_the_first_cell_says_so_in_a_sentence(run: Run) -> None:
    (said,) = run("from mailcourse.checks import begin, check\ncheck('01-addresses', 'split', 5)")
    (line,) = said["content"]["traceback"]
    assert line.startswith("Run the first code cell")


def test_a_wrong_answer_has_one_card_and_one_line_below(run: Run) -> None:
    run("begin('01-addresses', 'Ana')")
    shown = run("def split(address):\n    return address\ncheck('01-addresses', 'split', split)")
    assert [said["msg_type"] for said in shown] == ["display_data", "error"]
    assert "not yet" in shown[0]["content"]["data"]["text/html"]
    (line,) = shown[1]["content"]["traceback"]
    assert line.startswith("A function that cuts an address in two: 0 of 6 points")
