"""The way of any message, read from its own header: hops, delays, where trust begins, results."""

from __future__ import annotations

import time

import pytest

from mailcourse import Lab
from mailcourse.internet.errors import LabError, UnknownName
from mailcourse.lessons import read_headers, specimen

SPECIMENS = ("hilltop", "lakeside", "orchard")


def test_the_way_begins_at_the_bottom_and_trust_with_ones_own_provider() -> None:
    reading = read_headers(specimen("hilltop"))
    assert [(row["from"], row["believed"]) for row in reading.hops] == [
        ("app-3.orchard.example [192.0.2.133]", "no"),
        ("out-77.relay.orchard.example [203.0.113.77]", "yes"),
        ("(inside)", "yes"),
    ]
    assert [row["after"] for row in reading.hops] == ["", "0:04:05", "0:00:01"]
    assert reading.own == "hilltop.example"
    assert reading.signers == ["orchard.example"]


def test_results_of_somebody_else_are_not_believed() -> None:
    reading = read_headers(specimen("lakeside"))
    found = [(row["who says so"], row["method"], row["result"], row["believed"]) for row in reading.results]
    assert ("lakeside.example", "dmarc", "fail", "yes") in found
    assert ("mail.orchard.example", "dmarc", "pass", "no") in found
    assert "clocks differ" in repr(reading.hops)


def test_a_list_delays_and_breaks_a_signature() -> None:
    reading = read_headers(specimen("orchard"))
    assert reading.own == "orchard.example"
    assert [row["after"] for row in reading.hops] == ["", "0:00:02", "0:30:29"]
    assert {row["method"]: row["result"] for row in reading.results} == {
        "dkim": "fail",
        "spf": "pass",
        "dmarc": "fail",
        "arc": "pass",
    }


def test_the_reader_says_which_provider_is_hers() -> None:
    reading = read_headers(specimen("hilltop"), own="orchard.example")
    assert {row["believed"] for row in reading.hops} == {"no"}
    assert {row["believed"] for row in reading.results} == {"no"}


def test_a_result_in_our_name_below_a_stranger_s_line_is_not_believed() -> None:
    reading = read_headers(
        "Received: from x by mx.bakery.test; Mon, 7 Sep 2026 08:00:00 +0000\n"
        "Received: from y by z.stranger.test; Mon, 7 Sep 2026 08:00:00 +0000\n"
        "Authentication-Results: bakery.test; dmarc=pass\n"
        "Received: from q by mx.bakery.test; Mon, 7 Sep 2026 07:00:00 +0000\n"
    )
    assert [row["believed"] for row in reading.results] == ["no"]
    assert [row["believed"] for row in reading.hops] == ["no", "no", "yes"]


def test_a_message_of_the_lab_reads_as_its_journey_was() -> None:
    with Lab("signed-offices", name="read-headers") as lab:
        lab.person("alice@academy.test").send(to="bruno@bakery.test", subject="x", text="y")
        mail = lab.person("bruno@bakery.test").fetch()[0]
        reading = read_headers(mail)
        assert repr(reading) == repr(read_headers(mail.raw)) == repr(read_headers(mail.raw.decode()))
    assert [row["by"] for row in reading.hops] == ["mail.academy.test", "mx1.bakery.test", "mail.bakery.test"]
    assert [row["believed"] for row in reading.hops] == ["no", "yes", "yes"]
    assert {(row["method"], row["result"], row["believed"]) for row in reading.results} == {
        ("spf", "pass", "yes"),
        ("dkim", "pass", "yes"),
        ("dmarc", "pass", "yes"),
    }


@pytest.mark.parametrize("name", SPECIMENS)
def test_a_reading_is_shown_with_a_picture_and_nothing_of_it_is_markup(name: str) -> None:
    text = specimen(name).replace("orchard", "<b>&orchard")
    reading = read_headers(text)
    assert reading._repr_png_().startswith(b"\x89PNG")
    assert "<b>" not in reading._repr_html_()


@pytest.mark.parametrize(
    "junk",
    [
        b"Received: from " * 70_000,
        b"Received: " + b"((" * 500_000,
        b"Received: from a by b;\n" * 40_000,
        b"Authentication-Results: x; " + b"a=b;" * 250_000,
        b"Received: from x (" + b"[" * 1_000_000,
        b"DKIM-Signature: " + b"d=" * 500_000,
        b"Received: by " + b"a." * 500_000,
        b"Received: a with " + b" x" * 500_000,
        b"Received: from a by b; " + b"Mon, " * 200_000,
        b"Received: from a by b; Mon, 7 Sep 99999 99:99:99 +9999\n",
        b"Received: from \xff\xfe by \x00\x1b[2J; \n",
        b"Received:" + b"\n " * 300_000 + b"x\n",
    ],
)
def test_a_pasted_megabyte_is_read_in_no_time_whatever_is_in_it(junk: bytes) -> None:
    began = time.process_time()
    reading = read_headers(junk)
    shown = repr(reading)
    assert reading._repr_png_()
    assert time.process_time() - began < 2
    assert len(shown) < 30_000
    assert all(line.isprintable() for line in shown.splitlines())


@pytest.mark.parametrize("nothing", ["", "\n\n\n", "hello", "two words\nand no header", b"", None, 7, []])
def test_what_has_no_header_is_told(nothing: object) -> None:
    with pytest.raises(LabError, match="show original"):
        read_headers(nothing)  # type: ignore[arg-type]


@pytest.mark.parametrize("own", [None, 7, "x" * 10_000, "..", "Hilltop.Example"])
def test_any_name_may_be_given_as_ones_own(own: object) -> None:
    assert len(read_headers(specimen("hilltop"), own=own).hops) == 3  # type: ignore[arg-type]


def test_a_specimen_that_there_is_not_is_named() -> None:
    with pytest.raises(UnknownName, match="hilltop, lakeside, orchard"):
        specimen("gmail")
