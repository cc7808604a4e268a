"""The clinic's cases, the figures, and speaking by hand: what lessons lean on."""

from __future__ import annotations

import pytest

from mailcourse import Lab, LabError
from mailcourse.lessons import clinic, draw_decision, draw_maildir, draw_roles, draw_states, speak
from mailcourse.lessons.clinic import CASES, PLACES, Patient
from mailcourse.message.address import parse
from mailcourse.mta.route import Decision, route
from mailcourse.mta.session import NEXT
from mailcourse.mta.settings import Settings


def mend(patient: Patient) -> None:
    """Do what an administrator would do."""
    lab = patient.lab
    lab.mend()
    if patient.place == "DNS":
        lab.zone("bakery.test").remove("@", "MX").add("@ MX 10 mx1")
        lab.dns.forget()
    if patient.place == "client":
        patient.device = lab.person("bruno@bakery.test").device("old-computer", "pop3", keep=True)


@pytest.mark.parametrize("number", range(1, len(CASES) + 1))
def test_a_patient_is_ill_until_the_right_thing_is_mended(number: int) -> None:
    patient = clinic(number)
    with patient.lab:
        assert patient.place in PLACES
        assert patient.is_well() is False
        mend(patient)
        assert patient.is_well() is True


def test_each_place_has_its_case_and_no_complaint_tells_it() -> None:
    assert [case.place for case in CASES] == list(PLACES)
    assert not any(case.place.lower() in case.complaint.lower().split() for case in CASES)
    with pytest.raises(LabError, match="case of the clinic"):
        clinic(99)


def test_the_drawn_decision_is_the_one_that_is_taken() -> None:
    lines = str(draw_decision()).splitlines()
    assert [decision.name.replace("_", " ") in line for decision, line in zip(Decision, lines, strict=True)] == [
        True
    ] * 5
    me = Settings(local_domains=frozenset({"a.test"}), internal_hosts={"b.test": "in.test"})
    wanted = {
        "x@a.test": Decision.LOCAL,
        "x@b.test": Decision.INSIDE,
        "x@[192.0.2.1]": Decision.LITERAL,
        "x@c.test": Decision.MX,
    }
    assert {recipient: route(parse(recipient), me).decision for recipient in wanted} == wanted


@pytest.mark.parametrize("figure", [draw_roles(), draw_decision(), draw_maildir(), draw_states(NEXT)], ids=str)
def test_a_figure_says_in_words_what_it_shows(figure: object) -> None:
    bundle = figure._repr_mimebundle_()  # type: ignore[attr-defined]
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["text/plain"] == repr(figure)
    assert data["image/png"]
    assert 'role="img" aria-label=' in figure.value  # type: ignore[attr-defined]
    assert len(repr(figure).splitlines()) >= 4


def test_speaking_by_hand_says_what_is_said_and_nothing_else(lab: Lab) -> None:
    talk = speak(lab, "mx1.bakery.test")
    assert repr(talk) == "S: 220 mx1.bakery.test ESMTP"
    assert talk.say("EHLO x.test").code == 250
    assert repr(talk.say("NONSENSE")).startswith("C: NONSENSE\nS: 500 ")
    assert talk.say("QUIT").code == 221
    with pytest.raises(LabError, match="connection is over"):
        talk.say("NOOP")
    talk.close()
    lab.host("mx1.bakery.test").down()
    with pytest.raises(LabError, match="cannot be reached"):
        speak(lab, "mx1.bakery.test")


def test_a_server_says_where_it_would_send(lab: Lab) -> None:
    (row,) = lab.decide("mx1.bakery.test", "bruno@bakery.test")
    assert row["target"] == "mail.bakery.test"
    with pytest.raises(LabError, match=r"no mail server 'ns\.bakery\.test'"):
        lab.decide("ns.bakery.test", "bruno@bakery.test")
