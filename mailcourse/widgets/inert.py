"""A page of the lab's web, made inert: it can be read and pressed, and nothing in it leads anywhere by itself.

    <a href="/write">                 <a href="about:blank#0">              links[0] == "/write"
    <form action="/login">            <form action="about:blank#0">         forms[0] == "/login"
    <script>, <img src>, onclick=…    left out

A notebook's page must not be touched by what a server of the lab says: whoever wrote that server may be anybody.  So
of its HTML only a list of elements stays, addresses are numbers that the kernel knows, and the frame that shows it
runs no script.  Its style sheets may style it: that reaches nothing outside the frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser

import nh3

from mailcourse.message.harmless import ELEMENTS, MAX_SHOWN, visible

from .web import WebPage

#: characters of a page and of a style sheet, style sheets, links and forms
MAX_PAGE, MAX_STYLE, MAX_SHEETS, MAX_LINKS = 1_000_000, 100_000, 4, 5_000
PARTS = {"article", "bdi", "footer", "header", "main", "nav", "section", "fieldset", "legend"}
FORMS = {"form", "label", "input", "button", "textarea", "select", "option"}
EVERYWHERE = {"class", "id", "role", "dir", "lang", "tabindex", "aria-label", "aria-current", "aria-describedby"}
ATTRIBUTES = {
    "*": EVERYWHERE,
    "a": {"href"},
    "form": {"action", "method"},
    "img": {"alt"},
    "input": {"type", "name", "value", "placeholder", "autocomplete", "required", "checked", "inputmode"},
    "button": {"name", "value", "type"},
    "textarea": {"name", "rows"},
    "select": {"name"},
    "option": {"value", "selected"},
    "label": {"for"},
    "th": {"scope"},
}
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
PLAIN = "body { font: 16px/1.5 system-ui, sans-serif; margin: 1rem; } pre { white-space: pre-wrap; }"
#: what a person reads
WORDS = {
    "file": "A file of {count:,} octets. A browser would save it.",
    "title": "A page of the lab",
}


@dataclass(frozen=True, slots=True)
class InertPage:
    """What a frame shows, and where its links and forms led."""

    document: str
    links: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()


def inert(page: WebPage, styles: str = "") -> InertPage:
    """Make a page inert; what is no HTML is shown as text, or as a sentence."""
    if page.type != "text/html":
        is_text = page.type.startswith("text/")
        text = page.text[:MAX_SHOWN] if is_text else WORDS["file"].format(count=len(page.body))
        return InertPage(_document(f'<pre tabindex="0">{escape(visible(text))}</pre>', PLAIN))
    links, forms = list[str](), list[str]()

    def numbered(element: str, name: str, value: str) -> str | None:
        found = {"href": links, "action": forms}.get(name)
        if found is None:
            return value
        found.append(value)
        return f"about:blank#{len(found) - 1}" if len(found) <= MAX_LINKS else None

    body = nh3.clean(
        page.text[:MAX_PAGE],
        tags=ELEMENTS | PARTS | FORMS,
        clean_content_tags={"script", "style", "title", "template", "noscript"},
        attributes=ATTRIBUTES,
        attribute_filter=numbered,
        link_rel=None,
    )
    return InertPage(_document(body, styles or PLAIN), tuple(links), tuple(forms))


def _document(body: str, styles: str) -> str:
    sheet = styles.replace("</", "<\\/")  # nothing ends the element but we
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    title = f"<title>{WORDS['title']}</title>"
    head = f'<meta charset="utf-8">{policy}{title}<style>{sheet}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'


class Reading(HTMLParser):
    """A page as text, and the addresses of its style sheets."""

    HIDDEN = ("script", "style", "title", "option")
    BREAKS = ("p", "div", "tr", "li", "h1", "h2", "h3", "dd", "td", "th", "label", "button", "form")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sheets: list[str] = []
        self._text, self._hidden = list[str](), 0
        self.feed(html[:MAX_PAGE])

    @property
    def lines(self) -> list[str]:
        """The lines that have something on them."""
        return [line for part in "".join(self._text).split("\n") if (line := " ".join(part.split()))]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a style sheet; begin a line."""
        known = dict(attrs)
        if tag == "link" and known.get("rel") == "stylesheet" and len(self.sheets) < MAX_SHEETS:
            self.sheets.append(known.get("href") or "")
        self._hidden += tag in self.HIDDEN
        self._text.append("\n" * (tag in self.BREAKS))

    def handle_endtag(self, tag: str) -> None:
        """End a line."""
        self._hidden -= tag in self.HIDDEN and self._hidden > 0
        self._text.append("\n" * (tag in self.BREAKS))

    def handle_data(self, data: str) -> None:
        """Note a text that is shown."""
        self._text.append("" if self._hidden else data)
