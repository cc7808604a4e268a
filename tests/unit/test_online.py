"""`with lab.online(host)`: ordinary code meets the lab and nothing else."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl

import dns.resolver
import pytest

from mailcourse import Lab, LabError


def test_smtplib_unchanged_submits_a_message(lab: Lab) -> None:
    alice = lab.person("alice@academy.test")
    with lab.online("laptop.academy.test"), smtplib.SMTP("mail.academy.test", 587) as client:
        client.starttls(context=ssl.create_default_context(cafile=str(lab.ca)))
        client.login(alice.address, alice.password)
        client.sendmail(alice.address, ["bruno@bakery.test"], "Subject: by hand\r\n\r\nHello")
    lab.settle()
    received = lab.person("bruno@bakery.test").fetch()[0].parsed.get_all("Received")
    assert "laptop.academy.test [192.0.2.10]" in received[-1]


def test_names_are_those_of_the_lab(lab: Lab) -> None:
    with lab.online("laptop.academy.test"):
        assert socket.gethostbyname("mx1.bakery.test") == "198.51.100.21"
        assert socket.getaddrinfo("imap.bakery.test", 143)[0][4] == ("198.51.100.25", 143)
        with pytest.raises(socket.gaierror, match="nowhere"):
            socket.getaddrinfo("nowhere.test", 25)


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.99", "203.0.113.200"])
def test_nothing_else_is_reachable(lab: Lab, crossings: list[str], address: str) -> None:
    with lab.online("laptop.academy.test"), pytest.raises(ConnectionRefusedError, match="not in this lab"):
        socket.create_connection((address, 25), timeout=1)
    assert crossings == []


def test_datagrams_go_to_the_lab_too(lab: Lab) -> None:
    with lab.online("laptop.academy.test"):
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["203.0.113.8"]
        found = resolver.resolve("bakery.test", "MX")
        assert sorted(record.preference for record in found) == [10, 20]


def test_outside_again_everything_is_as_before(lab: Lab) -> None:
    before = socket.getaddrinfo
    with (
        lab.online("laptop.academy.test"),
        pytest.raises(LabError, match="already online"),
        lab.online("mx1.bakery.test"),
    ):
        pass
    assert socket.getaddrinfo is before
    assert "connect" not in vars(socket.socket)


def test_the_guard_would_notice_a_connection_to_the_real_internet(crossings: list[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.settimeout(0.1)
        with contextlib.suppress(OSError):
            out.connect(("192.0.2.1", 9))  # a documentation address: no packet is sent by this
    assert crossings == ["socket.connect ('192.0.2.1', 9)"]
    crossings.clear()


def test_a_socket_connects_to_a_name_too(lab: Lab) -> None:
    with lab.online("laptop.academy.test"), socket.socket() as connection:
        connection.connect(("mx1.bakery.test", 25))
        assert connection.recv(100).startswith(b"220 mx1.bakery.test")
    with (
        lab.online("laptop.academy.test"),
        socket.socket() as connection,
        pytest.raises(socket.gaierror, match="nowhere"),
    ):
        connection.connect(("nowhere.test", 25))
