"""A browser's window in a notebook: an address, Back and Reload, and the page, which cannot do anything.

    you press a link  ─► its number ─► `web.py` asks for the page over the lab's wires ─► `inert.py` ─► the frame

The requests are made by the kernel, from the person's machine in the lab; the notebook's page asks for nothing.
Each is an action of the person: what is due in the lab happens before it, and the rest after it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from html import escape
from typing import Self

import ipywidgets as widgets

from mailcourse.lab.lab import PlainLab
from mailcourse.lab.person import PlainPerson
from mailcourse.message.harmless import short, visible

from .frame import PageFrame
from .inert import MAX_STYLE, InertPage, Reading, inert
from .live import LiveView
from .web import Browser, WebPage

#: addresses that Back can go to
MAX_BACK = 100
#: what a person reads
WORDS = {
    "address": "Address",
    "back": "Back",
    "reload": "Reload",
    "go": "Go",
    "label": "page in the browser of {owner}",
    "answer": "answer {status}",
    "no answer": "no answer",
    "page": "{how}, {count:,} octets of {type}",
}


class BrowserView(LiveView):
    """One person's browser.  `page` is what the server said, `shown` what the frame has of it."""

    def __init__(self, lab: PlainLab, person: PlainPerson, address: str) -> None:
        self.browser = Browser(person.reach, lab.tls_context, person.alone)
        self.shown = InertPage("")
        self._owner, self._past, self._turn = person.address, list[str](), threading.Lock()
        self.address = widgets.Text(value=address, description=WORDS["address"], layout={"width": "60%"})
        self.address.continuous_update = False
        self.back, self.again, self.go = (
            widgets.Button(description=word, layout={"width": "auto"})
            for word in (WORDS["back"], WORDS["reload"], WORDS["go"])
        )
        self.frame, self.state = PageFrame(), widgets.HTML()
        self.back.on_click(lambda _: self.do(self.go_back, self.back))
        self.again.on_click(lambda _: self._try(lambda: self.browser.open(self.page.address)))
        self.go.on_click(lambda _: self._try(lambda: self.browser.open(self.address.value)))
        self.address.observe(lambda _: self._typed(), "value")
        self.frame.on_press(self.follow, self.submit)
        row = widgets.HBox([self.back, self.again, self.address, self.go], layout={"flex_flow": "row wrap"})
        super().__init__(lab, [row, self.state, self.frame])
        self._visit(
            lambda: self.browser.open(address)
        )  # here and now: what is done next in the notebook comes after it

    @property
    def page(self) -> WebPage:
        """The page that is open."""
        return self.browser.page

    def follow(self, number: int) -> None:
        """Follow a link of the page, by its place."""
        links = self.shown.links
        if 0 <= number < len(links):
            self._try(lambda: self.browser.follow(links[number]))

    def submit(self, number: int, fields: dict[str, str], method: str = "post") -> None:
        """Send a form of the page, by its place."""
        forms = self.shown.forms
        if 0 <= number < len(forms):
            self._try(lambda: self.browser.submit(forms[number], fields, method))

    def fill(self, action: str, **fields: str) -> Self:
        """Fill in the page's form for `action` and send it, here and now: `window.fill("/login", address=…, …)`."""
        self._visit(lambda: self.browser.fill(action, **fields))
        return self

    def _typed(self) -> None:
        if self.address.value != self.page.address:
            self._try(lambda: self.browser.open(self.address.value))

    def go_back(self) -> None:
        """Ask again for the page before this one."""
        if self._past:
            self._visit(lambda: self.browser.open(self._past.pop()), is_onward=False)

    def _try(self, act: Callable[[], WebPage]) -> threading.Thread:
        return self.do(lambda: self._visit(act), self.back, self.again, self.go)

    def _visit(self, act: Callable[[], WebPage], *, is_onward: bool = True) -> None:
        """Go to a page and show it; one at a time."""
        with self._turn:
            before = self.page.address
            page = act()
            if is_onward and page.address != before != "about:blank":
                self._past[:] = [*self._past, before][-MAX_BACK:]
            sheets = Reading(page.text).sheets if page.type == "text/html" else []
            styles = "\n".join(self.browser.fetch(sheet).text[:MAX_STYLE] for sheet in sheets)
            self.shown = inert(page, styles)
            self.frame.label = WORDS["label"].format(owner=self._owner)
            self.frame.document = self.shown.document
            self.address.value = page.address
            self.state.value = f'<span role="status">{escape(self._said())}</span>'

    def _said(self) -> str:
        page = self.page
        how = WORDS["answer"].format(status=page.status) if page.status else WORDS["no answer"]
        return WORDS["page"].format(how=how, count=len(page.body), type=short(page.type, 60))

    def look(self) -> None:
        """Nothing: a page changes when somebody goes to one."""

    def __repr__(self) -> str:
        lines = Reading(self.page.text).lines if self.page.type == "text/html" else self.page.text.splitlines()[:40]
        return "\n".join([f"{self.page.address} ({self.page.status})", *map(visible, lines)])
