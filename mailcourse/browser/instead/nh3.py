"""Stands for `nh3` where there is no Rust: HTML of strangers, written again from its tokens.

Nothing is copied from the input.  Elements that are allowed are written again, closed in order, with the attributes
that are allowed; all else is text, and text is escaped.  So however the input was read, a browser reads only what is
meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from html import escape
from html.parser import HTMLParser

VOID = {"area", "br", "col", "hr", "img", "input", "wbr", "link", "meta", "base", "embed", "source", "track"}
#: Elements whose content is no text of the page.
HIDDEN = {
    "script",
    "style",
    "title",
    "textarea",
    "template",
    "noscript",
    "iframe",
    "noembed",
    "noframes",
    "xmp",
    "plaintext",
}
#: Elements that are no HTML, and whose content has other rules.
FOREIGN = {"svg", "math"}
MAX_DEPTH = 256
LINKS = {"href", "src", "cite", "action", "formaction", "poster", "background", "data"}

Filter = Callable[[str, str, str], str | None]


def clean(
    html: str,
    *,
    tags: AbstractSet[str],
    attributes: Mapping[str, AbstractSet[str]],
    clean_content_tags: AbstractSet[str] = frozenset(("script", "style")),
    attribute_filter: Filter | None = None,
    url_schemes: AbstractSet[str] = frozenset(("http", "https", "mailto")),
    link_rel: str | None = "noopener noreferrer",
    set_tag_attribute_values: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """Return what is allowed of a piece of HTML."""
    writer = _HtmlWriter(tags, attributes, clean_content_tags, attribute_filter, url_schemes)
    writer.always = {name: dict(values) for name, values in (set_tag_attribute_values or {}).items()}
    if link_rel is not None:
        writer.always.setdefault("a", {})["rel"] = link_rel
    writer.feed(html.replace("\0", "\ufffd"))
    writer.close()
    return writer.finish()


class _HtmlWriter(HTMLParser):
    def __init__(
        self,
        tags: AbstractSet[str],
        attributes: Mapping[str, AbstractSet[str]],
        dropped: AbstractSet[str],
        attribute_filter: Filter | None,
        schemes: AbstractSet[str],
    ) -> None:
        super().__init__(convert_charrefs=True)
        self.always: dict[str, dict[str, str]] = {}
        self._tags, self._attributes, self._filter, self._schemes = tags, attributes, attribute_filter, schemes
        self._dropped = set(dropped) | HIDDEN | FOREIGN
        self._out, self._open, self._inside = list[str](), list[str](), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Write an element that is allowed."""
        if self._inside or tag in self._dropped - self._tags:
            if tag in self._dropped and tag not in VOID:
                self._inside.append(tag)
            return
        if tag not in self._tags or len(self._open) >= MAX_DEPTH:
            return
        self._close_before(tag)
        self._out.append(f"<{tag}{self._written(tag, attrs)}>")
        if tag not in VOID:
            self._open.append(tag)

    def _close_before(self, tag: str) -> None:
        """End what a new element ends by itself: a paragraph, an item, a cell."""
        ends = {"p": {"p"}, "li": {"li"}, "td": {"td", "th"}, "th": {"td", "th"}, "tr": {"td", "th", "tr"}}
        ends |= {"option": {"option"}, "dt": {"dt", "dd"}, "dd": {"dt", "dd"}}
        while self._open and self._open[-1] in ends.get(tag, set()):
            self._out.append(f"</{self._open.pop()}>")

    def _written(self, tag: str, attrs: list[tuple[str, str | None]]) -> str:
        allowed = self._attributes.get(tag, set()) | self._attributes.get("*", set())
        found: dict[str, str] = {}
        for name, given in attrs:
            value: str | None = given or ""
            if name not in allowed or name in found or (name in LINKS and not self._may_lead(value or "")):
                continue
            if self._filter is not None:
                value = self._filter(tag, name, value or "")
            if value is not None:
                found[name] = value
        found |= self.always.get(tag, {})
        return "".join(f' {name}="{escape(value)}"' for name, value in found.items())

    def _may_lead(self, link: str) -> bool:
        """Like a browser, look at a link without the signs that browsers pass over (URL standard §4.4)."""
        plain = "".join(sign for sign in link if sign > " ")
        scheme, colon, _ = plain.partition(":")
        is_relative = not colon or any(sign in scheme for sign in "/?#")
        return is_relative or scheme.lower() in self._schemes

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """In HTML the slash says nothing, except in what is no HTML."""
        self.handle_starttag(tag, attrs)
        if self._inside and self._inside[-1] == tag and tag in FOREIGN:
            self._inside.pop()

    def handle_endtag(self, tag: str) -> None:
        """End an element that is open."""
        if self._inside:
            if tag in self._inside:
                while self._inside.pop() != tag:
                    pass
        elif tag in self._open:
            while True:
                last = self._open.pop()
                self._out.append(f"</{last}>")
                if last == tag:
                    break

    def handle_data(self, data: str) -> None:
        """Write a text."""
        if not self._inside:
            self._out.append(escape(data, quote=False))

    def finish(self) -> str:
        """Return all, with what was left open closed."""
        return "".join(self._out) + "".join(f"</{tag}>" for tag in reversed(self._open))
