"""How long to go on: a little in every test run, the same examples each time; longer with MAILCOURSE_FUZZ=100."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("MAILCOURSE_FUZZ", "1"))
settings.register_profile(
    "mailcourse",
    max_examples=150 * TIMES,
    deadline=None,
    derandomize=TIMES == 1,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("mailcourse")
