"""04 SMTP by hand: replies, a dialogue, a client over a bare socket, envelope and header, MIME."""

from __future__ import annotations

from mailcourse.checks.client import has_empty_line, sender_said, try_client
from mailcourse.checks.probe import spoken
from mailcourse.checks.specimens import (
    MEANS,
    PEOPLE,
    WRONG,
    coded,
    dialogue,
    dialogue_text,
    envelope_cases,
    envelope_decides,
    errand,
    letter_of,
    mixed_replies,
    said_to,
)
from mailcourse.checks.task import Case, Shown, Stopped, numbered, task, texts
from mailcourse.lab.table import table

HERE = "04-smtp"

# ---- what a reply means ----------------------------------------------------------------------------------


@task(
    HERE,
    "replies",
    "What does the client do now?",
    kind="read",
    aim="act on the first digit of a reply, and not on its words",
    parts={"the first three": 2, "the last three": 1},
    later=("the last three",),
    given=lambda world: table(
        ("number", "the server says"), [(n, r) for n, (r, _) in enumerate(mixed_replies(world), 1)]
    ),
    hints=(
        "A program looks at the first digit. The words after it are for people, and may say anything.",
        "2 and 3: it went well, go on. 4: not at the moment. 5: no.",
    ),
)
def replies(case: Case) -> None:
    """A dictionary: number → what a client does."""
    known = mixed_replies(case.world)
    got = case.table(range(1, len(known) + 1))
    for number, (reply, meaning) in enumerate(known, 1):
        if got[number] not in MEANS:
            raise Stopped(f"{got[number]!r} is none of the three: {', '.join(map(repr, MEANS))}.")
        part = "the first three" if number <= 3 else "the last three"
        case.expect(
            part,
            got[number] == meaning,
            f"what a client does after “{reply}”",
            f"{got[number]!r} is not what this code says",
        )


# ---- what went wrong? --------------------------------------------------------------------------------------


@task(
    HERE,
    "went-wrong",
    "What went wrong?",
    kind="read",
    aim="find the wrong line of a dialogue from codes and order, without the server's words",
    parts={"the line": 2, "the reason": 2},
    given=dialogue_text,
    hints=(
        (
            "Which line was answered with a code that begins with 5? The server's words are left out: "
            "think of the line itself."
        ),
        "503 is about order. 501 and 553 are about how something is written. 5.1.1 and 5.7.1 say more than 550 alone.",
    ),
)
def went_wrong(case: Case) -> None:
    """The number of the line, and one of WRONG."""
    got = case.table(["line"], int) | case.table(["reason"])
    _, wrong, what = dialogue(case.world)
    if got["reason"] not in WRONG:
        raise Stopped(f"{got['reason']!r} is none of the reasons: {', '.join(map(repr, WRONG))}.")
    case.expect("the line", got["line"] == wrong, "the first line that was refused", said_to(case.world, got["line"]))
    case.expect(
        "the reason",
        got["reason"] == what,
        "what is wrong with that line",
        f"“{got['reason']}” is answered with another code",
    )


# ---- by hand -------------------------------------------------------------------------------------------------


HEADER_HINT = "The header is content: From:, To: and Subject:, one a line. An empty line ends it."
DOTS_HINT = (
    "A line of the text that begins with a dot gets another dot in front, RFC 5321 §4.5.2. The server takes it off."
)


@task(
    HERE,
    "by-hand",
    "A letter, dictated line by line",
    kind="write",
    aim="hold a whole SMTP dialogue, from hello to the dot",
    confronts="from-header",
    parts={"the server takes it": 2, "the envelope": 1, "header and text": 3},
    given=errand,
    opens=lambda world: world.open(),
    hints=(
        (
            "The order is EHLO, MAIL FROM:<…>, RCPT TO:<…>, DATA, then header, an empty line, text, and a dot alone "
            "on a line."
        ),
        HEADER_HINT,
        DOTS_HINT,
    ),
    part_hints={
        "the envelope": ("MAIL FROM says who sends, RCPT TO who gets it. The header is content, and decides neither.",),
        "header and text": (HEADER_HINT, DOTS_HINT),
    },
)
def by_hand(case: Case) -> None:
    """A list of lines, said to the server."""
    lines = texts(case.answer)
    subject, name, text = letter_of(case.world)
    person, lab = case.world.person(name), case.lab()
    said = spoken(lab, f"laptop.{case.world.school}", case.world.best, lines)
    lab.settle()
    refused = next((f"to “{line}” the server said {reply}" for line, reply in said if reply[:1] in ("4", "5")), "")
    ended = next((reply for line, reply in said if line == "."), "")
    case.expect(
        "the server takes it",
        ended.startswith("250") and not refused,
        "a yes to every line, and 250 after the dot that ends the message",
        refused or (f"it said {ended}" if ended else "no line was a dot alone, so the message had no end"),
    )
    letters = list(lab.person(person).fetch())
    others = [name for name in ("bruno", "bea") if case.world.person(name) != person]
    elsewhere = any(len(lab.person(case.world.person(name)).inbox()) for name in others)
    case.expect(
        "the envelope",
        len(letters) == 1 and not elsewhere,
        f"one letter in the mailbox of {person}",
        f"{len(letters)} letters came there{', and one to somebody else' if elsewhere else ''}",
    )
    case.expect("the envelope", *sender_said(lines, case.world.person("alice")))
    if not letters:
        raise Stopped("No letter arrived, so there is nothing to look at.")
    for field, expected in (("From", case.world.person("alice")), ("To", person), ("Subject", subject)):
        got = letters[0].said(field)
        case.expect(
            "header and text",
            got == expected if field == "Subject" else expected in got,
            f"the field {field} with {expected}",
            f"the {field} that arrived is {got!r}" if got else "there is no such field in the message that arrived",
        )
    case.expect("header and text", has_empty_line(lines), "an empty line between header and text", "there is none")
    arrived = letters[0].text.rstrip("\n").split("\n")
    case.expect("header and text", arrived == text, "the text from the task", f"the text that arrived is {arrived}")


# ---- replies of several lines ------------------------------------------------------------------------------


@task(
    HERE,
    "read-reply",
    "Reading a reply",
    kind="write",
    aim="know where a reply of several lines ends",
    parts={"one line": 1, "several lines": 2},
    hints=(
        "Every line of a reply begins with the same three digits. What comes after them?",
        "A hyphen after the digits says: more lines follow. A space: this is the last one. RFC 5321 §4.2.1.",
        'text.split("\\r\\n") leaves an empty piece at the end; text.splitlines() does not.',
    ),
)
def read_reply(case: Case) -> None:
    r"""read_reply("250-a\r\n250 b\r\n") is (250, ["a", "b"])."""
    host = case.world.best
    for part, octets, expected in (
        ("one line", f"220 {host} ready\r\n", (220, [f"{host} ready"])),
        ("one line", "354 go\r\n", (354, ["go"])),
        ("several lines", f"250-{host}\r\n250-SIZE 1000\r\n250 HELP\r\n", (250, [host, "SIZE 1000", "HELP"])),
        ("several lines", "550-no\r\n550-way - really\r\n550 bye\r\n", (550, ["no", "way - really", "bye"])),
    ):
        with case.part(part, "the code as a number, and the texts of all lines") as check:
            got = case.call(octets)
            story = f"read_reply({octets!r}) returned {got!r}"
            if isinstance(got, list) and got and isinstance(got[0], str):
                story += f"; the code is text ({got[0]!r}), and a whole number is asked for"
            check(got == list(expected), story)


# ---- a client of one's own ------------------------------------------------------------------------------------


@task(
    HERE,
    "client",
    "An SMTP client over a bare socket",
    kind="write",
    aim="write a client that holds the dialogue, stuffs dots, and goes on when one recipient is refused",
    parts={
        "a letter arrives": 2,
        "the whole dialogue": 1,
        "a line that is a dot": 2,
        "one of several is refused": 2,
        "nobody is left": 1,
    },
    opens=lambda world: world.open(),
    hints=(
        (
            "create_connection from socket takes the pair (host, port). "
            "Read the greeting before you say anything, and a whole reply after each line."
        ),
        "After DATA and its 354: every line that begins with a dot gets one more. Then a line with a dot alone.",
        (
            "A refused recipient is no reason to stop. But with no recipient left, do not say DATA: "
            "say QUIT, and return the codes."
        ),
    ),
    part_hints={
        "the whole dialogue": (
            (
                "The server speaks first. "
                "Then EHLO, MAIL FROM, RCPT TO, DATA and QUIT, and after each you wait for the reply."
            ),
        ),
        "a line that is a dot": (
            "After DATA and its 354: every line that begins with a dot gets one more. Then a line with a dot alone.",
            'message.splitlines() gives the lines. line.startswith(".") tells which of them need a dot more.',
        ),
        "one of several is refused": (
            "A refused recipient is no reason to stop. Keep the code, and go on with the next.",
        ),
        "nobody is left": (
            "With no recipient left, do not say DATA: say QUIT, and return the codes. A code of 250 is a yes.",
        ),
    },
)
def client(case: Case) -> None:
    """send(host, port, sender, recipients, message) returns {recipient: code}; tried with a real server."""
    try_client(case)


# ---- envelope and header ---------------------------------------------------------------------------------------


@task(
    HERE,
    "envelope",
    "Envelope or header?",
    kind="predict",
    aim="say what the envelope decides, and what the header",
    confronts="from-header",
    parts={"who gets it": 1, "who gets the answer": 1, "who gets the bounce": 1},
    given=lambda world: numbered("question", envelope_cases(world)),
    hints=(
        "Servers read the envelope: MAIL FROM and RCPT TO. The header is content to them.",
        "People and their programs read the header. So who decides where an answer goes?",
    ),
    part_hints={
        "who gets the bounce": (
            "A bounce is written by a server. Servers do not read the header: which address do they have?",
            "The sender of the envelope is also called the return path. RFC 5321 §3.6.3.",
        ),
    },
)
def envelope(case: Case) -> None:
    """A dictionary: number of the question → a person; tried with letters."""
    questions = envelope_cases(case.world)
    got = case.numbered(list(questions))
    parts = {"to": "who gets it", "from": "who gets the answer", "bounce": "who gets the bounce"}
    for question, kind in questions.items():
        if got[question] not in PEOPLE:
            raise Stopped(f"{got[question]!r} is none of these: {', '.join(map(repr, PEOPLE))}.")
        happened = envelope_decides(case, kind)
        case.expect(
            parts[kind],
            got[question] == happened,
            question,
            f"you said {got[question]!r}; in the lab it was somebody else",
        )


# ---- MIME -------------------------------------------------------------------------------------------------------


@task(
    HERE,
    "decode",
    "Secret, or only strange?",
    kind="read",
    aim="read what base64 and encoded words say, without any key",
    confronts="base64",
    parts={"the subject": 1, "the text": 2},
    given=lambda world: Shown(coded(world)[0]),
    hints=(
        "base64.b64decode gives octets, .decode() makes text of them. Which key did you need?",
        "email.message_from_string reads a whole message; email.header.decode_header takes an encoded word apart.",
    ),
)
def decode(case: Case) -> None:
    """Subject, and the word in the text."""
    got = case.table(["subject", "word"])
    _, subject, word = coded(case.world)
    case.expect(
        "the subject",
        got["subject"] == subject,
        "the Subject as a person reads it",
        f"your answer was {got['subject']!r}",
    )
    case.expect(
        "the text", got["word"].strip(". ") == word, "the word for the door", f"your answer was {got['word']!r}"
    )


# ---- smtplib ----------------------------------------------------------------------------------------------------


@task(
    HERE,
    "smtplib",
    "The same with smtplib",
    kind="write",
    aim="send with a library, and take out the Bcc yourself or know who does",
    confronts="bcc",
    parts={"everybody gets it": 2, "From, To and Subject": 1, "nobody sees the Bcc": 2},
    hints=(
        'EmailMessage from email.message takes fields with message["Subject"] = …, and text with set_content(…).',
        "server.send_message(message, from_addr, to_addrs) says MAIL and RCPT for you. Who must be in to_addrs?",
        "Look at what arrives: is there a Bcc field in it? send_message takes it out. sendmail does not.",
    ),
)
def with_smtplib(case: Case) -> None:
    """deliver(host, port, sender, to, bcc, subject, text)."""
    world, lab = case.world, case.lab()
    bruno, bea, subject = world.person("bruno"), world.person("bea"), coded(world)[1]
    text = "Bring the cake at four."
    case.call(world.best, 25, world.person("alice"), bruno, bea, subject, text, seconds=10, lab=lab)
    lab.settle()
    boxes = {person: list(lab.person(person).fetch()) for person in (bruno, bea)}
    counts = {person: len(mails) for person, mails in boxes.items()}
    case.expect(
        "everybody gets it", counts == {bruno: 1, bea: 1}, "one copy for Bruno, and one for Bea", f"copies: {counts}"
    )
    for mail in (mail for mails in boxes.values() for mail in mails):
        case.expect(
            "everybody gets it",
            mail.text.strip() == text,
            f"a letter with the text {text!r}",
            f"the text that arrived is {mail.text!r}",
        )
    letters = [mail for mails in boxes.values() for mail in mails]
    if not letters:
        raise Stopped("No letter arrived, so there is nothing to look at.")
    commands = [e.facts["line"] for e in lab.trace if e.what == "said" and e.facts["side"] == "C"]
    case.expect("everybody gets it", *sender_said(commands, world.person("alice")))
    for letter in letters:
        for field, expected in (("From", world.person("alice")), ("To", bruno), ("Subject", subject)):
            got = letter.said(field)
            case.expect(
                "From, To and Subject",
                got == expected if field == "Subject" else expected in got,
                f"the {field} is {expected!r}",
                f"it is {got!r}" if got else f"there is no {field}",
            )
    seen = [m.raw.decode("utf-8", "replace").partition("\r\n\r\n")[0] for m in boxes[bruno]]
    fields = [
        line
        for head in seen
        for line in head.split("\r\n")
        if bea in line and not line.lower().startswith(("received", "\t", " "))
    ]
    case.expect(
        "nobody sees the Bcc",
        all(counts.values()) and not fields,
        "Bea has a copy too, and no word of her is in Bruno's",
        f"Bruno reads: {fields[:1]}" if fields else f"copies: {counts}",
    )
