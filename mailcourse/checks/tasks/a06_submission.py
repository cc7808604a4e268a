"""06 Submission and encryption: ports, what an eavesdropper reads, AUTH, TLS with a certificate that is checked."""

from __future__ import annotations

import smtplib
import ssl
from base64 import b64decode, b64encode
from typing import Any

from mailcourse.checks.impostors import IMPOSTOR_PART, call_a_false_server, call_under_another_name, said_outside
from mailcourse.checks.task import Case, Shown, Stopped, a, numbered, task
from mailcourse.checks.world import World
from mailcourse.views import Lab

HERE = "06-submission"
PASSWORDS = ("paper-boat", "tall-grass", "cold-tea", "blue-door", "slow-train", "warm-stone", "early-bird", "red-lamp")

# ---- ports ---------------------------------------------------------------------------------------------

PORTS = {
    "a laptop sends a letter; TLS begins with the first octet": 465,
    "a laptop sends a letter; it says STARTTLS before it logs in": 587,
    "a mail server hands a letter to the server of another domain": 25,
    "a program reads by IMAP; TLS begins with the first octet": 993,
    "a program reads by IMAP; STARTTLS comes later": 143,
    "a program reads by POP3; TLS begins with the first octet": 995,
    "a program reads by POP3; STLS comes later": 110,
}


@task(
    HERE,
    "ports",
    "Which port?",
    kind="read",
    aim="choose the port for sending, for relaying and for reading, with each way of beginning TLS",
    confronts="port-25",
    parts={"sending and relaying": 2, "reading": 1},
    given=lambda world: numbered("what happens", world.mixed("ports", list(PORTS))),
    hints=(
        "People submit, servers relay. These are two ports, also on the same machine.",
        "Each of the reading protocols has a port where TLS comes later, and one where it comes at once.",
        "465 is a current port: RFC 8314 §3.3. 25 is for servers among themselves.",
    ),
)
def ports(case: Case) -> None:
    """A dictionary: number of the line → port."""
    got = case.numbered(case.world.mixed("ports", list(PORTS)), int)
    for number, what in enumerate(got, 1):
        part = "reading" if "reads" in what else "sending and relaying"
        case.expect(
            part, got[what] == PORTS[what], f"{number}: the port when {what}", f"{got[what]} is for something else"
        )


# ---- an eavesdropper --------------------------------------------------------------------------------------


def _login(world: World) -> tuple[str, str]:
    who = world.person(world.pick("who", ["alice", "amir"]))
    return who, f"{world.pick('password', PASSWORDS)}-{world.number('number', 10, 99)}"


def _coded(text: str) -> str:
    return b64encode(text.encode()).decode()


def overheard(world: World) -> Shown:
    """What passed on a link: a login in the clear, and one inside TLS."""
    person, password = _login(world)
    server = world.school_server
    kinds = {
        "plain": ["→ AUTH PLAIN " + _coded(f"\0{person}\0{password}"), "← 235 2.7.0 welcome"],
        "login": [
            "→ AUTH LOGIN",
            "← 334 " + _coded("Username:"),
            "→ " + _coded(person),
            "← 334 " + _coded("Password:"),
            "→ " + _coded(password),
            "← 235 2.7.0 welcome",
        ],
    }
    hello = [f"← 220 {server} ESMTP", f"→ EHLO laptop.{world.school}", f"← 250-{server}", "← 250 AUTH PLAIN LOGIN"]
    more = ["→ NOOP", "← 250 2.0.0 ok"] * world.number("more", 0, 2)
    tls = [
        "→ STARTTLS",
        "← 220 2.0.0 ready to start TLS",
        "→   0000  16 03 01 02 00 01 00 01  fc 03 03 9a 4e 0b 6d c1",
        "←   0000  16 03 03 00 7a 02 00 00  76 03 03 5d 21 c0 0e 11",
        "→   0000  17 03 03 00 45 91 e2 0b  77 3c 18 aa 4f 02 d9 66",
    ]
    old = [*hello, *kinds[world.pick("mechanism", ["plain", "login"])]]
    return Shown("connection 1\n" + "\n".join(old) + "\n\nconnection 2\n" + "\n".join([*hello, *more, *tls]))


@task(
    HERE,
    "eavesdrop",
    "What did the eavesdropper learn?",
    kind="read",
    aim="read a password from a login in the clear, and say where the reading ends when TLS begins",
    confronts="base64",
    parts={"who logged in": 1, "the password": 2, "what came before TLS": 1},
    given=overheard,
    hints=(
        "base64.b64decode(…).decode() needs no key. What comes out?",
        (
            "AUTH PLAIN has three pieces, with a zero octet between them: "
            "the first is mostly empty, then name, then password."
        ),
        "In connection 2, count the lines of the client (→) that are text: the last one is the line that asks for TLS.",
    ),
)
def eavesdrop(case: Case) -> None:
    """Name, password, and the number of readable lines of the second client."""
    got = case.table(["person", "password"]) | case.table(["readable lines"], int)
    person, password = _login(case.world)
    second = str(overheard(case.world)).partition("connection 2")[2].splitlines()
    readable = sum(line.startswith("→ ") and not line.startswith("→   ") for line in second)
    case.expect("who logged in", got["person"] == person, "the name in the login", f"your answer was {got['person']!r}")
    case.expect(
        "the password",
        got["password"] == password,
        "the password, as somebody would type it",
        f"your answer was {got['password']!r}",
    )
    case.expect(
        "what came before TLS",
        got["readable lines"] == readable,
        "the lines of the client in connection 2 that can be read",
        f"you counted {got['readable lines']}",
    )


# ---- AUTH PLAIN ---------------------------------------------------------------------------------------------


def _client(lab: Lab, host: str, port: int = 587) -> smtplib.SMTP:
    client = smtplib.SMTP(host, port, "laptop.example", timeout=10)
    client.starttls(context=ssl.create_default_context(cafile=str(lab.ca)))
    client.ehlo()
    return client


@task(
    HERE,
    "auth-plain",
    "The line that logs in",
    kind="write",
    aim="make the answer of AUTH PLAIN, and know that it is coding and no encryption",
    confronts="helo-auth",
    parts={"a server lets it in": 2, "letters of the whole world": 1, "a wrong password stays out": 1},
    hints=(
        "RFC 4616: an empty piece, a zero octet, the name, a zero octet, the password. Then base64.",
        '"\\0" is the zero octet in Python. Text becomes octets with .encode(), in UTF-8.',
    ),
)
def auth_plain(case: Case) -> None:
    """auth_plain(person, password), tried on a server's port 587."""
    lab, world = case.lab(), case.world
    alice = lab.person(world.person("alice"))
    is_in = False
    for part, password, expected in (
        ("a server lets it in", alice.password, 235),
        ("a wrong password stays out", f"not-{alice.password}", 535),
    ):
        with case.part(part, f"{world.school_server} says {expected} to AUTH PLAIN with it") as check:
            answer = case.call(alice.address, password)
            if not check(isinstance(answer, str), f"auth_plain returned {a(answer)}; text is asked for"):
                continue
            if not check(
                answer.isascii() and "\n" not in answer,
                f"auth_plain returned {answer!r}, which is not one line of ASCII",
            ):
                continue
            with lab.online(f"laptop.{world.school}"), _client(lab, world.school_server) as client:
                code, said = client.docmd("AUTH", f"PLAIN {answer}")
            is_in = is_in or code == 235
            check(code == expected, f"it said {code} {said.decode()}")
            case.expect(
                part,
                is_in,
                "the right password is let in, and a wrong one is not",
                "the right password was not let in yet",
            )
    with case.part("letters of the whole world", "the same, in UTF-8") as check:
        person, password = f"josé@{world.school}", "señal-ünïcode"
        check(
            _octets(case.call(person, password)) == f"\0{person}\0{password}".encode(),
            "it does not decode to the name and password in UTF-8",
        )


def _octets(text: Any) -> bytes:
    try:
        return b64decode(str(text), validate=True)
    except ValueError:
        return b""


# ---- submission with everything -------------------------------------------------------------------------------


@task(
    HERE,
    "submit",
    "A letter, submitted as it should be",
    kind="write",
    aim="submit with STARTTLS, a certificate that is checked, and AUTH",
    parts={"the letter is submitted": 2, "the password is not to be heard": 2, "a false server learns nothing": 2},
    hints=(
        "Order: connect, starttls, login, send. What is said before starttls can be heard by everybody on the link.",
        (
            "ssl.create_default_context(cafile=ca) trusts the lab's CA and checks the name. "
            "Give it to starttls(context=…)."
        ),
        "Without a context, starttls of smtplib checks nothing: then a false server gets the password inside TLS.",
    ),
)
def submit(case: Case) -> None:
    """submit(server, ca, person, password, to, subject); tried with a true server and with a false one."""
    world, lab = case.world, case.lab()
    alice, to = lab.person(world.person("alice")), world.person("bruno")
    arguments = (world.school_server, lab.ca, alice.address, alice.password, to, "Submitted")
    with case.part(
        "the letter is submitted", f"a letter with the Subject “Submitted” comes to {to}, and Alice had logged in"
    ) as check:
        with lab.tap() as tap:
            case.call(*arguments, seconds=10, lab=lab)
        lab.settle()
        subjects = [mail.subject for mail in lab.person(to).fetch()]
        logged = any(event.what == "logged-in" and event.facts["person"] == alice.address for event in lab.trace)
        check(
            subjects == ["Submitted"] and logged,
            f"Bruno has {subjects or 'no letter'}; a login of Alice: {'yes' if logged else 'no'}",
        )
        heard = said_outside(tap)
        safe = b"AUTH" not in heard.upper() and b"STARTTLS" in heard.upper()
        case.expect(
            "the password is not to be heard", safe, "STARTTLS is said, and AUTH only inside TLS", _heard(heard)
        )
    if case.expect(
        IMPOSTOR_PART,
        any(e.what == "logged-in" and e.facts["person"] == alice.address for e in lab.trace),
        "a login at the true server, and none at a false one",
        "there was no login yet, not even at the true server",
    ):
        call_a_false_server(case)
        call_under_another_name(case)


def _heard(heard: bytes) -> str:
    lines = [line.decode("ascii", "replace") for line in heard.split(b"\r\n") if line.isascii()][:4]
    return f"an eavesdropper reads: {lines}"


# ---- who can read it? ---------------------------------------------------------------------------------------------


def _readers(world: World) -> dict[str, tuple[str, str]]:
    """Question → (how servers use TLS, who it is)."""
    school, best = world.school_server, world.best
    questions = {
        f"the servers use no TLS among themselves; somebody listens between {school} and {best}": ("never", "link"),
        f"the servers use TLS; somebody listens between {school} and {best}": ("may", "link"),
        f"the servers use no TLS among themselves; somebody listens between Alice's laptop and {school}": (
            "never",
            "laptop",
        ),
        f"the servers use TLS on every hop; the administrator of {best} looks into its queue": ("may", "queue"),
    }
    return {name: questions[name] for name in world.mixed("readers", list(questions))}


@task(
    HERE,
    "who-reads",
    "Who can read the letter?",
    kind="predict",
    aim="say what TLS protects: one hop, and no server",
    confronts="tls-end",
    parts={"the first two": 2, "the last two": 2},
    later=("the last two",),
    given=lambda world: numbered("situation", _readers(world)),
    hints=(
        "Each connection has TLS of its own. Which connection is meant?",
        "A server takes the letter out of one TLS connection and puts it into the next. What does it have in between?",
    ),
)
def who_reads(case: Case) -> None:
    """A dictionary: number of the situation → True when the text can be read there; tried with a tap."""
    questions = _readers(case.world)
    got = case.numbered(list(questions), bool)
    for number, (name, (tls, place)) in enumerate(questions.items()):
        part = "the first two" if number < 2 else "the last two"
        if part in case.skipped:
            continue
        case.expect(
            part,
            got[name] is _can_read(case, tls, place),
            f"{number + 1}: {name}",
            f"you said {got[name]}; in the lab it is the other way round",
        )


def _can_read(case: Case, tls: str, place: str) -> bool:
    world = case.world
    lab = case.lab(hosts={world.school_server: {"tls": tls}})
    ends = {"link": (world.school_server, world.best), "laptop": (f"laptop.{world.school}", world.school_server)}
    if place == "queue":
        lab.fault(world.home, "down")
    with lab.tap(*ends.get(place, ends["link"])) as tap:
        lab.person(world.person("alice")).send(world.person("bruno"), "Salary", "It will be 1,900 euros.")
        lab.settle()
    if place == "queue":
        files = [file.read_bytes() for file in (lab.path / "hosts" / world.best).rglob("*") if file.is_file()]
        return any(b"1,900 euros" in octets for octets in files)
    return any(b"1,900 euros" in packet.data for packet in tap.packets)


# ---- certificates ---------------------------------------------------------------------------------------------------

STOPS, GOES_ON = "it stops", "it goes on"


def _calls(world: World) -> dict[str, tuple[bool, bool, bool]]:
    """Situation → (trusts the CA that signed, calls the server by the name in the certificate, looks at all)."""
    calls = {
        "the CA is trusted, and the name in the certificate is the one that was called": (True, True, True),
        "the CA is trusted, and the name in the certificate is another one": (True, False, True),
        "the CA is not known to the client; the name is right": (False, True, True),
        "the CA is not known and the name is another one; the client was told not to check": (False, False, False),
    }
    return {name: calls[name] for name in world.mixed("calls", list(calls))}


@task(
    HERE,
    "certificate",
    "Does the client go on?",
    kind="predict",
    aim="say what a client looks for in a certificate, and what it means not to look",
    parts={"a client that checks": 2, "a client that does not": 1},
    given=lambda world: numbered("situation", _calls(world)),
    hints=(
        "A client that checks asks two things: who signed this, and whose name is in it?",
        "Encryption alone does not say who is at the other end. What does a client do that checks nothing?",
    ),
)
def certificate(case: Case) -> None:
    """A dictionary: number of the situation → "it stops" or "it goes on"; tried with real handshakes."""
    calls = _calls(case.world)
    got = case.numbered(list(calls))
    lab = case.lab()
    for name, (trusts, right_name, looks) in calls.items():
        if got[name] not in (STOPS, GOES_ON):
            raise Stopped(f"{got[name]!r} is none of the two: {STOPS!r}, {GOES_ON!r}.")
        context = ssl.create_default_context(cafile=str(lab.ca) if trusts else None)
        if not looks:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        host = case.world.school_server if right_name else f"imap.{case.world.school}"
        happened = _handshake(lab, host, context, f"laptop.{case.world.school}")
        part = "a client that checks" if looks else "a client that does not"
        case.expect(
            part,
            got[name] == happened,
            f"what the client does: {name}",
            f"you said {got[name]!r}; a real client tried it and did the other",
        )


def _handshake(lab: Lab, host: str, context: ssl.SSLContext, source: str) -> str:
    with lab.online(source), smtplib.SMTP(host, 587, "laptop.example", timeout=10) as client:
        try:
            client.starttls(context=context)
        except ssl.SSLCertVerificationError:
            client.close()
            return STOPS
    return GOES_ON
