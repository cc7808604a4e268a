"""What the webmail shows: from values to HTML, by templates.  No script is in any page, and no style in any element.

    folder.html   a list         message.html   one message      write.html   a form for a letter
    login.html    who are you?   error.html     a sentence       base.html    what is around them

Jinja escapes everything but what `clean` has made harmless; signs that cannot be seen are shown by name before.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from markupsafe import Markup

from mailcourse.message.harmless import MAX_SHOWN, clean, short, visible

from ..mail import Attachment, Mail
from .http import Response

STYLE, TEMPLATES = Path(__file__).with_suffix(".css"), Path(__file__).parent / "templates"
#: attachments that are offered
MAX_FILES = 50
#: fields of the form for a letter; the last three name the message that it answers
FIELDS = ("to", "cc", "bcc", "subject", "text", "folder", "validity", "uid")


def link(path: str, **query: object) -> str:
    """Write an address of this webmail; what is None is left out.

    >>> link("/folder", name="Fresh & hot", before=None)
    '/folder?name=Fresh+%26+hot'
    """
    wanted = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(wanted, errors='replace')}" if wanted else path


@cache
def _templates() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    made = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"short": short, "visible": visible}
    made.globals |= {"link": link, "MAX_SHOWN": MAX_SHOWN, "MAX_FILES": MAX_FILES}
    return made


def page(name: str, status: int = 200, headers: tuple[tuple[str, str], ...] = (), **values: Any) -> Response:
    """Write a page by its template."""
    shown = {"person": "", "folders": [], "folder": "", "token": "", "notices": [], **values}
    text = _templates().get_template(f"{name}.html").render(shown)
    return Response(status, text.encode("utf-8", "replace"), headers=headers)


def error_page(status: int, sentence: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Write a page that says what went wrong, and what to do."""
    return page("error", status, headers, phrase=HTTPStatus(status).phrase, number=status, sentence=sentence)


def again(form: Mapping[str, str], status: int, sentence: str, person: str = "") -> Response:
    """Show a letter that was not sent, in the form that it came in: nothing that was written is lost."""
    filled = {name: form.get(name, "") for name in FIELDS}
    kept: dict[str, Any] = {name: form.get(name, "") for name in ("token", "draft")}
    return page("write", status, person=person, filled=filled, sentence=f"Not sent. {sentence}", **kept)


def style_sheet() -> Response:
    """Return the style of all pages."""
    return Response(200, STYLE.read_bytes(), "text/css; charset=utf-8")


def icon() -> Response:
    """Return the picture that a browser shows beside the title."""
    return Response(200, (TEMPLATES / "icon.svg").read_bytes(), "image/svg+xml")


def go_to(address: str, *headers: tuple[str, str]) -> Response:
    """Send the browser to another page, which it asks for with GET (RFC 9110 §15.4.4)."""
    return Response(303, b"", headers=(("Location", address), *headers))


def body(mail: Mail, *, as_text: bool) -> dict[str, Any]:
    """Return the body of a message as it is shown: HTML that was cleaned, or plain text."""
    html = mail.html
    if html is None or as_text:
        text = mail.plain or ""
        return {
            "html": None,
            "text": visible(text[:MAX_SHOWN]),
            "is_cut": len(text) > MAX_SHOWN,
            "has_html": bool(html),
        }
    return {"html": Markup(clean(html)), "text": "", "is_cut": len(html) > MAX_SHOWN, "has_html": True}


def download(file: Attachment) -> Response:
    """Offer a file, to be kept and never to be opened here, whatever its sender says it is (RFC 6266)."""
    bare = "".join(sign if sign.isprintable() and sign not in '/\\"' else "_" for sign in file.name)[-100:]
    name = quote(bare or "attachment", safe="", errors="replace")
    disposition = f"attachment; filename=\"attachment\"; filename*=UTF-8''{name}"
    return Response(200, file.octets, "application/octet-stream", (("Content-Disposition", disposition),))
