"""The known traps of mail servers on asyncio, by their numbers in our notes: ours does not step into them."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mailcourse import Lab
from mailcourse.message.address import Address
from mailcourse.message.envelope import Parcel
from mailcourse.message.reply import Delivered, Outcome, Reply
from mailcourse.mta import session
from mailcourse.mta.data import TOO_LONG, read_data
from mailcourse.mta.unread import Unread

MX1, ACADEMY = ("mx1.bakery.test", 25), ("mail.academy.test", 587)
BEGIN = b"EHLO laptop.academy.test\r\nMAIL FROM:<alice@academy.test>\r\n"
TO_BRUNO = b"RCPT TO:<bruno@bakery.test>\r\n"
SMALL = b"Subject: small\r\n\r\nhello\r\n.\r\n"


class Client:
    """Somebody with a socket, who says what is to be said and reads replies of SMTP."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock
        self.file = sock.makefile("rb")

    def reply(self) -> str:
        """The last line of the next reply; empty when the server has closed."""
        while True:
            line = self.file.readline().decode()
            if line[3:4] != "-":
                return line.strip()

    def ask(self, octets: bytes) -> str:
        """Say something; return the last reply of as many as there are lines."""
        self.socket.sendall(octets)
        return [self.reply() for _ in range(octets.count(b"\r\n"))][-1]

    def tell(self, message: bytes) -> str:
        """Say DATA and a whole message."""
        assert self.ask(b"DATA\r\n").startswith("354")
        self.socket.sendall(message)
        return self.reply()

    def secure(self, context: ssl.SSLContext, name: str) -> Client:
        return Client(context.wrap_socket(self.socket, server_hostname=name))

    def rest(self) -> bytes:
        """Say that nothing more comes; return everything that the server still says."""
        self.socket.shutdown(socket.SHUT_WR)
        return self.file.read()

    def vanish(self) -> None:
        """Break the connection at once, as when the cable is cut."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.file.close()
        self.socket.close()


Connect = Callable[..., Client]


@pytest.fixture
def connect(lab: Lab) -> Iterator[Connect]:
    """Connect to a server of the lab and read its greeting."""
    opened: list[Client] = []

    def one(where: tuple[str, int] = MX1, *, source: str | None = None) -> Client:
        host, port = where
        if source is None:
            sock = socket.create_connection(lab.endpoint(host, port), 10)
        else:
            sock = lab.host(source).dial(lab.host(host).addresses[0], port, timeout=10)
        opened.append(Client(sock))
        if port in (25, 587):
            assert opened[-1].reply().startswith(f"220 {host}")
        return opened[-1]

    yield one
    for client in opened:
        client.file.close()
        client.socket.close()


def subjects(lab: Lab, person: str = "bruno@bakery.test") -> list[str]:
    return [mail.subject for mail in lab.person(person).inbox()]


def incoming(lab: Lab, host: str = "mx1.bakery.test") -> list[str]:
    return os.listdir(lab.mail_servers[host].queue.incoming)


def accepted(lab: Lab) -> list[str]:
    return [event.host for event in lab.trace if event.what == "accepted"]


@contextmanager
def settings(lab: Lab, host: str, **changed: int) -> Iterator[None]:
    server = lab.mail_servers[host]
    before = server.settings
    server.settings = replace(before, **changed)
    yield
    server.settings = before


def turn_the_loop(lab: Lab) -> None:
    """Let the loop see what the operating system has for it, and act on it."""
    for _ in range(10):
        lab.runtime.call(lambda: None)


# ---- parameters, addresses, authentication -----------------------------------------------------------------


def test_p01_parameters_are_read_in_any_case_and_auth_is_accepted(connect: Connect) -> None:
    client = connect()
    told = client.ask(b"EHLO x.test\r\nMAIL FROM:<alice@academy.test> sIzE=10 body=8bitmime AUTH=<> SMTPUTF8\r\n")
    assert told == "250 2.1.0 sender <alice@academy.test> ok"
    assert client.ask(b"RCPT TO:<bruno@bakery.test> RRVS=NEVER\r\n").startswith("555 5.5.4")


def test_p02_the_null_sender_is_kept_and_never_gets_a_bounce(lab: Lab, connect: Connect) -> None:
    client = connect(("relay.carrier.test", 25), source="laptop.academy.test")
    assert client.ask(b"EHLO x.test\r\nMAIL FROM:<>\r\n").startswith("250")
    client.ask(b"RCPT TO:<bruno@bakery.test>\r\nRCPT TO:<nobody@bakery.test>\r\n")
    assert client.tell(SMALL).startswith("250")
    lab.settle()
    assert [e.facts["recipients"] for e in lab.trace if e.what == "failed"] == [["nobody@bakery.test"]]
    assert [e for e in lab.trace if e.what == "reported"] == []
    assert lab.person("bruno@bakery.test").fetch()[0].parsed["Return-Path"] == "<>"


def test_p03_an_address_without_angle_brackets_is_refused(connect: Connect) -> None:
    client = connect()
    assert client.ask(b"EHLO x.test\r\nMAIL FROM:alice@academy.test\r\n").startswith("501 5.5.4")
    assert client.ask(b"MAIL FROM:<@carrier.test:alice@academy.test>\r\n") == "250 2.1.0 sender <alice@academy.test> ok"


def test_p04_a_recipient_beyond_ascii_needs_smtputf8_in_mail(connect: Connect) -> None:
    client = connect()
    assert client.ask(BEGIN + "RCPT TO:<zoë@bakery.test>\r\n".encode()).startswith("553 5.6.7")
    client.ask(b"RSET\r\nMAIL FROM:<alice@academy.test> SMTPUTF8\r\n")
    assert client.ask("RCPT TO:<zoë@bakery.test>\r\n".encode()).startswith("550 5.1.1")


def test_p05_the_mechanism_of_auth_is_read_in_any_case(lab: Lab, connect: Connect) -> None:
    client = connect(ACADEMY)
    assert client.ask(b"EHLO x.test\r\nSTARTTLS\r\n").startswith("220")
    inside = client.secure(lab.certificates.client(), "mail.academy.test")
    told = inside.ask(b"EHLO x.test\r\nauth pLaIn AGFsaWNlQGFjYWRlbXkudGVzdABhcHBsZS10cmVlLTQx\r\n")
    assert told == "235 2.7.0 welcome, alice@academy.test"


def test_p06_a_slow_password_check_holds_up_nobody_else(lab: Lab, connect: Connect) -> None:
    asked, go_on = threading.Event(), threading.Event()

    class Slow:
        def check(self, person: str, password: str) -> bool:
            asked.set()
            return go_on.wait(10)

    lab.mail_servers["mail.academy.test"].passwords = Slow()
    client = connect(ACADEMY)
    client.ask(b"EHLO x.test\r\nSTARTTLS\r\n")
    inside = client.secure(lab.certificates.client(), "mail.academy.test")
    inside.ask(b"EHLO x.test\r\n")
    inside.socket.sendall(b"AUTH PLAIN AGFsaWNlAGFsaWNl\r\n")
    assert asked.wait(10)
    assert connect(ACADEMY).ask(b"EHLO y.test\r\n").startswith("250")
    go_on.set()
    assert inside.reply().startswith("235")


# ---- clients that leave ----------------------------------------------------------------------------------------


def test_p07_a_client_that_leaves_during_data_changes_nothing(lab: Lab, connect: Connect) -> None:
    client = connect()
    assert client.ask(BEGIN + TO_BRUNO + b"DATA\r\n").startswith("354")
    client.socket.sendall(b"Subject: half\r\n\r\n" + b"hello\r\n" * 20_000 + b".")
    assert client.rest() == b""
    assert (incoming(lab), accepted(lab), subjects(lab)) == ([], [], [])


def test_p07_a_client_that_breaks_during_data_changes_nothing(lab: Lab, connect: Connect) -> None:
    client = connect()
    assert client.ask(BEGIN + TO_BRUNO + b"DATA\r\n").startswith("354")
    client.socket.sendall(b"Subject: half\r\n\r\nhello\r\n")
    client.vanish()
    turn_the_loop(lab)
    assert (incoming(lab), accepted(lab), subjects(lab)) == ([], [], [])


def test_p07_a_client_that_leaves_while_its_message_is_written_is_served(
    lab: Lab, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncing, go_on, sync = threading.Event(), threading.Event(), os.fsync

    def slow_disk(descriptor: int) -> None:
        syncing.set()
        go_on.wait(10)
        sync(descriptor)

    client = connect()
    assert client.ask(BEGIN + TO_BRUNO + b"DATA\r\n").startswith("354")
    monkeypatch.setattr(os, "fsync", slow_disk)
    client.socket.sendall(SMALL)
    assert syncing.wait(10)
    client.vanish()
    turn_the_loop(lab)
    go_on.set()
    monkeypatch.undo()
    while not accepted(lab):
        turn_the_loop(lab)
    assert subjects(lab) == ["small"]
    assert incoming(lab) == []


def test_p07_a_client_that_says_no_more_gets_all_replies_and_its_message_is_delivered(
    lab: Lab, connect: Connect
) -> None:
    client = connect()
    client.socket.sendall(BEGIN + b"RCPT TO:<nobody@bakery.test>\r\n" + TO_BRUNO + b"DATA\r\n" + SMALL + b"NOOP\r\n")
    codes = [line[:3] for line in client.rest().splitlines() if line[3:4] == b" "]
    assert codes == [b"250", b"250", b"550", b"250", b"354", b"250", b"250"]
    lab.settle()
    assert subjects(lab) == ["small"]


def test_p08_a_lab_that_is_closed_keeps_what_it_accepted(make_lab: Callable[..., Lab], tmp_path: Path) -> None:
    first = make_lab(path=tmp_path)
    with socket.create_connection(first.endpoint(*MX1), 10) as sock:
        client = Client(sock)
        client.reply()
        client.ask(BEGIN + TO_BRUNO)
        assert client.tell(SMALL).startswith("250")
        first.close()
    second = make_lab(path=tmp_path)
    second.settle()
    assert set(subjects(second)) == {"small"}


def test_p09_a_lab_can_be_used_inside_a_running_loop(make_lab: Callable[..., Lab]) -> None:
    async def cell() -> str:
        lab = make_lab("two-offices")
        return lab.person("alice@academy.test").send("amir@academy.test", "x", "y").status["amir@academy.test"].state

    assert asyncio.run(cell()) == "delivered"


# ---- limits ---------------------------------------------------------------------------------------------------------


def test_p10_the_limit_of_a_line_belongs_to_one_session_and_stays(connect: Connect) -> None:
    first = connect()
    first.ask(b"EHLO x.test\r\n" * 50)
    assert connect().ask(b"EHLO y.test\r\n").startswith("250")
    assert first.ask(b"NOOP " + b"x" * 4089 + b"\r\n") == "250 2.0.0 ok"
    assert first.ask(b"NOOP " + b"x" * 4090 + b"\r\n").startswith("500 5.5.2")
    assert first.reply() == ""


def test_p11_a_failure_inside_is_421_and_tells_nothing_of_the_inside(lab: Lab, connect: Connect) -> None:
    class Broken:
        def refusal(self, recipient: Address) -> Reply | None:
            raise RuntimeError("/home/secret/path")

        def deliver(self, parcel: Parcel) -> Outcome:
            return Delivered(Reply(250, "", ""))

    lab.mail_servers["mx1.bakery.test"].delivery = Broken()
    client = connect()
    told = client.ask(BEGIN + TO_BRUNO)
    assert told == "421 4.3.0 something went wrong here; try again later"
    assert client.reply() == ""
    assert [e.host for e in lab.trace if e.what == "warning" and "/home/secret/path" in e.facts["text"]] == [MX1[0]]
    assert connect().ask(BEGIN).startswith("250")


def test_p12_a_long_line_passes_three_servers_unchanged(lab: Lab) -> None:
    text = "x" * 50_000 + "\n"
    lab.person("alice@academy.test").send("bruno@bakery.test", "Long", text)
    assert lab.person("bruno@bakery.test").fetch()[0].text == text


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r"])
def test_p13_no_second_message_is_smuggled_behind_a_first(lab: Lab, connect: Connect, end: bytes) -> None:
    client = connect()
    client.ask(BEGIN + TO_BRUNO)
    evil = b"MAIL FROM:<amir@academy.test>\r\nRCPT TO:<bea@bakery.test>\r\nDATA\r\nSubject: evil\r\n\r\n.\r\n"
    assert client.tell(b"Subject: first\r\n\r\nhello" + end + evil).startswith("550 5.6.11")
    assert client.rest() == b""
    assert (accepted(lab), subjects(lab), incoming(lab)) == ([], [], [])


@pytest.mark.parametrize("tail", [b".", b"", b"\r", b"x.", b"\r\n"])
def test_p13_the_end_of_a_line_that_is_too_long_is_not_the_end_of_the_message(tail: bytes) -> None:
    async def play() -> tuple[Reply | int, bytes]:
        reader = asyncio.StreamReader()
        unread = Unread(reader)
        reader.feed_data(b"x" * 70_000 + tail)
        reading = asyncio.create_task(read_data(unread, lambda line: None, 10**6, lambda: None))
        for _ in range(5):
            await asyncio.sleep(0)  # the reader has taken what there is
        reader.feed_data(b"\r\nMAIL FROM:<amir@academy.test>\r\n.\r\nNOOP\r\n")
        return await reading, await unread.line(100)

    assert asyncio.run(play()) == (TOO_LONG, b"NOOP\r\n")


def test_p14_every_piece_of_a_message_shows_that_the_client_is_alive() -> None:
    async def play() -> int:
        reader = asyncio.StreamReader()
        signs: list[int] = []
        reading = asyncio.create_task(read_data(Unread(reader), lambda piece: None, 1000, lambda: signs.append(1)))
        for piece in (b"Subject: x\r\n", b"\r\none\r\n", b"two\r\n.\r\n"):
            await asyncio.sleep(0)
            reader.feed_data(piece)
        await reading
        return len(signs)

    assert asyncio.run(play()) == 3


def test_p14_a_client_that_says_nothing_is_told_why_it_is_sent_away(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "REAL_SECONDS", 0.05)
    client = connect()
    assert client.reply() == "421 4.4.2 nothing was said for 5 minutes, closing"
    assert client.reply() == ""


def test_p15_a_message_that_is_too_big_is_read_to_its_end_and_not_kept(lab: Lab, connect: Connect) -> None:
    with settings(lab, "mx1.bakery.test", most_octets=1000):
        client = connect()
        assert client.ask(b"EHLO x.test\r\nMAIL FROM:<alice@academy.test> SIZE=1001\r\n").startswith("552 5.3.4")
        client.ask(b"MAIL FROM:<alice@academy.test>\r\n" + TO_BRUNO)
        told = client.tell(b"Subject: big\r\n\r\n" + b"0123456789\r\n" * 100 + b".\r\n")
        assert told.startswith("552 5.3.4")
        assert client.ask(b"NOOP\r\n") == "250 2.0.0 ok"
        client.ask(b"MAIL FROM:<alice@academy.test>\r\n" + TO_BRUNO)
        assert client.tell(b"x" * 998 + b"\r\n.\r\n").startswith("250")
    lab.settle()
    assert len(accepted(lab)) == 2
    assert incoming(lab) == []


def test_p16_a_message_has_so_many_recipients_and_no_more(lab: Lab, connect: Connect) -> None:
    with settings(lab, "mx1.bakery.test", most_recipients=2):
        client = connect()
        client.ask(BEGIN + TO_BRUNO + TO_BRUNO)
        assert client.ask(b"RCPT TO:<bea@bakery.test>\r\n").startswith("250")
        assert client.ask(b"RCPT TO:<postmaster@bakery.test>\r\n").startswith("452 4.5.3")
        assert client.tell(SMALL).startswith("250")
    lab.settle()
    assert subjects(lab) == subjects(lab, "bea@bakery.test") == ["small"]


def test_p16_a_client_that_only_makes_mistakes_is_sent_away(connect: Connect) -> None:
    client = connect()
    client.socket.sendall(b"FLY\r\n" * 25)
    codes = [client.reply()[:3] for _ in range(22)]
    assert codes == ["500"] * 20 + ["421", ""]


# ---- extensions, TLS ------------------------------------------------------------------------------------------------


def test_p18_what_is_offered_is_done_and_what_is_not_is_refused(connect: Connect) -> None:
    client = connect()
    client.socket.sendall(b"EHLO x.test\r\n")
    offered = {client.file.readline().decode()[4:].split()[0] for _ in range(9)} - {"mx1.bakery.test"}
    assert offered == {"SIZE", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES", "DSN", "STARTTLS", "HELP"}
    assert client.ask(b"BDAT 5 LAST\r\n").startswith("502 5.5.1")


#: port -> what asks for TLS, the last line of the answer, what is smuggled behind, what is asked inside, the answer
SECURED = {
    ("mail.academy.test", 587): (b"EHLO x.test\r\nSTARTTLS\r\n", b"220 ", b"EHLO evil.test\r\n", b"NOOP\r\n", b"250 "),
    ("mail.academy.test", 110): (b"STLS\r\n", b"+OK begin", b"USER evil\r\nCAPA\r\n", b"STAT\r\n", b"-ERR not now"),
    ("mail.academy.test", 143): (b"a STARTTLS\r\n", b"a OK", b"b CAPABILITY\r\n", b"c NOOP\r\n", b"c OK"),
}


def read_until(client: Client, start: bytes) -> None:
    while not client.file.readline().startswith(start):
        pass


@pytest.mark.parametrize("where", SECURED, ids=lambda where: str(where[1]))
def test_p20_what_is_said_behind_starttls_in_the_clear_is_never_answered(
    lab: Lab, connect: Connect, where: tuple[str, int]
) -> None:
    ask, answer, smuggled, inside, wanted = SECURED[where]
    client = connect(where)
    client.socket.sendall(ask + smuggled)
    read_until(client, answer)
    secure = client.secure(lab.certificates.client(), where[0])
    secure.socket.sendall(inside)
    assert secure.file.readline().startswith(wanted)
    said = [event.facts["line"] for event in lab.trace if event.what == "said"]
    assert not [line for line in said if "evil" in line or line == "b CAPABILITY"]


@pytest.mark.parametrize("where", SECURED, ids=lambda where: str(where[1]))
def test_p20_what_comes_in_one_piece_with_the_end_of_the_handshake_is_answered(
    lab: Lab, connect: Connect, where: tuple[str, int]
) -> None:
    ask, answer, _, inside, wanted = SECURED[where]
    client = connect(where)
    client.socket.sendall(ask)
    read_until(client, answer)
    arrived, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = lab.certificates.client().wrap_bio(arrived, leaving, server_hostname=where[0])
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            client.socket.sendall(leaving.read())
            arrived.write(client.socket.recv(65536))
    tls.write(inside)
    client.socket.sendall(leaving.read())  # the client's last message of the handshake, and the command
    told = b""
    while b"\r\n" not in told:
        arrived.write(client.socket.recv(65536))
        try:
            told += tls.read()
        except ssl.SSLWantReadError:  # those were the tickets of TLS 1.3
            continue
    assert told.startswith(wanted)


@pytest.mark.parametrize("where", SECURED, ids=lambda where: str(where[1]))
def test_p20_who_does_not_speak_tls_is_sent_away_and_others_are_served(
    connect: Connect, where: tuple[str, int]
) -> None:
    ask, answer, *_ = SECURED[where]
    client = connect(where)
    client.socket.sendall(ask)
    read_until(client, answer)
    client.socket.sendall(b"QUIT\r\n" * 20)
    told = b""
    while piece := client.socket.recv(65536):
        told += piece
    assert not told.startswith((b"2", b"+", b"*", b"a"))
    other = connect(where)
    other.socket.sendall(ask)
    read_until(other, answer)


def test_p21_a_reply_of_many_lines_is_one_write(connect: Connect) -> None:
    client = connect()
    client.socket.sendall(b"EHLO x.test\r\n")
    assert client.socket.recv(65536).endswith(b"250 HELP\r\n")


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("alice(comment)@academy.test", "501"),
        ("Alice <alice@academy.test>", "501"),
        ("a b@academy.test", "501"),
        ("alice@academy.test,amir@academy.test", "501"),
        ("alice@[192.0.2.10]", "250"),
        ('"a b"@academy.test', "250"),
        ('"a\\"b"@academy.test', "250"),
    ],
)
def test_p22_an_address_is_what_the_rfc_says_and_nothing_else(connect: Connect, address: str, code: str) -> None:
    told = connect().ask(b"EHLO x.test\r\n" + f"MAIL FROM:<{address}>\r\n".encode())
    assert told.startswith(code)
    assert code != "250" or told == f"250 2.1.0 sender <{address}> ok"


def test_p23_an_address_beyond_ascii_is_never_written_as_an_encoded_word(lab: Lab) -> None:
    alice = lab.person("alice@academy.test")
    alice.send(["bruno@bakery.test", "zoë@bakery.test"], "Grüße", "x")
    raw = lab.person("bruno@bakery.test").fetch()[0].raw
    assert "zoë@bakery.test".encode() in raw
    report = alice.fetch()[0].raw
    assert "zoë@bakery.test".encode() in report
    assert b"=?" not in b"".join(line for line in report.splitlines() if b"Recipient" in line)


@pytest.mark.parametrize("where", SECURED, ids=lambda where: str(where[1]))
def test_p20_a_server_may_be_switched_off_and_a_lab_closed_within_a_handshake(
    lab: Lab, connect: Connect, where: tuple[str, int]
) -> None:
    ask, answer, *_ = SECURED[where]
    for cut in (lab.host(where[0]).down, lab.close):
        client = connect(where)
        client.socket.sendall(ask)
        read_until(client, answer)
        cut()
        assert client.file.read() == b""
        turn_the_loop(lab)
        if lab.is_open:
            lab.host(where[0]).up()
    assert [event.facts["text"] for event in lab.trace if event.what == "warning"] == []
