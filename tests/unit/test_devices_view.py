"""Two devices side by side: pressing what a student presses, reading what she reads."""

from __future__ import annotations

import re
from functools import partial

import pytest
import waits

from mailcourse import Lab
from mailcourse.scene.copies import MAX_LETTERS, CopyState, copies_ground, copies_marks, sync_moves
from mailcourse.scene.draw import host_id
from mailcourse.scene.hosts import MAILBOX
from mailcourse.widgets.devices import DevicesView, OneDevice
from mailcourse.widgets.talk import SECRET, reader_rows

until = partial(waits.until, seconds=10)
ALICE, BRUNO = "alice@academy.test", "bruno@bakery.test"


@pytest.fixture
def view(lab: Lab) -> DevicesView:
    for subject in ("one", "two"):
        lab.person(ALICE).send(BRUNO, subject, "x")
    lab.settle()
    return lab.devices(BRUNO)


def press(device: OneDevice, word: str) -> None:
    button = device.buttons[word]
    button.click()
    until(lambda: not button.disabled)


def shown(device: OneDevice) -> list[str]:
    return [line for line, _ in device.list.options]


def test_what_is_read_on_the_laptop_is_seen_on_the_phone_after_both_synchronised(view: DevicesView) -> None:
    laptop, phone = view.devices
    assert shown(laptop) == []
    for device in view.devices:
        press(device, "Synchronise")
    press(laptop, "Read")
    assert (shown(laptop), shown(phone)) == (["one (seen)", "two (new)"], ["one (new)", "two (new)"])
    press(laptop, "Synchronise")
    until(lambda: "1:2,S" in view.files.value.replace(";", ":"))
    until(lambda: "UID STORE" in laptop.dialogue.value)
    press(phone, "Synchronise")
    assert shown(phone) == ["one (seen)", "two (new)"]
    press(phone, "Archive")
    assert shown(phone) == ["two (new)", "Archive: one (seen)"]
    press(phone, "Synchronise")
    until(lambda: "Archive" in view.files.value)


def test_pop3_that_deletes_empties_the_server_for_the_other(view: DevicesView) -> None:
    laptop, phone = view.devices
    for device in view.devices:
        device.protocol.value = "POP3, delete"
    press(laptop, "Synchronise")
    press(phone, "Synchronise")
    assert (len(shown(laptop)), len(shown(phone))) == (2, 0)
    until(lambda: "no message" in view.files.value)
    until(lambda: "DELE" in laptop.dialogue.value)
    assert "DELE" not in phone.dialogue.value, "each device has its own dialogue"
    laptop.protocol.value = "IMAP"
    assert shown(laptop) == [], "another protocol, another copy"


def test_offline_there_is_the_copy_and_a_sentence(view: DevicesView) -> None:
    laptop = view.devices[0]
    press(laptop, "Synchronise")
    laptop.online.value = False
    press(laptop, "Delete")
    press(laptop, "Synchronise")
    assert "offline" in view.notice.value
    assert shown(laptop) == ["two (new)"]
    laptop.online.value = True
    press(laptop, "Synchronise")
    assert view.notice.value == ""
    assert "1 removed on the server" in laptop.status.value


def test_no_secret_and_no_markup_is_shown(lab: Lab) -> None:
    lab.person(ALICE).send(BRUNO, "<script>alert(1)</script>", "x")
    lab.settle()
    view = lab.devices(BRUNO, "tablet")
    press(view.devices[0], "Synchronise")
    until(lambda: "LOGIN" in view.devices[0].dialogue.value or "secret" in view.devices[0].dialogue.value)
    assert lab.person(BRUNO).password not in view.devices[0].dialogue.value
    assert "<script>" not in view.devices[0].dialogue.value + view.files.value
    assert repr(view).splitlines()[0] == "tablet (IMAP)"


SERVER = "mail.bakery.test"


def test_the_server_is_drawn_between_the_devices_and_joined_with_each() -> None:
    ground = copies_ground(["laptop", "phone", "tablet"], SERVER)
    order = sorted((spot.x, name) for name, spot in ground.spots.items() if not name.startswith(MAILBOX))
    assert [name for _, name in order] == ["laptop", SERVER, "phone", "tablet"]
    assert {other for _, other in ground.links} == {SERVER}
    assert len(ground.links) == 3


def test_a_synchronisation_moves_as_many_letters_as_were_fetched_and_few_of_very_many() -> None:
    ends = [(SERVER, "phone")] * 3
    moves = [move for move in sync_moves("phone", SERVER, {"fetched": 3}) if move.kind == "letter"]
    assert [move.names for move in moves] == ends
    many = [move for move in sync_moves("phone", SERVER, {"fetched": 500, "sent": 1}) if move.kind == "letter"]
    assert len(many) == MAX_LETTERS + 1
    assert many[MAX_LETTERS - 1].said == f"{500 - MAX_LETTERS + 1} copies"
    assert many[-1].names == ("phone", SERVER)
    ground = copies_ground(["laptop", "phone"], SERVER)
    assert all(move.told(ground)["hosts"] for move in [*moves, *many])


def test_each_copy_has_its_own_count_and_who_is_offline_is_crossed_out() -> None:
    ground = copies_ground(["laptop", "phone"], SERVER)
    states = {"laptop": CopyState(2, 1), SERVER: CopyState(0, 0), "phone": CopyState(7, 0, "offline", False)}
    marks = copies_marks(ground, states)
    counts = {name: marks[host_id(ground, f"{MAILBOX}INBOX@{name}")].words for name in states}
    assert counts == {"laptop": "2", SERVER: "0", "phone": "7"}
    assert marks[host_id(ground, "phone")].classes == ("off",)


def test_the_scene_tells_what_each_press_moved(view: DevicesView) -> None:
    def told() -> list[tuple[str, str]]:
        return [(move["kind"], move["said"]) for move in view.stage.news["moves"]]

    laptop = view.devices[0]
    press(laptop, "Synchronise")
    until(lambda: ("letter", "a copy") in told())
    assert "laptop, IMAP: 2 in INBOX" in view.stage.news["words"]
    press(laptop, "Delete")
    until(lambda: ("stamp", "Delete: here alone") in told())
    press(laptop, "Synchronise")
    until(lambda: ("refusal", "1 removed here") in told())
    laptop.online.value = False
    press(laptop, "Synchronise")
    until(lambda: told() == [("question", "no way there")])
    assert view.stage.news["moves"][0]["turns"]
    assert "laptop, offline: 1 in INBOX" in view.svg()


@pytest.mark.parametrize(("way", "command"), [("IMAP", "UID FETCH"), ("POP3, keep", "RETR")])
def test_log_in_and_farewell_are_folded_and_what_is_done_with_mail_is_not(
    view: DevicesView, way: str, command: str
) -> None:
    laptop = view.devices[0]
    laptop.protocol.value = way
    press(laptop, "Synchronise")
    until(lambda: "<summary>LOGOUT" in laptop.dialogue.value or "<summary>QUIT" in laptop.dialogue.value)
    folds = re.findall("<details.*?</details>", laptop.dialogue.value)
    folded = "".join(folds)
    assert "<summary>greeting, " in folded
    assert len(folds) == 2
    assert f"<b>{command}</b>" in laptop.dialogue.value
    assert command not in folded


def test_a_refused_log_in_is_not_folded() -> None:
    rows = reader_rows(["S: +OK POP3", "C: USER x", "S: +OK", f"C: {SECRET}", "S: -ERR wrong password", "C: QUIT"])
    assert [row.kind for row in rows] == ["fold", "bad", "fold"]
    rows = reader_rows(["S: * OK hello", f"C: {SECRET}", "S: A1 NO wrong password"])
    assert [row.kind for row in rows] == ["fold", "bad"]
