"""What can go wrong on the caller's side, in one family.

Every error of the course is a `LabError`, and its text says what to do next.  A peer that breaks
a protocol is not here: it gets a reply on the wire.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LabError(Exception):
    """Something was asked of the lab that it cannot do; the text says what to do next, and is never endless."""

    def __str__(self) -> str:
        return text if len(text := super().__str__()) <= 1000 else f"{text[:600]} … {text[-300:]}"


class UnknownName(LabError):
    """A host, person, domain, zone or scenario that this lab does not have."""


class LabClosed(LabError):
    """The lab was closed, so its servers are gone."""


class NotSettled(LabError):
    """Something was still moving when the waiting time was over."""


def unknown(kind: str, name: object, known: Iterable[str]) -> UnknownName:
    """Make the error for `name`, with the nearest known names.

    >>> str(unknown("host", "mx3.bakery.test", ["mx1.bakery.test", "ns.test"]))
    "There is no host 'mx3.bakery.test' here. Did you mean 'mx1.bakery.test'? Known: mx1.bakery.test, ns.test."
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UnknownName(f"There is no {kind} {name!r} here.{hint} Known: {', '.join(names) or 'none'}.")
