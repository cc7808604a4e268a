"""What the tasks of exercise 02 show and try: answers of dig, and MX records in many orders.

    dig_answers(world)    domain → (its MX records, the host that is tried first); dig_output as a student sees it
    mx_shapes(world)      (part of the task, records) pairs
    wrong_lines(world)    what is wrong in the zone to fix, and the lines that are wrong

Who uses it: tasks/a02_dns.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailcourse.checks.task import Shown
from mailcourse.checks.world import World


def dig_answers(world: World) -> dict[str, tuple[list[tuple[int, str]], str]]:
    """For some domains: their MX records in the order of the answer, and the host that is tried first."""
    low, high = world.number("low", 0, 9), world.number("high", 10, 90)
    names = world.some("hosts", ["alpha", "beta", "gamma", "delta", "omega"], 4)
    one, two, three = world.some("domains", ["books", "flowers", "lamps", "paints", "violins"], 3)
    first, second, third = f"{one}.example", f"{two}.example", f"{three}.example"
    return {
        first: ([(high, f"{names[0]}.{first}."), (low, f"{names[1]}.{first}.")], f"{names[1]}.{first}"),
        second: (
            [(low + 100, f"mx1.{second}."), (low + 9, f"mx2.{second}."), (low + 20, f"mx3.{second}.")],
            f"mx2.{second}",
        ),
        third: ([], third),
        f"void{high}.example": ([(0, ".")], "nobody"),
    }


def dig_output(world: World) -> Shown:
    """What dig said about each domain, shortened."""
    lines = []
    for domain, (records, _) in dig_answers(world).items():
        lines.append(f"$ dig +noall +answer {domain} MX")
        lines += [f"{domain}.  3600  IN  MX  {number} {host}" for number, host in records]
        if not records:
            lines += [f"$ dig +noall +answer {domain} A", f"{domain}.  3600  IN  A  192.0.2.{80 + len(domain)}"]
        lines.append("")
    return Shown("\n".join(lines).rstrip())


def mx_shapes(world: World) -> list[tuple[str, list[tuple[int, str]]]]:
    """Records to put in order, and the part of the task that they are for."""
    many = [(10 * world.number(f"n{n}", 0, 9) + n, f"h{n}.{world.shop}") for n in range(5)]
    low = world.number("tie", 1, 9)
    tied = world.mixed("tied", [(low, f"a.{world.shop}"), (low, f"b.{world.shop}"), (low + 90, f"c.{world.shop}")])
    return [
        ("three or more", world.mixed("many", many)),
        ("three or more", [(100, f"x.{world.shop}"), (9, f"y.{world.shop}")]),
        ("equal preferences", tied),
        ("nobody to call", []),
        ("nobody to call", [(0, ".")]),
    ]


WRONG = ("an address", "an alias", "a missing host", "no dot", "swapped")


def wrong_lines(world: World) -> tuple[str, Sequence[str]]:
    """The fault of this world: its name, and the lines that replace the MX records."""
    first, last = world.preferences
    kind = world.pick("wrong", WRONG)
    lines = {
        "an address": (f"@ MX {first} 198.51.100.21",),
        "an alias": (f"@ MX {first} post", "post CNAME nowhere"),
        "a missing host": (f"@ MX {first} mail-in",),
        "no dot": (f"@ MX {first} {world.best}", f"@ MX {last} {world.second}"),
        "swapped": (f"@ MX {last} {world.best}.", f"@ MX {first} {world.second}."),
    }[kind]
    return kind, lines
