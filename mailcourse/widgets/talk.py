"""What was said, with the lines that matter large and all others folded away.

    ▸ greeting, EHLO, TLS, login: 25 lines
    C: MAIL FROM:<alice@academy.test>
    S: 250 2.1.0 sender ok
    …
    S: 250 2.0.0 ok, queued as 7KQ2M4XD

`rows_of` is a function from lines to rows; `talk_html` writes them.  Nothing in it is ever markup.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from mailcourse.message.harmless import visible

COMMANDS = ("MAIL", "RCPT", "DATA", "BDAT")
#: how a folded row is called, by the words found in it
FOLDS = (("EHLO", "EHLO"), ("HELO", "HELO"), ("LHLO", "LHLO"), ("STARTTLS", "TLS"), ("AUTH", "login"), ("QUIT", "QUIT"))
MAX_LINE = 300
#: Rows of one dialogue; of a letter to a hundred people, the first and the last.
MAX_ROWS = 24
BOLD = re.compile(
    r"[CS]: (?:[A-Z]+\d+ )?(\d\d\d|MAIL FROM:|RCPT TO:|DATA|BDAT|UID [A-Z]+|"
    r"(?:SELECT|EXAMINE|FETCH|STORE|SEARCH|MOVE|COPY|EXPUNGE|APPEND|UIDL|LIST|STAT|RETR|TOP|DELE)\b)",
    re.IGNORECASE,
)
#: what a reader's program says only to get in and out: RFC 9051 §6.1 and §6.2, RFC 1939 §4
AROUND = {"CAPABILITY", "CAPA", "STARTTLS", "STLS", "LOGIN", "AUTHENTICATE", "AUTH", "USER", "PASS", "ENABLE", "UTF8"}
AROUND |= {"ID", "NOOP", "NAMESPACE", "LOGOUT", "QUIT"}
SECRET = "(a secret, not shown)"
#: what a person reads
WORDS = {
    "login": "login",
    "greeting": "greeting",
    "more": "more",
    "line": "{names} ({count} line)",
    "lines": "{names} ({count} lines)",
    "more lines": "{count} lines more",
    "nothing": "nothing is said at this step",
}


@dataclass(frozen=True)
class TalkRow:
    """One line, or several folded into one.  `kind` is "C", "S", "good", "bad", "later", "fold" or "note"."""

    kind: str
    text: str
    folded: tuple[str, ...] = ()
    is_new: bool = True
    is_past: bool = False  # of an earlier dialogue: it stays to be read, in grey


def rows_of(lines: Sequence[str], old: int = 0) -> list[TalkRow]:
    """Fold what only prepares; the first `old` lines were said at an earlier step."""
    rows: list[TalkRow] = []
    folded: list[str] = []
    asked = ""

    def unfold(is_new: bool) -> None:
        if folded:
            rows.append(TalkRow("fold", _summary(folded), tuple(folded), is_new))
            folded.clear()

    for number, line in enumerate(lines):
        side, text = (line[:1], line[3:]) if line[:3] in ("C: ", "S: ") else ("", line)
        verb = text[:4].upper()
        if side == "C":
            asked = verb
        kind = _kind(side, text, asked)
        if kind:
            unfold(number > old)
            rows.append(TalkRow(kind, line, (), number >= old))
        else:
            folded.append(line)
    unfold(len(lines) > old)
    return _shortened(rows)


def reader_rows(lines: Sequence[str]) -> list[TalkRow]:
    """Fold what a dialogue of IMAP or POP3 has around the mail: greeting, log-in, farewell; no refusal is folded."""
    rows: list[TalkRow] = []
    folded: list[str] = []
    is_around = True  # the greeting

    def unfold() -> None:
        if folded:
            rows.append(TalkRow("fold", _around(folded), tuple(folded), is_new=False))
            folded.clear()

    for line in lines:
        side, text = line[:1], line[3:]
        if side == "C" and text != SECRET:  # a secret belongs to what was said before it
            is_around = _verb(text) in AROUND
        is_no = side == "S" and (text.startswith("-ERR") or text.split(" ")[1:2] in (["NO"], ["BAD"]))
        if is_around and not is_no:
            folded.append(line)
        else:
            unfold()
            rows.append(TalkRow("bad" if is_no else side, line, is_new=False))
    unfold()
    return _shortened(rows)


def _verb(text: str) -> str:
    """Return the command of a line, without the tag that IMAP has before it.

    >>> _verb("A4 SELECT INBOX"), _verb("RETR 1"), _verb("quit")
    ('SELECT', 'RETR', 'QUIT')
    """
    words = text.upper().split(" ")
    has_tag = len(words) > 1 and words[0] not in AROUND and words[0][-1:].isdigit()
    return words[1] if has_tag else words[0]


def _around(lines: Sequence[str]) -> str:
    """Name what is folded.

    >>> _around(["S: +OK POP3", "C: USER bruno", "S: +OK", "C: (a secret, not shown)"])
    'greeting, USER, login (4 lines)'
    """
    words = [WORDS["login"] if line[3:] == SECRET else _verb(line[3:]) for line in lines if line.startswith("C: ")]
    if lines[0].startswith(("S: * OK", "S: +OK")):
        words.insert(0, WORDS["greeting"])
    return _counted(words, lines)


def _counted(words: Sequence[str], lines: Sequence[str]) -> str:
    names = ", ".join(dict.fromkeys(words)) or WORDS["more"]
    return WORDS["lines" if len(lines) != 1 else "line"].format(names=names, count=len(lines))


def _kind(side: str, text: str, asked: str) -> str:
    """Say what kind of row a line is; "" when it can be folded away."""
    if side == "C":
        return "C" if asked in COMMANDS else ""
    if side != "S":
        return "note" if text.strip() else ""
    if text[:1] in "45" and text[:1]:
        return "bad" if text[0] == "5" else "later"
    if asked == "DATA" and text.startswith("250"):
        return "good"
    return "S" if asked in COMMANDS else ""


def _summary(lines: Sequence[str]) -> str:
    text = "\n".join(lines).upper()
    words = [word for mark, word in FOLDS if mark in text]
    if lines[0].startswith("S: 220"):
        words.insert(0, WORDS["greeting"])
    return _counted(words, lines)


def _shortened(rows: list[TalkRow]) -> list[TalkRow]:
    if len(rows) <= MAX_ROWS:
        return rows
    half = MAX_ROWS // 2
    middle = tuple(row.text for row in rows[half:-half])
    return [*rows[:half], TalkRow("fold", WORDS["more lines"].format(count=len(middle)), middle), *rows[-half:]]


def talk_html(rows: Sequence[TalkRow]) -> str:
    """Write rows as HTML; a folded one opens when it is pressed."""
    parts = []
    place = 0
    for row in rows:
        style = f' style="--n:{place}"' if row.is_new else ""
        place += row.is_new
        classes = f"mc-said {row.kind}{' new' * row.is_new}{' past' * row.is_past}"
        if row.kind == "fold":
            inside = "<br>".join(_line(line) for line in row.folded[:200])
            parts.append(
                f'<details class="{classes}"{style}><summary>{escape(row.text)}</summary><div>{inside}</div></details>'
            )
        else:
            parts.append(f'<div class="{classes}"{style}>{_line(row.text)}</div>')
    return "".join(parts) or f'<div class="mc-said note">{WORDS["nothing"]}</div>'


def _line(line: str) -> str:
    """Write one line, with its command or its number in bold."""
    text = visible(line[:MAX_LINE]) + ("…" if len(line) > MAX_LINE else "")
    match = BOLD.match(text)
    if match is None:
        return escape(text)
    return f"{escape(text[: match.start(1)])}<b>{escape(match[1])}</b>{escape(text[match.end() :])}"


def lead(rows: Sequence[TalkRow]) -> int:
    """Return how many new rows are said before the letter moves: up to the 354, or to what refuses it."""
    place = 0
    for row in rows:
        place += row.is_new
        if row.is_new and (row.text.startswith("S: 354") or row.kind in ("bad", "later")):
            return place
    return place
