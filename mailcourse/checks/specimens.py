"""What the tasks of exercise 04 show: replies, a dialogue with one mistake, an errand, a message in base64.

    mixed_replies(world)    (reply, what a client does) pairs
    dialogue(world)         lines, the number of the wrong one, and what is wrong; dialogue_text as a student sees it
    letter_of(world)        the letter that is to be dictated; errand as a student sees it
    coded(world)            a message that looks secret, its subject, and the word in its text
    envelope_cases(world)   questions; envelope_decides(case, kind) makes the experiment that answers one

Who uses it: tasks/a04_smtp.py.
"""

from __future__ import annotations

from base64 import b64encode
from email.header import Header

from mailcourse.checks.probe import answers, story
from mailcourse.checks.task import Case, Shown
from mailcourse.checks.world import World

MEANS = ("go on", "try again later", "give up")
REPLIES = (
    ("250 2.1.5 ok", "go on"),
    ("550 5.1.1 there is no mailbox here", "give up"),
    ("451 4.3.0 the disk is full, try again later", "try again later"),
    ("354 end with a dot alone on a line", "go on"),
    ("452 4.2.2 the mailbox is full", "try again later"),
    ("554 5.7.1 your network is on our list", "give up"),
    ("421 4.3.2 closing down", "try again later"),
    ("552 5.3.4 the message is too big, please try later", "give up"),
    ("220 2.0.0 ready to start TLS", "go on"),
    ("450 4.7.1 greylisted: not permanently refused", "try again later"),
)


def mixed_replies(world: World) -> list[tuple[str, str]]:
    """Two replies of each kind, in an order of this world."""
    kinds = {meaning: [r for r in REPLIES if r[1] == meaning] for meaning in MEANS}
    return world.mixed("replies", [r for meaning in MEANS for r in world.some(f"r {meaning}", kinds[meaning], 2)])


WRONG = (
    "a command came too early",
    "there is no such person",
    "this server does not carry mail for strangers",
    "an address is written wrongly",
)


def dialogue(world: World) -> tuple[list[str], int, str]:
    """The lines of a client, the number of the wrong one from 1, and what is wrong with it."""
    what = world.pick("what", WRONG)
    helo, sender = f"EHLO laptop.{world.school}", f"MAIL FROM:<{world.person('alice')}>"
    good, other = f"RCPT TO:<{world.person('bruno')}>", f"RCPT TO:<{world.person('bea')}>"
    lines = {
        WRONG[0]: [helo, good, sender, other],
        WRONG[1]: [helo, sender, good, f"RCPT TO:<bruni@{world.shop}>"],
        WRONG[2]: [helo, sender, good, "RCPT TO:<somebody@carrier.test>"],
        WRONG[3]: [helo, f"MAIL FROM:<alice {world.school}>", sender, good],
    }[what]
    wrong = {WRONG[0]: 2, WRONG[1]: 4, WRONG[2]: 4, WRONG[3]: 2}[what]
    if world.pick("more", (False, True)):
        lines, wrong = [lines[0], "NOOP", *lines[1:]], wrong + 1
    return lines, wrong, what


def dialogue_text(world: World) -> Shown:
    """The dialogue, as the lab's server answers it; the reason is left out."""
    lines = dialogue(world)[0]
    with world.open(name=f"a dialogue of {world.name}") as lab:
        said = answers(lab, world.best, *lines)
    shown = [
        f"{n:>2}  C: {line}\n    S: {reply[:9].rstrip()} …"
        for n, (line, reply) in enumerate(zip(lines, said, strict=True), 1)
    ]
    return Shown("\n".join(shown))


def said_to(world: World, number: int) -> str:
    """Tell what the server said to a line of the dialogue."""
    codes = [line.split()[1] for line in str(dialogue_text(world)).splitlines() if line.startswith("    S:")]
    if not 0 < number <= len(codes):
        return f"there is no line {number}"
    return f"the server said {codes[number - 1]} to line {number}"


def letter_of(world: World) -> tuple[str, str, list[str]]:
    """Subject, recipient and text of the letter to dictate; one line begins with a dot."""
    goods = world.pick("goods", ["rolls", "lilies", "bowls", "bottles", "lamps"])
    count = world.number("count", 12, 90)
    return (
        f"{count} {goods}",
        world.pick("to", ["bruno", "bea"]),
        ["Please note:", f".5 of the {goods} are for Amir.", "Alice"],
    )


def errand(world: World) -> Shown:
    """What the student sees."""
    subject, name, text = letter_of(world)
    return Shown(
        f"server      {world.best}, port 25\nsender      {world.person('alice')}\nrecipient   {world.person(name)}\n"
        f"Subject     {subject}\ntext        " + "\n            ".join(text)
    )


def coded(world: World) -> tuple[str, str, str]:
    """A message in base64, its subject, and the word that is hidden in its text."""
    cake = world.pick("subject", ["Café", "Brötchen", "Mañana", "Crème", "Smørrebrød"])
    subject = f"{cake} {world.number('year', 1990, 2026)}"
    kind = world.pick("word", ["green", "quiet", "round", "early"])
    thing = world.pick("thing", ["door", "river", "apple", "stone"])
    word = f"{kind}-{thing}-{world.number('w', 10, 99)}"
    body = b64encode(f"The key is under the mat.\nThe word for the door is {word}.\n".encode()).decode()
    lines = "\n".join(body[n : n + 60] for n in range(0, len(body), 60))
    head = f"Subject: {Header(subject, 'utf-8').encode()}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
    return f"{head}Content-Transfer-Encoding: base64\n\n{lines}", subject, word


PEOPLE = ("bruno", "bea", "alice", "amir", "nobody")


def envelope_cases(world: World) -> dict[str, str]:
    """Question → key of the experiment that answers it."""
    one, two = world.mixed("people", ["bruno", "bea"])
    says = f"MAIL FROM says alice, RCPT TO says {one}, the header says"
    lost = "MAIL FROM says alice, RCPT TO says an address that a forwarder cannot reach, the header says From: amir."
    return {
        f"{says} To: {two}. Who gets the letter?": "to",
        f"{says} From: amir. Somebody presses Reply: whose address does the program put in?": "from",
        f"{lost} Who gets the bounce?": "bounce",
    }


def envelope_decides(case: Case, kind: str) -> str:
    """Make the experiment, and say who it was."""
    world, lab = case.world, case.lab()
    one, two = world.mixed("people", ["bruno", "bea"])
    alice = lab.person(world.person("alice"))
    to = world.person(one) if kind != "bounce" else f"lost{world.number('lost', 1, 9)}@{world.shop}"
    sent = alice.send(
        world.person(two), kind, "x", recipients=to, from_header=world.person("amir") if kind != "to" else ""
    )
    lab.settle()
    if kind == "from":
        return str(next(iter(lab.person(to).fetch())).sender).split("@")[0].split("<")[-1]
    subject = "" if kind == "bounce" else kind
    boxes = {
        name: [m for m in lab.person(world.person(name)).fetch() if subject in (m.subject, "")] for name in PEOPLE[:4]
    }
    reached = [name for name, mails in boxes.items() if mails]
    assert len(reached) == 1, story(sent)
    return reached[0]
