"""What happens around STARTTLS, in all three protocols: known traps of mail servers on asyncio."""

from __future__ import annotations

import ssl

import pytest
from smtp_user import (
    Client,
    Connect,
    turn_the_loop,
)

from mailcourse import Lab

#: port -> what asks for TLS, the last line of the answer, what is smuggled behind, what is asked inside, the answer
SECURED = {
    ("mail.academy.test", 587): (b"EHLO x.test\r\nSTARTTLS\r\n", b"220 ", b"EHLO evil.test\r\n", b"NOOP\r\n", b"250 "),
    ("mail.academy.test", 110): (
        b"STLS\r\n",
        b"+OK begin",
        b"USER evil\r\nCAPA\r\n",
        b"STAT\r\n",
        b"-ERR not allowed in this state",
    ),
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
    secure = client.secure(lab.certificates.client, where[0])
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
    tls = lab.certificates.client.wrap_bio(arrived, leaving, server_hostname=where[0])
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
