"""How a class is marked: what students hand in is run where it can do no harm, and judged where it cannot reach.

    FOLDER ─► found.py ─► notebook.py ─► marker.py ─────────────► gradebook.py ─► tables.py, class_page.py, card.py
              who handed    what is      │  room.py: a place of     nbgrader's       marks for the office, a page
              in what       an answer    │  its own, with runner.py                  of the class, feedback
                                         └─ mailcourse.checks.judge: outside of it

The room hands over answers and nothing else: values, the settings of a lab, what a function returned when it was asked.
What the judge says is written down by the marking process, and never passes through the room.
"""
