"""A DNS in a table, for what asks `lookup(name, type)`.

{"academy.test": ["TXT v=spf1 mx -all", "MX 10 mail.academy.test"], "slow.test": ["SILENT"]}
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import dns.rdata
import dns.rdataclass
import dns.rdatatype
from dns.rdtypes.ANY.TXT import TXT

from mailcourse.dns.stub import NoAnswer

T = TypeVar("T")
Table = Mapping[str, Sequence[str]]


def record(kind: str, text: str) -> Any:
    """Make a record; the octets of a TXT are the letters of the text, and a | cuts it into two strings."""
    if kind == "TXT":
        pieces = [text.encode("latin-1")[at : at + 255] for at in range(0, len(text), 255)]
        strings = text.encode("latin-1").split(b"|") if "|" in text else pieces
        return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings or [b""])
    absolute = text if kind in ("A", "AAAA") or text.endswith(".") else f"{text}."
    return dns.rdata.from_text("IN", kind, absolute)


class FakeDns:
    """What is asked is counted in `asked`."""

    def __init__(self, table: Table) -> None:
        self.table = {name.lower(): lines for name, lines in table.items()}
        self.asked: list[str] = []

    async def lookup(self, name: str, kind: str) -> list[Any]:
        """Return the records; a name with SILENT never answers."""
        self.asked.append(f"{kind} {name}")
        lines = self.table.get(name.lower().rstrip("."), ())
        if "SILENT" in lines or f"SILENT {kind}" in lines:
            raise NoAnswer("nobody answers")
        return [record(kind, line.partition(" ")[2]) for line in lines if line.partition(" ")[0] == kind]


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end, on a loop of its own."""
    return asyncio.run(coroutine)


def cpu(act: Callable[[], object]) -> float:
    """Return the seconds of CPU that `act` takes: the least of five tries, for others use the machine too."""
    tries = []
    for _ in range(5):
        begin = time.process_time()
        act()
        tries.append(time.process_time() - begin)
        if tries[-1] < 0.05:
            break
    return min(tries)
