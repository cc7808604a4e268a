"""How a message is shown, when anybody may have written anything into it: from `Mail` to harmless HTML.

    line(mail)         one line of the list              text_pane(mail)   the plain text
    source(raw)        the octets, cut at 100 KB         html_pane(mail)   its HTML, cleaned by nh3
    explained(mail)    each header field, in a sentence  files(mail)       the attachments

Every text goes through `visible` (signs that steer the eye are shown by name) and `escape`; what is HTML goes
through `clean`, which knows a short list of harmless elements and drops the rest.  These are functions from
values to values; `reader.py` and `compose.py` put them on the screen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from html.parser import HTMLParser

import nh3

from mailcourse.lab.person import Mail

from .link_warning import warning

MAX_SHOWN, MAX_LINE, MAX_FILES, MAX_FIELDS, MAX_LINKS, MAX_QUOTED = 100_000, 200, 50, 100, 50, 20_000
#: control characters but tab and line end, and all that turns, hides or joins what stands beside it
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
#: around a text that may run from right to left, where no <bdi> can stand
ISOLATE, END = "\u2068", "\u2069"
BOX = "background:#fff;color:#222;padding:6px;margin:0;line-height:1.4;max-height:420px;overflow:auto"
LINK = "color:#0b57d0;text-decoration:underline"
LEFT = "text-align:left;vertical-align:top;padding:2px 6px;overflow-wrap:anywhere"

#: the elements of HTML that only arrange text; nothing that loads, runs, asks or covers
ELEMENTS = {"a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "div", "dl", "dt", "em"}
ELEMENTS |= {"h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "li", "ol", "p", "pre", "q", "s", "small"}
ELEMENTS |= {"span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul"}
#: HTML repeats all open ones of these in each paragraph, those that are alike three times: with attributes, none is
FORMATTING = re.compile(r"<(b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[\s/][^>]{0,2000}>", re.IGNORECASE)
ATTRIBUTES = {"a": {"href"}, "img": {"alt"}}

#: header field → what it says
SENTENCES = {
    "return-path": "Written at delivery: the sender of the envelope (MAIL FROM). A bounce goes there; <> means nobody.",
    "delivered-to": "Written at delivery: whose mailbox this copy was put into. It also shows loops of forwarding.",
    "from": "Who the message says it is from. The sender's program wrote it; nobody has checked it.",
    "sender": "Who pressed Send, when that is somebody else than From says.",
    "reply-to": "Where replies go, when not to From.",
    "to": "Whom the message is written to. The envelope decided where it went, not this.",
    "cc": "Who else gets a copy. Like To, it routes nothing.",
    "bcc": "Hidden recipients. It should not be here at all: a mail program takes it out before sending.",
    "subject": "What it is about, in the sender's words. Letters outside ASCII are written =?charset?…?=.",
    "date": "When the sender's program says it was written, by the sender's own clock.",
    "message-id": "The name of this message, made up by the sender's program; answers refer to it.",
    "in-reply-to": "The Message-ID of the message that this one answers.",
    "references": "The Message-IDs of the whole conversation, oldest first; mail programs draw threads from it.",
    "mime-version": "The body may be more than lines of ASCII: it follows the rules of MIME.",
    "content-type": "What the body is: text, HTML, a picture, or several parts with a boundary between them.",
    "content-transfer-encoding": "How the body was made fit for SMTP: 7bit (not at all), quoted-printable or base64.",
    "content-disposition": "Whether a part is to be shown, or offered as a file, and under which name.",
    "auto-submitted": "A program wrote this, not a person; programs must not answer it, or two would write forever.",
    "list-id": "It came over a mailing list; this is the list's name.",
    "precedence": "An old way to say that it was sent to many; do not answer by program.",
    "x-loop": "A mark that a program left, to know a message that comes round again.",
    "user-agent": "Which mail program wrote it, if it tells the truth.",
    "x-mailer": "Which mail program wrote it, if it tells the truth.",
    "dkim-signature": "A signature of the sender's domain over the body and some fields.",
    "authentication-results": "What the receiving server found out about the sender's claims.",
}
UNKNOWN = "not known to this course"


# ---- text ------------------------------------------------------------------------------------------------


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


def line(mail: Mail) -> str:
    """Write a message as one line of a list; plain text, for where no markup is read."""
    state = "   " if "\\Seen" in mail.flags else "● new "
    marks = "↩ " * ("\\Answered" in mail.flags) + "⚑ " * ("\\Flagged" in mail.flags)
    parts = (
        short(mail.said("From"), 60) or "(no sender)",
        short(mail.said("Subject")) or "(no subject)",
        f"{mail.when:%a %d %b %H:%M}" if mail.when else "",
    )
    return f"{state}{marks}" + " · ".join(f"{ISOLATE}{part}{END}" for part in parts)


def head(mail: Mail) -> str:
    """Write the few fields that everybody looks at."""
    rows = "".join(
        f"<div><b>{name}</b> <bdi>{escape(short(mail.said(name), 300))}</bdi></div>"
        for name in ("From", "To", "Cc", "Subject", "Date")
        if mail.field(name)
    )
    return f'<div style="{BOX}">{rows}</div>'


def text_pane(mail: Mail) -> str:
    """Write the plain text."""
    if mail.plain is None:
        return "<p>This message has no part in plain text; look at the HTML or at the source.</p>"
    return _pre(mail.plain, "characters", "the text")


def source(raw: bytes) -> str:
    """Write the octets of a message as they are."""
    return _pre(raw[: MAX_SHOWN + 1].decode("utf-8", "backslashreplace"), "octets", "the raw message", len(raw))


def _pre(text: str, unit: str, label: str, whole: int | None = None) -> str:
    shown = escape(visible(text[:MAX_SHOWN]))
    style = f"{BOX};white-space:pre-wrap;overflow-wrap:anywhere"
    pane = f'<pre dir="auto" tabindex="0" aria-label="{label}" style="{style}">{shown}</pre>'
    total = whole or len(text)
    return pane + (f"<p>Cut: the first {MAX_SHOWN:,} of {total:,} {unit} are shown.</p>" if total > MAX_SHOWN else "")


def files(mail: Mail) -> str:
    """List the attachments."""
    attachments = mail.attachments
    if not attachments:
        return ""
    items = "".join(
        f"<li><bdi>{escape(short(file.name, 100)) or '(no name)'}</bdi> "
        f"— {escape(short(file.type, 100))}, {len(file.octets):,} octets</li>"
        for file in attachments[:MAX_FILES]
    )
    more = f"<p>and {len(attachments) - MAX_FILES:,} more</p>" if len(attachments) > MAX_FILES else ""
    return f'<div style="{BOX};max-height:200px"><b>Attachments</b><ul style="margin:0">{items}</ul>{more}</div>'


# ---- HTML ------------------------------------------------------------------------------------------------


def clean(html: str) -> str:
    """Keep of an HTML body what only arranges text; links lead to the web or to an address, or nowhere.

    >>> clean('<p onclick="x()">Hi <script>alert(1)</script><b style="position:fixed">there')
    '<p>Hi <b>there</b></p>'
    """
    harmless = nh3.clean(
        FORMATTING.sub(r"<\1>", html[:MAX_SHOWN]),
        tags=ELEMENTS,
        attributes=ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer",
        set_tag_attribute_values={"a": {"target": "_blank", "style": LINK}},  # JupyterLab hides what is a link
    )
    return visible(harmless)


def _attribute(element: str, name: str, value: str) -> str | None:
    # A link without its host would lead to the notebook's own server.
    return None if name == "href" and not re.match(r"(https?://|mailto:)[^/\\]", value, re.IGNORECASE) else value


class _Links(HTMLParser):
    """Collects the links of cleaned HTML: (what is shown, where it leads)."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.pictures = 0
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.pictures += tag == "img"
        if tag == "a":
            self._inside = "href" in dict(attrs)
            self.links += [("", dict(attrs).get("href") or "")] * self._inside

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.links[-1] = (self.links[-1][0] + data, self.links[-1][1])

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "a"


def html_pane(mail: Mail) -> str:
    """Write the HTML of a message, cleaned, and where its links lead."""
    if mail.html is None:
        return "<p>This message has no part in HTML.</p>"
    cleaned = clean(mail.html)
    links = _Links()
    links.feed(cleaned)
    note = "Cleaned: scripts, styles, forms and frames are left out."
    if links.pictures:
        note += (
            f" Pictures that are not fetched: {links.pictures}; fetching one would tell its owner that you read this."
        )
    if len(mail.html) > MAX_SHOWN:
        note += f" Cut: the first {MAX_SHOWN:,} of {len(mail.html):,} characters are shown."
    # contain: nothing inside is drawn outside of this box
    box = f'<div dir="auto" tabindex="0" style="{BOX};contain:content;overflow-wrap:anywhere">{cleaned}</div>'
    return f"<p><i>{note}</i></p>{box}{_links(links.links)}"


def _links(links: list[tuple[str, str]]) -> str:
    rows = [(short(text, 80), short(target, 200), warning(text, target)) for text, target in links[:MAX_LINKS]]
    more = f"<p>and {len(links) - MAX_LINKS:,} more links</p>" if len(links) > MAX_LINKS else ""
    return _table(("link", "leads to", ""), rows) + more if rows else ""


# ---- headers, search, answers ----------------------------------------------------------------------------


def explained(mail: Mail) -> str:
    """Write a table: field, value, and what it says."""
    fields = mail.fields
    hops = sum(name.lower() == "received" for name, _ in fields)
    rows, step = [], hops
    for name, value in fields[:MAX_FIELDS]:
        sentence = SENTENCES.get(name.lower(), UNKNOWN)
        if name.lower() == "received":
            sentence = _hop(value, step, hops)
            step -= 1
        rows.append((short(name, 60), short(value, 500), sentence))
    more = f"<p>and {len(fields) - MAX_FIELDS:,} more fields</p>" if len(fields) > MAX_FIELDS else ""
    return f'<div tabindex="0" style="{BOX}">{_table(("field", "value", "what it says"), rows)}{more}</div>'


def _hop(value: str, step: int, hops: int) -> str:
    match = re.match(r"from (\S+).*? by (\S+)", value[:1000])
    took = (
        f"{short(match[2], 60)} took the message from {short(match[1], 60)}" if match else "a server took the message"
    )
    return f"Step {step} of {hops}: {took}." + " Each server writes one on top: read from below." * (step == hops)


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    def cells(row: tuple[str, ...]) -> str:
        styles = (f"{LEFT};white-space:nowrap", *[LEFT] * len(row))
        return "".join(
            f'<td style="{style}"><bdi>{escape(cell)}</bdi></td>' for style, cell in zip(styles, row, strict=False)
        )

    top = "".join(f'<th scope="col" style="{LEFT}">{escape(column)}</th>' for column in columns)
    body = "".join(f"<tr>{cells(row)}</tr>" for row in rows)
    return f'<table style="line-height:1.4"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


def keys(words: str) -> str:
    """Turn what a person types into IMAP's search keys; keys in capitals are taken as they are.

    >>> keys("fresh bread from:bruno"), keys('UNSEEN SUBJECT "roll"'), keys(" ")
    ('TEXT "fresh" TEXT "bread" FROM "bruno"', 'UNSEEN SUBJECT "roll"', 'ALL')
    """
    clear = "".join(sign if sign.isprintable() else " " for sign in words[:500]).strip()
    if re.match(r"(ALL|UNSEEN|SEEN|FLAGGED|ANSWERED|FROM|TO|SUBJECT|TEXT|BODY|SINCE|BEFORE|NOT|OR|HEADER)\b", clear):
        return clear
    terms = []
    for word in clear.split():
        field, colon, rest = word.partition(":")
        is_field = bool(colon and rest) and field.lower() in ("from", "to", "cc", "subject", "body")
        name, value = (field.upper(), rest) if is_field else ("TEXT", word)
        terms.append('{} "{}"'.format(name, value.replace("\\", "\\\\").replace('"', '\\"')))
    return " ".join(terms) or "ALL"


def reply(mail: Mail) -> dict[str, str]:
    """Fill in an answer: to, subject, and the text with > before each line (RFC 3676 §4.5)."""
    target = mail.address("Reply-To") or mail.address("From")
    subject = short(mail.said("Subject"))
    lines = (mail.plain or "")[:MAX_QUOTED].rstrip().split("\n")
    quoted = "\n".join(f">{one}" if one.startswith(">") else f"> {one}" for one in map(visible, lines))
    said = f"On {short(mail.said('Date'), 60)}, {short(mail.said('From'), 100)} wrote:"
    return {
        "to": target,
        "subject": subject if subject.lower().startswith("re:") else f"Re: {subject}",
        "text": f"\n\n{said}\n{quoted}\n",
    }
