"""One JupyterLab and one Chromium for all browser tests of a worker."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench import CHROMIUM, FLAGS, Bench, Jupyter


@pytest.fixture(scope="session")
def runtime() -> Iterator[Path]:
    """A folder with a path so short that sockets can have files in it."""
    with tempfile.TemporaryDirectory(prefix="jupyter-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> Iterator[Jupyter]:
    """JupyterLab on an empty folder, with settings of its own."""
    with Jupyter(tmp_path_factory.mktemp("jupyter"), runtime) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The machine's own Chromium; not for longer, since Playwright's loop runs on the thread of all other tests."""
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        pytest.skip("no Chromium here (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def bench(request: pytest.FixtureRequest, jupyter: Jupyter, browser: Any) -> Iterator[Callable[..., Bench]]:
    """Make notebooks of cells, open and run them; at the end nothing may have gone wrong on the page."""
    made: list[Bench] = []
    moves = request.node.get_closest_marker("motion") is not None

    def make(*cells: str, **options: Any) -> Bench:
        made.append(Bench(jupyter, browser, cells, moves=moves, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def notebooks() -> Path:
    """The folder of lessons."""
    return Path(__file__).parents[2] / "notebooks"
