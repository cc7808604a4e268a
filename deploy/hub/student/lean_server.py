"""A student's server without the hub's database in it: 36 MB less for each person.

jupyterhub-singleuser only signs people in; but the module that does it imports how the hub keeps its tables
(SQLAlchemy, Alembic), and never uses them.  While it is imported, empty modules stand there.  Where a newer JupyterHub
wants more of them, it is imported whole.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

ABSENT = ("jupyterhub.orm", "alembic", "sqlalchemy", "sqlalchemy.exc", "sqlalchemy.orm")


class Absent(ModuleType):
    """A module in which every name is an exception that nobody raises."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (Exception,), {})


def import_lean() -> None:
    """Import JupyterHub's server without what it does not use."""
    sys.modules.update({name: Absent(name) for name in ABSENT})
    try:
        importlib.import_module("jupyterhub.singleuser.extension")
    except Exception:  # whatever it wants, it gets the whole
        for name in [name for name in sys.modules if name.partition(".")[0] == "jupyterhub"]:
            del sys.modules[name]
    finally:
        for name in ABSENT:  # nbgrader wants the real ones
            sys.modules.pop(name, None)


if __name__ == "__main__":
    import_lean()
    from jupyterhub.singleuser import main

    sys.exit(main())
