"""Addresses in a header field, as the world writes them (RFC 5322 §3.4, §4.4, appendix A)."""

from __future__ import annotations

import pytest

from mailcourse.message.address_list import END_OF_GROUP, ListedAddress, addresses

N = None
#: field, (name, route, local, domain) of each
FIELDS: list[tuple[bytes, list[tuple[bytes | None, ...]]]] = [
    (b"a@b.test", [(N, N, b"a", b"b.test")]),
    (b"Bruno Baker <a@b.test>", [(b"Bruno Baker", N, b"a", b"b.test")]),
    (b'"Bea, B" <a@b.test>, c@d.test', [(b"Bea, B", N, b"a", b"b.test"), (N, N, b"c", b"d.test")]),
    (b'"B \\"x\\" C" <a@b.test>', [(b'B "x" C', N, b"a", b"b.test")]),
    (b"=?utf-8?q?B=C3=A9?= <b@c.test>", [(b"=?utf-8?q?B=C3=A9?=", N, b"b", b"c.test")]),
    (b"a@b.test (Bea)", [(b"Bea", N, b"a", b"b.test")]),
    (b"John (in (the) middle) Smith <j@s.test>", [(b"John Smith", N, b"j", b"s.test")]),
    (b"Pete(nice \\) chap) <pete(his)@silly.test(host)>", [(b"Pete", N, b"pete", b"silly.test")]),
    (b"Joe Q. Public <j@x.test>", [(b"Joe Q. Public", N, b"j", b"x.test")]),
    (b"a . b @ c . test", [(N, N, b"a.b", b"c.test")]),
    (b'"quoted local"@x.test', [(N, N, b"quoted local", b"x.test")]),
    (b"x@[192.0.2.1]", [(N, N, b"x", b"[192.0.2.1]")]),
    (b"<@one.test,@two.test:a@b.test>", [(N, b"@one.test,@two.test", b"a", b"b.test")]),
    (b"undisclosed recipients:;", [(N, N, b"undisclosed recipients", N), END_OF_GROUP]),
    (
        b"office: a@b.test, C <c@d.test>;, e@f.test",
        [
            (N, N, b"office", N),
            (N, N, b"a", b"b.test"),
            (b"C", N, b"c", b"d.test"),
            END_OF_GROUP,
            (N, N, b"e", b"f.test"),
        ],
    ),
    (b"a@b.test, , c@d.test,", [(N, N, b"a", b"b.test"), (N, N, b"c", b"d.test")]),
    (b"", []),
    (b"Foo", [(N, N, b"Foo", b"")]),
    (b"<>", [(N, N, b"", b"")]),
    (b"<unclosed@x.test", [(N, N, b"unclosed", b"x.test")]),
    (b'"unclosed', [(N, N, b"unclosed", b"")]),
    (b"a@b@c.test", [(N, N, b"a@b", b"c.test")]),
    (b"(only a comment", []),
]


@pytest.mark.parametrize(("field", "wanted"), FIELDS, ids=[repr(field) for field, _ in FIELDS])
def test_a_field_is_a_list_of_addresses(field: bytes, wanted: list[tuple[bytes | None, ...]]) -> None:
    assert addresses(field) == [ListedAddress(*parts) for parts in wanted]


@pytest.mark.timeout(10)
@pytest.mark.parametrize("field", [b"(" * 50_000, b"<" * 50_000, b'"\\' * 30_000, b",:;" * 20_000, b"a@" * 30_000])
def test_a_field_that_means_harm_takes_no_time(field: bytes) -> None:
    assert len(addresses(field)) <= 20_000
