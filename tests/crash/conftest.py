"""What the crash tests share: a way to run a harness."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def kill(quick_path: Path) -> Callable[..., dict[str, Any]]:
    """Run a harness; return what it counted.  SIGKILL ends a process, not the system: a folder in memory will do."""

    def run(program: str, *how: str, world: str = "two-offices") -> dict[str, Any]:
        environment = {**os.environ, "TMPDIR": str(quick_path), "MAILCOURSE_WORLD": world}
        command = [sys.executable, str(HERE / program), *how]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, env=environment)
        assert done.returncode == 0, done.stderr
        print(done.stdout)
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    return run
