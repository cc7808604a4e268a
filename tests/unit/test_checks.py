"""What crosses between a notebook and the judge, what a verdict promises, and when a hint is due."""

from __future__ import annotations

from mailcourse.checks import bounds, tries
from mailcourse.checks.parcel import pack, unpack
from mailcourse.checks.verdict import PartVerdict, Points, Verdict


def test_a_function_gets_pairs_as_pairs_and_the_judge_compares_them_with_lists() -> None:
    records = [(0, "."), (10, "mx1.bakery.test")]
    assert unpack(pack(records), tuple) == records
    back = unpack(pack((250, ["a", ("b", 1)])))
    assert back == [250, ["a", ["b", 1]]]
    assert repr(back) == "(250, ['a', ('b', 1)])"
    assert unpack(pack({(1, 2): "x"})) == {(1, 2): "x"}


def test_a_verdict_promises_nothing_for_what_is_looked_at_later() -> None:
    parts = [PartVerdict("now", 3, True), PartVerdict("then", 1, True, later=True)]
    verdict = Verdict("MX", parts)
    assert verdict.lines() == [
        "MX: 3 points so far; 1 point is decided when the exercise is marked",
        "  passed  now (3 points)",
        "  later   then (1 point): an answer is there; whether it is right you see after marking",
    ]
    assert "3 points so far" in verdict.html()
    assert Points(verdict) == 4 == verdict.most
    assert verdict.is_whole
    nothing = Verdict("MX", [PartVerdict("now", 3, False), PartVerdict("then", 1, False, later=True)])
    assert nothing.lines()[0] == "MX: 0 of 4 points"


def test_a_part_has_hints_of_its_own_and_they_are_counted_by_themselves() -> None:
    tries.forget("x", "task")
    assert tries.hint("x", "task", ("one", "two")) == "Hint 1 of 2: one"
    assert tries.hint("x", "task", ("this", "that"), "a part") == "Hint 1 of 2: this"
    assert tries.hint("x", "task", ("one", "two")) == "Hint 2 of 2: two"
    tries.forget("x", "task")
    assert tries.hint("x", "task", ("this", "that"), "a part") == "Hint 1 of 2: this"


def test_a_function_as_it_was_given_out_is_not_written_yet() -> None:
    def given() -> None: ...

    def told() -> None:
        """Say what it is for."""

    def written() -> int:
        return 5

    assert bounds.is_stub(given)
    assert bounds.is_stub(told)
    assert not bounds.is_stub(written)
    assert not bounds.is_stub(print)
    assert not bounds.is_stub(...)
