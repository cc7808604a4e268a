"""The same service in Postfix and Dovecot: their configuration files, as a test runs them against the lab.

    real_config()                     which files there are, and what each is for
    real_config("main.cf")            one of them, whole
    real_config("main.cf", "mynetworks")    a line with this word, and its comment

The files are in `real/`, and nowhere else: what a lesson shows is what `tests/interop/test_lesson_service.py` runs.
"""

from __future__ import annotations

from importlib.resources import files

from mailcourse.internet.errors import LabError, unknown
from mailcourse.lab.table import Table, table

FOLDER = "real"
COLUMNS = ("file", "program", "what it says")
#: file → the program, and what the file says
FILES = {
    "main.cf": ("Postfix", "which domains, whose mailboxes, for whom to relay, TLS"),
    "master.cf": ("Postfix", "the ports 587 and 465, for people"),
    "mailboxes": ("Postfix", "each address with a mailbox"),
    "aliases": ("Postfix", "each address without one"),
    "dovecot-2.4.conf": ("Dovecot 2.4", "IMAP and POP3, TLS, where the mailboxes are"),
    "dovecot-2.3.conf": ("Dovecot 2.3", "the same with the older names"),
    "users": ("Dovecot", "each account with its password"),
}
NO_SUCH_LINE = "No line of {} contains {!r}."


class ConfigText(str):
    """A file's text that is shown as it is."""

    def __repr__(self) -> str:
        return str(self)


def real_config(name: str = "", word: str = "") -> Table | ConfigText:
    """Return the list of files; or one; or its paragraphs that contain a word."""
    if not name:
        return table(COLUMNS, [(file, *about) for file, about in FILES.items()])
    if name not in FILES:
        raise unknown("file", name, FILES)
    text = files("mailcourse.lessons").joinpath(FOLDER, name).read_text(encoding="utf-8")
    paragraphs = [paragraph for paragraph in text.strip().split("\n\n") if word in paragraph]
    if not paragraphs:
        raise LabError(NO_SUCH_LINE.format(name, word))
    return ConfigText("\n\n".join(paragraphs))
