"""Aliases: addresses that stand for other addresses (RFC 5321 §3.9.1).

    "postmaster@academy.test" = ["alice@academy.test"]

# Not here yet: targets on other servers (forwarding), which need a message of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

#: Aliases behind aliases that are followed.
MOST_STEPS = 10


def expand(address: str, aliases: Mapping[str, list[str]], people: Collection[str]) -> list[str]:
    """Return the people that `address` stands for, each once; empty when there is nobody.

    >>> expand("staff@academy.test", {"staff@academy.test": ["alice@academy.test"]}, {"alice@academy.test"})
    ['alice@academy.test']
    """
    found: dict[str, None] = {}
    waiting = [(address.lower(), 0)]
    while waiting:
        name, depth = waiting.pop(0)
        if name in people:
            found[name] = None
        elif depth < MOST_STEPS:  # an alias that leads back to itself ends here
            waiting += [(target.lower(), depth + 1) for target in aliases.get(name, [])]
    return list(found)
