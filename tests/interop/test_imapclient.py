"""imapclient, which reads every answer with a parser of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from imapclient import DELETED, FLAGGED, SEEN, IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError
from office import at, trust

pytestmark = pytest.mark.interop
ALICE = "alice@academy.test"
RAW = (
    b"From: Bruno Baker <bruno@bakery.test>\r\nTo: office: alice@academy.test, amir@academy.test;\r\n"
    b"Subject: =?utf-8?q?Br=C3=B6tchen?=\r\nDate: Mon, 07 Sep 2026 08:00:00 +0200\r\nMessage-ID: <one@bakery.test>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=cut\r\n\r\n"
    b"--cut\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nzw\xc3\xb6lf\r\n"
    b"--cut\r\nContent-Type: application/pdf; name=list.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"JVBERg==\r\n--cut--\r\n"
)
WHEN = datetime(2026, 9, 7, 8, tzinfo=UTC)


@pytest.fixture
def client(outside: dict[str, Any]) -> Iterator[IMAPClient]:
    made = IMAPClient(*at(outside, ALICE, 143), ssl=False, timeout=20)
    made.starttls(trust(outside))
    made.login(ALICE, outside["people"][ALICE])
    made.select_folder("INBOX")
    if found := made.search():
        made.delete_messages(found)
        made.expunge()
    yield made
    made.logout()


def test_a_wrong_password_and_a_right_one(outside: dict[str, Any]) -> None:
    with IMAPClient(*at(outside, ALICE, 143), ssl=False, timeout=20) as made:
        with pytest.raises(LoginError):
            made.login(ALICE, "wrong")
        made.plain_login(ALICE, outside["people"][ALICE])
        assert {b"IMAP4REV1", b"IDLE", b"UIDPLUS", b"MOVE", b"SPECIAL-USE"} <= {*made.capabilities()}
        assert made.namespace().personal == (("", "/"),)
        assert b"mailcourse" in made.id_({"name": "test"})[0]


def test_folders_in_any_script(client: IMAPClient) -> None:
    for name in ("Entwürfe & Co", "日本語/2026", 'a "quoted" \\ name'):
        client.create_folder(name)
        assert client.folder_exists(name)
    client.subscribe_folder("日本語/2026")
    assert [name for _, _, name in client.list_sub_folders()] == ["日本語/2026"]
    client.rename_folder("日本語/2026", "日本語/2027")
    names = [name for flags, _, name in client.list_folders() if b"\\Noselect" not in flags]
    assert sorted(names) == ["Entwürfe & Co", "INBOX", 'a "quoted" \\ name', "日本語/2027"]
    assert client.folder_status("Entwürfe & Co", ["MESSAGES", "UIDNEXT"]) == {b"MESSAGES": 0, b"UIDNEXT": 1}
    client.unsubscribe_folder("日本語/2026")
    assert client.list_sub_folders() == []
    for name in names:
        if name != "INBOX":
            client.delete_folder(name)
    with pytest.raises(IMAPClientError, match="NONEXISTENT"):
        client.select_folder("日本語/2027")
    assert client.find_special_folder("\\Sent") is None


def test_a_message_is_put_described_and_read(client: IMAPClient) -> None:
    told = client.append("INBOX", RAW, [SEEN, "urgent"], WHEN)
    assert b"APPENDUID" in told
    (uid,) = client.search()
    about = client.fetch(
        [uid], ["ENVELOPE", "BODYSTRUCTURE", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "BODY[2]", "BODY[]"]
    )[uid]
    assert about[b"ENVELOPE"].subject == b"=?utf-8?q?Br=C3=B6tchen?="
    assert str(about[b"ENVELOPE"].from_[0]) == "Bruno Baker <bruno@bakery.test>"
    assert [address.mailbox for address in about[b"ENVELOPE"].to] == [b"office", b"alice", b"amir", None]
    assert about[b"ENVELOPE"].date.astimezone(UTC) == WHEN.replace(hour=6)
    assert about[b"BODYSTRUCTURE"].is_multipart
    assert [part[:2] for part in about[b"BODYSTRUCTURE"][0]] == [(b"TEXT", b"PLAIN"), (b"APPLICATION", b"PDF")]
    assert {*about[b"FLAGS"]} >= {SEEN, b"urgent"}
    assert (about[b"RFC822.SIZE"], about[b"BODY[2]"], about[b"BODY[]"]) == (len(RAW), b"JVBERg==", RAW)
    assert about[b"INTERNALDATE"].timestamp() == WHEN.timestamp()


def test_flags_searches_copies_and_moves(client: IMAPClient) -> None:
    for number in range(3):
        client.append("INBOX", RAW.replace(b"one@", b"%d@" % number))
    first, second, third = client.search()
    assert {*client.add_flags([first], [FLAGGED, "later"])[first]} >= {FLAGGED, b"later"}
    assert FLAGGED not in client.remove_flags([first], [FLAGGED])[first]
    assert {*client.set_flags([second], [SEEN])[second]} >= {SEEN}
    assert client.search(["UNSEEN", "KEYWORD", "later"]) == [first]
    assert client.search(["NOT", ["OR", "SEEN", ["KEYWORD", "later"]]]) == [third]
    assert client.search(["SUBJECT", "brötchen"], charset="UTF-8") == [first, second, third]
    assert client.search(["BODY", "zwölf"], charset="UTF-8") == [first, second, third]
    assert client.search(["SENTSINCE", datetime(2026, 9, 8)]) == []
    client.create_folder("Work")
    client.copy([first], "Work")
    client.move([second], "Work")
    assert client.search() == [first, third]
    client.add_flags([first, third], [DELETED])
    client.uid_expunge([first])
    assert client.search() == [third]
    assert client.select_folder("Work", readonly=True)[b"EXISTS"] == 2
    client.unselect_folder()
    client.select_folder("INBOX")
    client.delete_folder("Work")


def test_idle_hears_what_another_client_does(client: IMAPClient, outside: dict[str, Any]) -> None:
    client.idle()
    with IMAPClient(*at(outside, ALICE, 143), ssl=False, timeout=20) as other:
        other.login(ALICE, outside["people"][ALICE])
        other.append("INBOX", RAW)
    assert (1, b"EXISTS") in client.idle_check(timeout=10)
    told, _ = client.idle_done()
    assert told == b"IDLE done"
