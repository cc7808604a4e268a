"""Devices that keep copies of one mailbox: the server between them, and what a synchronisation moves.

    ┌ laptop ────┐     ┌ the server ┐     ┌ phone ─────┐
    │ INBOX    2 │ ──► │ INBOX    2 │ ◄── │ INBOX    0 │     a letter moves when a device synchronises,
    │ folders  0 │     │ folders  1 │     │ folders  0 │     and at no other time
    └────────────┘     └────────────┘     └────────────┘

Works from names and counts alone.  Knows nothing of POP3 or IMAP: what a synchronisation did comes as numbers, under
the names that a device has for them.  `widgets/devices.py` uses it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .draw import Marks, PartMark, host_id
from .hosts import MAILBOX, SceneHost
from .moves import ASK, GLIDE, SHOW, Move
from .places import Places, places

INBOX, OTHERS = "INBOX", "folders"
#: what a person reads
WORDS = {
    "device": "The {name}",
    "server": "The server",
    "counts": "{inbox} in {inbox_name}, {others} in {others_name}",
    "new": "what is new?",
    "removed": "{count} removed here",
    "flagged": "{count} flags set here",
    "nothing": "nothing to do",
    "copy": "a copy",
    "copies": "{count} copies",
    "alone": "{word}: here alone",
}
#: Letters that move one by one; what is left of a synchronisation moves as one.
MAX_LETTERS = 5


@dataclass(frozen=True)
class CopyState:
    """How one copy is now: messages in the inbox and in all other folders, and a few words below its name."""

    inbox: int
    others: int
    words: str = ""
    is_reachable: bool = True


def copies_ground(names: Sequence[str], server: str) -> Places:
    """Place the server between the first device and the others; each is joined with the server alone."""
    boxes = {name: (f"{INBOX}@{name}", f"{OTHERS}@{name}") for name in (*names, server)}
    devices = [SceneHost(name, WORDS["device"].format(name=name), "person", boxes[name]) for name in names]
    middle = SceneHost(server, WORDS["server"], "mail", boxes[server])
    ground = places([*devices[:1], middle, *devices[1:]])
    return replace(ground, links=tuple((name, server) for name in names))


def copies_marks(ground: Places, states: Mapping[str, CopyState]) -> Marks:
    """Return the marks of hosts and of their boxes."""
    marks: dict[str, PartMark] = {}
    for name, state in states.items():
        marks[host_id(ground, name)] = PartMark(() if state.is_reachable else ("off",), state.words)
        for box, count in ((INBOX, state.inbox), (OTHERS, state.others)):
            marks[host_id(ground, f"{MAILBOX}{box}@{name}")] = PartMark(("has",) if count else (), str(count))
    return marks


def copies_text(states: Mapping[str, CopyState]) -> str:
    """Say the same in words, for who cannot see the picture.

    >>> copies_text({"laptop": CopyState(2, 0, "IMAP"), "mail.bakery.test": CopyState(1, 1)})
    'laptop, IMAP: 2 in INBOX, 0 in folders; mail.bakery.test: 1 in INBOX, 1 in folders'
    """
    lines = []
    for name, state in states.items():
        said = f", {state.words}" if state.words else ""
        counts = WORDS["counts"].format(inbox=state.inbox, inbox_name=INBOX, others=state.others, others_name=OTHERS)
        lines.append(f"{name}{said}: {counts}")
    return "; ".join(lines)


def sync_moves(device: str, server: str, did: Mapping[str, int]) -> list[Move]:
    """Return the motions of a synchronisation; `did` has the numbers of `Synced`.

    >>> moves = sync_moves("laptop", "mail.bakery.test", {"fetched": 1, "flagged_there": 2})
    >>> [(move.kind, move.said) for move in moves]
    [('question', 'what is new?'), ('letter', 'a copy'), ('stamp', '2 flags set here')]
    """
    out, back = (device, server), (server, device)
    moves = [Move("question", out, WORDS["new"], ASK)]
    moves += _letters(back, did.get("fetched", 0))
    moves += _letters(out, did.get("sent", 0))
    for side, place in (("here", (device, device)), ("there", (server, server))):
        if removed := did.get(f"removed_{side}", 0):
            moves.append(Move("refusal", place, WORDS["removed"].format(count=removed), SHOW))
        if flagged := did.get(f"flagged_{side}", 0):
            moves.append(Move("stamp", place, WORDS["flagged"].format(count=flagged), SHOW))
    return moves if moves[1:] else [*moves, Move("reply", back, WORDS["nothing"], ASK)]


def _letters(ends: tuple[str, str], count: int) -> list[Move]:
    """Return the motions of so many letters; the last stands for all that have none of their own."""
    shown = min(count, MAX_LETTERS)
    rest = count - shown + 1
    return [
        Move("letter", ends, WORDS["copy"] if n < shown - 1 or rest == 1 else WORDS["copies"].format(count=rest), GLIDE)
        for n in range(shown)
    ]


def lost_moves(device: str, server: str, why: str) -> list[Move]:
    """Return the motion of a device that does not reach its server."""
    return [Move("question", (device, server), why, GLIDE, turns=True)]


def alone_moves(device: str, word: str) -> list[Move]:
    """Return the motion of what was done on a device and is known nowhere else."""
    return [Move("stamp", (device, device), WORDS["alone"].format(word=word), SHOW)]
