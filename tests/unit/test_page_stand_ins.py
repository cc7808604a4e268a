"""What stands for compiled packages in a web page, beside those packages themselves."""

from __future__ import annotations

import base64
from html.parser import HTMLParser
from random import Random

import nacl.encoding
import nacl.signing
import nh3 as real_nh3
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from mailcourse.authentication.signing import make_key
from mailcourse.browser.instead import nh3
from mailcourse.browser.instead.cryptography.hazmat.primitives import serialization as own_serialization
from mailcourse.browser.instead.cryptography.hazmat.primitives.asymmetric import rsa as own_rsa
from mailcourse.browser.instead.nacl import signing as own_signing
from mailcourse.message.harmless import ATTRIBUTES, ELEMENTS

HOSTILE = [
    '<p onclick="x()">Hi <script>alert(1)</script><b style="position:fixed">there',
    "<svg><p><style><img src=x onerror=alert(1)></style></svg>after",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    '<a href="javascript:alert(1)">x</a><a href="java\tscript:alert(1)">y</a><a href=" javascript:alert(1)">z</a>',
    '<a href="data:text/html,<script>1</script>">d</a><a href="https://bakery.test/">ok</a>',
    "<textarea><script>alert(1)</script></textarea><title><script>1</script></title>",
    "<iframe srcdoc='<script>1</script>'></iframe><object data=x></object><embed src=x><base href=//evil.example>",
    "<img src=x onerror=alert(1)><input onfocus=alert(1) autofocus><body onload=alert(1)>",
    "<b><i></b></i><p><p><table><tr><td>1<td>2</table>",
    "<!--><script>alert(1)</script--><!-- --!><img src=x onerror=1> -->",
    "<p title='\"><img src=x onerror=1>'>t</p>&lt;script&gt;1&lt;/script&gt;",
    "<style>@import 'x'</style><link rel=stylesheet href=x><meta http-equiv=refresh content=0>",
    "<scr\0ipt>alert(1)</scr\0ipt><plaintext><b>never ends",
    "<" * 5000 + "p>" + "<b>" * 5000,
]


class Reading(HTMLParser):
    """What a reader of the result finds."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.links: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {(tag, name) for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]


def cleaned(html: str) -> str:
    return nh3.clean(
        html,
        tags=ELEMENTS,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


def assert_harmless(html: str) -> None:
    found = Reading(cleaned(html))
    assert found.elements <= set(ELEMENTS)
    allowed = {(tag, name) for tag in ELEMENTS for name in {*ATTRIBUTES.get(tag, ()), *ATTRIBUTES.get("*", ())}}
    assert found.attributes <= allowed | {("a", "target"), ("a", "rel")}
    for link in found.links:
        assert link.split(":")[0].lower() in ("http", "https", "mailto") or ":" not in link.split("/")[0]
    # And the real one finds nothing more to take away.
    again = Reading(real_nh3.clean(cleaned(html), tags=set(ELEMENTS), attributes={"*": {"class"}, **ATTRIBUTES}))
    assert again.elements - {"tbody"} == found.elements - {"tbody"}  # which a parser adds to a table


@pytest.mark.parametrize("html", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_html_is_harmless_without_the_real_cleaner_too(html: str) -> None:
    assert_harmless(html)


@given(st.text(alphabet="<>/=\"'!-&;:abpsvgl itydscr\0\t\n\ufffd", max_size=300))
def test_no_text_becomes_an_element_that_is_not_allowed(html: str) -> None:
    assert_harmless(html)


@pytest.mark.parametrize(
    "html",
    [
        "<p>Hi <b>there</b></p>",
        "a &amp; b &lt;c&gt;",
        '<a href="https://bakery.test/x?a=1&amp;b=2">x</a>',
        "<p>é ☃</p>",
    ],
)
def test_ordinary_html_is_kept_as_the_real_cleaner_keeps_it(html: str) -> None:
    kept = {"tags": set(ELEMENTS), "attributes": {"a": {"href"}}}
    assert nh3.clean(html, **kept) == real_nh3.clean(html, **kept)


def test_keys_of_rsa_are_written_and_read_as_by_cryptography() -> None:
    pem = make_key("rsa", Random(7), 1024)
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    numbers = key.private_numbers()
    public = own_rsa.RSAPublicNumbers(numbers.public_numbers.e, numbers.public_numbers.n)
    own = own_rsa.RSAPrivateNumbers(
        numbers.p, numbers.q, numbers.d, numbers.dmp1, numbers.dmq1, numbers.iqmp, public
    ).private_key()
    assert own.private_bytes(None, None, None).decode() == pem
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert public.public_bytes(None, None) == der
    assert own_serialization.load_pem_private_key(pem.encode(), None).key_size == key.key_size
    for broken in (
        pem[:200],
        pem.replace("RSA", "EC"),
        "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----",
    ):
        with pytest.raises(ValueError, match="Could not deserialize"):
            own_serialization.load_pem_private_key(broken.encode(), None)


def test_ed25519_signs_and_verifies_as_libsodium_does() -> None:
    seed = base64.b64encode(Random(3).randbytes(32))
    real, own = (
        nacl.signing.SigningKey(seed, nacl.encoding.Base64Encoder),
        own_signing.SigningKey(seed, own_signing_base64()),
    )
    assert own.verify_key.encode() == real.verify_key.encode()
    for message in (b"", b"bread", b"x" * 5000):
        assert own.sign(message).signature == real.sign(message).signature
        assert own.verify_key.verify(message, real.sign(message).signature) == message
        with pytest.raises(Exception, match="forged"):
            own.verify_key.verify(message + b"!", own.sign(message).signature)


def own_signing_base64() -> object:
    from mailcourse.browser.instead.nacl.encoding import Base64Encoder

    return Base64Encoder
