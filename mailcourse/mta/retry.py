"""When is the next attempt, when does the sender hear that it takes long, and when is it given up?

    after      5 min  10  20  40  60  60 …      between attempts, RFC 5321 §4.5.4.1
    4 hours    the sender gets a warning         "delayed", once
    5 days     the sender gets a bounce          "failed", 5.4.7

All of it is lab time.
"""

from __future__ import annotations

from datetime import timedelta

#: Lab seconds.
MIN_DELAY, MAX_DELAY = 300, 3600
WARNING, LIFETIME = timedelta(hours=4), timedelta(days=5)


def retry_delay(attempts: int) -> int:
    """Return the lab seconds to wait after the attempt with this number, from 1.

    >>> [retry_delay(n) // 60 for n in (1, 2, 3, 4, 5)]
    [5, 10, 20, 40, 60]
    """
    return min(MIN_DELAY << min(attempts - 1, 20), MAX_DELAY)
