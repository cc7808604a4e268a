"""What crosses between a notebook and the judge, what a verdict promises, and when a hint is due."""

from __future__ import annotations

import socket

import pytest

from mailcourse import LabError
from mailcourse.checks import bounds, tries
from mailcourse.checks.parcel import pack, unpack
from mailcourse.checks.recording_proxy import RecordingProxy
from mailcourse.checks.task import Case, Stopped
from mailcourse.checks.verdict import PartVerdict, Points, Verdict
from mailcourse.checks.world import World


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
    assert Points(verdict) == 4 == verdict.max_points
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


def test_numbers_may_be_written_as_text_and_a_stub_is_no_answer() -> None:
    def asked(answer: object) -> Case:
        return Case(World("06-submission", "Ana"), answer, False, lambda *_: None)

    assert asked({"1": 25, 2: 587}).numbered(["a", "b"], int) == {"a": 25, "b": 587}
    assert asked(["2", 1]).numbers() == [2, 1]
    with pytest.raises(Stopped, match="There is no answer for 1 yet"):
        asked({1: "...", 2: "x"}).numbered(["a", "b"])


def test_a_lab_of_a_world_is_opened_again_by_its_cell() -> None:
    with World("02-dns", "Ana").open() as lab:
        pass
    with pytest.raises(LabError, match=r"the one with world\.lab"):
        lab.settle()


def test_a_road_cuts_replies_and_keeps_what_was_said() -> None:
    with World("04-smtp", "Ana").open() as lab, RecordingProxy(lab.endpoint("mx1.tailor.test", 25)) as proxy:
        with socket.create_connection(proxy.address, timeout=10) as client:
            assert len(client.recv(1000)) < 10
            client.sendall(b"QUIT\r\n")
            while client.recv(1000):
                pass
        assert proxy.commands == ["QUIT"]
        assert not proxy.is_early
        assert "C: QUIT" in proxy.last
    with World("04-smtp", "Ana").open() as lab, RecordingProxy(lab.endpoint("mx1.tailor.test", 25)) as proxy:
        with socket.create_connection(proxy.address, timeout=10) as client:
            client.sendall(b"EHLO me")
            client.recv(1000)
        assert proxy.is_early
        assert "has no end" in proxy.last
