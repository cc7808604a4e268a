"""What an exercise checks: behaviour, in a fresh lab, in a process that the answer cannot touch.

    notebook                        kernel                              a process of its own
    check("02-dns", "mx-order", f) ─► ask.py ──── answer as data ─────► judge.py
                                      bounds.py ◄─ call f(records) ──── tasks/a02_dns.py, in a fresh lab
                                      verdict.py ◄─ what happened ─────

    begin("02-dns", "Ana")           the world of one student: domains, preferences, faults, mail    world.py
    world.given("received")          what a task is about                                            task.py
    world.lab("repair-mx")           a lab to look at, and perhaps to repair
    world.again("repair-mx")         begin a task again
    check("02-dns", "zone", answer)  what was expected, what happened, how many points

Knows the public face of the lab and nothing of servers.  Notebooks and `mailcourse grade` use it.
"""

from .ask import NotYet, check
from .begin import begin
from .verdict import Points

__all__ = ["NotYet", "Points", "begin", "check"]
