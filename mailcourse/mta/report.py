"""How a report to the sender is written: a message from the mail system (RFC 3461, RFC 3464).

    failed      nobody will try again             the bounce
    delayed     it takes long, no need to act
    delivered   it is in the mailbox              only if NOTIFY=SUCCESS asked for it
    relayed     the next server does not report   "
    expanded    it went to a list or an alias     "

MAIL FROM:<>                                  the null sender: nobody answers a report with a report
multipart/report                              RFC 6522
  text/plain                                  for people
  message/delivery-status                     for programs
  text/rfc822-headers or message/rfc822       what came back; the whole message if RET=FULL asked for it

Whether one is written at all is decided in `bounce.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage, Message
from email.policy import SMTP, SMTPUTF8, EmailPolicy
from email.utils import format_datetime
from typing import NamedTuple

from mailcourse.message.address import Address
from mailcourse.message.reply import Diagnosis, Reply

from .arguments import from_xtext
from .queue import Entry


class Words(NamedTuple):
    """How a report speaks to people."""

    noun: str
    subject: str
    first: str
    last: str


ASKED = "You asked for this report."
#: action -> its words
WORDS: dict[str, Words] = {
    "failed": Words(
        "a bounce",
        "Your message could not be delivered",
        "Your message did not reach:",
        "Nobody will try again. The header of your message is below.",
    ),
    "delayed": Words(
        "a warning",
        "Your message is delayed",
        "Your message has not yet reached:",
        "You need not do anything: the server will keep trying for five days.",
    ),
    "delivered": Words(
        "a report of delivery", "Your message was delivered", "Your message is in the mailbox of:", ASKED
    ),
    "relayed": Words(
        "a report of relaying",
        "Your message was handed on",
        "Your message was handed to a server that will not report:",
        ASKED,
    ),
    "expanded": Words(
        "a report of distribution",
        "Your message was distributed",
        "Your message was distributed to the members of:",
        ASKED,
    ),
}
#: where what came back goes, to the octet: the library cannot write a message beyond ASCII inside another
HERE = b"the message that came back"
#: Larger messages are never sent back whole.
MAX_RETURNED = 100_000


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """What a report says of one recipient: an action of `WORDS`, and what led to it."""

    recipient: Address
    action: str
    reason: Reply | Diagnosis
    peer: str = ""
    until: datetime | None = None  # of a delayed one: when it will be given up


def write_report(
    entry: Entry, statuses: Sequence[RecipientStatus], own_name: str, message_id: str, when: datetime
) -> bytes:
    """Write the report about `statuses`; octets with CRLF line ends.  The first action gives the subject."""
    words = WORDS[statuses[0].action]
    written = EmailMessage(policy=_policy(entry))
    written["From"] = f"Mail Delivery System <mailer-daemon@{own_name}>"
    written["To"] = entry.envelope.reverse_path
    written["Subject"] = words.subject
    written["Date"] = when
    written["Message-ID"] = message_id
    written["Auto-Submitted"] = "auto-replied"  # RFC 3834 §5
    lines = [f"This is the mail server {own_name}. {words.first}", ""]
    for status in statuses:
        said = f"{status.peer} said: " if status.peer else ""
        lines += [f"  {status.recipient}", f"    {said}{status.reason}", ""]
    written.set_content("\n".join([*lines, words.last]) + "\n")
    written.make_mixed()
    written.set_type("multipart/report")
    written.set_param("report-type", "delivery-status")
    written.set_boundary(f"=_{message_id.strip('<>').split('@')[0]}")
    written.attach(_for_programs(entry, statuses, own_name))
    part, octets = _returned(entry, is_failure=statuses[0].action == "failed")
    written.attach(part)
    before, _, after = written.as_bytes().rpartition(HERE)
    return before + octets + after


def _for_programs(entry: Entry, statuses: Sequence[RecipientStatus], own_name: str) -> EmailMessage:
    about_all = Message(policy=_policy(entry))
    if entry.envelope.envelope_id:
        about_all["Original-Envelope-Id"] = _line(from_xtext(entry.envelope.envelope_id))
    about_all["Reporting-MTA"] = f"dns; {own_name}"
    about_all["Arrival-Date"] = format_datetime(entry.arrived)
    part = EmailMessage(policy=_policy(entry))
    part["Content-Type"] = "message/delivery-status"
    part.set_payload([about_all, *(_about(entry, status) for status in statuses)])
    return part


def _policy(entry: Entry) -> EmailPolicy[EmailMessage]:
    return SMTPUTF8 if entry.envelope.utf8 else SMTP


def _about(entry: Entry, status: RecipientStatus) -> Message:
    fields = Message(policy=_policy(entry))
    original = entry.envelope.dsn_options(status.recipient).original
    if original:
        kind, _, address = original.partition(";")
        fields["Original-Recipient"] = _line(f"{kind}; {from_xtext(address)}")
    kind = "rfc822" if str(status.recipient).isascii() else "utf-8"  # RFC 6533 §3
    fields["Final-Recipient"] = f"{kind}; {status.recipient}"
    fields["Action"] = status.action
    default = {"failed": "5.0.0", "delayed": "4.0.0"}.get(status.action, "2.0.0")
    fields["Status"] = status.reason.enhanced or default
    if status.peer:
        fields["Remote-MTA"] = f"dns; {status.peer}"
        fields["Diagnostic-Code"] = _line(f"smtp; {status.reason}")
    if status.until:
        fields["Will-Retry-Until"] = format_datetime(status.until)
    return fields


def _returned(entry: Entry, *, is_failure: bool) -> tuple[EmailMessage, bytes]:
    """Return a part and what goes `HERE`.  RFC 3461 §4.3: RET speaks of failures; else the header comes back alone."""
    part = EmailMessage(policy=_policy(entry))
    whole = is_failure and entry.envelope.returned == "FULL" and entry.size <= MAX_RETURNED
    part["Content-Type"] = "message/rfc822" if whole else "text/rfc822-headers"
    octets = b"".join(entry.content()) if whole else entry.head()
    if not octets.isascii():
        part["Content-Transfer-Encoding"] = "8bit"
    part.set_payload(HERE.decode())
    return part, octets


def _line(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)
