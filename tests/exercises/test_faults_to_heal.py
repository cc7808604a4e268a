"""Each fault of the clinic: ill before, well after its cure, and the cure of another fault does not do."""

from __future__ import annotations

import json

import pytest
from assignment import Assignment

from mailcourse.checks.clinic import FAULTS, GROUPS, PLACES, ExercisePatient, fault_of, healthy, open_patient
from mailcourse.checks.parcel import pack, unpack
from mailcourse.checks.state import restore
from mailcourse.checks.task import Case
from mailcourse.checks.tasks import a08_repair
from mailcourse.checks.world import World

NAMES = [f"student {n}" for n in range(200)]


def cures() -> dict[str, object]:
    """The cures of the solution, with the names that they need."""
    before = Assignment("08-repair").begun("Ana")
    return before["patient-2"]


@pytest.fixture(scope="module")
def known() -> dict[str, object]:
    return cures()


def look(patient: ExercisePatient, fault: str, world: World) -> tuple[bool, bool]:
    """Say whether a patient is cured, and whether all else is well, as the judge does."""
    case = Case(world, None, True, lambda *_: None)
    state = unpack(pack(patient))
    with restore(healthy(world, fault, f"well again {fault}"), state) as lab:
        return a08_repair._cured(case, fault, lab, state)[0], a08_repair._rest(case, lab)[0]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_there_until_its_cure(fault: str, known: dict[str, object]) -> None:
    world = World("08-repair", "Ana")
    patient = open_patient(world, fault, f"ill with {fault}")
    try:
        assert patient.complaint
        assert look(patient, fault, world)[0] is False
        known["CURES"][fault](patient)  # type: ignore[index]
        assert look(patient, fault, world) == (True, True)
    finally:
        patient.lab.close()


def test_mending_what_was_broken_by_switches_cures_nobody() -> None:
    world = World("08-repair", "Ana")
    for number, fault in enumerate(FAULTS):
        patient = open_patient(world, fault, f"ill {number}")
        patient.lab.mend()
        assert look(patient, fault, world)[0] is False, fault
        patient.lab.close()


def test_everybody_has_four_different_patients_and_all_faults_occur() -> None:
    seen = set()
    for name in NAMES:
        faults = [fault_of(World("08-repair", name), number) for number in range(1, 5)]
        assert len(set(faults)) == 4
        assert all(FAULTS[fault].place in places for fault, places in zip(faults, GROUPS, strict=True))
        seen.update(faults)
    assert seen == set(FAULTS)
    assert {fault.place for fault in FAULTS.values()} == set(PLACES)


def test_neighbours_have_other_worlds_and_the_same_name_has_the_same() -> None:
    worlds = {(w.school, w.shop, w.preferences, w.best) for w in (World("02-dns", name) for name in NAMES[:30])}
    assert len(worlds) >= 28
    assert World("02-dns", "Ana  López").shop == World("02-dns", " ana lópez").shop


def test_a_state_is_plain_data() -> None:
    patient = open_patient(World("08-repair", "Ana"), "a program has the wrong password", "ill at last")
    assert json.loads(pack(patient))["$"] == "lab"
    patient.lab.close()
