"""A new gradebook, as nbgrader expects it: an empty database that knows which version of its tables it will have.

nbgrader starts a program to find that version out, for two to six seconds; asked in this process, it takes none.
Who uses it: release.py here, and the marking of a class.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def begin_gradebook(path: Path) -> None:
    """Write a gradebook where there is none; one that is there is left as it is."""
    if path.exists():
        return
    import nbgrader  # slow to import: only here, and only for a new one
    from alembic.script import ScriptDirectory

    version = ScriptDirectory(str(Path(nbgrader.__file__).with_name("alembic"))).get_current_head()
    with closing(sqlite3.connect(path)) as book, book:
        book.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        book.execute("INSERT INTO alembic_version VALUES (?)", (version,))
