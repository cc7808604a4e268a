"""Every reply of this server in an SMTP dialogue, by name.

    2yz  done             x0z  syntax            RFC 5321 §4.2.1
    3yz  go on            x1z  information
    4yz  not now          x2z  connection
    5yz  never            x5z  mail system

    "5.1.1"   class . subject . detail           RFC 3463 §2, sent as RFC 2034 says
              subject 1 address, 2 mailbox, 3 system, 4 network, 5 protocol, 6 content, 7 policy

The MDA adds its own about mailboxes (`mda/deliver.py`), `data.py` those about a message's content.
"""

from __future__ import annotations

from mailcourse.message.reply import Reply

# ---- done, or go on ---------------------------------------------------------------------------------------------

READY_FOR_TLS = Reply(220, "2.0.0", "ready to start TLS")  # RFC 3207 §4
OK = Reply(250, "2.0.0", "ok")
RESET = Reply(250, "2.0.0", "reset")
SEND_AND_SEE = Reply(252, "2.5.2", "send a message and see")  # RFC 5321 §3.5.3, §7.3
GO_ON = Reply(354, "", "go on; end with a line that has one dot")  # RFC 5321 §4.1.1.4

# ---- the end of the session (RFC 5321 §3.8) ---------------------------------------------------------------------

IDLE_TOO_LONG = Reply(421, "4.4.2", "idle for 5 minutes, closing")  # RFC 5321 §4.5.3.2.7
BROKEN_HERE = Reply(421, "4.3.0", "something went wrong here; try again later")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "too many errors, closing")
TOO_MANY_LOGINS = Reply(421, "4.7.0", "too many failed logins, closing")
LINE_TOO_LONG = Reply(500, "5.5.2", "the line is too long, closing")  # RFC 5321 §4.5.3.1.9

# ---- grammar and order (RFC 5321 §4.2.4, §4.1.4) ----------------------------------------------------------------

NO_SUCH_COMMAND = Reply(500, "5.5.1", "no such command; HELP lists them")
BARE_LF = Reply(500, "5.5.2", "a line ends with CR LF, not with LF alone (nc -C does it)")  # RFC 5321 §2.3.8
NOT_PLAIN = Reply(501, "5.5.2", "control characters or broken UTF-8 in the command")
NO_HOST_NAME = {
    verb: Reply(501, "5.5.4", f"a host name is required: {verb} laptop.academy.test") for verb in ("EHLO", "HELO")
}
NO_ARGUMENT = {verb: Reply(501, "5.5.4", f"{verb} takes no argument") for verb in ("DATA", "STARTTLS")}
SPEAK_LMTP = Reply(500, "5.5.1", "this port speaks LMTP; say LHLO")  # RFC 2033 §4.1
TLS_ALREADY = Reply(503, "5.5.1", "already inside TLS")
TLS_NOT_OFFERED = Reply(503, "5.5.1", "STARTTLS is not offered")

# ---- parameters of MAIL and RCPT --------------------------------------------------------------------------------

PARAMETERS_NEED_EHLO = Reply(501, "5.5.4", "parameters need EHLO instead of HELO")
BAD_PARAMETER = Reply(501, "5.5.4", "a parameter is KEYWORD or KEYWORD=value")  # RFC 5321 §4.1.2
BAD_SIZE = Reply(501, "5.5.4", "SIZE must be a number of octets")  # RFC 1870 §6.1
TOO_BIG = Reply(552, "5.3.4", "the message is bigger than this server takes")
BAD_BODY = Reply(555, "5.5.4", "BODY is 7BIT or 8BITMIME here")  # RFC 6152 §3
BAD_SMTPUTF8 = Reply(501, "5.5.4", "SMTPUTF8 takes no argument")  # RFC 6531 §3.4
BAD_RET = Reply(501, "5.5.4", "RET is FULL or HDRS")  # RFC 3461 §4.3
BAD_ENVID = Reply(501, "5.5.4", "ENVID is written in xtext")  # RFC 3461 §4.4
BAD_NOTIFY = Reply(501, "5.5.4", "NOTIFY is NEVER, or some of SUCCESS,FAILURE,DELAY")  # RFC 3461 §4.1
BAD_ORCPT = Reply(501, "5.5.4", "ORCPT is rfc822;address, written in xtext")  # RFC 3461 §4.2

# ---- people, and who may send what ------------------------------------------------------------------------------

TLS_FIRST = Reply(530, "5.7.0", "STARTTLS is required first")  # RFC 3207 §4
LOGIN_FIRST = Reply(530, "5.7.0", "authentication required; say AUTH first")  # RFC 4954 §6
NO_AUTH_HERE = Reply(503, "5.5.1", "AUTH is not offered on this port; people submit on 587")
NO_AUTH_IN_CLEAR = Reply(538, "5.7.11", "STARTTLS is required first")  # RFC 4954 §6
WRONG_PASSWORD = Reply(535, "5.7.8", "name or password is wrong")  # RFC 4954 §6
NEEDS_SMTPUTF8 = Reply(553, "5.6.7", "this address needs SMTPUTF8")  # RFC 6531 §3.5
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "too many recipients; send the rest in another message")  # §4.5.3.1.10


def help_with(words: str) -> Reply:
    """The commands that there are everywhere, and those of this port."""
    return Reply(214, "2.0.0", "EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT" + words)


def not_implemented(verb: str) -> Reply:
    """A command of the standards that this server does not have."""
    return Reply(502, "5.5.1", f"{verb} is not implemented; HELP lists the commands")


def parameter_not_offered(keyword: str) -> Reply:
    """A parameter of an extension that EHLO does not offer (RFC 5321 §4.1.1.11)."""
    return Reply(555, "5.5.4", f"the parameter {keyword} is not offered here")


def wrong_order(what_next: str) -> Reply:
    """A command that cannot come now (RFC 5321 §4.1.4)."""
    return Reply(503, "5.5.1", f"wrong order: {what_next}")


def queued(queue_id: str) -> Reply:
    """The responsibility is ours from here (RFC 5321 §6.1)."""
    return Reply(250, "2.0.0", f"ok, queued as {queue_id}")


def relaying_denied(domain: str) -> Reply:
    """Neither is the domain ours nor the client (RFC 5321 §3.6.2, §7.9)."""
    return Reply(550, "5.7.1", f"relaying denied: mail for {domain} is not for this server")
