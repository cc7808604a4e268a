"""The queue after a crash: every row of the table at the head of `mta/queue.py`, built by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailcourse.message.address import Address
from mailcourse.message.envelope import Envelope
from mailcourse.mta.queue import Entry, Progress, Queue, QueueWriteError

START = datetime(2026, 9, 7, 8, tzinfo=UTC)
ALICE, BRUNO, BEA = (Address(name, "academy.test") for name in ("alice", "bruno", "bea"))
CONTENT = b"Subject: x\r\n\r\n.hello\r\n"
FIRST_LINE = {
    "sender": "alice@academy.test",
    "recipients": ["bruno@academy.test", "bea@academy.test"],
    "eight_bit": True,
    "utf8": False,
    "message": "m1",
    "arrived": START.isoformat(),
}
WAITING = {"waiting": ["bea@academy.test"], "attempts": 2, "next_attempt": START.isoformat(), "reason": "451 later"}


def put(queue: Queue, *, incoming: bool = False, active: bool = False, progress: bool = False) -> None:
    """Leave the files of one row of the table."""
    message = json.dumps(FIRST_LINE).encode() + b"\n" + CONTENT
    if incoming:
        (queue.incoming / "AAAAAAAA").write_bytes(message[:-5])
    if active:
        (queue.active / "AAAAAAAA").write_bytes(message)
    if progress:
        (queue.progress / "AAAAAAAA").write_text(json.dumps(WAITING))


def files(queue: Queue) -> list[str]:
    return [
        f"{f.parent.name}/{f.name}" for each in (queue.incoming, queue.active, queue.progress) for f in each.iterdir()
    ]


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(tmp_path)


def taken(queue: Queue, queue_id: str = "AAAAAAAA", arrived: datetime = START) -> Entry:
    incoming = queue.begin(queue_id, Envelope(ALICE, (BRUNO, BEA), eight_bit=True), "m1", arrived)
    incoming.write(CONTENT)
    return incoming.commit()


# ---- the four rows ----------------------------------------------------------------------------------------


def test_a_message_that_was_still_arriving_is_deleted(queue: Queue) -> None:
    put(queue, incoming=True)
    assert queue.recover() == []
    assert files(queue) == []


def test_an_accepted_message_that_nobody_tried_is_tried_for_all(queue: Queue) -> None:
    put(queue, active=True)
    (entry,) = queue.recover()
    assert entry.envelope == Envelope(ALICE, (BRUNO, BEA), eight_bit=True)
    assert (entry.queue_id, entry.message, entry.arrived, entry.size) == ("AAAAAAAA", "m1", START, len(CONTENT))
    assert b"".join(entry.content()) == CONTENT
    assert queue.progress_of(entry) == Progress((BRUNO, BEA))
    assert files(queue) == ["active/AAAAAAAA"]


def test_a_message_for_which_some_still_wait_is_tried_for_those_when_it_is_due(queue: Queue) -> None:
    put(queue, active=True, progress=True)
    (entry,) = queue.recover()
    assert queue.progress_of(entry) == Progress((BEA,), 2, START, "451 later")
    assert files(queue) == ["active/AAAAAAAA", "progress/AAAAAAAA"]


def test_what_is_left_of_a_finished_message_is_deleted(queue: Queue) -> None:
    put(queue, progress=True)
    assert queue.recover() == []
    assert files(queue) == []


def test_a_crash_while_progress_is_written_keeps_the_one_before(queue: Queue) -> None:
    put(queue, active=True, progress=True)
    (queue.incoming / "AAAAAAAA.progress").write_text('{"waiting": [')
    (entry,) = queue.recover()
    assert queue.progress_of(entry).waiting == (BEA,)
    assert files(queue) == ["active/AAAAAAAA", "progress/AAAAAAAA"]


# ---- the way of a message -----------------------------------------------------------------------------------


def test_a_message_is_ours_only_after_commit(queue: Queue) -> None:
    incoming = queue.begin("BBBBBBBB", Envelope(None, (BRUNO,)), "m2", START)
    incoming.write(CONTENT)
    assert queue.entries() == []
    entry = incoming.commit()
    assert queue.entries() == [entry] == [incoming.commit()]
    assert entry.envelope.sender is None
    assert files(queue) == ["active/BBBBBBBB"]


def test_a_message_that_is_abandoned_leaves_nothing(queue: Queue) -> None:
    incoming = queue.begin("BBBBBBBB", Envelope(None, (BRUNO,)), "m2", START)
    incoming.write(CONTENT)
    incoming.abandon()
    assert files(queue) == []


def test_a_queue_identifier_is_not_given_to_two_messages_at_once(queue: Queue) -> None:
    queue.begin("BBBBBBBB", Envelope(None, (BRUNO,)), "m2", START)
    with pytest.raises(QueueWriteError):
        queue.begin("BBBBBBBB", Envelope(None, (BEA,)), "m3", START)


def test_progress_is_read_back_as_it_was_written(queue: Queue) -> None:
    entry = taken(queue)
    for progress in (Progress((BRUNO, BEA), 1, START, "a; “b”"), Progress((BEA,), 2, None, "")):
        queue.save_progress(entry, progress)
        assert Queue(queue.active.parent).progress_of(entry) == progress


def test_a_finished_message_leaves_nothing(queue: Queue) -> None:
    entry = taken(queue)
    queue.save_progress(entry, Progress((BEA,), 1, START, "later"))
    queue.finish(entry)
    assert files(queue) == queue.entries() == []


def test_the_oldest_message_comes_first(queue: Queue) -> None:
    for queue_id, hours in (("CCCCCCCC", 1), ("AAAAAAAA", 2), ("BBBBBBBB", 1)):
        taken(queue, queue_id, START + timedelta(hours=hours))
    assert [entry.queue_id for entry in queue.recover()] == ["BBBBBBBB", "CCCCCCCC", "AAAAAAAA"]


def test_the_head_is_the_header_and_nothing_of_the_body(queue: Queue) -> None:
    assert taken(queue).head() == b"Subject: x\r\n"


def test_an_address_beyond_ascii_comes_back(queue: Queue) -> None:
    envelope = Envelope(Address("zoë", "bäckerei.test"), (Address('"a b"', "academy.test"),), utf8=True)
    queue.begin("DDDDDDDD", envelope, "m4", START).commit()
    assert [entry.envelope for entry in queue.recover()] == [envelope]
