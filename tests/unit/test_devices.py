"""Devices: each has its own copy, and synchronises by POP3 or IMAP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mailcourse import Lab
from mailcourse.internet.errors import LabError
from mailcourse.mua.device import Device

ALICE, BRUNO = "alice@academy.test", "bruno@bakery.test"


@pytest.fixture
def office(lab: Lab) -> Lab:
    """Bruno has three messages: one, two, three."""
    for subject in ("one", "two", "three"):
        lab.person(ALICE).send(BRUNO, subject, f"the text of {subject}")
    lab.settle()
    return lab


def subjects(device: Device, folder: str = "INBOX") -> list[str]:
    return [mail.subject for mail in device.messages(folder)]


def on_server(lab: Lab, folder: str = "INBOX") -> list[tuple[str, str]]:
    return [(mail.subject, mail.state) for mail in lab.person(BRUNO).folder(folder)]


# ---- POP3 ------------------------------------------------------------------------------------------------


def test_pop3_that_deletes_leaves_nothing_for_the_other_device(office: Lab) -> None:
    laptop, phone = (office.person(BRUNO).device(name, "pop3", keep=False) for name in ("laptop", "phone"))
    assert repr(laptop.sync()) == "3 fetched, 3 removed on the server"
    assert repr(phone.sync()) == "nothing to do"
    assert subjects(laptop) == ["one", "two", "three"]
    assert subjects(phone) == []
    assert on_server(office) == []


def test_pop3_that_keeps_gives_both_devices_a_copy_and_none_knows_what_the_other_read(office: Lab) -> None:
    laptop, phone = (office.person(BRUNO).device(name, "pop3") for name in ("laptop", "phone"))
    assert (laptop.sync().fetched, phone.sync().fetched) == (3, 3)
    laptop.read(1)
    laptop.delete(2)
    assert (laptop.sync().fetched, phone.sync().fetched) == (0, 0), "what was deleted here does not come again"
    assert subjects(laptop) == ["one", "three"]
    assert [mail.state for mail in phone.messages()] == ["new", "new", "new"]
    assert len(on_server(office)) == 3


def test_a_server_that_is_down_is_an_error_and_nothing_is_lost(office: Lab) -> None:
    laptop = office.person(BRUNO).device("laptop", "pop3", keep=False)
    office.host("mail.bakery.test").down()
    with pytest.raises(LabError, match="cannot be reached"):
        laptop.sync()
    office.host("mail.bakery.test").up()
    assert laptop.sync().fetched == 3


# ---- IMAP ------------------------------------------------------------------------------------------------


def test_imap_devices_show_the_same_mailbox(office: Lab) -> None:
    laptop, phone = (office.person(BRUNO).device(name) for name in ("laptop", "phone"))
    laptop.sync()
    phone.sync()
    laptop.read(1)
    laptop.flag(2)
    laptop.delete(3)
    assert repr(laptop.sync()) == "1 removed on the server, 2 flagged on the server"
    assert on_server(office) == [("one", "seen"), ("two", "flagged")]
    assert repr(phone.sync()) == "1 removed on the device, 2 flagged on the device"
    assert [mail.state for mail in phone.messages()] == ["seen", "flagged"]
    assert repr(phone.sync()) == repr(laptop.sync()) == "nothing to do"


def test_what_both_changed_offline_is_joined(office: Lab) -> None:
    laptop, phone = (office.person(BRUNO).device(name) for name in ("laptop", "phone"))
    laptop.sync()
    phone.sync()
    laptop.is_online = phone.is_online = False
    laptop.read(1)
    phone.flag(1)
    phone.delete(2)
    laptop.read(2)
    with pytest.raises(LabError, match="offline"):
        laptop.sync()
    laptop.is_online = phone.is_online = True
    for device in (laptop, phone, laptop):
        device.sync()
    assert on_server(office) == [("one", "flagged seen"), ("three", "new")]
    assert subjects(laptop) == subjects(phone) == ["one", "three"]
    assert {mail.state for device in (laptop, phone) for mail in device.messages()} == {"flagged seen", "new"}


def test_a_message_that_is_moved_on_one_device_is_moved_on_the_other(office: Lab) -> None:
    laptop, phone = (office.person(BRUNO).device(name) for name in ("laptop", "phone"))
    laptop.sync()
    phone.sync()
    laptop.move(1, "Bücher/2026")
    laptop.sync()
    phone.sync()
    for device in (laptop, phone):
        assert device.folders() == ["INBOX", "Bücher/2026"]
        assert (subjects(device), subjects(device, "Bücher/2026")) == (["two", "three"], ["one"])
    office.person(BRUNO).delete_folder("Bücher/2026")
    assert phone.sync().removed_here == 1
    assert phone.folders() == ["INBOX"]


def test_mail_that_arrives_meanwhile_comes_with_its_flags(office: Lab) -> None:
    phone = office.person(BRUNO).device("phone")
    phone.sync()
    office.person(ALICE).send(BRUNO, "four", "x")
    office.settle()
    office.person(BRUNO).flag(4, "flagged", "seen")
    assert repr(phone.sync()) == "1 fetched"
    assert phone.messages()[3].state == "flagged seen"


def test_new_uids_make_the_device_begin_anew(office: Lab) -> None:
    phone = office.person(BRUNO).device("phone")
    phone.sync()
    box = office.accounts["mail.bakery.test"].mailbox(BRUNO)
    box.uids.write(99, box.uidnext - 1)
    assert phone.sync().fetched == 3
    assert subjects(phone) == ["one", "two", "three"]


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_the_copy_of_a_device_outlives_the_lab_and_a_crash_before_it_was_written_down(
    make_lab: Callable[..., Lab], tmp_path: Path, protocol: str
) -> None:
    lab = make_lab("two-offices", path=tmp_path / "lab")
    lab.person(ALICE).send(BRUNO, "one", "x")
    lab.settle()
    lab.person(BRUNO).device("phone", protocol).sync()
    lab.close()
    for left in (tmp_path / "lab" / "devices").rglob("synced.json"):
        left.unlink()  # as if the process had been killed just before
    again = make_lab("two-offices", path=tmp_path / "lab")
    phone = again.person(BRUNO).device("phone", protocol)
    assert repr(phone.sync()) == "nothing to do"
    assert subjects(phone) == ["one"]
    assert len(on_server(again)) == 1


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "x" * 61, "a\nb", "a:b"])
def test_no_name_of_a_device_leads_out(lab: Lab, name: str) -> None:
    with pytest.raises(LabError, match="cannot be the name of a device"):
        lab.person(BRUNO).device(name)


def test_a_protocol_that_is_none_is_refused(lab: Lab) -> None:
    with pytest.raises(LabError, match="imap"):
        lab.person(BRUNO).device("phone", "smtp")


# ---- a person without a device ---------------------------------------------------------------------------


def test_a_person_puts_her_mail_in_order(office: Lab) -> None:
    bruno = office.person(BRUNO)
    bruno.create_folder("Work/2026")
    first, second, _ = bruno.inbox()
    bruno.flag(first, "flagged", "urgent")
    bruno.flag(second)
    bruno.flag(second, on=False)
    bruno.move(first, "Work/2026")
    bruno.delete(3)
    assert on_server(office) == [("two", "new")]
    assert on_server(office, "Work/2026") == [("one", "flagged urgent")]
    bruno.rename_folder("Work/2026", "Büro & Co")
    assert bruno.folders() == ["INBOX", "Büro & Co"]
    assert [mail.subject for mail in bruno.search("KEYWORD urgent", folder="Büro & Co")] == ["one"]
    assert bruno.search('FROM "nobody"') == []
    bruno.delete_folder("Büro & Co")
    assert bruno.folders() == ["INBOX"]
    for wrong in (
        lambda: bruno.folder("Nowhere"),
        lambda: bruno.move(2, "Nowhere"),
        lambda: bruno.search("COLOUR blue"),
        lambda: bruno.create_folder("a//b"),
        lambda: bruno.delete_folder("INBOX"),
    ):
        with pytest.raises(LabError):
            wrong()


def test_an_idle_person_gets_updates_at_once(lab: Lab) -> None:
    with lab.person(BRUNO).idle() as updates:
        lab.person(ALICE).send(BRUNO, "now", "x")
        assert updates.wait(10)[0] == "* 1 EXISTS"
    assert updates.lines == ["* 1 EXISTS", "* 1 RECENT"]
