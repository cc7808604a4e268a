"""Each target a second, guided by coverage; `make fuzz` gives each ten minutes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from targets import TARGETS

HERE = Path(__file__).parent
SECONDS = 600 if int(os.environ.get("MAILCOURSE_FUZZ", "1")) > 1 else 1
only_with_atheris = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris is made for Linux on 64-bit Intel and its like"
)


@pytest.mark.parametrize("target", TARGETS)
def test_what_the_corpus_keeps_is_taken(target: str) -> None:
    files = sorted((HERE / "corpus" / target).iterdir())
    assert files
    for file in files:
        TARGETS[target](file.read_bytes())


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each target, with what the fuzzer said and found."""
    place = tmp_path_factory.mktemp("fuzzed")
    command = [sys.executable, str(HERE / "guided.py"), str(SECONDS), *TARGETS]
    subprocess.run(command, cwd=place, capture_output=True, check=False)
    return place


@only_with_atheris
@pytest.mark.timeout(300 + 2 * SECONDS * len(TARGETS))
@pytest.mark.parametrize("target", TARGETS)
def test_nothing_that_is_made_up_breaks_it(target: str, fuzzed: Path) -> None:
    log = (fuzzed / target / "log").read_text("utf-8", "replace")
    assert list((fuzzed / target).glob("crash-*")) == [], log[-3000:]
    assert "number_of_executed_units" in log, log[-3000:]
