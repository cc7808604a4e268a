"""07 POP3 and IMAP: fetch, search, read what a server says, and predict what a second device shows."""

from __future__ import annotations

from collections.abc import Sequence

from mailcourse.checks.task import Case, Shown, Stopped, a, numbered, task
from mailcourse.checks.two_devices import experiments
from mailcourse.checks.world import World
from mailcourse.lab.table import Table
from mailcourse.views import Lab

HERE = "07-access"
SUBJECTS = ("Rolls", "Flour", "Invoice", "Oven", "Holidays", "Order", "Delivery", "Question", "Photographs", "Receipt")


def _filled(case: Case, letters: Sequence[tuple[str, str, int]]) -> Lab:
    """Open a lab with letters (sender, subject, octets of text) in Bruno's mailbox."""
    lab, world = case.lab(), case.world
    for sender, subject, size in letters:
        lab.person(world.person(sender)).send(world.person("bruno"), subject, ("x" * 70 + "\n") * (size // 71 + 1))
    return lab.settle()


# ---- POP3: only the small ones ----------------------------------------------------------------------------


def _sizes(world: World) -> list[tuple[str, str, int]]:
    small = [
        ("alice", subject, world.number(f"s {subject}", 50, 3000)) for subject in world.some("small", SUBJECTS[:5], 3)
    ]
    big = [
        ("amir", subject, world.number(f"b {subject}", 9000, 40000)) for subject in world.some("big", SUBJECTS[5:], 2)
    ]
    return world.mixed("letters", [*small, *big])


@task(
    HERE,
    "small",
    "Only the small ones, by POP3",
    kind="write",
    aim="use LIST before RETR, and leave everything on the server",
    confronts="pop3-deletes",
    parts={"the small ones": 3, "no big one is fetched": 2, "nothing is deleted": 1},
    hints=(
        "poplib.POP3(server, 110), then .user(…) and .pass_(…). LIST tells number and octets of each message.",
        'poplib\'s .list()[1] has lines such as b"3 1204". Fetch only numbers whose octets are below the limit.',
        "RETR does not delete, DELE would. Close with .quit().",
    ),
)
def small(case: Case) -> None:
    """fetch_small(server, person, password, most) → the subjects of messages with fewer octets than `most`."""
    letters, most = _sizes(case.world), 5000
    lab = _filled(case, letters)
    bruno = lab.person(case.world.person("bruno"))
    expected = [subject for _, subject, size in letters if size < most - 1500]
    with (
        case.part(
            "the small ones", f"the subjects of all messages below {most} octets, in the order of the server"
        ) as check,
        lab.tap() as tap,
    ):
        got = case.call(bruno.server, bruno.address, bruno.password, most, seconds=10, lab=lab)
        said = [packet.data.decode("ascii", "replace").upper() for packet in tap.packets if packet.from_client]
        numbers = {
            int(line.split()[1])
            for text in said
            for line in text.splitlines()
            if line.startswith(("RETR ", "TOP ")) and line.split()[1].isdigit()
        }
        check(got == expected, f"fetch_small(…, {most}) returned {got!r}")
        big = {number for number, (_, subject, _) in enumerate(letters, 1) if subject not in expected}
        retrieved = sorted(big & numbers)
        case.expect(
            "no big one is fetched",
            bool(numbers) and not retrieved,
            "RETR or TOP for small messages, and for no other",
            f"message {retrieved[0]} has {letters[retrieved[0] - 1][2]:,} octets of text and was fetched"
            if retrieved
            else "nothing was fetched by POP3",
        )
        left = len(bruno.inbox())
        case.expect(
            "nothing is deleted",
            bool(numbers) and left == len(letters),
            f"all {len(letters)} messages are still there, and the small ones were fetched",
            f"{left} are left" if numbers else "nothing was fetched by POP3",
        )


# ---- IMAP: a search ------------------------------------------------------------------------------------------


@task(
    HERE,
    "search",
    "Let the server search, by IMAP",
    kind="write",
    aim="let the server search, and look without changing anything",
    parts={"the right ones": 3, "nothing is changed": 2},
    hints=(
        'imaplib.IMAP4(server), .login(…), then .select("INBOX", readonly=True). Read-only marks nothing as read.',
        (
            'client.uid("SEARCH", "UNSEEN", "FROM", \'"alice"\', …): all conditions must be true. '
            "SUBJECT searches the subject."
        ),
        'The answer is one line of octets with numbers in it: [b"2 5"]. Give back whole numbers, in their order.',
    ),
)
def search(case: Case) -> None:
    """find(server, person, password, sender, word) → UIDs of unread messages of a sender with a word in the subject."""
    world = case.world
    one, two, three = world.some("subjects", SUBJECTS, 3)
    plan = [
        ("alice", one, 100),
        ("amir", one, 100),
        ("alice", f"Re: {one}", 100),
        ("alice", two, 100),
        ("bea", three, 100),
        ("alice", f"{one} again", 100),
    ]
    letters = [("amir", "Old", 100), *world.mixed("plan", plan)]
    lab = _filled(case, letters)
    bruno = lab.person(world.person("bruno"))
    bruno.delete(
        next(mail.uid for mail in bruno.inbox() if mail.subject == "Old")
    )  # from now on a UID is not the number
    listed = list(bruno.inbox())
    read = next(mail for mail in listed if mail.subject == f"{one} again")
    bruno.read(read.uid)
    before = {mail.uid: mail.flags for mail in bruno.inbox()}
    expected = [int(m.uid) for m in listed if one in m.subject and "alice" in m.sender.lower() and m.uid != read.uid]
    numbers = [number for number, mail in enumerate(listed, 1) if int(mail.uid) in expected]
    logins = _logins(lab)
    with case.part("the right ones", f"the UIDs of unread messages from alice with “{one}” in the subject") as check:
        got = case.call(bruno.server, bruno.address, bruno.password, "alice", one, seconds=10, lab=lab)
        came = _logins(lab) > logins
        check(
            got == expected,
            f"find(…, 'alice', {one!r}) returned "
            f"{got!r}{'; these are numbers, and not UIDs' if got == numbers else ''}",
        )
        after = {mail.uid: mail.flags for mail in bruno.inbox()}
        changed = [uid for uid, flags in before.items() if after.get(uid) != flags]
        case.expect(
            "nothing is changed",
            came and after == before,
            "the server is asked, and afterwards the same messages have the same flags",
            f"{len(changed)} of {len(before)} messages are gone or have other flags now"
            if came
            else "nobody logged in at the server",
        )


def _logins(lab: Lab) -> int:
    return sum(event.what == "logged-in" for event in lab.trace)


# ---- what an IMAP server says ---------------------------------------------------------------------------------


def _listing(world: World) -> list[tuple[int, str, str]]:
    """(uid, flags, subject) in the order of the folder."""
    uid, rows = world.number("uid", 3, 40), []
    for n, subject in enumerate(world.some("listed", SUBJECTS, 6)):
        uid += world.number(f"step {n}", 1, 9)
        rows.append(
            (
                uid,
                world.pick(f"flags {n}", ["", "\\Seen", "\\Seen \\Flagged", "\\Flagged", "\\Seen \\Answered"]),
                subject,
            )
        )
    return rows


def _gone(world: World) -> int:
    return world.number("gone", 1, 3)


def imap_text(world: World) -> Shown:
    """What the server said to the phone."""
    lines = [
        'a2 SELECT "INBOX"',
        "* 6 EXISTS",
        "a2 OK [READ-WRITE] done",
        "a3 FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])",
    ]
    for number, (uid, flags, subject) in enumerate(_listing(world), 1):
        head = f"Subject: {subject}"
        lines += [
            f"* {number} FETCH (UID {uid} FLAGS ({flags}) BODY[HEADER.FIELDS (SUBJECT)] {{{len(head) + 4}}}",
            head,
            "",
            ")",
        ]
    return Shown("\n".join([*lines, "a3 OK done", "a4 NOOP", f"* {_gone(world)} EXPUNGE", "a4 OK done"]))


@task(
    HERE,
    "listing",
    "What does the phone show?",
    kind="read",
    aim="read flags, UIDs and numbers in what an IMAP server says",
    parts={"flags": 2, "numbers after an EXPUNGE": 2},
    given=imap_text,
    hints=(
        "\\Seen means read. A message without it is unread, whatever other flags it has.",
        "After “* 2 EXPUNGE”, number 2 is gone, and every higher number is one less. UIDs stay as they are.",
    ),
)
def listing(case: Case) -> None:
    """Four answers."""
    keys = ("unread at first", "flagged at first", "uid of number 3 at the end")
    got = case.table(keys, int) | case.table(["subject of number 5 at the end"])
    rows = _listing(case.world)
    left = [row for number, row in enumerate(rows, 1) if number != _gone(case.world)]
    right = (
        sum("Seen" not in flags for _, flags, _ in rows),
        sum("Flagged" in flags for _, flags, _ in rows),
        left[2][0],
    )
    for key, expected in zip(keys, right, strict=True):
        case.expect(
            "flags" if "first" in key else "numbers after an EXPUNGE",
            got[key] == expected,
            key,
            f"your answer was {got[key]}",
        )
    last = "subject of number 5 at the end"
    case.expect("numbers after an EXPUNGE", got[last] == left[4][2], last, f"your answer was {got[last]!r}")


# ---- two devices ------------------------------------------------------------------------------------------------


@task(
    HERE,
    "devices",
    "Two devices, one mailbox",
    kind="predict",
    aim="predict what a second device shows, with each protocol",
    confronts="imap-backup",
    parts={"the first three": 3, "the last two": 2},
    later=("the last two",),
    given=lambda world: numbered("what happens", experiments(world)),
    opens=lambda world: world.open(),
    hints=(
        (
            "IMAP: one mailbox on the server, and every device shows it. POP3: "
            "a device takes copies, and what happens to them is its own business."
        ),
        "Whoever deletes on the server deletes for everybody who looks there afterwards.",
        "A POP3 device knows nothing of flags. What it has fetched, it keeps.",
    ),
)
def devices(case: Case) -> None:
    """A dictionary: number of the question → True or False; tried with devices."""
    known = experiments(case.world)
    got = case.numbered(list(known), bool)
    for number, (name, run) in enumerate(known.items()):
        part = "the first three" if number < 3 else "the last two"
        if part in case.skipped:
            continue
        happened = run(_filled(case, [("alice", "One letter", 100)]))
        case.expect(
            part,
            got[name] is happened,
            f"{number + 1}: {name}",
            f"you said {got[name]}; two devices tried it, and it is the other way round",
        )


# ---- leaving mail on the server ----------------------------------------------------------------------------------


@task(
    HERE,
    "uidl",
    "Which ones are new?",
    kind="write",
    aim="leave mail on a POP3 server without fetching it twice",
    parts={"the first time": 1, "later": 2, "after somebody deleted": 1},
    hints=(
        "Each line of UIDL has the number of this session, and a name that stays. Which of the two do you remember?",
        (
            "Numbers begin at 1 in every session, and move when something is deleted. "
            "So compare names, and return numbers."
        ),
    ),
)
def uidl(case: Case) -> None:
    """new_ones(lines, known) → numbers of the messages whose unique names are not among `known`."""
    names = [f"{case.world.number(f'u{n}', 100, 999)}x{n}" for n in range(5)]
    for part, there, known in (
        ("the first time", names[:3], []),
        ("later", names, names[:3]),
        ("later", names[:3], names[:3]),
        ("after somebody deleted", [names[1], names[3], names[4]], names[:3]),
    ):
        lines = [f"{number} {name}" for number, name in enumerate(there, 1)]
        expected = [number for number, name in enumerate(there, 1) if name not in known]
        with case.part(part, "the numbers of messages that were not fetched before") as check:
            got = case.call(lines, known)
            names_only = isinstance(got, list) and any(isinstance(one, str) for one in got)
            check(
                got == expected,
                f"new_ones({lines}, {known}) returned {got!r}{'; whole numbers are asked for' if names_only else ''}",
            )


# ---- the end of a message ---------------------------------------------------------------------------------------


@task(
    HERE,
    "unstuff",
    "Where does the message end?",
    kind="write",
    aim="take a message out of what RETR answers: the last dot, and dots that were put in front",
    parts={"the end": 1, "dots": 2},
    hints=(
        "The first line is +OK. The message ends before the line that is one dot alone.",
        "A line that begins with a dot got one more from the server, RFC 1939 §3. Take one away, and only one.",
    ),
)
def unstuff(case: Case) -> None:
    """message_of(lines) → the lines of the message, from the lines that a server said."""
    word = case.world.pick("word", SUBJECTS)
    for part, message in (
        ("the end", [f"Subject: {word}", "", "Good morning."]),
        ("the end", [f"Subject: {word}", ""]),
        ("dots", [f"Subject: {word}", "", ".", "..", ".hidden", "end."]),
        ("dots", ["...", f".{word}"]),
    ):
        lines = ["+OK message follows", *("." + line if line.startswith(".") else line for line in message), "."]
        with case.part(part, "the message as it was sent, line by line") as check:
            got = case.call(lines)
            check(got == message, f"message_of({lines}) returned {got if isinstance(got, list) else a(got)}")


# ---- which protocol? ------------------------------------------------------------------------------------------------

USERS = {
    "Bea reads on her phone, her laptop and a web page, and wants to see the same everywhere": "IMAP",
    "Bruno keeps folders on the server and moves letters into them": "IMAP",
    "a program takes orders out of a mailbox every night, and nothing may stay there": "POP3",
    "the server has little room; one old computer must have all mail, and the server none": "POP3",
    "two colleagues look after one mailbox and want to see what the other has answered": "IMAP",
}


def users(world: World) -> Table:
    """What the student sees."""
    return numbered("who, and what for", world.mixed("users", list(USERS)))


@task(
    HERE,
    "choose",
    "Which protocol?",
    kind="read",
    aim="choose a protocol from what somebody needs",
    confronts="pop3-mda",
    parts={"the first three": 2, "the last two": 1},
    later=("the last two",),
    given=users,
    hints=(
        "One state that is shared, on the server: IMAP. Fetch everything and hang up: POP3.",
        "POP3 knows one folder, no flags, and nobody else.",
    ),
)
def choose(case: Case) -> None:
    """A dictionary: number of the user → "IMAP" or "POP3"."""
    listed = case.world.mixed("users", list(USERS))
    got = case.numbered(listed)
    for number, who in enumerate(listed):
        if got[who] not in ("IMAP", "POP3"):
            raise Stopped(f"{got[who]!r} is none of the two: 'IMAP', 'POP3'.")
        part = "the first three" if number < 3 else "the last two"
        case.expect(
            part,
            got[who] == USERS[who],
            f"{number + 1}: the protocol that fits: {who}",
            f"with {got[who]} this does not work well",
        )
