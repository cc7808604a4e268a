"""When is the next attempt, when does the sender hear that it takes long, and when is it given up?

    after      5 min  10  20  40  60  60 …      pauses between attempts, RFC 5321 §4.5.4.1
    4 hours    the sender gets a warning         "delayed", once
    5 days     the sender gets a bounce          "failed", 5.4.7

All of it is lab time.
"""

from __future__ import annotations

from datetime import timedelta

#: Lab seconds.
FIRST_PAUSE, LONGEST_PAUSE = 300, 3600
WARNING, LIFETIME = timedelta(hours=4), timedelta(days=5)


def pause(attempts: int) -> int:
    """Return the lab seconds to wait after the attempt with this number, from 1.

    >>> [pause(n) // 60 for n in (1, 2, 3, 4, 5)]
    [5, 10, 20, 40, 60]
    """
    return min(FIRST_PAUSE << min(attempts - 1, 20), LONGEST_PAUSE)
