"""What is said to both servers, word for word.  "B: " in front means: by a second session.

A command that ends with a message in bytes is sent with it as a literal.
"""

from __future__ import annotations

from ugly import PLAIN, UGLY, crlf

SIMPLE = [crlf(PLAIN.replace("A plain message", f"number {n}") + f"line {n}\n" * n) for n in range(1, 6)]
ALL_STATUS = "(MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)"

ITEMS = """ENVELOPE/BODY/BODYSTRUCTURE/RFC822.SIZE/RFC822.HEADER/RFC822.TEXT/RFC822/BODY[]/BODY[HEADER]/BODY[TEXT]
BODY.PEEK[HEADER.FIELDS (SUBJECT to)]/BODY[HEADER.FIELDS.NOT (Subject From)]/BODY[HEADER.FIELDS (X-None)]
BODY[1]/BODY[2]/BODY[1.1]/BODY[1.2]/BODY[2.1]/BODY[2.2]/BODY[2.2.1]/BODY[3]/BODY[2.2.2]/BODY[1.1.1]
BODY[1.MIME]/BODY[2.MIME]/BODY[1.1.MIME]/BODY[2.1.MIME]/BODY[1.HEADER]/BODY[1.TEXT]/BODY[2.HEADER]/BODY[2.TEXT]
BODY[2.2.HEADER]/BODY[2.2.TEXT]/BODY[2.HEADER.FIELDS (SUBJECT)]/BODY[2.2.HEADER.FIELDS.NOT (SUBJECT)]
BODY[]<0.10>/BODY[]<5.7>/BODY[]<100000.10>/BODY[TEXT]<1.3>/BODY[1]<2.100>/BODY[HEADER]<3.8>/BODY[]<0.1>"""
FETCHES = [f"FETCH 1 {item}" for line in ITEMS.splitlines() for item in line.split("/")]
#: Messages of which parts inside part 1 are asked for.
DEEP = ("plain", "nested", "forwarded", "enclosed", "digest", "never closed")

FOLDERS = """LIST "" *|LIST "" ""|CREATE Work|CREATE Work|CREATE Work/2026|CREATE a/b/c|LIST "" *|LIST "" %
LIST "Work/" %|LIST "" Work/*|LIST "" inbox|LIST "" "W%k"|LIST "" *6|LIST "" %/%|LIST "" %/b|LIST Work ""
LIST "" Nowhere|LIST /Work *|CREATE "sp ace"|LIST "" "sp*"|DELETE "sp ace"|CREATE trailing/|LIST "" trail*
STATUS Work (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)|STATUS inbox (MESSAGES)|STATUS Nowhere (MESSAGES)
STATUS "INBOX" (UNSEEN UIDNEXT)|STATUS a (MESSAGES)|SELECT a|SELECT Nowhere|EXAMINE Work|CLOSE|RENAME Work Job
LIST "" *|RENAME Nowhere X|RENAME Job INBOX|RENAME Job trailing|RENAME a/b z|LIST "" *|RENAME Job new/Job|DELETE z
LIST "" *|DELETE z/c|LIST "" *|DELETE Nowhere|DELETE INBOX|DELETE inbox|CREATE INBOX|CREATE inbox|CREATE ""
CREATE INBOX/below|LIST "" INBOX*|LIST "" %|DELETE INBOX/below|RENAME INBOX Old"""

SUBSCRIPTIONS = """LSUB "" *|CREATE Work|CREATE Work/2026|SUBSCRIBE Work/2026|LSUB "" *|LSUB "" %|SUBSCRIBE INBOX
LSUB "" *|UNSUBSCRIBE Work/2026|LSUB "" *|UNSUBSCRIBE Nowhere"""

SETS = """FETCH 1 UID|FETCH 2:3 UID|FETCH 3:2 UID|FETCH * UID|FETCH 1:* UID|FETCH 5:* UID|FETCH 4,2 UID
FETCH 2,2,1:3 UID|UID FETCH 1:* FLAGS|UID FETCH 99 FLAGS|UID FETCH * FLAGS|UID FETCH 99:* FLAGS
UID FETCH 2,99,4 (UID RFC822.SIZE)|FETCH 1 FAST|FETCH 1 ALL|FETCH 1 FULL|FETCH 1 (FLAGS UID)|FETCH 1 (flags uid)
FETCH 1 (UID UID)|FETCH 1 INTERNALDATE|UID FETCH 3 BODY.PEEK[]<0.5>|FETCH 3 FLAGS|FETCH 3 BODY[]<0.5>|FETCH 3 FLAGS
FETCH 4 (RFC822.HEADER)|FETCH 4 FLAGS|FETCH 4 (BODY[TEXT] FLAGS)|FETCH 5 RFC822
FETCH 5 BODY[HEADER.FIELDS ("Subject")]|FETCH 5 BODY[HEADER.FIELDS (subject)]
FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[TEXT]<0.3> UID)|FETCH 1 (BODY.PEEK[1.MIME] ENVELOPE)"""

FLAGS = r"""STORE 1 +FLAGS (\Seen)|STORE 1 +FLAGS (\Seen \Flagged)|STORE 1 -FLAGS (\Seen)
STORE 2 FLAGS (\Answered \Draft)|STORE 2 FLAGS ()|STORE 3 FLAGS.SILENT (\Seen)|FETCH 1:* FLAGS
STORE 4 +FLAGS \Deleted|STORE 4 -FLAGS.SILENT \Deleted|UID STORE 5 +FLAGS (\flagged)|STORE 1:* +FLAGS.SILENT (\Seen)
FETCH 1:* FLAGS|STORE 1 FLAGS (\Recent)|FETCH 1 FLAGS|UID STORE 99 +FLAGS (\Seen)|STORE 1:2 FLAGS (\Seen \Seen)
STORE 2 +FLAGS ()|SEARCH SEEN|CLOSE|EXAMINE INBOX|STORE 1 +FLAGS (\Deleted)|FETCH 1 BODY[TEXT]|FETCH 1:* FLAGS
EXPUNGE|COPY 1 Nowhere|CLOSE|SELECT INBOX|FETCH 1:* FLAGS"""

COPIES = rf"""CREATE Work|COPY 1:2 Work|STATUS Work {ALL_STATUS}|COPY 1 Nowhere|UID COPY 3 Work|UID COPY 99 Work
COPY 1 INBOX|FETCH 1:* (UID FLAGS)|STORE 2 +FLAGS (\Flagged \Answered)|COPY 2 Work|MOVE 3 Work|FETCH 1:* UID
UID MOVE 1:2 Work|FETCH 1:* UID|UID MOVE 99 Work|MOVE 1 Nowhere|MOVE 1 INBOX|FETCH 1:* UID|SELECT Work
FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)|STORE 1:3 +FLAGS.SILENT (\Deleted)|UID EXPUNGE 2|UID EXPUNGE 99
EXPUNGE|FETCH 1:* UID|EXPUNGE|STORE 1 +FLAGS.SILENT \Deleted|CLOSE|STATUS Work {ALL_STATUS}|SELECT Work
STORE 1 +FLAGS.SILENT (\Deleted)|UNSELECT|STATUS Work (MESSAGES)|SELECT Work|FETCH 1 FLAGS|CHECK|NOOP"""

SESSIONS = r"""B: SELECT INBOX|B: STORE 2 +FLAGS (\Flagged)|NOOP|B: STORE 2,4 +FLAGS.SILENT (\Deleted)|B: EXPUNGE
FETCH 1 FLAGS|SEARCH ALL|FETCH 5 UID|STORE 1 +FLAGS (\Seen)|NOOP|FETCH 1:* UID|B: NOOP|B: FETCH 1:* FLAGS
B: STORE 1 +FLAGS.SILENT (\Deleted)|CHECK|B: EXPUNGE|UID FETCH 1:* FLAGS|NOOP|B: CREATE Work|B: MOVE 1 Work|NOOP
FETCH 1:* UID|B: COPY 1 INBOX|NOOP|FETCH 1:* UID|STATUS INBOX (MESSAGES UIDNEXT)|B: STORE 1:* +FLAGS.SILENT \Deleted
B: CLOSE|NOOP|FETCH 1:* UID|SEARCH ALL"""

SEARCHES = r"""ALL|1:3|*|2,4:5|UID 3:*|UID 99|SEEN|UNSEEN|NEW|OLD|RECENT|ANSWERED|UNANSWERED|DELETED|UNDELETED|DRAFT
UNDRAFT|FLAGGED|UNFLAGGED|KEYWORD nothing|UNKEYWORD nothing|LARGER 200|SMALLER 200|LARGER 0|SUBJECT plain
SUBJECT PLAIN|SUBJECT ""|SUBJECT "no line"|FROM alice|FROM juergen|FROM "bruno@bakery"|TO bea|CC chiara|BCC bakery
BODY lighthouse|BODY subject|BODY deep|BODY "<p>"|TEXT "Subject: deepest"|TEXT lighthouse|TEXT Message-ID
HEADER X-Empty ""|HEADER Subject folded|HEADER x-tab value|HEADER Content-Type multipart|HEADER Nowhere ""
SUBJECT "over three"|SUBJECT "folded over"|CHARSET UTF-8 BODY "plain text"|CHARSET UTF-8 TEXT "Köln"
BEFORE 7-Sep-2026|ON 7-Sep-2026|SINCE 7-Sep-2026|BEFORE 8-Sep-2026|SINCE 8-Sep-2026|SENTON 7-Sep-2026
SENTBEFORE 7-Sep-2026|SENTSINCE 7-Sep-2026|SENTBEFORE 8-Sep-2030|NOT SUBJECT plain|OR SUBJECT plain SUBJECT nested
NOT OR SEEN FROM alice|(SUBJECT plain FROM alice)|OR (1:3 UNSEEN) (7 NOT SEEN)|NOT (1:5)|1:5 NOT 2
SUBJECT {5+}/plain|CHARSET UTF-8 SUBJECT plain|CHARSET US-ASCII 1|CHARSET X-NONE ALL|SUBJECT "Gr"
CHARSET UTF-8 SUBJECT "Köln"|CHARSET UTF-8 FROM "jürgen"|CHARSET UTF-8 SUBJECT "grüße"|CHARSET UTF-8 BODY "grüße"
BODY "plain text"|ON "7-Sep-2026"|99|UID 1:* NOT 99|FROM "Ahlers, Alice"|TO Friends|TEXT Friends
SUBJECT "plain message" BODY "Second"|HEADER Message-ID "<plain@academy.test>"|BODY rates.txt|BODY "eA=="
SUBJECT "lower"|HEADER x-lower space|FROM "inside"|SUBJECT inside|BODY inside"""

WRONG_A = """FETCH|FETCH 1|FETCH 1 NONSENSE|FETCH 99 UID|FETCH 0 UID|FETCH a UID|FETCH 1 BODY[|FETCH 1 BODY[MIME]
FETCH 1 (FLAGS|FETCH 1 BODY[0]|FETCH 1 BODY[]<1>|FETCH 1 ()|FETCH 1:99 UID|FETCH 1, UID
FETCH 1 BODY[HEADER.FIELDS ()]"""
WRONG_B = r"""STORE 1|STORE 1 FLAGS|STORE 1 NONSENSE (\Seen)|STORE 1 +FLAGS (\Nonsense)|STORE 99 +FLAGS (\Seen)
COPY 1|COPY 99 INBOX|UID|UID NONSENSE 1|UID FETCH 0 FLAGS|SEARCH|SEARCH NONSENSE|SEARCH SUBJECT|SEARCH OR SEEN
SEARCH (SEEN|SEARCH ON someday"""
WRONG_C = """NONSENSE|SELECT|SELECT INBOX more|LIST|LIST ""|STATUS INBOX|STATUS INBOX ()|STATUS INBOX (NONSENSE)
CREATE|RENAME a|LOGIN a b|STARTTLS|NOOP more|SELECT ""|APPEND INBOX|EXAMINE a b"""
WRONG_D = """CREATE "a*b"|CLOSE|FETCH 1 UID|STORE 1 FLAGS ()|SEARCH ALL|COPY 1 INBOX|EXPUNGE|CHECK|CLOSE
UID FETCH 1 FLAGS|UNSELECT|SELECT "a/../b"|CREATE "../x"|CREATE "a//b"|CREATE /a"""


def cut(text: str) -> list[str]:
    """Return the commands of a script."""
    return [command.strip() for line in text.splitlines() for command in line.split("|")]


def fetches(name: str) -> list[str]:
    """Return what is fetched of a message: parts inside part 1 only where that says something."""
    return [command for command in FETCHES if "[1.1" not in command or name in DEEP]


SCRIPTS: dict[str, tuple[list[bytes], list[str]]] = {
    "folders": (SIMPLE, cut(FOLDERS)),
    "subscriptions": ([], cut(SUBSCRIPTIONS)),
    "select": (SIMPLE, [f"STATUS INBOX {ALL_STATUS}", "SELECT INBOX", "EXAMINE INBOX", "SELECT inbox"]),
    "empty": (
        [],
        cut("SELECT INBOX|FETCH 1:* UID|UID FETCH 1:* UID|SEARCH ALL|UID SEARCH 1:*|STORE 1 FLAGS ()|EXPUNGE"),
    ),
    "sets": (SIMPLE, ["SELECT INBOX", *cut(SETS)]),
    "flags": (SIMPLE, ["SELECT INBOX", *cut(FLAGS)]),
    "copies": (SIMPLE, ["SELECT INBOX", *cut(COPIES)]),
    "two sessions": (SIMPLE, ["SELECT INBOX", *cut(SESSIONS)]),
    "search": (
        list(UGLY.values()),
        ["SELECT INBOX", r"STORE 2 FLAGS (\Seen \Flagged \Answered \Draft \Deleted)"]
        + [f"SEARCH {keys}".replace("/", "\r\n") for keys in cut(SEARCHES)]
        + ["UID SEARCH SUBJECT plain", "UID SEARCH 2:3", "UID SEARCH UID 2:3"],
    ),
    "wrong FETCH": (SIMPLE, ["SELECT INBOX", *cut(WRONG_A)]),
    "wrong STORE": (SIMPLE, ["SELECT INBOX", *cut(WRONG_B)]),
    "wrong commands": (SIMPLE, cut(WRONG_C)),
    "wrong state": (SIMPLE, cut(WRONG_D)),
    **{name: ([message], ["SELECT INBOX", *fetches(name)]) for name, message in UGLY.items()},
}

#: the verb and what is compared: the whole answer, or its first word
POP3 = [
    *("STAT", "LIST", "LIST 2", "LIST 99", "LIST x", "UIDL 99", "RETR 1", "RETR 0", "RETR", "TOP 1 0", "TOP 1 1"),
    *("TOP 2 100", "TOP 1", "TOP 1 x", "TOP 99 1", "DELE 2", "DELE 2", "LIST", "STAT", "RETR 2", "LIST 2", "NOOP"),
    *("RSET", "STAT", "DELE 1", "NONSENSE", "USER alice", "QUIT"),
]
