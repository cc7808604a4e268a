"""The eavesdropper on the screen: what can be read, what cannot, and what a login gives away."""

from __future__ import annotations

import base64
import re
import smtplib
from collections.abc import Callable

import pytest
from waits import until

from mailcourse import Lab
from mailcourse.widgets.wiretap import MAX_LANES, MAX_ROWS, Secrets

ALICE, BRUNO = "alice@academy.test", "bruno@bakery.test"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([f"AUTH PLAIN {b64(chr(0) + 'a@x.test' + chr(0) + 'apple')}"], "user a@x.test, password of 5 letters"),
        (["AUTH PLAIN", b64("\0a@x.test\0apple")], "user a@x.test, password of 5 letters"),
        ([f"a1 AUTHENTICATE PLAIN {b64(chr(0) + 'a' + chr(0) + 'b')}"], "user a, password of 1 letters"),
        (["AUTH LOGIN", b64("a@x.test")], "user a@x.test"),
        (["AUTH LOGIN", b64("a@x.test"), b64("apple")], "password of 5 letters"),
        ([f"AUTH LOGIN {b64('a@x.test')}", b64("apple")], "password of 5 letters"),
        (["a1 LOGIN a@x.test apple"], "user a@x.test, and the password"),
        (["USER a@x.test"], "user a@x.test"),
        (["PASS apple"], "the password"),
        (["token=1&address=a%40x.test&password=app%26le"], "user a@x.test, password of 6 letters"),
        (["password=apple&x=1"], "password of 5 letters"),
        (["Cookie: visitor=1; session=0a1b"], "a cookie, which is as good as the password while the session lasts"),
        (["AUTH PLAIN ????"], ""),
        (["AUTH PLAIN", "*"], ""),
        (["MAIL FROM:<a@x.test>"], ""),
        ([b64("only a line of an attachment")], ""),
    ],
)
def test_a_login_in_the_clear_gives_everything_away(lines: list[str], told: str) -> None:
    secrets = Secrets()
    heard = [secrets.hear(1, line) for line in lines]
    assert told in heard[-1]
    assert bool(heard[-1]) == bool(told)
    assert "apple" not in " ".join(heard)


def test_two_connections_are_not_mixed_up() -> None:
    secrets = Secrets()
    assert secrets.hear(1, "AUTH LOGIN") == ""
    assert secrets.hear(2, b64("a@x.test")) == ""
    assert "a@x.test" in secrets.hear(1, b64("a@x.test"))


def test_before_starttls_all_can_be_read_and_after_it_nothing(lab: Lab) -> None:
    view = lab.wiretap("laptop.academy.test", "mail.academy.test")
    assert "Nothing has passed yet" in view.screen.value
    lab.person(ALICE).send(BRUNO, "hi", "Hello")
    lab.settle()
    until(lambda: view.hidden > 1000)
    assert "STARTTLS" in view.screen.value
    assert "Hello" not in view.screen.value
    assert "⚠" not in view.screen.value
    assert "octets that anybody can read" in view.summary.value
    before, after = view.screen.value.split("From here on it is sealed", 1)
    assert "<details" not in before
    assert "<details" in after, "octets that say nothing are folded away"


def test_a_link_without_tls_shows_the_message_itself(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab("two-offices")
    view = lab.wiretap("mx1.bakery.test")
    with smtplib.SMTP(*lab.endpoint("mx1.bakery.test", 25), local_hostname="client.example") as client:
        client.sendmail("a@client.example", [BRUNO], "Subject: <b>bold</b>\r\n\r\nsecret recipe")
    until(lambda: "secret recipe" in view.screen.value)
    assert "&lt;b&gt;bold" in view.screen.value


def test_questions_to_the_dns_are_binary_and_still_readable(lab: Lab) -> None:
    view = lab.wiretap("resolver.carrier.test")
    lab.dns.lookup("bakery.test", "MX")
    until(lambda: "MX 10 mx1.bakery.test." in view.screen.value)
    assert view.hidden == 0


def test_what_is_shown_is_bounded_and_can_be_cleared(lab: Lab) -> None:
    view = lab.wiretap()
    for _ in range(100):
        lab.dns.lookup("bakery.test", "MX")
        lab.dns.forget()
    until(lambda: view.screen.value.count("<div") > MAX_ROWS)
    assert view.screen.value.count("<div") == MAX_ROWS + 1
    view.clear.click()
    until(lambda: "Nothing has passed yet" in view.screen.value)


def test_a_closed_lab_ends_the_listening(lab: Lab) -> None:
    view = lab.wiretap("mx1.bakery.test")
    lab.close()
    assert "closed" in view.notice.value
    assert lab.internet.taps.listeners == ()


def test_each_link_has_its_lane_and_its_name_where_it_speaks_again(lab: Lab) -> None:
    view = lab.wiretap()
    lab.person(ALICE).send(BRUNO, "x", "?")
    lab.settle()
    until(lambda: "connection" in view.screen.value and view.readable > 0)
    lanes = {*re.findall(r"--lane:(\d)", view.screen.value)}
    assert 2 < len(lanes) <= MAX_LANES
    assert all("--lane:" in row for row in view._rows)
    assert sorted(view._lanes.values()) == [*range(len(view._lanes))], "no two links have the same number"
    text = view.screen.value
    for link in view._lanes:
        assert all(name in text for name in link), "each lane names both ends"


def test_where_it_is_sealed_a_lock_is_drawn_once_for_each_connection_and_needs_no_font(lab: Lab) -> None:
    view = lab.wiretap("laptop.academy.test", "mail.academy.test")
    lab.person(ALICE).send(BRUNO, "x", "?")
    lab.settle()
    until(lambda: view.hidden > 0 and "sealed" in view.screen.value)
    assert view.screen.value.count('<svg class="mc-lock"') == len(view._sealed) == 1
