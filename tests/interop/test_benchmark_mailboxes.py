"""The benchmark of full mailboxes runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_quick_run_prints_both_tables() -> None:
    command = [sys.executable, str(ROOT / "benchmarks/mailboxes.py"), "--quick", "--only", "", "--limit", "60"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    for what in (
        "| 200 messages |",
        "| APPEND × 200 |",
        "| APPEND × 200 by Python's imaplib |",
        "| SEARCH BODY, again |",
        "| POP3: ",
        "| idle session: ",
    ):
        assert what in done.stdout
    assert "over 60 s" not in done.stdout
