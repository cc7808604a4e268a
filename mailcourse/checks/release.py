"""exercises/ is made from solutions/: nbgrader takes out solutions and hidden tests.

    make exercises                        solutions/02-dns/02-dns.ipynb ─► exercises/02-dns/02-dns.ipynb
    mailcourse release 09-… --course …    the same in a course of a teacher's own

The same solutions give the same exercises, octet for octet; CI compares.
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from nbgrader.apps import NbGraderAPI
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets.config.loader import Config, PyFileConfigLoader

from mailcourse.internet.errors import LabError

from .gradebook_file import begin_gradebook

ROOT = Path(__file__).parents[2]
STUB = "...  # your answer here"


class KeepStub(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader has no types
    """Tidy an answer cell from which the solution was taken, and keep it in its metadata, to begin again."""

    def preprocess_cell(self, cell: Any, resources: Any, index: int) -> tuple[Any, Any]:
        """Look at one cell."""
        about = cell.metadata.get("mailcourse", {})
        if cell.cell_type == "code" and "task" in about:
            lines = cell.source.split("\n")
            others = [line for line in lines if line != STUB]
            cell.source = "\n".join(others if any(line.strip() for line in others) else lines).rstrip()
            about["stub"] = cell.source
        return cell, resources


def configured(root: Path = ROOT, **course: str) -> Config:
    """Return the configuration of the repository, with the folders of `course` in place of some."""
    places = (ROOT, Path(__file__).parents[1])  # the repository, or the package where that is installed
    place = next(place for place in places if (place / "nbgrader_config.py").exists())
    config: Config = PyFileConfigLoader("nbgrader_config.py", path=str(place)).load_config()
    config.CourseDirectory.root = str(root)
    for name, value in course.items():
        config.CourseDirectory[name] = value
    return config


def release(target: Path, names: list[str] | None = None, root: Path = ROOT) -> list[str]:
    """Make the exercises of all assignments of `root`, or of `names`, in the folder `target`; return their names."""
    source = root.resolve() / "solutions"
    assignments = names or sorted(path.name for path in source.iterdir() if path.is_dir())
    with tempfile.TemporaryDirectory() as folder:
        book, built = Path(folder) / "gradebook.db", Path(folder) / "made"
        begin_gradebook(book)
        database = f"sqlite:///{book.as_posix()}"
        config = configured(source_directory=str(source), release_directory=str(built), db_url=database)
        api = NbGraderAPI(config=config)
        for name in assignments:
            result = api.generate_assignment(name, force=True, create=True)
            if not result["success"]:
                raise LabError(f"{name} was not made:\n{result.get('error') or result.get('log')}")
            shutil.copytree(built / name, target / name, dirs_exist_ok=True)
    return assignments


def quietly_release(target: Path, names: list[str] | None = None, root: Path = ROOT) -> list[str]:
    """Make exercises without nbgrader's remarks."""
    logging.disable(logging.ERROR)
    try:
        return release(target, names, root)
    finally:
        logging.disable(logging.NOTSET)


if __name__ == "__main__":
    print("made", ", ".join(quietly_release(ROOT / "exercises", sys.argv[1:] or None)))
