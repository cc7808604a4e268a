"""The bounce: a message from the mail system to the sender, saying who did not get it and why.

MAIL FROM:<>                                  the null sender: nobody answers a bounce with a bounce
multipart/report                              RFC 6522
  text/plain                                  for people
  message/delivery-status                     for programs, RFC 3464
  text/rfc822-headers                         the header of the message that came back
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage, Message
from email.policy import SMTP, SMTPUTF8, EmailPolicy
from email.utils import format_datetime

from mailcourse.message.address import Address
from mailcourse.message.reply import GiveUp

from .queue import Entry


def bounce(
    entry: Entry, failures: Sequence[tuple[Address, GiveUp]], own_name: str, message_id: str, when: datetime
) -> bytes:
    """Write the bounce for the recipients that failed; octets with CRLF line ends."""
    report = EmailMessage(policy=_policy(entry))
    report["From"] = f"Mail Delivery System <mailer-daemon@{own_name}>"
    report["To"] = entry.envelope.reverse_path
    report["Subject"] = "Your message could not be delivered"
    report["Date"] = when
    report["Message-ID"] = message_id
    report["Auto-Submitted"] = "auto-replied"  # RFC 3834 §5
    report.set_content(_for_people(failures, own_name))
    report.make_mixed()
    report.set_type("multipart/report")
    report.set_param("report-type", "delivery-status")
    report.set_boundary(f"=_{message_id.strip('<>').split('@')[0]}")
    report.attach(_for_programs(entry, failures, own_name))
    report.attach(_returned(entry))
    return report.as_bytes()


def _for_people(failures: Sequence[tuple[Address, GiveUp]], own_name: str) -> str:
    lines = [f"This is the mail server {own_name}. Your message did not reach:", ""]
    for recipient, failure in failures:
        said = f"{failure.peer} said: " if failure.peer else ""
        lines += [f"  {recipient}", f"    {said}{failure.reply}", ""]
    lines.append("Nobody will try again. The header of your message is below.")
    return "\n".join(lines) + "\n"


def _for_programs(entry: Entry, failures: Sequence[tuple[Address, GiveUp]], own_name: str) -> EmailMessage:
    about_all = Message(policy=_policy(entry))
    about_all["Reporting-MTA"] = f"dns; {own_name}"
    about_all["Arrival-Date"] = format_datetime(entry.arrived)
    part = EmailMessage(policy=_policy(entry))
    part["Content-Type"] = "message/delivery-status"
    part.set_payload([about_all, *(_about(entry, recipient, failure) for recipient, failure in failures)])
    return part


def _policy(entry: Entry) -> EmailPolicy[EmailMessage]:
    return SMTPUTF8 if entry.envelope.utf8 else SMTP


def _about(entry: Entry, recipient: Address, failure: GiveUp) -> Message:
    fields = Message(policy=_policy(entry))
    kind = "rfc822" if str(recipient).isascii() else "utf-8"  # RFC 6533 §3
    fields["Final-Recipient"] = f"{kind}; {recipient}"
    fields["Action"] = "failed"
    fields["Status"] = failure.reply.enhanced or "5.0.0"
    if failure.peer:
        fields["Remote-MTA"] = f"dns; {failure.peer}"
        fields["Diagnostic-Code"] = f"smtp; {failure.reply}"
    return fields


def _returned(entry: Entry) -> EmailMessage:
    part = EmailMessage(policy=_policy(entry))
    part["Content-Type"] = "text/rfc822-headers"
    if not entry.head().isascii():
        part["Content-Transfer-Encoding"] = "8bit"
    part.set_payload(entry.head().decode("ascii", "surrogateescape"))  # octets come out as they went in
    return part
