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

from mailcourse.lab.person import Mail
from mailcourse.message.harmless import MAX_SHOWN, clean, short, visible

from .link_warning import warning

MAX_FILES, MAX_FIELDS, MAX_LINKS = 50, 100, 50
#: around a text that may run from right to left, where no <bdi> can stand
ISOLATE, END = "\u2068", "\u2069"
BOX = "background:var(--paper);color:var(--ink);padding:6px;margin:0;line-height:1.4;max-height:420px;overflow:auto"
LINK = "color:#0b57d0;text-decoration:underline"  # JupyterLab hides what is a link
LEFT = "text-align:left;vertical-align:top;padding:2px 6px;overflow-wrap:anywhere"

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
#: what a person reads
WORDS = {
    "new": "● new ",
    "no sender": "(no sender)",
    "no subject": "(no subject)",
    "no plain": "This message has no part in plain text; look at the HTML or at the source.",
    "characters": "characters",
    "octets": "octets",
    "text": "the text",
    "raw": "the raw message",
    "cut": "Cut: the first {shown:,} of {total:,} {unit} are shown.",
    "no name": "(no name)",
    "kind": "{type}, {octets:,} octets",
    "attachments": "Attachments",
    "more files": "and {count:,} more",
    "no html": "This message has no part in HTML.",
    "cleaned": "Cleaned: scripts, styles, forms and frames are left out.",
    "pictures": " Pictures that are not fetched: {count}; fetching one would tell its owner that you read this.",
    "cut html": " Cut: the first {shown:,} of {total:,} characters are shown.",
    "more links": "and {count:,} more links",
    "link": "link",
    "leads to": "leads to",
    "more fields": "and {count:,} more fields",
    "field": "field",
    "value": "value",
    "says": "what it says",
    "took": "{server} took the message from {client}",
    "took it": "a server took the message",
    "step": "Step {step} of {hops}: {took}.",
    "from below": " Each server writes one on top: read from below.",
}


# ---- text ------------------------------------------------------------------------------------------------


def line(mail: Mail) -> str:
    """Write a message as one line of a list; plain text, for where no markup is read."""
    state = "   " if "\\Seen" in mail.flags else WORDS["new"]
    marks = "↩ " * ("\\Answered" in mail.flags) + "⚑ " * ("\\Flagged" in mail.flags)
    parts = (
        short(mail.said("From"), 60) or WORDS["no sender"],
        short(mail.said("Subject")) or WORDS["no subject"],
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
        return f"<p>{WORDS['no plain']}</p>"
    return _pre(mail.plain, WORDS["characters"], WORDS["text"])


def source(raw: bytes) -> str:
    """Write the octets of a message as they are."""
    return _pre(raw[: MAX_SHOWN + 1].decode("utf-8", "backslashreplace"), WORDS["octets"], WORDS["raw"], len(raw))


def _pre(text: str, unit: str, label: str, whole: int | None = None) -> str:
    shown = escape(visible(text[:MAX_SHOWN]))
    style = f"{BOX};white-space:pre-wrap;overflow-wrap:anywhere"
    pane = f'<pre dir="auto" tabindex="0" aria-label="{label}" style="{style}">{shown}</pre>'
    total = whole or len(text)
    return pane + (
        f"<p>{WORDS['cut'].format(shown=MAX_SHOWN, total=total, unit=unit)}</p>" if total > MAX_SHOWN else ""
    )


def files(mail: Mail) -> str:
    """List the attachments."""
    attachments = mail.attachments
    if not attachments:
        return ""
    nameless = WORDS["no name"]
    items = "".join(
        f"<li><bdi>{escape(short(file.name, 100)) or nameless}</bdi> — {_kind(file.type, len(file.octets))}</li>"
        for file in attachments[:MAX_FILES]
    )
    count = len(attachments) - MAX_FILES
    more = f"<p>{WORDS['more files'].format(count=count)}</p>" if count > 0 else ""
    head = f"<b>{WORDS['attachments']}</b>"
    return f'<div style="{BOX};max-height:200px">{head}<ul style="margin:0">{items}</ul>{more}</div>'


def _kind(name: str, octets: int) -> str:
    return WORDS["kind"].format(type=escape(short(name, 100)), octets=octets)


# ---- HTML ------------------------------------------------------------------------------------------------


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
        return f"<p>{WORDS['no html']}</p>"
    cleaned = clean(mail.html, LINK)
    links = _Links()
    links.feed(cleaned)
    note = WORDS["cleaned"]
    if links.pictures:
        note += WORDS["pictures"].format(count=links.pictures)
    if len(mail.html) > MAX_SHOWN:
        note += WORDS["cut html"].format(shown=MAX_SHOWN, total=len(mail.html))
    # contain: nothing inside is drawn outside of this box
    box = f'<div dir="auto" tabindex="0" style="{BOX};contain:content;overflow-wrap:anywhere">{cleaned}</div>'
    return f"<p><i>{note}</i></p>{box}{_links(links.links)}"


def _links(links: list[tuple[str, str]]) -> str:
    rows = [(short(text, 80), short(target, 200), warning(text, target)) for text, target in links[:MAX_LINKS]]
    more = f"<p>{WORDS['more links'].format(count=len(links) - MAX_LINKS)}</p>" if len(links) > MAX_LINKS else ""
    return _table((WORDS["link"], WORDS["leads to"], ""), rows) + more if rows else ""


# ---- headers, search -------------------------------------------------------------------------------------


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
    more = f"<p>{WORDS['more fields'].format(count=len(fields) - MAX_FIELDS)}</p>" if len(fields) > MAX_FIELDS else ""
    columns = (WORDS["field"], WORDS["value"], WORDS["says"])
    return f'<div tabindex="0" style="{BOX}">{_table(columns, rows)}{more}</div>'


def _hop(value: str, step: int, hops: int) -> str:
    match = re.match(r"from (\S+).*? by (\S+)", value[:1000])
    took = WORDS["took"].format(server=short(match[2], 60), client=short(match[1], 60)) if match else WORDS["took it"]
    return WORDS["step"].format(step=step, hops=hops, took=took) + WORDS["from below"] * (step == hops)


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
