"""How often was a task tried?  Hints grow with it; a new kernel begins anew."""

from __future__ import annotations

from collections.abc import Sequence

_tries: dict[tuple[str, str], int] = {}


def hint(assignment: str, task: str, hints: Sequence[str]) -> str:
    """Count one more try that was not right, and return the hint for it: the first, the next, … the last."""
    count = _tries[assignment, task] = _tries.get((assignment, task), 0) + 1
    number = min(count, len(hints))
    return f"Hint {number} of {len(hints)}: {hints[number - 1]}"


def forget(assignment: str, task: str) -> None:
    """Begin to count anew."""
    _tries.pop((assignment, task), None)
