"""The dialogue as it is shown: what prepares is folded, what matters is a row, and nothing is markup."""

from __future__ import annotations

from mailcourse import Lab
from mailcourse.mta.route import Decision
from mailcourse.widgets.frames import TO_COME, frames
from mailcourse.widgets.steps import BY_DNS, HERE
from mailcourse.widgets.talk import MAX_ROWS, lead, rows_of, talk_html

BEFORE = ["S: 220 mx1 ESMTP", "C: EHLO mail", "S: 250-mx1", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 go"]
MAIL = ["C: MAIL FROM:<a@x.test>", "S: 250 ok", "C: RCPT TO:<b@y.test>", "S: 250 ok", "C: DATA", "S: 354 go on"]


def kinds(lines: list[str], old: int = 0) -> list[str]:
    return [row.kind for row in rows_of(lines, old)]


def test_what_prepares_is_one_row_that_opens() -> None:
    first, *rest = rows_of([*BEFORE, *MAIL])
    assert (first.kind, first.text, first.folded) == ("fold", "greeting, EHLO, TLS (6 lines)", tuple(BEFORE))
    assert [row.text for row in rest] == MAIL


def test_a_line_of_a_header_is_not_taken_for_the_servers() -> None:
    assert kinds(["Subject: hi", "Cc: somebody", "   for bruno"]) == ["note", "note", "note"]


def test_a_refusal_and_a_try_later_are_never_folded() -> None:
    assert kinds(["S: 554 no service", "C: QUIT", "S: 221 bye"]) == ["bad", "fold"]
    assert kinds(["S: 421 come back"]) == ["later"]
    assert kinds([*MAIL[:3], "S: 550 5.1.1 nobody"]) == ["C", "S", "C", "bad"]


def test_the_reply_that_hands_over_the_responsibility_stands_out() -> None:
    assert kinds([*MAIL, "S: 250 queued"])[-1] == "good"


def test_the_letter_moves_when_the_server_has_said_354() -> None:
    assert lead(rows_of([*BEFORE, *MAIL])) == 7
    assert lead(rows_of([*MAIL, "S: 250 queued"], old=6)) == 1


def test_what_was_said_before_is_shown_and_not_new() -> None:
    rows = rows_of([*MAIL, "S: 250 queued"], old=6)
    assert [row.is_new for row in rows] == [False] * 6 + [True]


def test_a_dialogue_with_a_hundred_recipients_is_bounded_and_loses_nothing() -> None:
    lines = [MAIL[0], *[f"C: RCPT TO:<p{number}@y.test>" for number in range(100)], "C: DATA"]
    rows = rows_of(lines)
    assert len(rows) == MAX_ROWS + 1
    assert sum(len(row.folded) or 1 for row in rows) == len(lines)


def test_while_nobody_talks_the_last_dialogue_stays_in_grey_with_what_happens_below_it(lab: Lab) -> None:
    view = lab.person("alice@academy.test").send("bruno@bakery.test", "x", "?").journey()
    made = frames(view._events, view.steps, view.stage.ground)
    was: tuple[str, ...] = ()
    for frame, step in zip(made, view.steps, strict=True):
        past = tuple(row.text for row in frame.rows if row.is_past)
        if step.session is None and step.kind != "dns":
            assert past == was, frame.title
            assert [row.text for row in frame.rows if row.is_new] == [*step.lines]
        else:
            assert past == ()
            was = tuple(row.text for row in frame.rows)
    assert "mc-said S past" in talk_html(made[-1].rows)
    assert made[0].rows[-1] == TO_COME
    assert was, "there was something to keep"


def test_a_decision_names_the_next_host_only_where_there_is_one(lab: Lab) -> None:
    assert (Decision.LOCAL.value, Decision.MX.value) == (HERE, BY_DNS)
    told = lab.person("alice@academy.test").send("bruno@bakery.test", "x", "?").journey().steps
    assert [step.lines for step in told if step.what == "routed"] == [
        ("next: ask the DNS for the MX of bakery.test",),
        ("next: mail.bakery.test",),
        (),
    ]


def test_hostile_lines_stay_text() -> None:
    drawn = talk_html(rows_of(["C: MAIL FROM:<<script>alert(1)</script>>", "S: 250 " + "x" * 10_000]))
    assert "<script" not in drawn
    assert len(drawn) < 2_000


def test_every_line_of_a_real_journey_is_somewhere(lab: Lab) -> None:
    view = lab.person("alice@academy.test").send("bruno@bakery.test", "x", "?").journey()
    for step in view.steps:
        found = [line for row in rows_of(step.lines) for line in (row.folded or (row.text,))]
        assert found == list(step.lines)
