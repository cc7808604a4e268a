"""A page on the web makes the browser speak to every open door; nothing in any mailbox changes.

A page may send what it likes to 127.0.0.1 without reading the answer: `fetch` in mode no-cors, or a form.
"""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from bench import wait

from mailcourse import Lab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

SMTP = (
    "EHLO page.example\r\nMAIL FROM:<a@page.example>\r\nRCPT TO:<bruno@bakery.test>\r\nDATA\r\n"
    "Subject: x\r\n\r\nx\r\n.\r\n"
)
IMAP = "a LOGIN bruno@bakery.test warm-bread-23\r\nb SELECT INBOX\r\nc STORE 1 +FLAGS (\\Deleted)\r\nd EXPUNGE\r\n"
POP3 = "USER bruno@bakery.test\r\nPASS warm-bread-23\r\nDELE 1\r\nQUIT\r\n"

FETCH = """async ([ports, bodies]) => {
  const sent = [];
  for (const port of ports)
    for (const body of bodies)
      for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
        const headers = {"Content-Type": type};
        const ask = fetch(`http://127.0.0.1:${port}/`, {method: "POST", mode: "no-cors", body, headers});
        const late = new Promise((done) => setTimeout(done, 3000));
        sent.push(Promise.race([ask, late]).catch(() => {}));
      }
  await Promise.all(sent);
  return sent.length;
}"""
FORM = """([port, body]) => {
  const form = document.createElement("form");
  Object.assign(form, {method: "POST", action: `http://127.0.0.1:${port}/`, enctype: "text/plain"});
  const field = document.createElement("textarea");
  Object.assign(field, {name: body, value: "x"});
  form.append(field);
  document.body.append(form);
  form.submit();
}"""


def refusals(lab: Lab) -> int:
    """How often a door sent somebody away who spoke HTTP."""
    return sum("spoke HTTP" in str(event.facts.get("text", "")) for event in lab.trace.events())


def test_a_page_that_posts_to_every_door_changes_nothing(lab: Lab, browser: Any) -> None:
    lab.person("alice@academy.test").send("bruno@bakery.test", "Bread", "?")
    before = {address: repr(lab.person(address).files()) for address in lab.scenario.people}
    ports = [port for services in lab.endpoints()["hosts"].values() for _, port in services.values()]
    seen = len(lab.trace.events())
    page = browser.new_page()
    assert page.evaluate(FETCH, [ports, [SMTP, IMAP, POP3]]) == len(ports) * 6
    page.close()
    for name, port, body in (("mx1.bakery.test", 25, SMTP), ("mail.bakery.test", 143, IMAP)):
        refused, page = refusals(lab), browser.new_page()  # the one before shows an error instead of an answer
        with contextlib.suppress(Exception):  # the page may be gone before it says that it has sent the form
            page.evaluate(FORM, [lab.endpoint(name, port)[1], body])
        wait(lambda before=refused: refusals(lab) > before, "the form was not sent")  # type: ignore[misc]
        page.close()
    lab.settle()
    events = lab.trace.events()[seen:]
    assert {event.what for event in events} & {"accepted", "logged-in", "delivered", "removed", "flagged"} == set()
    assert refusals(lab) >= len(ports)
    assert {address: repr(lab.person(address).files()) for address in lab.scenario.people} == before
