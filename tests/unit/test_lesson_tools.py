"""What lessons are made with: predictions, the code that ran, dissected addresses, self-checks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailcourse import Lab, LabError
from mailcourse.lessons import dissect, open_the_hood, predict, prediction, self_check
from mailcourse.lessons.missing import explain
from mailcourse.lessons.selfcheck import questions
from mailcourse.message import address
from mailcourse.mta.route import route

ROOT = Path(__file__).parents[2]
SEALED = json.loads((ROOT / "mailcourse" / "lessons" / prediction.SEALS).read_text("utf-8"))


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    prediction.forget()
    yield
    prediction.forget()


# ---- predictions -----------------------------------------------------------------------------------------


def test_without_a_prediction_the_text_is_always_the_same() -> None:
    guess = predict("Which?", "mx1", "mx2")
    assert repr(guess) == "Which?\n  ( ) mx1\n  ( ) mx2\nno prediction yet"
    assert repr(guess.compare("mx1", "Lower first.")) == "Choose an answer above, then run this cell again."


def test_a_prediction_is_compared_with_what_happened() -> None:
    guess = predict("Which?", "mx1", "mx2")
    guess.field.value = "mx1"
    assert guess.compare("mx1").matched is True
    assert repr(guess.compare("mx2")).startswith("You predicted: mx1.")
    assert "What happened: mx2." in repr(guess.compare("mx2"))


def test_running_the_cell_again_keeps_the_answer() -> None:
    predict("Which?", "mx1", "mx2").field.value = "mx2"
    again = predict("Which?", "mx1", "mx2")
    assert again.field.value == "mx2"
    assert "Your prediction: mx2" in repr(again)


def test_a_prediction_can_be_made_in_code() -> None:
    assert predict("Delivered?", "yes", "no", answer=True).compare(True).matched is True
    assert predict("How many?", answer=3).compare(3).matched is True
    with pytest.raises(LabError, match="'mx3' is not among the answers"):
        predict("Which?", "mx1", "mx2", answer="mx3")


def test_a_result_that_no_answer_foresaw_is_told_calmly() -> None:
    assert "Run the lesson's cells in order" in repr(predict("Which?", "mx1").compare("mx9"))


def test_nothing_that_is_shown_can_be_html() -> None:
    guess = predict("<b>?", "<i>")
    assert "<i>" not in guess.compare("<i>")._repr_html_()
    assert "&lt;b&gt;?" in guess.children[0].value


# ---- the code that ran -----------------------------------------------------------------------------------


def test_the_hood_shows_at_most_fifteen_lines_with_their_place() -> None:
    shown = open_the_hood(route)
    assert repr(shown).startswith(f"# mailcourse/mta/route.py, line {shown.line}\ndef route(")
    assert len(open_the_hood(Lab).source.splitlines()) <= 15
    assert open_the_hood(Lab).more > 50


def test_the_hood_opens_where_it_is_told() -> None:
    shown = open_the_hood(route, "domain = ", max_lines=2)
    assert shown.source.splitlines()[0] == "domain = recipient.domain.lower()"
    lines = Path(route.__code__.co_filename).read_text().splitlines()
    assert lines[shown.line - 1].strip() == shown.source.splitlines()[0]
    assert open_the_hood(address, "ATEXT =", max_lines=1).source.startswith("ATEXT = ")
    assert "lower()" in open_the_hood(address.Address.key).source


def test_a_wrong_hood_says_what_to_do() -> None:
    with pytest.raises(LabError, match="No line of route contains"):
        open_the_hood(route, "no such words")
    with pytest.raises(LabError, match="has no source"):
        open_the_hood(3)


# ---- addresses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("alice@academy.test", {"local part": "alice", "domain": "academy.test"}),
        ('"Bea, B" <bea+x@b.test>', {"display name": "Bea, B", "local part": "bea+x", "tag": "x", "domain": "b.test"}),
        ('"a@b"@b.test', {"local part": '"a@b"', "domain": "b.test"}),
        ("a@[192.0.2.1]", {"local part": "a", "address literal": "192.0.2.1"}),
        (
            "josé@bücher.test",
            {"local part": "josé", "domain": "bücher.test", "in the DNS": "xn--bcher-kva.test", "needs": "SMTPUTF8"},
        ),
        ("a..b@b.test", {"not an address": "a..b@b.test"}),
        ("a b@b.test", {"not an address": "a b@b.test"}),
        ("nothing", {"not an address": "nothing"}),
        ("", {}),
        ("us: a@b.test;", {"group": "us", "local part": "a", "domain": "b.test"}),
        (
            "=?utf-8?q?=C3=A4?= <a@b.test>",
            {"display name": "ä", "as written": "=?utf-8?q?=C3=A4?=", "local part": "a", "domain": "b.test"},
        ),
    ],
)
def test_an_address_is_cut_into_its_parts(text: str, parts: dict[str, str]) -> None:
    assert {row["part"]: row["text"] for row in dissect(text)} == parts


def test_a_list_is_cut_address_by_address() -> None:
    found = [row["text"] for row in dissect('b o@x.test, "b o"@x.test') if row["part"] != "domain"]
    assert found == ["b o@x.test", '"b o"']


# ---- self-checks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lesson", ["01", "02"])
def test_every_question_has_one_right_answer_and_a_remark_for_each(lesson: str) -> None:
    asked = questions(lesson)
    assert len(asked) == 5
    for question in asked:
        assert sum(answer.is_right for answer in question.answers) == 1
        assert all(answer.because for answer in question.answers)
        assert len({answer.text for answer in question.answers}) == len(question.answers)
    assert {[answer.is_right for answer in question.answers].index(True) for question in asked} > {0}


def test_choosing_an_answer_shows_why() -> None:
    check = self_check("02")
    check.fields[0].value = "A"
    assert "Not quite." in check.remarks[0].value
    check.fields[0].value = "MX"
    assert "✓ Yes." in check.remarks[0].value
    assert check.remarks[1].value == ""
    with pytest.raises(LabError, match="Known: 00, 01"):
        self_check("99")


# ---- cells out of order -------------------------------------------------------------------------------------


def test_a_missing_name_says_which_cell_makes_it(tmp_path: Path) -> None:
    notebook = tmp_path / "a.ipynb"
    cells = [
        {"cell_type": "markdown", "source": ["# One\n", "## Rolls"]},
        {"cell_type": "code", "source": ["sent = alice.send()\n", "sent"]},
    ]
    notebook.write_text(json.dumps({"cells": cells}))
    assert explain("sent", notebook) == (
        "'sent' is not there yet. It is made under the heading “Rolls”, by the cell that begins with: "
        "sent = alice.send()  Run that cell first."
    )
    assert "Run All Above" in explain("other", notebook)
    assert "Run All Above" in explain("sent", tmp_path / "none.ipynb")
    assert "Run All Above" in explain("sent", None)


def test_a_missing_name_is_explained_in_ipython() -> None:
    code = "import mailcourse.lessons\nget_ipython().run_cell('sent')"
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--colors=nocolor", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert "'sent' is not there yet" in done.stdout + done.stderr


# ---- what lessons look at ------------------------------------------------------------------------------------


def test_what_was_said_and_asked_on_the_way(lab: Lab) -> None:
    sent = lab.person("alice@academy.test").send(to="bruno@bakery.test", subject="x")
    assert [row["at server"] for row in sent.said("rcpt to")] == [
        "mail.academy.test",
        "mx1.bakery.test",
        "mail.bakery.test",
    ]
    assert not sent.said("AUTH PLAIN")  # a secret
    assert ("mail.academy.test", "MX") in [(row["who asks"], row["type"]) for row in sent.asked()]


@pytest.mark.parametrize(
    ("domain", "row"),
    [
        ("bakery.test", ("mx1.bakery.test", 10, ["198.51.100.21"])),
        ("ns.bakery.test", ("ns.bakery.test", None, ["198.51.100.53"])),
        ("nowhere.test", ("nobody", None, "550 5.1.2 the domain nowhere.test does not exist")),
    ],
)
def test_the_mail_servers_of_a_domain_as_a_table(
    make_lab: Callable[..., Lab], domain: str, row: tuple[object, ...]
) -> None:
    assert make_lab("two-offices").dns.mail_servers(domain).rows[0] == row


def test_what_happened_is_checked_though_nothing_is_told() -> None:
    question = "Which fault makes the server wait and try again?"
    assert question in SEALED["05"]
    guess = predict(question, "the mailbox is full", "no such mailbox")
    assert repr(guess.compare("the mailbox is full")) == "Choose an answer above, then run this cell again."
    assert "Something else happened here" in repr(guess.compare("no such mailbox"))


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("0*.ipynb")), ids=lambda path: path.stem)
def test_every_question_of_a_lesson_is_sealed_and_no_answer_is_shown_beside_it(path: Path) -> None:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    asked = sum("".join(cell["source"]).count("= predict(") for cell in cells)
    assert len(SEALED[path.name[:2]]) == asked
    compared = [cell for cell in cells if ".compare(" in "".join(cell["source"])]
    for cell in compared:
        (output,) = cell["outputs"]
        assert "".join(output["data"]["text/plain"]) == "Choose an answer above, then run this cell again."
