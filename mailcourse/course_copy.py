"""A student's own copy of the course: lessons, exercises and the pages that they link to; never the solutions.

    the package's files ──copy──► FOLDER ──► JupyterLab, at lesson 00
                                  FOLDER/.mailcourse.json    what was delivered: path → SHA-256

A newer version replaces what nobody has touched, and nothing else: a file that is not as it was delivered is the
student's work.  Knows files; does not know what is in them.  Who uses it: `mailcourse lab`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .internet.errors import LabError

PACKAGE = Path(__file__).parent
#: what a student gets, and the names of its files
PARTS = {
    "notebooks": ("*.ipynb",),
    "exercises": ("*/*.ipynb",),
    "docs": ("glossary.md", "misconceptions.md", "teaching.md"),  # those that the lessons link to
}
MANIFEST = ".mailcourse.json"


@dataclass(frozen=True)
class Copied:
    """What became of each file: paths as they are below the folder."""

    new: tuple[str, ...]
    renewed: tuple[str, ...]
    kept: tuple[str, ...]

    def __str__(self) -> str:
        said = [f"{len(self.new)} files are new"] if self.new else []
        said += [f"{len(self.renewed)} that you had not changed are renewed"] if self.renewed else []
        said += [f"yours are left as they are: {', '.join(self.kept)}"] if self.kept else []
        return "; ".join(said) or "everything is there"


def course_files() -> dict[str, Path]:
    """Return the files of the course: path below the folder → where it is; from a wheel or from a checkout."""
    root = PACKAGE if (PACKAGE / "notebooks").is_dir() else PACKAGE.parent
    found = {
        f"{part}/{path.relative_to(root / part).as_posix()}": path
        for part, patterns in PARTS.items()
        for pattern in patterns
        for path in sorted((root / part).glob(pattern))
        if not any(name.startswith(".") for name in path.relative_to(root).parts)  # an editor's checkpoints
    }
    if not any(name.startswith("notebooks/00-") for name in found):
        raise LabError("The lessons are not in this installation. Install the package again.")
    return found


def copy_course(folder: Path, files: Mapping[str, Path] | None = None) -> Copied:
    """Copy what is missing, renew what is as it was delivered, and leave everything else.

    Raises OSError where a file cannot be read or written; what was copied before stays, and the next call goes on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    delivered = _read_manifest(folder / MANIFEST)
    new, renewed, kept = list[str](), list[str](), list[str]()
    for name, source in (course_files() if files is None else files).items():
        octets, target = source.read_bytes(), folder / PurePosixPath(name)
        digest = _digest(octets)
        there = _digest(target.read_bytes()) if target.is_file() else None
        if there == digest:
            delivered[name] = digest
        elif there is None and not target.is_symlink() and not target.exists():
            new.append(name)
        elif there is not None and there == delivered.get(name):
            renewed.append(name)
        else:
            if delivered.get(name) != digest:  # else it is only being worked on, and there is nothing newer
                kept.append(name)
            continue
        if there != digest:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, octets)
            delivered[name] = digest
            _write(folder / MANIFEST, json.dumps(delivered, indent=1, sort_keys=True).encode())
    return Copied(tuple(new), tuple(renewed), tuple(kept))


def _read_manifest(file: Path) -> dict[str, str]:
    """Return what was delivered; when nobody can read that any more, every file counts as the student's."""
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in found.items()} if isinstance(found, dict) else {}


def _digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def _write(target: Path, octets: bytes) -> None:
    """Write a file that nobody ever sees half-written, whenever the program is stopped."""
    descriptor, fresh = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(octets)
        Path(fresh).chmod(0o644)
        Path(fresh).replace(target)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise
