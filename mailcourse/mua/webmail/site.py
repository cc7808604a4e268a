"""Which request asks for what, and whether it may: from a Request to a Response, without a socket.

    Host is ours? ─► POST: Origin and token are ours? ─► who is logged in? ─► the page, or the act
       421                403                              403, a form to log in

A page of a stranger can make a browser ask here, and cannot make it say what it does not know: the cookie is
SameSite=Strict and HttpOnly, each form has a token, Origin is looked at, and no page may be put in a frame.
What only shows is asked with GET; what changes anything but \\Seen with POST, and ends in a 303.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mailcourse.internet.errors import LabError
from mailcourse.internet.network import Host
from mailcourse.message.address import parse
from mailcourse.message.harmless import short

from ..account import LoginRefused
from ..compose import Draft, Letter, addresses, compose, references
from . import pages
from .http import HttpError, Request, Response
from .mailbox import MailAccess, change, find_mail, keep_copy, list_page, number, read_mail
from .pages import FIELDS, again, go_to, link
from .sessions import Sessions, WebSession

OWN = ("same-origin", "none")
#: letters of a subject and of all recipients; the library that folds headers takes long over more
MAX_SUBJECT, MAX_LISTS = 2_000, 50_000
CHANGED = "The mail server does not accept this password any more. Log in again."
ENDED = "This session has ended, or is not yours. Log in again."
FORGED = "This form is not from this webmail, or too old. Load the page again and send it from there."


@dataclass(frozen=True, slots=True)
class WebSite:
    """One webmail.  `is_secure` is false where it speaks in the clear, to show what passes."""

    host: Host
    access: MailAccess
    sessions: Sessions
    is_secure: bool = True

    def answer(self, request: Request) -> Response:
        """Return what a browser gets; a request that cannot be answered gets a sentence."""
        try:
            return self._answer(request)
        except HttpError as error:
            return self.refuse(error)

    def refuse(self, error: HttpError) -> Response:
        """Return the page that says what went wrong."""
        return pages.error_page(error.status, str(error), error.headers)

    def _answer(self, request: Request) -> Response:
        self._check_host(request)
        place = ("GET" if request.method == "HEAD" else request.method, request.path)
        if place not in ROUTES and place not in PUBLIC:
            methods = [method for method, path in (*PUBLIC, *ROUTES) if path == request.path]
            if not methods:
                raise HttpError(404, "There is no such page here. Go to the inbox.")
            raise HttpError(405, "This page cannot be asked for so. Go to the inbox.", ("Allow", ", ".join(methods)))
        self._check_origin(request)
        session = self.sessions.find(request.cookies.get(self._cookie("session"), ""))
        if place in PUBLIC:
            return PUBLIC[place](self, request)
        if session is None:
            return go_to("/login") if self._is_new(request) else self._ask(request, 403, ENDED)
        if place[0] == "POST":
            self._check_token(request, session.person)
        try:
            return ROUTES[place](self, request, session)
        except LoginRefused:  # the password was changed meanwhile
            self.sessions.end(session)
            return self._ask(request, 403, CHANGED)

    def _is_new(self, request: Request) -> bool:
        return request.method in ("GET", "HEAD") and self._cookie("session") not in request.cookies

    def _check_host(self, request: Request) -> None:
        """Answer to our own names only: another one, led here by a DNS of its own, is a trap (RFC 9110 §7.4)."""
        name = re.escape(self.host.name)
        if not re.fullmatch(rf"({name}|127\.0\.0\.1|localhost)(:\d{{1,5}})?", request.headers["host"].lower()):
            raise HttpError(421, f"This is {self.host.name}, and no other host. Ask it by its name.")

    def _check_origin(self, request: Request) -> None:
        """Take forms from our own pages only, as far as the browser says where they are from."""
        own = f"http{'s' * self.is_secure}://{request.headers['host']}".lower()
        is_own = request.headers.get("origin", own).lower() == own
        if request.method == "POST" and not (is_own and request.headers.get("sec-fetch-site", OWN[0]) in OWN):
            raise HttpError(403, FORGED)

    def _check_token(self, request: Request, owner: str) -> None:
        if not self.sessions.is_ours(owner, request.form.get("token", "")):
            raise HttpError(403, FORGED)

    def _cookie(self, name: str) -> str:
        return f"__Host-{name}" if self.is_secure else name  # RFC 6265bis: set by this very host, inside TLS

    def _set_cookie(self, name: str, value: str) -> tuple[str, str]:
        more = "; Secure" * self.is_secure + "; Max-Age=0" * (not value)
        return "Set-Cookie", f"{self._cookie(name)}={value}; Path=/; HttpOnly; SameSite=Strict{more}"

    # ---- in and out ----------------------------------------------------------------------------------

    def _ask(self, request: Request, status: int = 200, sentence: str = "", address: str = "") -> Response:
        """Show the form to log in; a letter that was being sent stays in its own form."""
        visitor = self.sessions.draw()
        cookies = (self._set_cookie("visitor", visitor), *[self._set_cookie("session", "")] * bool(sentence))
        if request.path == "/write" and request.method == "POST":
            return again(request.form, status, f"{sentence} Do it in another window, then send this.")
        shown = {"token": self.sessions.token(visitor), "sentence": sentence, "address": short(address, 300)}
        return pages.page("login", status, cookies, **shown)

    def log_in_form(self, request: Request) -> Response:
        """Ask who is there."""
        return self._ask(request)

    def log_in(self, request: Request) -> Response:
        """Try name and password at the mail server; nobody else can know whether they are right."""
        self._check_token(request, request.cookies.get(self._cookie("visitor"), ""))
        address, password = (request.form.get(name, "") for name in ("address", "password"))
        try:
            session = self.sessions.new(str(parse(address.strip())).lower(), password)
            if not password or not (session.person + password).isascii() or not password.isprintable():
                raise LoginRefused  # nothing that IMAP's LOGIN could say
            with self.access.mailbox(session):
                self.sessions.begin(session)
        except LoginRefused:
            return self._ask(request, 403, "Address or password is wrong. Try again.", address)
        except LabError as error:  # that is no address
            return self._ask(request, 403, str(error), address)
        return go_to("/", self._set_cookie("session", session.number), self._set_cookie("visitor", ""))

    def log_out(self, request: Request, session: WebSession) -> Response:
        """End the session here; the cookie is worth nothing afterwards."""
        self.sessions.end(session)
        return self._ask(request, 200, "You are logged out.")

    # ---- looking -------------------------------------------------------------------------------------

    def folder(self, request: Request, session: WebSession) -> Response:
        """List a folder, one page of it."""
        name = request.query.get("name", "INBOX")
        before, after = (number(request.query, end) if end in request.query else None for end in ("before", "after"))
        with self.access.mailbox(session) as server:
            folders = server.folders()
            if name not in folders:
                raise HttpError(404, "There is no such folder here. Choose one of the list.")
            listed = list_page(server, name, before, after)
        return self.page("folder", session, folders=folders, folder=name, listed=listed)

    def message(self, request: Request, session: WebSession) -> Response:
        """Show one message."""
        with self.access.mailbox(session) as server:
            folders, mail = server.folders(), read_mail(server, request.query)
        shown = pages.body(mail, as_text=request.query.get("show") == "text")
        place = {name: request.query[name] for name in ("folder", "validity")}
        return self.page("message", session, mail=mail, files=mail.attachments, folders=folders, **place, **shown)

    def source(self, request: Request, session: WebSession) -> Response:
        """Show the octets of a message."""
        with self.access.mailbox(session) as server:
            return Response(200, read_mail(server, request.query).raw, "text/plain; charset=utf-8")

    def file(self, request: Request, session: WebSession) -> Response:
        """Offer an attachment."""
        place = number(request.query, "number") - 1
        with self.access.mailbox(session) as server:
            files = read_mail(server, request.query).attachments
        if place >= len(files):
            raise HttpError(404, "This message has no such attachment. Look at the message again.")
        return pages.download(files[place])

    def style(self, request: Request) -> Response:
        """Return the style of all pages."""
        return pages.style_sheet()

    def mark(self, request: Request, session: WebSession) -> Response:
        """Do with a message what a button says."""
        form = request.form
        with self.access.mailbox(session) as server:
            uid = find_mail(server, form)
            session.note(change(server, form["folder"], uid, form.get("act", ""), form.get("target", "")))
        return go_to(link("/folder", name=form["folder"]))

    # ---- writing -------------------------------------------------------------------------------------

    def write(self, request: Request, session: WebSession) -> Response:
        """Show an empty form, or one that is filled in for an answer."""
        filled = {name: request.query.get(name, "") for name in FIELDS}
        with self.access.mailbox(session) as server:
            folders = server.folders()
            if filled["uid"]:
                filled |= read_mail(server, filled).reply()
        return self.page("write", session, folders=folders, filled=filled, draft=self.sessions.draw(), sentence="")

    def send(self, request: Request, session: WebSession) -> Response:
        """Submit a letter; what could not be sent stays in the form."""
        form = request.form
        filled, draft = {name: form.get(name, "") for name in FIELDS}, form.get("draft", "")
        if not self.sessions.start_sending(session, draft):
            session.note("This letter was sent already, and is not sent twice.")
            return go_to("/")
        try:
            letter = self._letter(session, filled)
            refused = self.access.submit(session, self.host, letter)
        except Exception as error:
            self.sessions.not_sent(session, draft)
            if not isinstance(error, (LabError, HttpError)):
                raise
            return again(form, getattr(error, "status", 422), str(error), session.person)
        session.note(f"Sent to {short(', '.join(name for name in letter.recipients if name not in refused))}.")
        if refused:
            session.note(f"The server refused {short(', '.join(refused))}.")
        try:
            with self.access.mailbox(session) as server:
                keep_copy(server, letter.raw, self.host.now())
                if filled["uid"]:
                    server.flag([find_mail(server, filled)], ["\\Answered"])
        except (LoginRefused, HttpError) as error:  # it is sent, whatever becomes of the copy
            session.note(f"It is sent, but your folders do not show it. {error}")
        return go_to("/")

    def _letter(self, session: WebSession, filled: Mapping[str, str]) -> Letter:
        chain: tuple[str, ...] = ()
        if filled["uid"]:
            with suppress(HttpError), self.access.mailbox(session) as server:  # it may be gone by now
                chain = references(read_mail(server, filled).field)
        if len(filled["subject"]) > MAX_SUBJECT or sum(len(filled[name]) for name in ("to", "cc", "bcc")) > MAX_LISTS:
            raise LabError(f"At most {MAX_SUBJECT:,} letters of subject and {MAX_LISTS:,} of recipients. Shorten them.")
        own, (to, cc, bcc) = parse(session.person), (addresses(filled[name]) for name in ("to", "cc", "bcc"))
        text = filled["text"].replace("\r\n", "\n")
        draft = Draft(own, "", to, cc, bcc, filled["subject"], text, references=chain)
        if not draft.recipients:
            raise LabError("There is no recipient. Give one, such as bea@bakery.test.")
        message_id = f"<{self.host.random.randbytes(8).hex()}@{self.host.name}>"
        raw = compose(draft, message_id, self.host.now(), self.host.random.randbytes)
        return Letter(str(own), tuple(map(str, draft.recipients)), raw, filled["subject"], draft.is_utf8)

    def page(self, name: str, session: WebSession, status: int = 200, /, **values: Any) -> Response:
        """Write a page for somebody who is logged in."""
        token = self.sessions.token(session.person)
        return pages.page(name, status, person=session.person, token=token, notices=session.take_notices(), **values)


#: (method, path) → what does it: for everybody, and for who is logged in
PUBLIC: dict[tuple[str, str], Callable[[WebSite, Request], Response]] = {
    ("GET", "/login"): WebSite.log_in_form,
    ("POST", "/login"): WebSite.log_in,
    ("GET", "/pages.css"): lambda site, request: pages.style_sheet(),
    ("GET", "/icon.svg"): lambda site, request: pages.icon(),
}
ROUTES: dict[tuple[str, str], Callable[[WebSite, Request, WebSession], Response]] = {
    ("GET", "/"): WebSite.folder,
    ("GET", "/folder"): WebSite.folder,
    ("GET", "/message"): WebSite.message,
    ("GET", "/source"): WebSite.source,
    ("GET", "/file"): WebSite.file,
    ("POST", "/mark"): WebSite.mark,
    ("GET", "/write"): WebSite.write,
    ("POST", "/write"): WebSite.send,
    ("POST", "/logout"): WebSite.log_out,
}
