r"""How is shown what a stranger wrote?  Signs that steer the eye by name, and of HTML only what arranges text.

    visible("gpj.\u202eexe")     gpj.⟦U+202E⟧exe
    short(subject)               one line, cut visibly
    clean("<p onclick=…>Hi")     <p>Hi: a short list of elements, and no others

The reader in a notebook and the webmail show the same.  Escaping is the business of who writes the page.
"""

from __future__ import annotations

import re

#: characters that are looked at, and those of a line
MAX_SHOWN, MAX_LINE = 100_000, 200
#: control characters but tab and line end, and all that turns, hides or joins what stands beside it
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
#: the elements of HTML that only arrange text; nothing that loads, runs, asks or covers
ELEMENTS = {"a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "div", "dl", "dt", "em"}
ELEMENTS |= {"h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "li", "ol", "p", "pre", "q", "s", "small"}
ELEMENTS |= {"span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul"}
#: HTML repeats all open ones of these in each paragraph, those that are alike three times: with attributes, none is
FORMATTING = re.compile(r"<(b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[\s/][^>]{0,2000}>", re.IGNORECASE)
ATTRIBUTES = {"a": {"href"}, "img": {"alt"}}


def visible(text: str) -> str:
    """Show by name the signs that cannot be seen and steer what can be.

    >>> visible("gpj.\\u202eexe")
    'gpj.⟦U+202E⟧exe'
    """
    return UNSEEN.sub(lambda match: f"⟦U+{ord(match[0]):04X}⟧", text.replace("\r\n", "\n"))


def short(text: str, max_length: int = MAX_LINE) -> str:
    """Cut a text to fit a line, visibly."""
    one_line = visible(" ".join(text[: max_length * 4].split()))
    return one_line if len(one_line) <= max_length else one_line[: max_length - 1] + "…"


def clean(html: str, link_style: str = "") -> str:
    """Keep of an HTML body what only arranges text; links lead to the web or to an address, or nowhere.

    What there is behind a link cannot reach the page that it was on.  `link_style` is CSS for links.

    >>> clean('<p onclick="x()">Hi <script>alert(1)</script><b style="position:fixed">there')
    '<p>Hi <b>there</b></p>'
    """
    import nh3  # only when somebody looks at HTML

    shown = {"style": link_style} if link_style else {}
    harmless = nh3.clean(
        FORMATTING.sub(r"<\1>", html[:MAX_SHOWN]),
        tags=ELEMENTS,
        attributes=ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer",
        set_tag_attribute_values={"a": {"target": "_blank", **shown}},
    )
    return visible(harmless)


def _attribute(element: str, name: str, value: str) -> str | None:
    # A link without its host would lead to the server of the page.
    return None if name == "href" and not re.match(r"(https?://|mailto:)[^/\\]", value, re.IGNORECASE) else value
