"""Where we and Dovecot differ: a command, or a script and a command, and why."""

from __future__ import annotations

_GARBAGE = "no address can be read there; what is shown instead is free"
_EPILOGUE = "RFC 2046 §5.1.1: the line end before a boundary belongs to the boundary; Dovecot counts it to the part"
_NO_PARTS = "a multipart without parts breaks RFC 2046 §5.1.1; we show its text, Dovecot an empty part"
_FIRST = "RFC 5322 §3.6 forbids two; we take the first, Dovecot the last"
_EXAMINED = "RFC 3501 §6.3.2 forbids the change; whether it is refused with NO or ignored is free"
_MEANWHILE = "what another session did may be told now or later (RFC 3501 §7)"
_BODY_TEXT = "RFC 3501 §6.4.4: decoding must be done for a charset other than US-ASCII, and may be for US-ASCII"

#: Both are allowed.
DIFFERENT = {
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
}
_NOT_DECODED = "RFC 3501 §6.4.4: with CHARSET UTF-8, encodings and charsets of parts must be decoded before comparing"
_ONE_PART = "RFC 3501 §6.4.5: a part that is not a multipart has no part 1 inside"
_DIGEST = "RFC 2046 §5.1.5: in multipart/digest a part without a type is message/rfc822"
_CHARSET = (
    "RFC 2231 §6 wants continuations joined, RFC 3501 §4.3.1 no 8-bit text without its charset: NAME* stays NAME*"
)
_NO_EMPTY_LINE = "RFC 3501 §6.4.5: no empty line is added to a message that has none"

#: We are wrong, and know it.
WRONG = {
    'folders: LIST "" INBOX*': "INBOX is listed twice when a folder is below it",
    'folders: LIST "" %': "INBOX is listed twice when a folder is below it",
    'subscriptions: LSUB "" *': "RFC 3501 §6.3.9: LSUB lists what was subscribed, not what exists",
    'subscriptions: LSUB "" %': "RFC 3501 §6.3.9: LSUB lists what was subscribed, not what exists",
    "subscriptions: UNSUBSCRIBE Work/2026": "RFC 3501 §6.3.7: what was subscribed can be unsubscribed",
    "subscriptions: UNSUBSCRIBE Nowhere": "RFC 3501 §6.3.7: UNSUBSCRIBE does not ask whether the folder exists",
    "FETCH 1:* UID": "RFC 3501 §9, seq-number: * in an empty folder is BAD",
    "wrong FETCH: FETCH 1:99 UID": "RFC 3501 §9, seq-number: a number above the last message is BAD",
    "wrong FETCH: FETCH 1 ()": "RFC 3501 §9: at least one item",
    "wrong FETCH: FETCH 1 BODY[HEADER.FIELDS ()]": "RFC 3501 §9: at least one field name",
    "wrong STORE: UID FETCH 0 FLAGS": "RFC 3501 §9: 0 is no UID (nz-number)",
    "wrong commands: STATUS INBOX ()": "RFC 3501 §9: at least one item",
    "flags: STORE 1 FLAGS (\\Recent)": "RFC 3501 §9: \\Recent cannot be stored; here it clears all flags",
    "flags: FETCH 1 FLAGS": "RFC 3501 §9: \\Recent cannot be stored; here it clears all flags",
    "copies: SELECT Work": "RFC 3501 §6.4.7: a copy should be \\Recent, also one with flags",
    "copies: FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)": "RFC 3501 §6.4.7: a copy should be \\Recent",
    'search: SEARCH CHARSET UTF-8 FROM "jürgen"': "a header in raw UTF-8 (RFC 6532) is not found",
    'search: SEARCH CHARSET UTF-8 SUBJECT "grüße"': "a header in raw UTF-8 (RFC 6532) is not found",
    'search: SEARCH CHARSET UTF-8 BODY "grüße"': _NOT_DECODED,
    'search: SEARCH CHARSET UTF-8 BODY "plain text"': _NOT_DECODED,
    'search: SEARCH CHARSET UTF-8 TEXT "Köln"': _NOT_DECODED,
    'search: SEARCH SUBJECT "folded over"': "RFC 5322 §2.2.3: a folded header must be found as if it were not folded",
    "search: SEARCH HEADER x-lower space": "RFC 5322 §4.5: a space before the colon must be understood",
    **dict.fromkeys((f"FETCH 1 BODY[{part}]" for part in ("1.1", "1.1.1", "1.1.MIME")), _ONE_PART),
    "nested: FETCH 1 BODYSTRUCTURE": "RFC 3501 §7.4.2: two languages are a list",
    **{f"digest: FETCH 1 {item}": _DIGEST for item in ("BODY", "BODYSTRUCTURE", "BODY[2.HEADER.FIELDS (SUBJECT)]")},
    **{f"digest: FETCH 1 BODY[{n}.{what}]": _DIGEST for n in (1, 2) for what in ("1", "1.MIME", "HEADER", "TEXT")},
    "addresses: FETCH 1 ENVELOPE": "RFC 3501 §7.4.2: groups, routes, and local parts without their quotes",
    "parameters: FETCH 1 BODY": _CHARSET,
    "parameters: FETCH 1 BODYSTRUCTURE": _CHARSET,
    "comments: FETCH 1 BODY": "RFC 2045 §5.1: a comment is no part of a type or an encoding",
    "comments: FETCH 1 BODYSTRUCTURE": "RFC 2045 §5.1: a comment is no part of a type or an encoding",
    "eight bit: FETCH 1 ENVELOPE": "octets beyond ASCII become U+FFFD: what was written is lost",
    "raw utf-8: FETCH 1 ENVELOPE": "octets beyond ASCII become U+FFFD: what was written is lost (RFC 6532)",
    "no end of header: FETCH 1 BODY[HEADER.FIELDS.NOT (Subject From)]": _NO_EMPTY_LINE,
    "bare text: FETCH 1 BODY[HEADER.FIELDS.NOT (Subject From)]": _NO_EMPTY_LINE,
}
