"""How each answer of `fill_in` is tried: in a lab of its own, by using it.

TRIALS["envelope"]("MAIL FROM:<…>\\nRCPT TO:<…>")     what is wrong with it; "" when it works

smtp.py       said to a mail server, or used by a mail program
records.py    put into a zone or an alias table
mailbox.py    put on a letter, on a file, on a clock, or said to an IMAP server
"""

from __future__ import annotations

from collections.abc import Callable

from .mailbox import attempt_times, file_name, imap_commands, to_field
from .records import alias_table, backup_records, spf_record
from .smtp import by_hand, envelope, settings

#: the name of a blank → what tries an answer to it
TRIALS: dict[str, Callable[[str], str]] = {
    "envelope": envelope,
    "to-field": to_field,
    "two-servers": backup_records,
    "file-name": file_name,
    "by-hand": by_hand,
    "attempts": attempt_times,
    "settings": settings,
    "imap-commands": imap_commands,
    "aliases": alias_table,
    "spf-record": spf_record,
}

__all__ = ["TRIALS"]
