"""Keywords: words that a person or a program puts on messages.  A file's name has a letter for each.

    keywords          one word a line: the first is "a", the second "b", … the 26th "z"
    cur/…,U=7:2,Sb    has the second

A word is added and never taken away: the letters in the names of messages go on meaning it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mailcourse.internet.disk import Disk

from .names import KEYWORDS
from .refusal import MailboxRefusal
from .uids import Uids, replace


class TooManyKeywords(MailboxRefusal):
    """A folder has 26 keywords, and no more."""


class Keywords:
    """The keywords of one folder.  Compared ignoring case, kept as they were first written."""

    def __init__(self, path: Path, disk: Disk, uids: Uids) -> None:
        self._path, self._disk, self._uids = path, disk, uids

    def words(self) -> list[str]:
        """Return all keywords, in the order of their letters."""
        try:
            return (self._path / "keywords").read_text(encoding="utf-8", errors="replace").split()[: len(KEYWORDS)]
        except FileNotFoundError:
            return []

    def of(self, letters: Iterable[str]) -> list[str]:
        """Return the words that the letters mean; a letter that means nothing is passed over."""
        chosen = list(letters)
        words = self.words() if chosen else []
        return [words[n] for n in sorted(KEYWORDS.find(letter) for letter in chosen) if 0 <= n < len(words)]

    def letters(self, wanted: Iterable[str], *, add: bool = True) -> frozenset[str]:
        """Return the letters of the `wanted` words; new words are added, or passed over."""
        asked = list(wanted)
        if not asked:
            return frozenset()
        with self._uids.locked():
            words = self.words()
            first = {word.lower(): word for word in [*words, *asked][::-1]}  # of urgent and Urgent, the one before
            fresh = [word for word in dict.fromkeys(asked) if first[word.lower()] == word and word not in words]
            if add and fresh:
                if len(words) + len(fresh) > len(KEYWORDS):
                    raise TooManyKeywords(f"A folder has {len(KEYWORDS)} keywords at most. Use one that is there.")
                words += fresh
                replace(self._path / "keywords", "".join(f"{w}\n" for w in words), self._path / "tmp", self._disk)
        places = {word.lower(): KEYWORDS[n] for n, word in enumerate(words)}
        return frozenset(places[word.lower()] for word in asked if word.lower() in places)
