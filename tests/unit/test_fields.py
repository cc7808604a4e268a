"""One reader of headers: it reads what anybody may have written, and never fails (RFC 5322, RFC 2047, RFC 2231)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mailcourse.message.address import parse
from mailcourse.message.fields import (
    MAX_FIELD,
    MAX_FIELDS,
    MAX_HEADER,
    MAX_PARAMETERS,
    charset,
    day,
    decode_words,
    fields,
    filename,
    in_order,
    parameters,
    text_of,
    without_comments,
)
from mailcourse.message.mime import MAX_PARTS, split
from mailcourse.mua.compose import Draft, compose
from mailcourse.mua.mail import Mail, Messages

FIELDS = [
    (b"A: 1\r\nB: 2\r\n\r\n", {b"a": [b"1"], b"b": [b"2"]}),
    (b"A: 1\r\n\t2\r\n", {b"a": [b"1\t2"]}),
    (b"A: 1\r\na: 2\r\n", {b"a": [b"1", b"2"]}),
    (b"A :1\r\nno colon\r\n: x\r\n", {b"a": [b"1"], b"": [b"x"]}),
    (b" A: 1\r\nB: 2\r\n", {b"b": [b"2"]}),  # a first line that begins with a space goes on with nothing
    (b"From: Alice\r\n" + b" \r\n" * 60_000 + b" <a@b.test>\r\nB: 2", {b"from": [b"Alice <a@b.test>"], b"b": [b"2"]}),
    (b"From:\r\n" + b"    \r\n" * 30_000 + b" a@b.test", {b"from": [b"a@b.test"]}),
    (b"From:" + b" " * 500_000 + b"a@b.test", {b"from": [b"a@b.test"]}),
]


@pytest.mark.parametrize(("header", "wanted"), FIELDS, ids=range(len(FIELDS)))
def test_a_header_is_read(header: bytes, wanted: dict[bytes, list[bytes]]) -> None:
    assert fields(header) == wanted


def test_no_more_is_looked_at_than_the_bounds_say() -> None:
    assert len(fields(b"A: " + b"x" * 2 * MAX_FIELD)[b"a"][0]) == MAX_FIELD
    assert len(list(in_order(b"A: x\n" * 2 * MAX_FIELDS))) == MAX_FIELDS
    assert fields(b"A: " + b" " * MAX_HEADER + b"\r\nB: x") == {b"a": [b""]}
    assert len(parameters(b"a/b" + b"".join(b"; x%d=1" % number for number in range(500)))) == MAX_PARAMETERS
    assert without_comments(b"(" * 500_000 + b"a") == b" "


PARAMETERS = [
    (b"a/b", []),
    (b'a/b; c=d; E="f \\" g"', [(b"c", b"d"), (b"e", b'f " g')]),
    (b"a/b; c (why; x=y)=d(\\)) ; e=f", [(b"c", b"d"), (b"e", b"f")]),
    (b'a/b; c="(no comment)"', [(b"c", b"(no comment)")]),
    (b"a/b (it's \"open); c=d", [(b"c", b"d")]),
    (b"a/b; name*", []),
    (b"a/b; name*; c=d", [(b"c", b"d")]),
    (b"a/b; name*=", [(b"name*", b"")]),
    (b'x; f*1="plan.pdf"; f*0="bread-"', [(b"f", b"bread-plan.pdf")]),  # RFC 2231 §3: by their numbers
    (b"x; f*10=k; f*2=c; f*0=a; f*1=b", [(b"f", b"abck")]),
    (b"x; F*1=b; f*0=a", [(b"f", b"ab")]),
    (b"x; f*0=a; f*0=z; f*1=b", [(b"f", b"ab")]),
    (b"x; f*00=a; f*1=b", [(b"f*00", b"a"), (b"f", b"b")]),
    (b"x; f*1*=%C3%A4; f*0*=utf-8''a", [(b"f*", b"utf-8''a%C3%A4")]),
    (b"x; f*0*=utf-8''a; f*1=\"50% b\"", [(b"f*", b"utf-8''a50%25%20b")]),  # %20 in one that is not encoded is a text
    (b'x; f*1*=%C3%A4; f*0="it\'s "', [(b"f*", b"''it%27s%20%C3%A4")]),
    (b"x; f=short; f*0=lo; f*1=ng", [(b"f", b"short")]),
    (b"x; f*0=a; g=1; f*1=b", [(b"f", b"ab"), (b"g", b"1")]),
]


@pytest.mark.parametrize(("value", "wanted"), PARAMETERS, ids=[repr(value) for value, _ in PARAMETERS])
def test_parameters_are_read(value: bytes, wanted: list[tuple[bytes, bytes]]) -> None:
    assert parameters(value) == wanted


NAMES = [
    (b'attachment; filename*1="plan.pdf"; filename*0="bread-"', "bread-plan.pdf"),
    (b"attachment; filename=a.pdf; filename*=utf-8'de'K%C3%A4se.pdf", "Käse.pdf"),
    (b"attachment; filename*0*=utf-8''K%C3; filename*1*=%A4se", "Käse"),
    (b"attachment; filename*=iso-8859-1''K%E4se", "Käse"),
    (b"attachment; filename*=K%C3%A4se", "Käse"),
    (b"attachment; filename*=klingon''K%C3%A4se", "Käse"),
    (b'attachment; filename="=?utf-8?q?K=C3=A4se?="', "Käse"),
    (b"attachment; filename*=''", ""),
    (b"attachment; filename*", ""),
    (b"attachment", "of-the-type"),
]


@pytest.mark.parametrize(("disposition", "wanted"), NAMES, ids=[repr(value) for value, _ in NAMES])
def test_the_name_of_a_file_is_as_its_sender_wants_it(disposition: bytes, wanted: str) -> None:
    assert (
        filename(disposition, b"application/pdf; name=of-the-type" if disposition == b"attachment" else b"") == wanted
    )


WORDS = [
    ("=?utf-8?q?Br=C3=B6tchen_!?=", "Brötchen !"),
    ("=?utf-8?b?QnLDtnRjaGVu?=", "Brötchen"),
    ("=?utf-8*de?b?QnLDtnRjaGVu?=", "Brötchen"),
    ("a =?utf-8?q?b?= =?utf-8?q?c?= d", "a bc d"),
    ("=?utf-8?q?=C3?= =?UTF-8?q?=B6?=", "ö"),  # a letter in two words
    ("=?iso-8859-1?q?=F6?=   =?utf-8?q?=C3=B6?=", "öö"),
    ("=?utf-8?B?abcde?=", "=?utf-8?B?abcde?="),
    ("=?utf-8?B?abcde?= and =?utf-8?q?b?=", "=?utf-8?B?abcde?= and b"),
    ("=?utf-8?q?b?= =?utf-8?B?abcde?=", "=?utf-8?q?b?= =?utf-8?B?abcde?="),
    ("=?utf-8?B?!!!?=", "=?utf-8?B?!!!?="),
    ("=?utf-8?B?YQ?=", "a"),
    ("=?utf-8?B?YQ==YQ==?=", "=?utf-8?B?YQ==YQ==?="),
    ("=?utf-8?q?=FF?=", "=?utf-8?q?=FF?="),
    ("=?klingon?q?x?=", "=?klingon?q?x?="),
    ("=?rot13?q?x?=", "=?rot13?q?x?="),
    ("=?punycode?q?x-?=", "=?punycode?q?x-?="),
    ("=?utf-7?q?+2AA-?=", "=?utf-7?q?+2AA-?="),  # half a letter, which no charset can write
    ("=?unicode-escape?q?=5Cud800?=", "=?unicode-escape?q?=5Cud800?="),
    ("=?utf-8?x?x?= =? ?= =??q?x?=", "=?utf-8?x?x?= =? ?= =??q?x?="),
    ("=?utf-8?B?ä?=", "=?utf-8?B?ä?="),
    ("=?\ud800?B?YQ==?=", "=?\ud800?B?YQ==?="),
    ("=?utf-8?q??=", ""),
    ("=?" * 1000, "=?" * 1000),
]


@pytest.mark.parametrize(("text", "wanted"), WORDS, ids=[ascii(text)[:40] for text, _ in WORDS])
def test_encoded_words_are_decoded_and_broken_ones_stay_as_they_are(text: str, wanted: str) -> None:
    assert decode_words(text) == wanted


@pytest.mark.parametrize(
    "name", ["", "x" * 1000, "\0", "ä", "\ud800", "hex", "idna", "undefined", "utf-7", "..", "rot13"]
)
def test_what_is_no_charset_of_mail_is_read_as_utf_8(name: str) -> None:
    assert charset(name) is None
    assert text_of("Käse".encode() + b"\xff", name) == "Käse\ufffd"


@pytest.mark.parametrize(
    "name", ["UTF-8", "latin1", "ISO_8859-15", "koi8-u", "GB18030", "utf-16-le", "iso-2022-jp", "cp437"]
)
def test_a_charset_of_mail_is_known(name: str) -> None:
    assert charset(name) is not None


DAYS = [
    (b"Mon, 07 Sep 2026 23:59:00 -0800", "2026-09-07"),
    (b"7 Sep 26 08:00 GMT", "2026-09-07"),
    (b"Mon,\t7  Sep 2026 08:00:00 +0000 (a comment)", "2026-09-07"),
    (b"Mon, 07 Sep 2026 99:99:99 +9999", "2026-09-07"),
    *((value, None) for value in (b"", b" ", b",", b"never", b"99 Sep 2026 08:00", b"\xff\0", b"Mon, 7", b"((((")),
    (b"0 0 0 0 0", None),
    (b"7 Sep 99999999999999999999 08:00:00", None),
]


@pytest.mark.parametrize(("value", "wanted"), DAYS, ids=[repr(value) for value, _ in DAYS])
def test_a_date_says_a_day_or_none(value: bytes, wanted: str | None) -> None:
    assert (found := day(value)) is None or str(found) == wanted
    assert (found is None) == (wanted is None)


UGLY = {
    "a name with a star": b"Content-Type: text/plain; name*\r\n",
    "comments in comments": b"From: " + b"(" * 3000 + b"\r\n",
    "comments around an address": b"From: " + b"(" * 500 + b"x" + b")" * 500 + b"alice@academy.test\r\n",
    "a broken encoded word": b"Subject: =?utf-8?B?abcde?=\r\nFrom: =?x?q?=?= <a@\r\n",
    "an open quotation mark": b'From: "Alice <alice@academy.test>\r\n',
    "brackets": b"From: " + b"<" * 5000 + b"\r\nTo: " + b"[" * 5000 + b"\r\n",
    "a group in a group": b"From: a:b:c:;;;\r\nTo: :;:;:;,,,,\r\n",
    "octets": b"From: " + bytes(range(14, 256)) + b"\r\nSubject: \xff\xfe\0\r\n",
    "a sign after its end": b'Content-Type: multipart/mixed; boundary="\r\nContent-Disposition: ;;;=;"\r\n',
    "empty values": b"From:\r\nTo:\r\nSubject:\r\nDate:\r\nContent-Type:\r\nContent-Disposition:\r\n",
    "half a letter": b"Subject: =?utf-7?q?+2AA-?=\r\nFrom: =?utf-7?b?KzJBQS0=?= <a@b.test>\r\n",
    "signs that steer a terminal": b"From: =?utf-8?q?=1B[2J=1B[31m=E2=80=AEx?= <a@b.test>\r\nSubject: \x1b[0m\r\n",
    "a type that is none": b"Content-Type: (text)/(plain)\r\nContent-Transfer-Encoding: (((\r\n",
}


@pytest.mark.parametrize("header", UGLY.values(), ids=UGLY.keys())
def test_an_ugly_letter_is_shown_in_the_list(header: bytes) -> None:
    mail = Mail("1", (), header + b"\r\nx")
    for text in (repr(Messages([mail])), Messages([mail])._repr_html_()):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert text.encode()
    assert mail.text in ("x", "")
    assert mail.parsed["From"] is None or str(mail.parsed["From"]) is not None
    assert [str(value) for value in mail.parsed.values()] or not mail.fields


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (b"From: Alice <alice@academy.test>", "alice@academy.test"),
        (b"From: =?utf-8?q?bea=40evil=2Etest=2C?= <alice@academy.test>", "alice@academy.test"),
        (b'From: =?utf-8?q?"<x=40evil=2Etest>"?= <alice@academy.test>', "alice@academy.test"),
        (b"From: (bea@evil.test) alice@academy.test (x@evil.test)", "alice@academy.test"),
        (b'From: "bea@evil.test, " <alice@academy.test>', "alice@academy.test"),
        (b"From: <>, nonsense, alice@academy.test", "alice@academy.test"),
        (b'From: "bea@evil.test, x"@academy.test', ""),
        (b"From: undisclosed:;", ""),
        (b"", ""),
    ],
)
def test_an_answer_goes_to_the_address_and_not_to_what_a_name_looks_like(header: bytes, wanted: str) -> None:
    assert Mail("1", (), header + b"\r\n\r\nx").address("From") == wanted


def test_a_whole_message_has_so_many_parts_however_they_are_nested() -> None:
    def multipart(boundary: bytes, parts: list[bytes]) -> bytes:
        inside = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
        return b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n" + inside + b"--" + boundary + b"--"

    raw = multipart(b"out", [multipart(b"in", [b"\r\nx"] * 1000)] * 1000)
    root = split(raw)
    assert len(root.parts) + sum(len(part.parts) for part in root.parts) <= MAX_PARTS
    several = split(multipart(b"out", [multipart(b"in", [b"\r\nx"] * 400)] * 4))
    assert [len(part.parts) for part in several.parts] == [400, 400, 196, 0]
    assert [len(part.parts) for part in split(several.message).parts[::-1]] == [0, 196, 400, 400]  # whoever asks first


@pytest.mark.parametrize("text", [text for text, _ in WORDS], ids=[ascii(text)[:40] for text, _ in WORDS])
def test_a_subject_that_looks_encoded_arrives_as_it_was_written(text: str) -> None:
    alice = parse("alice@academy.test")
    draft = Draft(alice, "Alice", (alice,), (), (), f"Re: {text}", "x")
    raw = compose(draft, "<1@academy.test>", datetime(2026, 9, 7, 8, tzinfo=UTC), bytes)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert Mail("1", (), raw).subject == " ".join(f"Re: {text}".encode("utf-8", "replace").decode().split())
