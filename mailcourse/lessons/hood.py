"""Which lines of mailcourse did that?  The function that just ran, from its own source.

    open_the_hood(route)                    its first 15 lines
    open_the_hood(mail_servers, "if records:")    from the line with these words on, also in a module

Deterministic: the same source gives the same text.
"""

from __future__ import annotations

import inspect
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mailcourse
from mailcourse.internet.errors import LabError

MAX_LINES = 15
MORE = "… and {} more lines"
#: what a person reads
WORDS = {
    "no line": "No line of {name} contains {start!r}.",
    "no source": "{thing!r} has no source to show. Give a function, a property, a class or a module.",
}


@dataclass(frozen=True)
class Hood:
    """Some lines of source, where they stand, and how many of the same function come after them."""

    file: str
    line: int
    source: str
    more: int = 0

    def __repr__(self) -> str:
        lines = [f"# {self.file}, line {self.line}", self.source]
        return "\n".join([*lines, f"# {MORE.format(self.more)}"] if self.more else lines)


def open_the_hood(thing: Any, start: str = "", max_lines: int = MAX_LINES) -> Hood:
    """Return the source of a function, property, class or module of mailcourse, from the line that contains `start`."""
    thing = thing.fget if isinstance(thing, property) else thing
    try:
        lines, first = inspect.getsourcelines(thing)
        path = Path(inspect.getsourcefile(thing) or "")
    except (TypeError, OSError):
        raise LabError(WORDS["no source"].format(thing=thing)) from None
    lines = textwrap.dedent("".join(lines)).rstrip().splitlines()
    skipped = next((number for number, line in enumerate(lines) if start in line), None)
    if skipped is None:
        raise LabError(WORDS["no line"].format(name=thing.__name__, start=start))
    shown = lines[skipped : skipped + min(max_lines, MAX_LINES)]
    while not shown[-1].strip():
        shown.pop()
    return Hood(
        _name(path),
        max(first, 1) + skipped,
        textwrap.dedent("\n".join(shown)),
        0 if inspect.ismodule(thing) else len(lines) - skipped - len(shown),
    )


def _name(path: Path) -> str:
    root = Path(mailcourse.__file__).parents[1]
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
