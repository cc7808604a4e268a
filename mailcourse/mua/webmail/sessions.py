"""Who is logged in, in which browser; and tokens against forms that somebody else wrote.

    cookie   __Host-session=9f2c…                a number that nobody can guess names a session here
    token    HMAC(key of this server, person)    stands in each form; another page cannot know it

A session keeps the password, since IMAP and submission want it each time; in memory alone.  It ends after half an
hour without a request, by lab time, so that moving the clock shows it; with the lab; when the password is no longer
right; and when there are too many, the one that rested longest, of the same person first.  Before a log-in, the token
is that of the cookie `__Host-visitor`, which the server drew.  A number from before the log-in is not used after it
(RFC 6265 §8.4).  A token outlives a session, so that a letter whose session ended can be sent after the next log-in.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

#: lab time that a session may rest
MAX_REST = timedelta(minutes=30)
#: sessions of one webmail, and of one person; letters that each remembers to have sent, sentences for the next page
MAX_SESSIONS, MAX_OWN, MAX_SENT, MAX_NOTICES = 200, 20, 500, 10


@dataclass
class WebSession:
    """One person in one browser."""

    number: str = field(repr=False)
    person: str
    password: str = field(repr=False)
    used: datetime
    notices: list[str] = field(default_factory=list)  # for the next page
    sent: dict[str, None] = field(default_factory=dict)  # drafts that were sent, or are being sent now

    def note(self, text: str) -> None:
        """Say something on the next page."""
        self.notices[:] = [*self.notices, text][-MAX_NOTICES:]

    def take_notices(self) -> list[str]:
        """Return what the next page says, once."""
        taken, self.notices = self.notices, []
        return taken


class Sessions:
    """All sessions of one webmail.  Thread-safe."""

    def __init__(self, now: Callable[[], datetime], draw: Callable[[], str]) -> None:
        self._now, self.draw = now, draw  # `draw` gives numbers that nobody can guess
        self._key = draw().encode()
        self._open: dict[str, WebSession] = {}  # by their number; the one that rested longest is first
        self._lock = threading.Lock()

    def new(self, person: str, password: str) -> WebSession:
        """Make a session that nobody has yet, under a new number."""
        return WebSession(self.draw(), person, password, self._now())

    def begin(self, session: WebSession) -> None:
        """Open a session."""
        with self._lock:
            self._open[session.number] = session
            own = [number for number, other in self._open.items() if other.person == session.person]
            for number in own[:-MAX_OWN] or [*self._open][:-MAX_SESSIONS]:  # one is new, so one at most is too many
                del self._open[number]

    def find(self, number: str) -> WebSession | None:
        """Return the session of a cookie, which is used at this moment; None when there is none, or no more."""
        with self._lock:
            session = self._open.pop(number, None)
            if session is None or self._now() - session.used > MAX_REST:
                return None
            session.used = self._now()
            self._open[number] = session
            return session

    def end(self, session: WebSession) -> None:
        """Log out.  Idempotent."""
        with self._lock:
            self._open.pop(session.number, None)

    def token(self, owner: str) -> str:
        """Return what a form shows to prove that this server wrote it for this person, or this visitor."""
        return hmac.digest(self._key, owner.encode("utf-8", "replace"), "sha256").hex()

    def is_ours(self, owner: str, token: str) -> bool:
        """True for the token of this owner; compared in a time that tells nothing."""
        return bool(owner) and hmac.compare_digest(self.token(owner).encode(), token.encode("utf-8", "replace"))

    def start_sending(self, session: WebSession, draft: str) -> bool:
        """True for one of all who send the same draft: a form that is sent twice is one letter."""
        with self._lock:
            if draft in session.sent:
                return False
            session.sent[draft] = None
            for old in [*session.sent][:-MAX_SENT]:
                del session.sent[old]
            return True

    def not_sent(self, session: WebSession, draft: str) -> None:
        """Let a draft be sent again that could not be."""
        with self._lock:
            session.sent.pop(draft, None)
