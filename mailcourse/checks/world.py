"""The world of one student: made from a name, the same each time, and another one for the neighbour.

    ana = World("02-dns", "Ana")
    ana.school, ana.shop          the two mail domains, such as "college.test" and "florist.test"
    ana.best, ana.second          the shop's mail servers, in the order of their preferences
    ana.pick("fault", names)      always the same choice for this name and this label

Nothing is drawn: every choice is the SHA-256 of name, assignment and label.  So marking can make it again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from mailcourse.lab.mail_settings import read_settings
from mailcourse.lab.scenario import Scenario, load
from mailcourse.views import Lab

T = TypeVar("T")

SCHOOLS = ("academy", "college", "institute", "lyceum", "museum", "archive", "studio", "theatre", "clinic", "harbour")
SHOPS = ("bakery", "florist", "pottery", "brewery", "bookshop", "dairy", "tailor", "jeweller", "sawmill", "printery")
PREFERENCES = ((10, 20), (5, 15), (10, 50), (1, 2), (20, 30), (0, 10), (15, 40), (5, 100))


@dataclass(frozen=True)
class World:
    """What one name leads to.  `name` counts without regard to case and spaces."""

    assignment: str
    name: str

    def _digest(self, label: str) -> int:
        who = " ".join(self.name.casefold().split())
        return int.from_bytes(hashlib.sha256(f"{who}\n{self.assignment}\n{label}".encode()).digest()[:8], "big")

    def pick(self, label: str, options: Sequence[T]) -> T:
        """Choose one of `options`."""
        return options[self._digest(label) % len(options)]

    def number(self, label: str, minimum: int, maximum: int) -> int:
        """Choose a whole number, both ends included."""
        return minimum + self._digest(label) % (maximum - minimum + 1)

    def mixed(self, label: str, options: Sequence[T]) -> list[T]:
        """Return `options` in an order of this world."""
        return [options[n] for n in sorted(range(len(options)), key=lambda n: self._digest(f"{label} {n}"))]

    def some(self, label: str, options: Sequence[T], count: int) -> list[T]:
        """Choose `count` different ones."""
        return self.mixed(label, options)[:count]

    # ---- the two offices under other names -------------------------------------------------------------

    @property
    def school(self) -> str:
        """The mail domain of Alice and Amir."""
        return f"{self.pick('school', SCHOOLS)}.test"

    @property
    def shop(self) -> str:
        """The mail domain of Bruno and Bea."""
        return f"{self.pick('shop', SHOPS)}.test"

    @property
    def preferences(self) -> tuple[int, int]:
        """The preferences of the shop's two mail servers; the lower one first."""
        return self.pick("preferences", PREFERENCES)

    @property
    def is_turned(self) -> bool:
        """True where the server called mx2 has the lower preference."""
        return self.pick("turned", (False, True))

    @property
    def best(self) -> str:
        """The shop's mail server that is tried first."""
        return f"mx{2 if self.is_turned else 1}.{self.shop}"

    @property
    def second(self) -> str:
        """The shop's other mail server."""
        return f"mx{1 if self.is_turned else 2}.{self.shop}"

    @property
    def home(self) -> str:
        """The shop's host with the mailboxes."""
        return f"mail.{self.shop}"

    @property
    def school_server(self) -> str:
        """The school's one mail server."""
        return f"mail.{self.school}"

    def person(self, name: str) -> str:
        """Return the address of alice, amir, bruno or bea."""
        return f"{name}@{self.school if name in ('alice', 'amir') else self.shop}"

    def scenario(self, base: str = "two-offices") -> Scenario:
        """Return a scenario of the course with this world's names and preferences."""
        words = {"academy": self.school[:-5], "bakery": self.shop[:-5], "florist": "newsletter"}
        words |= {word.title(): new.title() for word, new in words.items()}
        if self.is_turned:
            words |= {"mx1": "mx2", "mx2": "mx1"}
        scenario = load(base, words)
        first, last = self.preferences
        numbers = {"10": str(first), "20": str(last)}
        zone = re.sub(r"(MX\s+)(10|20)\b", lambda m: m[1] + numbers[m[2]], scenario.zones[self.shop])
        return replace(scenario, name=f"{self.assignment} of {self.name}", zones={**scenario.zones, self.shop: zone})

    def open(
        self,
        base: str = "two-offices",
        name: str = "",
        hosts: Mapping[str, Any] | None = None,
        quotas: Mapping[str, int] | None = None,
    ) -> Lab:
        """Open a lab of this world; `hosts` changes settings of mail servers, `quotas` limits mailboxes of people."""
        scenario = self.scenario(base)
        plans = scenario.hosts
        changed = {
            host: replace(plans[host], settings=read_settings(change, plans, plans[host].settings))
            for host, change in (hosts or {}).items()
        }
        limited = {
            self.person(who): replace(scenario.people[self.person(who)], quota=quota)
            for who, quota in (quotas or {}).items()
        }
        scenario = replace(scenario, hosts={**plans, **changed}, people={**scenario.people, **limited})
        return Lab(scenario, name=name or scenario.name, seed=self.number("lab", 1, 10**6))
