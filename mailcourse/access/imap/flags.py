r"""Flags: the letters of Maildir and the words of IMAP (RFC 3501 §2.3.2).

S \Seen   R \Answered   F \Flagged   T \Deleted   D \Draft   a-z the folder's keywords
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from mailcourse.mailbox.keywords import TooManyKeywords
from mailcourse.mailbox.maildir import Maildir
from mailcourse.mailbox.names import KEYWORDS

from .grammar import text_of
from .states import No, Wrong

WORDS = {"S": "\\Seen", "R": "\\Answered", "F": "\\Flagged", "T": "\\Deleted", "D": "\\Draft"}
LETTERS = {word.upper(): letter for letter, word in WORDS.items()}
SYSTEM = " ".join(WORDS.values())
KEYWORD = re.compile(r'[^\x00-\x20(){%*"\\\]\x7f-\uffff]{1,60}')


def words(flags: frozenset[str], keywords: Sequence[str] = (), *, recent: bool = False) -> bytes:
    r"""Write a list of flags: (\Answered \Seen urgent)."""
    return _written(flags, tuple(keywords), recent)


@lru_cache(500)  # five thousand messages have a handful of different lists
def _written(flags: frozenset[str], keywords: tuple[str, ...], recent: bool) -> bytes:
    found = sorted(WORDS[letter] for letter in flags if letter in WORDS)
    found += ["\\Recent"] * recent
    places = sorted(KEYWORDS.find(letter) for letter in flags)
    found += [keywords[place] for place in places if 0 <= place < len(keywords)]
    return f"({' '.join(found)})".encode()


def letters(given: Any, folder: Maildir, *, add: bool = True) -> frozenset[str]:
    r"""Turn flags such as [\Seen urgent] into letters; a keyword that the folder does not have yet is added."""
    found: set[str] = set()
    keywords = []
    for word in [text_of(word, "a flag") for word in (given if isinstance(given, list) else [given])]:
        if word.startswith("\\"):
            if word.upper() not in LETTERS:
                raise Wrong(f"there is no flag {word[:40]} that a client may set")
            found.add(LETTERS[word.upper()])
        elif KEYWORD.fullmatch(word):
            keywords.append(word)
        else:
            raise Wrong(f"{word[:40]!r} is no keyword")
    try:
        return frozenset(found) | folder.keywords.letters(keywords, add=add)
    except TooManyKeywords as error:
        raise No(f"[LIMIT] {error}") from None
