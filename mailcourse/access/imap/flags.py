r"""Flags on the wire: \Seen \Answered \Flagged \Deleted \Draft, and keywords (RFC 3501 §2.3.2).

On disk each is a letter in the file's name: `mailbox/names.py` has the table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from mailcourse.mailbox.keywords import TooManyKeywords
from mailcourse.mailbox.maildir import Maildir
from mailcourse.mailbox.names import FLAG_WORDS, KEYWORDS

from .grammar import text_of
from .responses import BadResponse, NoResponse

FLAG_LETTERS = {word.upper(): letter for letter, word in FLAG_WORDS.items()}
SYSTEM_FLAGS = " ".join(FLAG_WORDS.values())
KEYWORD = re.compile(r"[!#$&'+-Z\[^-z|}~]{1,60}")


def write_flags(flags: frozenset[str], keywords: Sequence[str] = (), *, recent: bool = False) -> bytes:
    r"""Write a list of flags: (\Answered \Seen urgent)."""
    return _written(flags, tuple(keywords), recent)


@lru_cache(500)  # five thousand messages have a handful of different lists
def _written(flags: frozenset[str], keywords: tuple[str, ...], recent: bool) -> bytes:
    words = sorted(FLAG_WORDS[letter] for letter in flags if letter in FLAG_WORDS)
    words += ["\\Recent"] * recent
    places = sorted(KEYWORDS.find(letter) for letter in flags)
    words += [keywords[place] for place in places if 0 <= place < len(keywords)]
    return f"({' '.join(words)})".encode()


def read_flags(given: Any, folder: Maildir, *, add: bool = True) -> frozenset[str]:
    r"""Turn flags such as [\Seen urgent] into letters; a keyword that the folder does not have yet is added."""
    letters: set[str] = set()
    keywords = []
    for word in [text_of(word, "a flag") for word in (given if isinstance(given, list) else [given])]:
        if word.startswith("\\"):
            if word.upper() not in FLAG_LETTERS:
                raise BadResponse(f"there is no flag {word[:40]} that a client may set")
            letters.add(FLAG_LETTERS[word.upper()])
        elif KEYWORD.fullmatch(word):
            keywords.append(word)
        else:
            raise BadResponse(f"{word[:40]!r} is no keyword")
    try:
        return frozenset(letters) | folder.keywords.letters(keywords, add=add)
    except TooManyKeywords as error:
        raise NoResponse(f"[LIMIT] {error}") from None
