"""Where we and Dovecot differ: a command, or a script and a command, and why."""

from __future__ import annotations

_GARBAGE = "no address can be read there; what is shown instead is free"
_EPILOGUE = "RFC 2046 §5.1.1: the line end before a boundary belongs to the boundary; Dovecot counts it to the part"
_NO_PARTS = "a multipart without parts breaks RFC 2046 §5.1.1; what is shown instead is free"
_FIRST = "RFC 5322 §3.6 forbids two; we take the first, Dovecot the last"
_EXAMINED = "RFC 3501 §6.3.2 forbids the change; whether it is refused with NO or ignored is free"
_MEANWHILE = "what another session did may be told now or later (RFC 3501 §7)"
_BODY_TEXT = "RFC 3501 §6.4.4: decoding must be done for a charset other than US-ASCII, and may be for US-ASCII"

_ONE_PART = "RFC 3501 §6.4.5: a part that is not a multipart has no part 1 inside; Dovecot is lenient"
_GRAMMAR = "RFC 3501 §9 knows no such argument; Dovecot is lenient"

_NO_EMPTY_LINE = "RFC 3501 §6.4.5: a message without an empty line gets none; Dovecot adds it"

#: Both are allowed, or we are right.
DIFFERENT = {
    **dict.fromkeys((f"FETCH 1 BODY[{part}]" for part in ("1.1", "1.1.1", "1.1.MIME", "2.1", "2.1.MIME")), _ONE_PART),
    "folders: STATUS inbox (MESSAGES)": "INBOX is one name in any case (RFC 3501 §5.1); Dovecot repeats what was said",
    "parameters: FETCH 1 BODY": "the order of parameters is free",
    "parameters: FETCH 1 BODYSTRUCTURE": "the order of parameters is free",
    "wrong commands: SELECT INBOX more": _GRAMMAR,
    "wrong commands: NOOP more": _GRAMMAR,
    "wrong commands: EXAMINE a b": _GRAMMAR,
    "wrong FETCH: FETCH 1 BODY[0]": _GRAMMAR,
    "folders: RENAME INBOX Old": "RFC 3501 §6.3.5 lets it move the messages; Dovecot cannot",
    "flags: STORE 1 +FLAGS (\\Deleted)": _EXAMINED,
    "flags: EXPUNGE": _EXAMINED,
    "flags: STORE 1:2 FLAGS (\\Seen \\Seen)": "FETCH may be told of flags that are as before",
    "flags: STORE 2 +FLAGS ()": "FETCH may be told of flags that are as before",
    "two sessions: FETCH 1 FLAGS": _MEANWHILE,
    "two sessions: UID FETCH 1:* FLAGS": _MEANWHILE + "; EXPUNGE is forbidden in FETCH, not in UID FETCH (§7.4.1)",
    "two sessions: NOOP": _MEANWHILE,
    "search: SEARCH KEYWORD nothing": "Dovecot makes a keyword of it and tells its new flags",
    "search: SEARCH TO bea": _GARBAGE,
    "search: SEARCH BODY subject": "headers of a message inside belong to the body for us, not for Dovecot",
    'search: SEARCH SUBJECT "over three"': "RFC 5322 §2.2.3: unfolding keeps the tab; Dovecot makes it a space",
    "search: SEARCH SENTBEFORE 7-Sep-2026": "without Date there is nothing to be earlier; for Dovecot it is 1970",
    "search: SEARCH SENTBEFORE 8-Sep-2030": "without Date there is nothing to be earlier; for Dovecot it is 1970",
    "search: SEARCH CHARSET X-NONE ALL": "the list of charsets behind BADCHARSET is optional",
    'search: SEARCH BODY "plain text"': _BODY_TEXT,
    'search: SEARCH BODY "eA=="': _BODY_TEXT,
    "wrong FETCH: FETCH 1 BODY[]<1>": "RFC 3501 §9 wants both numbers; Dovecot is lenient",
    "wrong FETCH: FETCH 1, UID": "RFC 3501 §9 wants a number behind the comma; Dovecot is lenient",
    "wrong STORE: STORE 1 FLAGS": "RFC 3501 §9 wants a list of flags; Dovecot is lenient",
    "wrong STORE: STORE 1 +FLAGS (\\Nonsense)": "§7.1: a flag that is not in PERMANENTFLAGS may be ignored",
    "nested: FETCH 1 BODY[1]": _EPILOGUE,
    "nested: FETCH 1 BODY[1]<2.100>": _EPILOGUE,
    "forwarded: FETCH 1 BODY": _EPILOGUE,
    "forwarded: FETCH 1 BODYSTRUCTURE": _EPILOGUE,
    "forwarded: FETCH 1 BODY[2]": _EPILOGUE,
    "forwarded: FETCH 1 BODY[2.TEXT]": _EPILOGUE,
    "old addresses: FETCH 1 ENVELOPE": "a comment may be shown as the name; RFC 5322 §4.4 lets spaces be around dots",
    "broken addresses: FETCH 1 ENVELOPE": _GARBAGE,
    "twice: FETCH 1 ENVELOPE": _FIRST,
    **{
        f"{script}: FETCH 1 {item}": _NO_PARTS
        for script in ("no boundary", "no parts")
        for item in ("BODY", "BODYSTRUCTURE", "BODY[1]", "BODY[1.MIME]", "BODY[1]<2.100>")
    },
    "folded: FETCH 1 ENVELOPE": "RFC 5322 §2.2.3: unfolding keeps the tab; Dovecot makes it a space",
    "half a type: FETCH 1 BODY": "RFC 2045 §5.2: what cannot be read is text/plain; Dovecot shows half a type",
    "half a type: FETCH 1 BODYSTRUCTURE": "RFC 2045 §5.2: what cannot be read is text/plain; Dovecot shows half a type",
    "one octet: FETCH 1 BODY[HEADER.FIELDS.NOT (Subject From)]": "there is no field at all",
    **{
        f"{script}: FETCH 1 {item}": _NO_EMPTY_LINE
        for script in ("no end of header", "bare text", "one octet")
        for item in ("BODY.PEEK[HEADER.FIELDS (SUBJECT to)]", "BODY[HEADER.FIELDS (X-None)]")
    },
}
