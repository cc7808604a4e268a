"""Commands about the session itself: who the client is, and what both sides can do (RFC 3501 §6.1, §6.2)."""

from __future__ import annotations

from mailcourse.message.sasl import SaslFailure, parse_plain

from .context import ImapContext
from .grammar import Command, text_of
from .reader import MAX_MESSAGE
from .responses import BadResponse, Completed, Continuation, NoResponse
from .states import ImapState

#: what this server can do (the RFC of each is in docs/rfcs.md): all the time, and more after login
ALWAYS = "IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE IDLE"
INSIDE = (
    "NAMESPACE UNSELECT CHILDREN UIDPLUS MOVE SPECIAL-USE CREATE-SPECIAL-USE ESEARCH SEARCHRES LIST-EXTENDED "
    f"LIST-STATUS STATUS=SIZE BINARY MULTIAPPEND APPENDLIMIT={MAX_MESSAGE} UTF8=ACCEPT"
)


def capabilities(context: ImapContext) -> str:
    """Return what this server can do now."""
    if context.state is not ImapState.NOT_AUTHENTICATED:
        return f"{ALWAYS} {INSIDE}"
    session = context.session
    return ALWAYS + (" AUTH=PLAIN" if session.may_log_in else " LOGINDISABLED") + " STARTTLS" * session.offers_tls


def do_CAPABILITY(context: ImapContext, command: Command) -> Completed:
    """Tell what this server can do."""
    return Completed([f"* CAPABILITY {capabilities(context)}".encode()])


def do_NOOP(context: ImapContext, command: Command) -> Completed:
    """Do nothing; updates come with every answer.  CHECK does the same: everything is on disk already."""
    return Completed()


def do_ID(context: ImapContext, command: Command) -> Completed:
    """Tell who we are (RFC 2971)."""
    given = command.arguments[0]
    if not isinstance(given, list) and text_of(given).upper() != "NIL":
        raise BadResponse("ID needs NIL, or a list of names and values")
    return Completed([b'* ID ("name" "mailcourse")'])


def do_LOGOUT(context: ImapContext, command: Command) -> Completed:
    """Say goodbye."""
    context.session.closed = True
    return Completed([f"* BYE {context.session.host} says goodbye".encode()])


def do_ENABLE(context: ImapContext, command: Command) -> Completed:
    """Switch on what changes the answers (RFC 5161): IMAP4rev2 (RFC 9051), UTF8=ACCEPT (RFC 6855)."""
    asked = [text_of(word).upper() for word in command.arguments]
    words = [word for word in ("IMAP4REV2", "UTF8=ACCEPT") if word in asked]
    enabled = context.enabled
    enabled.rev2 |= "IMAP4REV2" in words
    enabled.utf8_accept |= "UTF8=ACCEPT" in words
    enabled.utf8_names |= bool(words)  # RFC 9051 §5.1: with IMAP4rev2 too
    return Completed([" ".join(["* ENABLED", *words]).encode()])


def do_IDLE(context: ImapContext, command: Command) -> Continuation:
    """Report what happens as soon as it happens, until the client says DONE (RFC 2177)."""

    def finish(line: bytes) -> Completed:
        if line.strip().upper() != b"DONE":
            raise BadResponse("IDLE ends with DONE")
        return Completed()

    if context.selected is not None:
        context.selected.may_have_changed()  # from now on it is compared with this moment
    return Continuation(b"+ idling", finish, is_idle=True)


def do_STARTTLS(context: ImapContext, command: Command) -> Completed:
    """Go on inside TLS."""
    if not context.session.offers_tls:
        raise BadResponse("TLS is already on, or not offered")
    context.session.wants_tls = True
    return Completed(text="begin TLS")


def do_LOGIN(context: ImapContext, command: Command) -> Completed:
    """Prove who one is, with name and password."""
    _must_be_private(context)
    return _log_in(context, *(text_of(argument) for argument in command.arguments))


def do_AUTHENTICATE(context: ImapContext, command: Command) -> Completed | Continuation:
    """Prove who one is, by SASL (RFC 4616, RFC 4959)."""
    if text_of(command.arguments[0]).upper() != "PLAIN":
        raise NoResponse("[CANNOT] only AUTHENTICATE PLAIN is supported")
    _must_be_private(context)

    def finish(answer: bytes) -> Completed:
        credentials = parse_plain(answer)
        if credentials is SaslFailure.OTHER_IDENTITY:
            raise NoResponse(f"[AUTHORIZATIONFAILED] {credentials.value}")
        if isinstance(credentials, SaslFailure):
            raise BadResponse("cancelled, or not NUL name NUL password in base64")
        return _log_in(context, *credentials)

    if len(command.arguments) > 1:
        return finish(text_of(command.arguments[1]).encode("utf-8", "replace"))
    return Continuation(b"+ ", finish, is_secret=True)


def _must_be_private(context: ImapContext) -> None:
    if not context.session.may_log_in:
        raise NoResponse("[PRIVACYREQUIRED] start TLS first: passwords are not accepted in the clear")


def _log_in(context: ImapContext, name: str, password: str) -> Completed:
    if not context.session.log_in(name, password):
        raise NoResponse("[AUTHENTICATIONFAILED] name or password is wrong")
    return Completed(text=f"[CAPABILITY {capabilities(context)}] welcome, {context.session.person}")
