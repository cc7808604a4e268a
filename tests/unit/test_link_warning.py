"""A link that says one place and leads to another is told, as a browser would read both."""

from __future__ import annotations

import time

import pytest

from mailcourse.mua.mail import Mail
from mailcourse.widgets.link_warning import warning
from mailcourse.widgets.reading import html_pane

HONEST = [
    ("here", "https://bakery.test/x"),
    ("bakery.test", "https://bakery.test/"),
    ("https://bakery.test/login?a=b", "https://bakery.test/login"),
    ("www.bakery.test", "https://bakery.test/x"),
    ("bakery.test", "https://www.bakery.test:8443/x"),
    ("bakery.test", "https://shop.bakery.test/"),
    ("BAKERY.test.", "https://bakery.test."),
    ("bakery.test", "https://BAKERY%2Etest/"),
    ("bakery.test", "https://bakery\u3002test/"),
    ("Write to bea@bakery.test!", "mailto:bea@bakery.test?subject=rolls"),
    ("bakery.test", "mailto:bea@bakery.test"),
    ("192.0.2.1", "http://192.0.2.1/"),
    ("version 2.0, e.g. this one", "https://bakery.test/"),
    ("", "https://bakery.test/"),
]

LYING = [
    ("bakery.test", "https://evilbakery.test/"),
    ("bakery.test", "https://bakery.test.evil.test/"),
    ("bakery.test", "https://evil.test/bakery.test"),
    ("bakery.test", "https://evil.test?bakery.test"),
    ("bakery.test", "https://evil.test#bakery.test"),
    ("bakery.test", r"https://evil.test\@bakery.test/"),
    ("bakery.test", r"https://evil.test\.bakery.test/"),
    ("bakery.test", "https://bakery.test@evil.test/"),
    ("bakery.test", "https://bakery.test:x@evil.test/"),
    ("bakery.test", "https://bakery.test%2F@evil.test/"),
    ("shop.bakery.test", "https://bakery.test/"),
    ("bakery.test", "https://bakery.tes\tt.evil.test/"),
    ("bak\u200bery.test", "https://evil.test/"),
    ("bakery\uff0etest", "https://evil.test/"),
    ("\uff42akery.test", "https://evil.test/"),
    ("evil.test (https://bakery.test/login)", "https://evil.test/"),
    ("bea@bakery.test", "mailto:eve@bakery.test"),
    ("bea@bakery.test", "mailto:bea@evil.test"),
    ("bea@bakery.test", "https://evil.test/"),
    ("bakery.test", "mailto:x@bakery.test.evil.test"),
    ("bea@bakery.test", "mailto:bea@bakery.test,eve@evil.test"),
    ("bea@bakery.test", "mailto:bea@bakery.test?bcc=eve@evil.test"),
    ("bea@bakery.test", "mailto:bea%40bakery.test%2Ceve@evil.test"),
    ("192.0.2.1", "http://198.51.100.1/"),
    ("xn--bckerei-5wa.test", "https://bakery.test/"),
]


@pytest.mark.parametrize(("text", "target"), HONEST)
def test_a_link_that_leads_where_it_says_has_no_warning(text: str, target: str) -> None:
    assert warning(text, target) == ""


@pytest.mark.parametrize(("text", "target"), LYING)
def test_a_link_that_leads_elsewhere_is_told(text: str, target: str) -> None:
    assert warning(text, target).startswith("⚠ it says ")


def test_letters_beyond_ascii_are_shown_as_the_dns_has_them() -> None:
    assert warning("Bäckerei", "https://bäckerei.test/") == "⚠ letters beyond ASCII: xn--bckerei-5wa.test"
    assert warning("bäckerei.test", "https://xn--bckerei-5wa.test/") == "⚠ letters beyond ASCII: xn--bckerei-5wa.test"
    assert "it says" not in warning("xn--bckerei-5wa.test", "https://bäckerei.test/")


def test_letters_of_several_scripts_that_look_alike_are_told() -> None:
    said = warning("bakery.test", "https://b\u0430kery.test/")  # a Cyrillic letter
    assert said.startswith("⚠ it says bakery.test; letters beyond ASCII: xn--")
    assert "look alike are mixed" in said
    assert "mixed" in warning("here", "https://xn--bkery-4ve.test/")
    assert "mixed" not in warning("here", "https://\u043f\u0435\u043a\u0430\u0440\u043d\u044f.test/")


@pytest.mark.parametrize(
    "target", ["https://", "http:", "mailto:", "mailto:nobody", "mailto:,,", "https://[", "https://:80/"]
)
def test_what_leads_nowhere_is_told(target: str) -> None:
    assert warning("here", target) in ("⚠ no sound address", "")
    assert warning("bakery.test", target).startswith("⚠")


def test_a_name_in_front_of_the_host_is_no_host() -> None:
    assert warning("Log in", "https://bakery.test@evil.test/") == "⚠ its host is evil.test"


def test_a_long_text_takes_no_time() -> None:
    began = time.thread_time()
    for unit in ("a", "a.", "a-", "@", "a@a.", "xn--", "\u0301\u0316", "\ufdfa", "\u0430.", "%41", "\\", "//", "www."):
        warning(unit * 50_000, f"https://{unit * 50_000}/")
        warning(unit * 50_000, f"mailto:{unit * 50_000}")
    assert time.thread_time() - began < 5


def test_the_reader_shows_the_warning_beside_the_link() -> None:
    html = rb'<a href="https://evil.test\@bakery.test/">bakery.test</a>'
    assert "⚠ it says bakery.test" in html_pane(Mail("1", (), b"Content-Type: text/html\r\n\r\n" + html))
