"""What the webmail asks of the mail servers: one connection for each page, logged in as the person whose page it is.

    a page    993  LOGIN, LIST, EXAMINE, UID SEARCH, UID FETCH … LOGOUT          inside TLS, certificate checked
    a letter  465  EHLO, AUTH, MAIL, RCPT, DATA, QUIT                            (RFC 8314)

Nothing is kept between two pages but name and password: so a folder that another program emptied, a password that
was changed and a server that went away are seen at once, and nobody ever gets what somebody else asked for.
Messages are named by folder, UIDVALIDITY and UID (RFC 3501 §2.3.1.1), and a page of a list by the UID where it ends.
"""

from __future__ import annotations

import re
import socket
import ssl
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from mailcourse.internet.errors import LabError
from mailcourse.internet.network import Host
from mailcourse.message.harmless import short

from ..account import Account, LoginRefused, ServerUnreachable
from ..compose import Letter
from ..imap import Imap, imap
from ..mail import Mail
from ..submit import send
from .http import HttpError
from .sessions import WebSession

#: messages in one page of a list
PAGE = 40
SENT, TRASH = "Sent", "Trash"
#: acts on a message that set a flag, or take it off: name → flag, whether it is set, the sentence
FLAGS = {
    "star": ("\\Flagged", True, "The message has a star."),
    "unstar": ("\\Flagged", False, "The star is off."),
    "unread": ("\\Seen", False, "The message counts as new again."),
}
GONE = "This message is not here any more. Another program may have moved or deleted it."


@dataclass(frozen=True, slots=True)
class MailAccess:
    """The way to the mail servers of one organisation; `dial` finds a port of its server and connects."""

    server: str
    dial: Callable[..., socket.socket]
    trust: Callable[[], ssl.SSLContext]
    reads_by: str = "tls"  # "clear" is IMAP as it was before TLS, to show what passes

    def account(self, session: WebSession) -> Account:
        """Return what a mail program would be told."""
        return Account(self.server, session.person, session.password, self.trust(), "tls", self.reads_by)

    @contextmanager
    def mailbox(self, session: WebSession) -> Iterator[Imap]:
        """Log in for one page.  `LoginRefused` goes through: the session is over then."""
        try:
            with imap(self.account(session), self.dial) as server:
                yield server
        except LoginRefused:
            raise
        except ServerUnreachable as error:
            wait = "is silent for too long" if error.is_slow else "cannot be reached"
            sentence = f"The mail server {self.server} {wait}. Try again in a moment; your mail is there."
            raise HttpError(504 if error.is_slow else 502, sentence) from None
        except LabError as error:
            raise HttpError(409, f"The mail server did not do it. {short(str(error), 300)}") from None

    def submit(self, session: WebSession, host: Host, letter: Letter) -> list[str]:
        """Hand a letter to the submission server; return the recipients that it refused."""
        return send(host, self.account(session), lambda name: partial(self.dial, message=name), letter)[1]


@dataclass(frozen=True, slots=True)
class MailPage:
    """One page of a list, newest first; `newer` and `older` are the UIDs where the pages beside it end."""

    mails: list[Mail]
    total: int
    validity: int
    newer: int | None
    older: int | None


def list_page(server: Imap, folder: str, before: int | None, after: int | None) -> MailPage:
    """Fetch the newest messages of a folder, or those on one side of a UID."""
    validity = server.open(folder, read_only=True)
    uids = sorted(server.search("ALL"))
    end = len(uids)
    if before is not None:
        end = bisect_left(uids, before) or end  # what was there may be gone by now
    elif after is not None:
        end = min(bisect_right(uids, after) + PAGE, end)
    chosen = uids[max(0, end - PAGE) : end]
    found = server.messages(",".join(map(str, chosen)), fields="FROM TO SUBJECT DATE") if chosen else []
    mails = sorted(found, key=lambda mail: -int(mail.uid))
    has_older, has_newer = bool(chosen) and chosen[0] != uids[0], bool(chosen) and chosen[-1] != uids[-1]
    return MailPage(mails, len(uids), validity, chosen[-1] if has_newer else None, chosen[0] if has_older else None)


def find_mail(server: Imap, place: Mapping[str, str]) -> int:
    """Select the folder of the message that a form or an address names; return its UID.  It may be gone by now."""
    folder, validity, uid = place.get("folder", ""), number(place, "validity"), number(place, "uid")
    if folder not in server.folders():
        raise HttpError(404, "There is no such folder here. Choose one of the list.")
    if server.open(folder) != validity:
        raise HttpError(410, "This folder was made again since you looked at it. Look at its list again.")
    return uid


def read_mail(server: Imap, place: Mapping[str, str]) -> Mail:
    r"""Fetch one whole message; the server marks it as seen (\Seen)."""
    found = server.messages(str(find_mail(server, place)), whole=True, sees=True)
    if not found:
        raise HttpError(404, GONE)
    return found[0]


def number(fields: Mapping[str, str], name: str) -> int:
    """Return a number of a query or form; raise `HttpError` for anything else."""
    if not re.fullmatch(r"[1-9]\d{0,9}", fields.get(name, ""), re.ASCII):
        raise HttpError(400, f"The field {name} is no number. Follow the links of a page.")
    return int(fields[name])


def change(server: Imap, folder: str, uid: int, act: str, target: str) -> str:
    """Do with a message of the open folder what a button says; return a sentence."""
    if not server.search(f"UID {uid}"):
        raise HttpError(404, GONE)
    if act in FLAGS:
        flag, on, sentence = FLAGS[act]
        server.flag([uid], [flag], on=on)
        return sentence
    if act == "delete" and folder == TRASH:
        server.remove([uid])
        return "The message is deleted."
    target = TRASH if act == "delete" else target
    if act not in ("delete", "move") or not target.isprintable() or not target:
        raise HttpError(400, "This cannot be done with a message. Use the buttons below it.")
    if target not in server.folders():
        server.create(target)
    server.move([uid], target)
    return f"The message is in {short(target, 60)} now."


def keep_copy(server: Imap, raw: bytes, when: datetime) -> None:
    """Put what was sent into the folder for it, which is made if it is not there."""
    if SENT not in server.folders():
        server.create(SENT)
    server.append(SENT, raw, ["\\Seen"], when)
