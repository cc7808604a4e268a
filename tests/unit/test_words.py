"""The words of the field, in plain English: what this course once called otherwise does not come back.

Each pattern has the word to use instead.  The left column is searched for in the package, in docs/ and in the README;
`FOR_NOW` says where an old word stays, and why.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = sorted((ROOT / "mailcourse").rglob("*.py"))
DATA = sorted((ROOT / "mailcourse").rglob("*.toml"))
TEXTS = [*CODE, *DATA, *sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
NOTEBOOKS = [
    path for folder in ("notebooks", "solutions", "exercises") for path in sorted((ROOT / folder).rglob("*.ipynb"))
]

#: a name in the code -> the name to use
NAMES = {
    r"\bMOST_[A-Z]": "MAX_…",
    r"\bmoves_numbers\b": "allow_expunge",
    r"\bclass (Done|No|Wrong)\b": "Completed, NoResponse, BadResponse",
    r"\bclass Known\b": "SearchContext, CacheView, CacheEntry",
    r"\bclass (Trouble|Planned)\b": "FaultInjector, InjectedFault",
    r"\bclass (Terms|Wish|Fate|Parcel)\b": "TransportPolicy, DsnOptions, RecipientStatus, LocalCopy",
    r"\bclass (Road|Place|Way)\b": "RecordingProxy, HostNode; a route, a protocol, a graph",
    r"^(Done|Place|Way|Terms|Wish|Fate) = ": "the noun: CommitResult, SocketAddress",
    r"\bclass (Unread|Carrier|Stored)\b": "InputBuffer, SessionProtocol, MessageFile",
    r"\bKNOWN_ELSEWHERE\b": "UNIMPLEMENTED",
    r"\bNotKept\b": "QueueWriteError",
    r"\bTalk\b": "SmtpClient",
    r"\bdef (carry|conclude|strangers)\b": "deliver, finish_attempt, unnumbered",
    r"\bdef (pause|frame)\b": "retry_delay, render_step",
}

#: words in a text -> what to say
WORDS = {
    r"goes? in circles|lead in a circle": "mail loop detected",
    r"is not done here|HELP lists what is": "not implemented",
    r"asks for others": "no such message: 7",
    r"collector of memory": "garbage collector",
    r"in any case \(of letters\)|domain in any case": "ignoring case",
    r"harmless if repeated": "idempotent",
    r"safe from any thread": "thread-safe",
    r"\bmade-up input": "fuzzing",
    r"talks without end": "reply too long",
    r"\bshall\b": "must, should",
    r"(?<![.`_])\bmend(s|ed|ing)?\b(?!\()": "fix",
    r"\bfor ever\b": "permanently, forever",
    r"\banew\b": "again",
    r"\bstands? there\b": "is written there",
    r"\bwho (follows|steps by hand)\b": "a program that …",
    r"\bhand-ins?\b": "submission",
    r"\ban error for (now|ever)\b": "a temporary, a permanent error",
    r"may not be written like that": "is not valid",
    r"nothing stands before": "the local part is empty",
    r"\bmay stand\b|stands alone in": "may follow; bare",
    r"is wanted here": "expected …",
    r"has another number of arguments": "wrong number of arguments for …",
    r"one may only be oneself": "acting for another user is not allowed",
    r"\bno trust in\b": "certificate of … is not trusted",
    r"do not travel in the clear": "STARTTLS is required first",
    r"\bb?\"\+ go on\"": "+ ready for literal",
    r"flags that are kept": "permanent flags",
    r"the folder before is": "the previous folder is",
    r"UTF-8 it is|\bnow PASS\b": "UTF-8 enabled, send PASS",
    r"goes on trying|asked to be told|all who stand behind": "will keep trying, asked for, the members of",
}

MEND = next(pattern for pattern in WORDS if "mend" in pattern)
#: old word -> the files, or folders, that have it for now: an event of the trace is called "mended"
FOR_NOW: dict[str, tuple[str, ...]] = {MEND: ("mailcourse/lab/faults.py", "mailcourse/internet/trace.py")}


def matches(pattern: str, files: list[Path]) -> list[str]:
    """Return `file:line: text` of every match that is not let through."""
    allowed = FOR_NOW.get(pattern, ())
    places = []
    for file in files:
        name = file.relative_to(ROOT).as_posix()
        if name.startswith(allowed):
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(pattern, line, re.IGNORECASE if pattern in WORDS else 0):
                places.append(f"{name}:{number}: {line.strip()}")
    return places


@pytest.mark.parametrize("pattern", NAMES)
def test_no_name_needs_a_comment_to_be_understood(pattern: str) -> None:
    assert not matches(pattern, CODE), f"say {NAMES[pattern]}"


@pytest.mark.parametrize("pattern", WORDS)
def test_a_text_uses_the_words_of_the_field(pattern: str) -> None:
    assert not matches(pattern, TEXTS), f"say {WORDS[pattern]}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_notebook_uses_the_words_of_the_field(path: Path) -> None:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    for cell in cells:
        text = "".join(cell["source"])
        for pattern in WORDS:
            assert not re.search(pattern, text, re.IGNORECASE), f"{pattern}: say {WORDS[pattern]}"


def test_what_is_let_through_is_still_needed() -> None:
    for pattern, places in FOR_NOW.items():
        flags = re.IGNORECASE if pattern in WORDS else 0
        for place in places:
            files = [file for file in TEXTS if file.relative_to(ROOT).as_posix().startswith(place)]
            has_it = any(re.search(pattern, file.read_text(encoding="utf-8"), flags) for file in files)
            assert has_it, f"{place} no longer has {pattern}: take it out of FOR_NOW"
