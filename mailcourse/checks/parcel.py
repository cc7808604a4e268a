"""How an answer crosses from the notebook's process to the judge's: as JSON, and never as code.

    [1, "a"] ⇄ [1, "a"]        (1, 2) ⇄ {"$": "tuple", …}
    b"\\xff" ⇄ {"$": "bytes", …}        {1: 2} ⇄ {"$": "dict", …}
    a function → its name, to be called here        a lab → what was configured in it (state.py)
    a file that a function is told → what is in it; the function gets the path of a copy

A student's function gets tuples as tuples; a tuple that comes back is a `TupleAnswer` to the judge.
What is neither is refused with a sentence, and so is more than a megabyte.
"""

from __future__ import annotations

import atexit
import base64
import json
import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mailcourse.lab.world import LabWorld
from mailcourse.leftovers import HeldFolder
from mailcourse.views import Lab

from .state import State, describe
from .task import Function, Stopped, TupleAnswer, a

#: characters of JSON; and lists within lists
MAX_CHARACTERS, MAX_DEPTH = 1_000_000, 40


def pack(value: Any) -> str:
    """Write a value as JSON; `Stopped` says what cannot be carried."""
    try:
        text = json.dumps(_plain(value, 0))
    except RecursionError:
        raise Stopped("The answer contains itself.") from None
    if len(text) > MAX_CHARACTERS:
        raise Stopped(f"The answer is too big: {len(text):,} characters. A few lines are asked for.")
    return text


def pack_arguments(arguments: Iterable[Any]) -> str:
    """Write what a student's function is called with; a `Path` stands for what is in that file."""
    return json.dumps([_file(value) if isinstance(value, Path) else _plain(value, 0) for value in arguments])


def unpack(text: str, row: Callable[[list[Any]], Any] = TupleAnswer) -> Any:
    """Read what `pack` wrote; `row` makes what stands for a tuple; `Stopped` when somebody else has written it."""
    try:
        return _value(json.loads(text), row)
    except (KeyError, TypeError, ValueError, RecursionError):
        raise Stopped("The answer did not arrive whole. Run the cells again from the top.") from None


def unpack_arguments(text: str) -> list[Any]:
    """Read what `pack_arguments` wrote; a file is written to a temporary folder of this process."""
    return [
        _copied(*value["is"]) if isinstance(value, dict) and value["$"] == "file" else _value(value, tuple)
        for value in json.loads(text)
    ]


def _file(path: Path) -> Any:
    return {"$": "file", "is": [path.name, base64.b64encode(path.read_bytes()).decode()]}


@cache
def _copied(name: str, content: str) -> str:
    path = _folder() / f"{len(list(_folder().iterdir()))}-{name}"
    path.write_bytes(base64.b64decode(content))
    return str(path)


@cache
def _folder() -> Path:
    folder = HeldFolder("files-")
    atexit.register(folder.close)
    return folder.path


def _plain(value: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise Stopped("The answer has lists within lists, without end.")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, str)):
        return int(value) if isinstance(value, int) else str(value).encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (bytes, bytearray)):
        return {"$": "bytes", "is": base64.b64encode(value).decode()}
    if isinstance(value, tuple):
        return {"$": "tuple", "is": [_plain(item, depth + 1) for item in value]}
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, (set, frozenset)):
        return {"$": "set", "is": [_plain(item, depth + 1) for item in sorted(value, key=repr)]}
    if isinstance(value, Mapping):
        return {"$": "dict", "is": [[_plain(k, depth + 1), _plain(v, depth + 1)] for k, v in value.items()]}
    return _special(value)


def _special(value: Any) -> Any:
    if value is Ellipsis:
        return {"$": "unanswered", "is": None}
    if isinstance(getattr(value, "lab", value), Lab):  # a lab, or a patient of the clinic with its own
        return {"$": "lab", "is": describe(value)}
    if any(isinstance(getattr(value, owner, None), LabWorld) for owner in ("world", "_world")):
        raise Stopped("This is a part of a lab. Give the lab itself here: check(…, lab).")
    if callable(value):
        return {"$": "function", "is": str(getattr(value, "__name__", type(value).__name__))}
    raise Stopped(f"{a(value)[:200]} is no answer. Give text, a number, a list, a dictionary or a function, as asked.")


def _value(plain: Any, row: Callable[[list[Any]], Any]) -> Any:
    if isinstance(plain, list):
        return [_value(item, row) for item in plain]
    if not isinstance(plain, dict):
        return plain
    kind, inner = plain["$"], plain["is"]
    if kind == "bytes":
        return base64.b64decode(inner)
    if kind == "tuple":
        return row([_value(item, row) for item in inner])
    if kind == "set":
        return {_hashable(_value(item, row)) for item in inner}
    if kind == "dict":
        return {_hashable(_value(key, row)): _value(value, row) for key, value in inner}
    if kind == "function":
        return Function(inner)
    return Ellipsis if kind == "unanswered" else State(**inner)


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, (list, tuple)) else value
