"""Each view used as a person would: press, type, choose, and read from the page what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from bench import OPEN, Bench, wait

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
MakeBench = Callable[..., Bench]
SEND = "lab.person('alice@academy.test').send('bruno@bakery.test', 'Fresh bread', 'Today?'); lab.settle()"


def see(place: Any, text: str | re.Pattern[str]) -> None:
    """The text is on the page, in this place, in a moment."""
    from playwright.sync_api import expect

    expect(place.get_by_text(text).locator("visible=true").first).to_be_visible(timeout=30_000)


def picture_says(place: Any, words: str) -> None:
    """The text alternative of a picture has these words, in a moment."""
    from playwright.sync_api import expect

    expect(place.locator("svg[role=img]").first).to_have_attribute("aria-label", re.compile(words), timeout=30_000)


# ---- the lab from above ---------------------------------------------------------------------------------------


def test_the_map_shows_mail_that_arrives_and_a_host_that_is_off(bench: MakeBench) -> None:
    page = bench(OPEN, "lab.map()", SEND)
    here = page.output(1)
    picture_says(here, "bruno 1")
    page.choose("Host", "mx1.bakery.test")
    page.press("Switch off", here)
    picture_says(here, "mx1.bakery.test +MTA, a mail server: OFF")
    see(here, "mx1.bakery.test is switched off")
    page.choose("Host", "mail.bakery.test")
    page.press("mail", here)
    see(here, re.compile(r"new/\d+\.m1"))
    page.press("Switch off", here)
    picture_says(here, "mail.bakery.test +MTA, a mail server: OFF")
    page.run(2)
    picture_says(here, "mx2.bakery.test +MTA, a mail server: 1 waiting")
    page.press("Switch on", here)
    is_up = "print(lab.host('mail.bakery.test').is_up)"
    wait(lambda: page.kernel(is_up) == "True", "the host is on again")


def test_a_link_pressed_in_the_picture_is_cut_and_mail_takes_another_way(bench: MakeBench) -> None:
    page = bench(OPEN, "lab.map()", SEND)
    here = page.output(1)
    chosen = here.locator(".widget-dropdown select")
    here.locator("g.node", has_text="mx2").first.click()
    wait(lambda: chosen.input_value() == "mx2.bakery.test", "a press on a host chooses it")
    page.run(2)
    picture_says(here, "bruno 2")
    link = here.locator("g.edge", has=page.page.locator("title:text-is('mail.academy.test → mx1.bakery.test')")).first
    link.locator(".hit").dispatch_event("click", {"bubbles": True})
    wait(lambda: chosen.input_value() == "mail.academy.test → mx1.bakery.test", "a press on a link chooses it")
    see(here, re.compile("mx1.bakery.test says goodbye"))
    page.press("Switch off", here)
    picture_says(here, "link mail.academy.test — mx1.bakery.test: cut")
    page.run(2)
    picture_says(here, "bruno 3")
    see(here, re.compile("the link to mail.academy.test is cut"))
    page.press("Fix all", here)
    wait(lambda: "cut" not in here.locator("svg[role=img]").get_attribute("aria-label"), "it is mended")


def test_the_queue_shows_why_a_message_waits_and_time_brings_it_home(bench: MakeBench) -> None:
    page = bench(OPEN, "lab.host('mail.bakery.test').down(); lab.queues()", SEND)
    here = page.output(1)
    see(here, "1 waiting")
    see(here, re.compile("will try again: 421"))
    assert "bruno@bakery.test" in here.locator("select option").first.inner_text()
    page.kernel("lab.host('mail.bakery.test').up()")
    page.press("+1 day", here)
    see(here, "0 waiting")
    assert page.kernel("print(len(lab.person('bruno@bakery.test').inbox()))") == "1"


def test_two_devices_with_pop3_and_imap_see_what_the_other_did(bench: MakeBench) -> None:
    page = bench(OPEN, SEND, "lab.devices('bruno@bakery.test')")
    here = page.output(2)
    page.choose("laptop", "POP3, delete", here)
    phone = here.locator(".widget-select").nth(1)
    page.button("Synchronise", here).nth(0).click()
    see(here, re.compile("DELE 1"))
    see(here, "no message")
    here.locator("button:has-text('Synchronise')").nth(1).click()
    see(here, re.compile("LOGOUT"))
    assert phone.locator("option").count() == 0
    assert "Fresh" in here.locator(".widget-select option").first.inner_text()


# ---- speaking by hand ------------------------------------------------------------------------------------------


def test_smtp_is_typed_by_hand_and_starttls_shows_the_certificate(bench: MakeBench) -> None:
    page = bench(OPEN, "lab.telnet('mx1.bakery.test', 25)")
    here = page.output(1)
    see(here, "S: 220 mx1.bakery.test ESMTP")
    line = here.locator("input[type=text]")
    line.click()
    page.page.keyboard.type("EHLO laptopX")
    page.page.keyboard.press("Backspace")
    page.page.keyboard.type(".academy.test")
    page.page.keyboard.press("Enter")
    see(here, "C: EHLO laptop.academy.test")
    see(here, "S: 250 HELP")
    for typed in ("STARTTLS", "EHLO laptop.academy.test", "MAIL FROM:<x@y.test>", "RCPT TO:<nobody@bakery.test>"):
        line.fill(typed)
        line.press("Enter")
        see(here, f"C: {typed}")
    see(here, re.compile("certificate"))
    see(here, re.compile("S: 550 5.1.1"))
    line.press("ArrowUp")
    assert line.input_value() == "RCPT TO:<nobody@bakery.test>"
    page.page.keyboard.press("End")
    page.page.keyboard.press("Enter")
    page.page.keyboard.type("NOOP")  # before the server has answered: nothing typed is lost
    page.press("Say", here)
    see(here, "C: NOOP")
    page.press("QUIT", here)
    see(here, "the server closed the connection")
    page.press("Connect again", here)
    see(here, "S: 220 mx1.bakery.test ESMTP")


def test_the_next_sensible_lines_are_buttons_that_the_keyboard_reaches(bench: MakeBench) -> None:
    page = bench(OPEN, "lab.telnet('mail.bakery.test', 143)")
    here = page.output(1)
    see(here, re.compile(r"S: \* OK"))
    here.locator("input[type=text]").focus()
    words = ""
    for _ in range(12):
        page.page.keyboard.press("Tab")
        words = page.page.evaluate("document.activeElement.innerText")
        if "LOGIN" in words.upper():
            break
    assert "LOGIN" in words.upper()
    page.page.keyboard.press("Enter")
    see(here, re.compile("S: a1 OK"))


def test_an_eavesdropper_reads_until_starttls(bench: MakeBench) -> None:
    page = bench(OPEN, "lab.wiretap('laptop.academy.test')", SEND)
    here = page.output(1)
    see(here, "→ STARTTLS")
    see(here, re.compile("octets that anybody can read, [1-9]"))
    assert "Fresh bread" not in here.inner_text()
    page.press("Clear", here)
    see(here, "Nothing has passed yet.")


def test_the_dns_is_asked_walked_and_changed(bench: MakeBench) -> None:
    page = bench(OPEN, "lab.dig()")
    here = page.output(1)
    page.field("Name", here).fill("bakery.test")
    page.press("Ask", here)
    see(here, "10 mx1.bakery.test.")
    page.press("Walk from the root", here)
    see(here, re.compile("REFERRAL"))
    picture_says(here, "Step [1-9] of")
    here.locator(".lm-TabBar-tab", has_text="Zone").click()
    page.choose("Zone", "bakery.test", here)
    text = here.locator("textarea")
    wait(lambda: "mx1" in text.input_value(), "the zone is not there")
    before = text.input_value()
    text.fill(before + "\n@ MX ten mx1\n")
    page.press("Save the zone", here)
    see(here, re.compile(r"Not saved\."))
    see(here, re.compile("line [0-9]+"))
    text.fill(before + "\nshop A 198.51.100.80\n")
    page.press("Save the zone", here)
    see(here, re.compile("Saved with serial"))
    assert "198.51.100.80" in page.kernel("print(lab.dns.lookup('shop.bakery.test'))")


# ---- one message -------------------------------------------------------------------------------------------------


def test_a_journey_is_stepped_by_button_key_and_header_line(bench: MakeBench) -> None:
    page = bench(OPEN, "lab.person('alice@academy.test').send('bruno@bakery.test', 'Fresh bread', 'x').journey()")
    here = page.output(1)
    picture_says(here, "^Step 1 of")
    page.press("Step ▶", here)
    picture_says(here, "^Step 2 of")
    here.get_by_role("slider").focus()
    page.page.keyboard.press("ArrowRight")
    picture_says(here, "^Step 3 of")
    page.page.keyboard.press("ArrowLeft")
    picture_says(here, "^Step 2 of")
    page.press("◀ Back", here)
    picture_says(here, "^Step 1 of")
    here.get_by_role("slider").focus()
    page.page.keyboard.press("End")
    see(here, re.compile("puts it into the mailbox"))
    here.locator(".mc-line", has_text="by mx1.bakery.test").click()
    picture_says(here, "mx1.bakery.test takes responsibility")
    see(here, re.compile(r"written: queue/active/"))


def test_a_forged_letter_is_looked_at_sent_and_read(bench: MakeBench) -> None:
    page = bench(OPEN, "lab.person('alice@academy.test').compose()", "lab.person('bruno@bakery.test').mail()")
    form, reader = page.output(1), page.output(2)
    page.field("From", form).fill("The Dean <dean@academy.test>")
    page.field("To", form).fill("bruno@bakery.test")
    page.field("Bcc", form).fill("bea@bakery.test")
    page.field("Subject", form).fill("No school <b>today</b>")
    page.field("Text", form).fill("All lessons are cancelled.")
    with page.page.expect_file_chooser() as chooser:
        page.press("Attach files", form)
    chooser.value.set_files({"name": "plan.txt", "mimeType": "text/plain", "buffer": b"nothing"})
    see(form, re.compile(r"plan\.txt"))
    page.press("Look at the raw message", form)
    see(form, re.compile("From: The Dean <dean@academy.test>"))
    assert "Bcc:" not in form.locator("pre").first.inner_text()
    page.press("Send", form)
    see(form, "in the mailbox of bruno@bakery.test, on mail.bakery.test")
    see(form, "in the mailbox of bea@bakery.test, on mail.bakery.test")
    message = reader.locator(".widget-select").first.locator("option", has_text=re.compile(r"No\sschool"))
    wait(lambda: message.count() == 1, "the reader did not hear of it")
    reader.locator(".widget-select select").select_option(index=0)
    see(reader, "All lessons are cancelled.")
    see(reader, re.compile("plan.txt"))
    reader.locator(".lm-TabBar-tab", has_text="Headers").click()
    see(reader, re.compile("nobody has checked it"))
    page.press("Reply", reader)
    page.field("Text", reader).fill("Are you sure?")
    page.press("Send", reader)
    see(reader, re.compile("gave up|there is no mailbox|in the mailbox of"))
    page.choose("Move to…", "Archive", reader)
    page.press("Move", reader)
    page.choose("Folder", "Archive", reader)
    wait(lambda: message.count() == 1, "it was not moved")


# ---- all of them -----------------------------------------------------------------------------------------------------

VIEWS = {
    "map": "lab.map()",
    "queues": "lab.queues()",
    "devices": "lab.devices('bruno@bakery.test')",
    "terminal": "lab.telnet('mx1.bakery.test', 25)",
    "dns": "lab.dig()",
    "wiretap": "lab.wiretap()",
    "compose": "lab.person('alice@academy.test').compose()",
    "reader": "lab.person('bruno@bakery.test').mail()",
    "browser": "lab.person('bruno@bakery.test').browser('https://webmail.bakery.test/')",
    "room": "lab.room()",
}


def test_shown_twice_run_again_and_closed_no_view_does_harm(bench: MakeBench) -> None:
    cells = [f"{name} = {code}\n{name}" for name, code in VIEWS.items()]
    page = bench(OPEN, SEND, *cells, *VIEWS, "lab.close()", height=2000)
    count = 2 + len(VIEWS)
    for number, name in enumerate(VIEWS, 2):
        assert page.output(number).locator("button").count() > 0, name
        # The same view stands below two cells, and both are told that the lab is closed.
        for place in (page.output(number), page.output(number - 2 + count)):
            see(place, re.compile("The lab is closed"))
            own = place.locator("button")
            assert all(own.nth(n).is_disabled() for n in range(own.count()) if _needs_the_lab(own.nth(n))), name
    page.run(0)
    page.run(2)
    picture_says(page.output(2), "laptop.academy.test")
    saved = page.save()
    for cell in saved.cells[2 : 2 + len(VIEWS)]:
        assert not cell.outputs[0].data["text/plain"].startswith(("VBox", "<")), cell.source


def _needs_the_lab(button: Any) -> bool:
    """A journey can be stepped through without its lab; the eyes need no button at all."""
    return bool(button.evaluate("b => !b.closest('.mc-stage') && !/Reset|Tools|Larger/.test(b.innerText)"))
