"""A reader fetches on threads of its own: what comes late is not drawn over what came after it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from test_reader_view import ALICE, BRUNO, choose, press
from waits import until, until_at_rest

from mailcourse import Lab
from mailcourse.widgets import reader
from mailcourse.widgets.reader import ReaderView


class Late:
    """Stands before what asks a server: the first answer is held back, until it may come."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask, self._calls = ask, itertools.count()
        self.has_asked, self.may_come = threading.Event(), threading.Event()

    def __call__(self, *asked: Any, **options: Any) -> Any:
        """Ask; the first one who does waits with the answer in hand."""
        came, number = self._ask(*asked, **options), next(self._calls)
        if number == 0:
            self.has_asked.set()
            assert self.may_come.wait(30)
        return came


@pytest.fixture(params=["counts", "list"])
def late(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[ReaderView], Late]:
    """Hold back the first answer to one of the two things that a refresh asks for."""

    def hold(view: ReaderView) -> Late:
        if request.param == "counts":
            monkeypatch.setattr(reader, "unread_in", held := Late(reader.unread_in))
        else:
            monkeypatch.setattr(view.person, "search", held := Late(view.person.search))
        return held

    return hold


def opened(lab: Lab) -> ReaderView:
    """Open the reader after all mail has come: nothing is news that is not made so later."""
    lab.settle()
    return lab.person(BRUNO).mail()


def test_what_was_fetched_before_is_not_drawn_over_what_came_after(
    lab: Lab, late: Callable[[ReaderView], Late]
) -> None:
    lab.person(ALICE).send(BRUNO, "Bread", "x")
    view = opened(lab)
    choose(view)
    held = late(view)
    old = threading.Thread(target=view.refresh)
    old.start()
    assert held.has_asked.wait(30)
    press(view, "Mark unread")
    until(lambda: "● new" in view.list.options[0][0])
    held.may_come.set()
    old.join(30)
    until_at_rest()
    assert view.folder.options[0] == ("INBOX (1 new)", "INBOX")
    assert "● new" in view.list.options[0][0]


def test_a_message_that_is_read_while_the_list_is_fetched_stays_read(
    lab: Lab, late: Callable[[ReaderView], Late]
) -> None:
    lab.person(ALICE).send(BRUNO, "Bread", "x")
    view = opened(lab)
    held = late(view)
    lab.person(ALICE).send(BRUNO, "Rolls", "y")  # news: the view fetches
    assert held.has_asked.wait(30)
    choose(view, len(view.list.options) - 1)
    held.may_come.set()
    until(lambda: len(view.list.options) == 2)
    until_at_rest()
    assert ["● new" in line for line, _ in view.list.options] == [True, False]
    assert view.folder.options[0] == ("INBOX (1 new)", "INBOX")


def test_a_message_that_was_left_before_it_came_is_read_all_the_same(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for subject in ("Bread", "Rolls"):
        lab.person(ALICE).send(BRUNO, subject, "x")
    view = opened(lab)
    monkeypatch.setattr(view.person, "read", held := Late(view.person.read))
    view.list.value = view.list.options[0][1]
    assert held.has_asked.wait(30)
    choose(view, 1)
    held.may_come.set()
    until_at_rest()
    assert not any("● new" in line for line, _ in view.list.options)
    assert view.folder.options[0] == ("INBOX", "INBOX")
    assert view.mail is not None
    assert view.mail.subject == "Bread"


def test_counts_from_before_a_message_was_read_and_a_list_from_after_are_put_right(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.person(ALICE).send(BRUNO, "Bread", "x")
    view = opened(lab)
    monkeypatch.setattr(reader, "unread_in", counts := Late(reader.unread_in))
    old = threading.Thread(target=view.refresh)
    old.start()
    assert counts.has_asked.wait(30)
    monkeypatch.setattr(view.person, "read", message := Late(view.person.read))
    view.list.value = view.list.options[0][1]
    assert message.has_asked.wait(30)
    counts.may_come.set()
    old.join(30)
    message.may_come.set()
    until_at_rest()
    assert view.folder.options[0] == ("INBOX", "INBOX")
    assert "● new" not in view.list.options[0][0]
