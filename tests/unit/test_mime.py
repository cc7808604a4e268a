"""Parts of messages, octet for octet."""

from __future__ import annotations

import pytest

from mailcourse.message.mime import MAX_DEPTH, MAX_PARTS, Part, split

Tree = list["bytes | Tree"]


def message(boundary: str, body: bytes, kind: str = "mixed") -> bytes:
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode() + body


def tree(part: Part) -> Tree | bytes:
    """The bodies of the leaves."""
    return [tree(inner) for inner in part.parts] if part.parts else part.body


INNER = message("in", b"--in\r\n\r\na\r\n--in\r\n\r\nb\r\n--in--\r\n")
FORWARDED = b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nhello\r\n"

#: message, its tree
TREES: dict[str, tuple[bytes, Tree | bytes]] = {
    "plain": (b"Subject: x\r\n\r\nbody\r\n", b"body\r\n"),
    "no header": (b"\r\nbody", b"body"),
    "no body": (b"Subject: x\r\n\r\n", b""),
    "no empty line": (b"Subject: x\r\n", b""),
    "nothing": (b"", b""),
    "two parts": (message("b", b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n"), [b"one", b"two"]),
    "the line end before a boundary belongs to it": (message("b", b"--b\r\n\r\none\r\n\r\n--b--"), [b"one\r\n"]),
    "preamble and epilogue": (message("b", b"for old readers\r\n--b\r\n\r\none\r\n--b--\r\n--b\r\nend"), [b"one"]),
    "no final boundary": (message("b", b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n"), [b"one", b"two\r\n"]),
    "spaces behind the boundary": (message("b", b"--b \t\r\n\r\none\r\n--b-- \r\n"), [b"one"]),
    "a longer line is no boundary": (message("b", b"--b\r\n\r\n--bb\r\n--b--"), [b"--bb"]),
    "a boundary in the middle of a line": (message("b", b"--b\r\n\r\nx --b\r\n--b--"), [b"x --b"]),
    "an empty part": (message("b", b"--b\r\n\r\n--b\r\n\r\ntwo\r\n--b--"), [b"", b"two"]),
    "no part": (message("b", b"nothing here\r\n"), [b""]),
    "letters that mean something elsewhere": (message("a+b(c)?", b"--a+b(c)?\r\n\r\n1\r\n--a+b(c)?--"), [b"1"]),
    "no boundary is said": (b"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\n1\r\n", [b""]),
    "nested": (message("b", b"--b\r\n" + INNER + b"\r\n--b\r\n\r\nc\r\n--b--"), [[b"a", b"b"], b"c"]),
    "a message in a message": (FORWARDED, [b"hello\r\n"]),
    "forwarded": (message("b", b"--b\r\n" + FORWARDED + b"\r\n--b--"), [[b"hello\r\n"]]),
}


@pytest.mark.parametrize("name", TREES)
def test_a_message_is_cut_into_its_parts(name: str) -> None:
    content, wanted = TREES[name]
    assert tree(split(content)) == wanted


@pytest.mark.parametrize("name", TREES)
def test_header_and_body_together_are_all_octets(name: str) -> None:
    content, _ = TREES[name]
    part = split(content)
    assert part.header + part.body == content
    for inner in part.parts:
        assert inner.header + inner.body in content


def test_a_part_without_a_type_is_plain_text() -> None:
    assert split(b"\r\nbody").type == ("text", "plain")


def test_the_header_of_a_part_ends_with_its_empty_line() -> None:
    part = split(message("b", b"--b\r\nContent-Type: image/png\r\nX: y\r\n\r\none\r\n--b--")).parts[0]
    assert part.header == b"Content-Type: image/png\r\nX: y\r\n\r\n"
    assert part.type == ("image", "png")


def test_a_message_that_nests_without_end_is_cut_to_a_depth() -> None:
    part, depth = split(b"Content-Type: message/rfc822\r\n\r\n" * 100 + b"Subject: x\r\n\r\nbody"), 0
    while part.parts:
        part, depth = part.parts[0], depth + 1
    assert depth == MAX_DEPTH


def test_a_message_has_so_many_parts_and_the_rest_is_in_the_last() -> None:
    parts = split(message("b", b"--b\r\n\r\nx\r\n" * (MAX_PARTS + 50))).parts
    assert len(parts) == MAX_PARTS
    assert {part.body for part in parts[:-1]} == {b"x"}
    assert parts[-1].body.count(b"--b") == 50


CODED = [
    (b"caf=C3=A9", "café".encode()),
    (b"two \r\nlines\t \r\n", b"two\r\nlines\r\n"),
    (b"goes on=\r\n here", b"goes on here"),
    (b"goes on= \t\r\n here", b"goes on here"),
    (b"a space=20\r\nx", b"a space \r\nx"),
    (b"=00=ff=FF", b"\0\xff\xff"),
    (b"\0 raw", b"\0 raw"),
    (b"=\r\n=\r\n", b""),
    (b"the end=", b"the end"),
    (b"a=b =4 =XY ==41", b"a=b =4 =XY =A"),
    (b"\r\n\r\n", b"\r\n\r\n"),
    (b"=0D=0A=\r\n=3D", b"\r\n="),
    (b"", b""),
    (b" \t", b""),
]


@pytest.mark.parametrize(("body", "wanted"), CODED)
def test_quoted_printable_is_decoded_as_the_rfc_says(body: bytes, wanted: bytes) -> None:
    assert split(b"Content-Transfer-Encoding: Quoted-Printable\r\n\r\n" + body).decoded() == wanted


@pytest.mark.parametrize("body", [b"YWJj", b"YW\r\nJj", b"Y!W J=?j", b"YWJ", b"YWJjZ", b"", b"=", b"\xff"])
def test_base64_is_decoded_as_far_as_it_goes(body: bytes) -> None:
    decoded = split(b"Content-Transfer-Encoding: base64\r\n\r\n" + body).decoded()
    assert decoded is not None
    assert b"abc".startswith(decoded)
