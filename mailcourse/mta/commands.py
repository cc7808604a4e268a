"""What each SMTP command does: MAIL, RCPT, DATA and the others (RFC 5321 §4.1.1).

    port  service      takes
    25    smtp         mail for this server's own domains, from anybody
    587   submission   mail for everywhere, from our own people: STARTTLS, AUTH, MAIL (RFC 6409)
    465   submission   the same, and TLS comes first (RFC 8314)
    24    lmtp         mail for mailboxes here, with a reply for each recipient (RFC 2033)

`COMMANDS` is the table; a command is a function that returns its reply, or a request for what is slow.
Who may send to whom is in `relaying.py`.  Does not know where a message goes: it ends in the queue.
"""

from __future__ import annotations

from mailcourse.message.reply import Reply

from . import replies
from .arguments import read_mail, read_path, read_recipient
from .auth import MECHANISMS, auth
from .queue import QueueWriteError
from .received import hop, received
from .relaying import refusal, resolve_literal
from .session import Answer, CheckSender, Command, SmtpSession, StartTls


def ehlo(session: SmtpSession, argument: str) -> Reply:
    """Greet, and learn what the server can do (RFC 5321 §4.1.1.1)."""
    if not argument:
        return replies.NO_HOST_NAME["EHLO"]
    session.claimed, session.is_extended = argument, True
    session.forget()
    return Reply(250, "", "\n".join([session.host.name, *extensions(session)]))


def extensions(session: SmtpSession) -> list[str]:
    """Return what EHLO offers."""
    offered = [f"SIZE {session.site.settings.max_octets}", "8BITMIME", "SMTPUTF8", "PIPELINING"]
    offered += ["ENHANCEDSTATUSCODES", "DSN"]
    if _may_encrypt(session) and not session.is_encrypted:
        offered.append("STARTTLS")
    if session.submission and session.is_encrypted:
        offered.append("AUTH " + " ".join(MECHANISMS))
    return [*offered, "HELP"]


def _may_encrypt(session: SmtpSession) -> bool:
    return session.submission or session.site.settings.offers_tls


def helo(session: SmtpSession, argument: str) -> Reply:
    """Greet in the manner of 1982, without extensions."""
    if not argument:
        return replies.NO_HOST_NAME["HELO"]
    session.claimed, session.is_extended = argument, False
    session.forget()
    return Reply(250, "", session.host.name)


def mail(session: SmtpSession, argument: str) -> Reply:
    """Begin a message: who sends it."""
    if session.submission and not session.is_encrypted:
        return replies.TLS_FIRST
    if session.submission and session.person is None:
        return replies.LOGIN_FIRST
    site = session.site
    session.envelope = read_mail(
        argument, site.home, is_extended=session.is_extended, max_octets=site.settings.max_octets
    )
    return Reply(250, "2.1.0", f"sender <{session.envelope.reverse_path}> ok")


def rcpt(session: SmtpSession, argument: str) -> Answer:
    """Add a recipient, if this server takes or may send mail for it."""
    site, envelope = session.site, session.envelope
    said, options = read_recipient(argument, site.home, is_extended=session.is_extended)
    recipient = resolve_literal(said, site.host.addresses, site.home)
    if len(envelope.recipients) >= site.settings.max_recipients:
        return replies.TOO_MANY_RECIPIENTS
    if not envelope.utf8 and not str(recipient).isascii():
        refused: Reply | None = replies.NEEDS_SMTPUTF8
    else:
        client = session.connection.source_address
        refused = refusal(recipient, client, session.person, site.settings, site.delivery)
    if refused is not None:
        session.record("refused", recipient=str(recipient), reply=str(refused))
        return refused
    if site.settings.authenticate != "off" and session.spf is None and session.is_stranger:
        return CheckSender(argument)
    if recipient != said:  # an address in brackets, which is ours
        facts = {"recipient": str(said), "targets": [str(recipient)], "sender": envelope.reverse_path}
        session.host.record("mta", "forwarded", session.message, **facts)
    session.envelope = envelope.to(recipient, options)
    return Reply(250, "2.1.5", f"recipient <{recipient}> ok")


def data(session: SmtpSession, argument: str) -> Reply:
    """Take in the message; the 250 at its end means that it is safe on disk and is now our responsibility."""
    if argument:
        return replies.NO_ARGUMENT["DATA"]
    site, queue_id, now = session.site, session.site.new_queue_id(), session.host.now()
    assert session.message is not None  # since MAIL
    try:
        incoming = site.queue.begin(queue_id, session.envelope, session.message, now)
    except QueueWriteError as error:
        return error.reply
    incoming.write(received(hop(session, queue_id, now)))
    session.begin_message(incoming)
    return replies.GO_ON


def rset(session: SmtpSession, argument: str) -> Reply:
    """Forget the message that was begun."""
    session.forget()
    return replies.RESET


def noop(session: SmtpSession, argument: str) -> Reply:
    """Do nothing."""
    return replies.OK


def vrfy(session: SmtpSession, argument: str) -> Reply:
    """Say who lives here, or, as most servers do, say nothing (RFC 5321 §3.5.3, §7.3)."""
    site = session.site
    if not site.settings.answers_vrfy:
        return replies.SEND_AND_SEE
    address = read_path(f"TO:<{argument.strip('<>')}>", "TO:", site.home).address
    assert address is not None  # only MAIL may have <>
    client = session.connection.source_address
    refused = refusal(address, client, session.person, site.settings, site.delivery)
    return refused or Reply(250, "2.1.5", f"<{address}>")


def help_(session: SmtpSession, argument: str) -> Reply:
    """List the commands."""
    words = " STARTTLS" * _may_encrypt(session) + " AUTH" * session.submission
    return replies.help_with(words)


def quit_(session: SmtpSession, argument: str) -> Reply:
    """Say goodbye."""
    session.closed = True
    return Reply(221, "2.0.0", f"{session.host.name} says goodbye")


def starttls(session: SmtpSession, argument: str) -> Answer:
    """Go on inside TLS (RFC 3207)."""
    if session.is_encrypted:
        return replies.TLS_ALREADY
    if not _may_encrypt(session):
        return replies.TLS_NOT_OFFERED
    if argument:
        return replies.NO_ARGUMENT["STARTTLS"]
    session.say(replies.READY_FOR_TLS)
    return StartTls()


def refuse_ehlo(session: SmtpSession, argument: str) -> Reply:
    """Refuse: LMTP is not SMTP (RFC 2033 §4.1)."""
    return replies.SPEAK_LMTP


COMMANDS: dict[str, Command] = {
    "EHLO": ehlo,
    "HELO": helo,
    "MAIL": mail,
    "RCPT": rcpt,
    "DATA": data,
    "RSET": rset,
    "NOOP": noop,
    "VRFY": vrfy,
    "HELP": help_,
    "QUIT": quit_,
    "STARTTLS": starttls,
    "AUTH": auth,
}
LMTP_COMMANDS = COMMANDS | {"LHLO": ehlo, "EHLO": refuse_ehlo, "HELO": refuse_ehlo}
