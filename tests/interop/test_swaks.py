"""swaks, the SMTP tester of the trade, over its options.  Its exit code says at which command it was refused."""

from __future__ import annotations

import email
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mailcourse import Lab

pytestmark = pytest.mark.interop
Swaks = Callable[..., subprocess.CompletedProcess[str]]
BRUNO = "bruno@bakery.test"
LOGIN = ["-au", BRUNO, "-ap", "warm-bread-23"]
#: swaks: every RCPT was refused; the message; AUTH; TLS; XCLIENT
NO_RCPT, NO_MESSAGE, NO_AUTH, NO_TLS, NO_XCLIENT = 24, 26, 28, 29, 33


@pytest.fixture
def swaks(factory: Lab, need: Callable[..., str]) -> Swaks:
    """Call a port of a lab host, by default port 25 of mx1, with mail from outside for bruno."""
    program = need("swaks")

    def swaks(*options: str, host: str = "mx1.bakery.test", port: int = 25) -> subprocess.CompletedProcess[str]:
        address, real = factory.endpoint(host, port)
        usual = ["--server", address, "--port", str(real), "--helo", "client.example", "--from", "a@client.example"]
        to = [] if "--to" in options else ["--to", BRUNO]
        command = [program, *usual, *to, *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    return swaks


def first_hop(lab: Lab) -> str:
    """What the first server wrote about the client of the newest message, on one line."""
    return " ".join(lab.person(BRUNO).fetch()[-1].parsed.get_all("Received")[-1].split())


# ---- kinds of SMTP -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "host", "port", "written"),
    [
        ("SMTP", "mx1.bakery.test", 25, "SMTP"),
        ("ESMTP", "mx1.bakery.test", 25, "ESMTP"),
        ("ESMTPS", "mx1.bakery.test", 25, "ESMTPS"),
        ("ESMTPSA", "mail.bakery.test", 587, "ESMTPSA"),
        ("SSMTPA", "mail.bakery.test", 465, "ESMTPSA"),
        ("LMTP", "mail.bakery.test", 24, "LMTP"),
        ("LMTPS", "mail.bakery.test", 24, "LMTPS"),
    ],
)
def test_each_protocol_is_written_into_the_received_line(
    factory: Lab, swaks: Swaks, protocol: str, host: str, port: int, written: str
) -> None:
    login = LOGIN if protocol.endswith("A") else []
    told = swaks("--protocol", protocol, *login, host=host, port=port)
    assert told.returncode == 0, told.stdout
    line = first_hop(factory)
    assert line.startswith("from client.example (outside [203.0.113.254])")
    assert f"with {written} " in line


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize(("tls", "port"), [("-tls", 587), ("-tlsc", 465)])
def test_a_right_password_opens_and_a_wrong_one_does_not(
    factory: Lab, swaks: Swaks, mechanism: str, tls: str, port: int
) -> None:
    at = {"host": "mail.bakery.test", "port": port}
    right = swaks(tls, "--auth", mechanism, *LOGIN, **at)
    assert right.returncode == 0, right.stdout
    wrong = swaks(tls, "--auth", mechanism, "-au", BRUNO, "-ap", "guess", **at)
    assert wrong.returncode == NO_AUTH
    assert "535 5.7.8" in wrong.stdout
    assert len(factory.person(BRUNO).inbox()) == 1


def test_auth_is_not_offered_in_the_clear_nor_by_other_mechanisms(swaks: Swaks) -> None:
    at = {"host": "mail.bakery.test", "port": 587}
    assert swaks("--auth", "PLAIN", *LOGIN, **at).returncode == NO_AUTH
    assert swaks("-tls", "--auth", "CRAM-MD5", *LOGIN, **at).returncode == NO_AUTH


def test_a_certificate_is_what_the_ca_says(factory: Lab, swaks: Swaks) -> None:
    told = swaks("-tls", "--tls-verify", "--tls-ca-path", str(factory.ca))
    assert told.returncode == 0, told.stdout
    assert swaks("-tls", "--tls-verify").returncode == NO_TLS  # the machine's own authorities do not know the lab


@pytest.mark.parametrize("name", ["client.example", "[203.0.113.254]", "[IPv6:2001:db8::1]", "localhost", "x_y"])
def test_any_greeting_name_will_do_and_is_written_down(factory: Lab, swaks: Swaks, name: str) -> None:
    told = swaks("--helo", name)
    assert told.returncode == 0, told.stdout
    assert first_hop(factory).startswith(f"from {name} (outside [203.0.113.254])")


# ---- recipients ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pipeline", [[], ["--pipeline"]], ids=["one by one", "pipelined"])
def test_one_bad_recipient_does_not_stop_the_others(factory: Lab, swaks: Swaks, pipeline: list[str]) -> None:
    told = swaks("--to", f"{BRUNO},nobody@bakery.test,bea@bakery.test", *pipeline)
    assert told.returncode == 0, told.stdout
    assert told.stdout.count("<** 550 5.1.1") == 1
    assert len(factory.person(BRUNO).inbox()) == len(factory.person("bea@bakery.test").inbox()) == 1


@pytest.mark.parametrize("pipeline", [[], ["--pipeline"]], ids=["one by one", "pipelined"])
def test_only_bad_recipients_end_before_the_message(factory: Lab, swaks: Swaks, pipeline: list[str]) -> None:
    told = swaks("--to", "nobody@bakery.test,no@bakery.test", *pipeline)
    assert told.returncode == NO_RCPT, told.stdout
    assert told.stdout.count("<** 550 5.1.1") == 2
    assert [event for event in factory.trace if event.what == "accepted"] == []


def test_lmtp_answers_for_each_recipient(factory: Lab, swaks: Swaks) -> None:
    told = swaks("--protocol", "LMTP", "--to", f"{BRUNO},bea@bakery.test", host="mail.bakery.test", port=24)
    assert told.returncode == 0, told.stdout
    after = told.stdout.partition("\n -> .\n")[2].splitlines()
    assert [line.startswith("<-  250 ") for line in after[:2]] == [True, True]
    assert len(factory.person("bea@bakery.test").inbox()) == 1


# ---- the message -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", ["Grüße\n", ".\n..\n.x\nend\n", "x" * 2000 + "\n", ""], ids=["8-bit", "dots", "long", "empty"]
)
def test_the_body_arrives_as_it_was_given(factory: Lab, swaks: Swaks, body: str, tmp_path: Path) -> None:
    file = tmp_path / "message"
    file.write_text(f"From: a@client.example\nTo: {BRUNO}\nSubject: x\n\n{body}")
    told = swaks("--data", f"@{file}")
    assert told.returncode == 0, told.stdout
    arrived = factory.person(BRUNO).fetch()[0].raw.partition(b"\r\n\r\n")[2]
    assert arrived == body.replace("\n", "\r\n").encode() + b"\r\n"  # swaks itself adds an empty line


def test_eleven_megabytes_are_too_many(factory: Lab, swaks: Swaks, tmp_path: Path) -> None:
    file = tmp_path / "message"
    file.write_text("Subject: big\n\n" + ("x" * 75 + "\n") * 150_000)
    told = swaks("--data", f"@{file}", "--suppress-data")
    assert told.returncode == NO_MESSAGE
    assert "<** 552 5.3.4" in told.stdout
    assert len(factory.person(BRUNO).inbox()) == 0


def test_an_attachment_is_read_back(factory: Lab, swaks: Swaks, tmp_path: Path) -> None:
    file = tmp_path / "bread.bin"
    file.write_bytes(bytes(range(256)) * 40)
    told = swaks("--attach-type", "application/octet-stream", "--attach", f"@{file}", "--body", "see there")
    assert told.returncode == 0, told.stdout
    parsed = email.message_from_bytes(factory.person(BRUNO).fetch()[0].raw)
    assert [part.get_payload(decode=True) for part in parsed.walk() if part.get_content_type().startswith("app")] == [
        file.read_bytes()
    ]


# ---- clients that leave --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["--quit-after", "--drop-after"])
@pytest.mark.parametrize("command", ["CONNECT", "EHLO", "TLS", "MAIL", "RCPT"])
def test_who_leaves_before_the_message_leaves_nothing_behind(
    factory: Lab, swaks: Swaks, moment: str, command: str
) -> None:
    told = swaks(*(["-tls"] if command == "TLS" else []), moment, command)
    assert told.returncode == 0, told.stdout
    assert len(factory.settle().queue("mx1.bakery.test").rows) == 0
    assert swaks().returncode == 0  # and the next one is served
    assert len(factory.person(BRUNO).inbox()) == 1


@pytest.mark.parametrize(
    ("moment", "copies"),
    [(["--drop-after-send", "DATA"], 0), (["--drop-after", "DATA"], 0), (["--drop-after", "DOT"], 1)],
    ids=["before 354", "after 354", "after the answer to the dot"],
)
def test_a_message_is_taken_at_its_last_dot_and_not_before(
    factory: Lab, swaks: Swaks, moment: list[str], copies: int
) -> None:
    told = swaks(*moment)
    assert told.returncode == 0, told.stdout
    assert len(factory.person(BRUNO).inbox()) == copies


def test_who_does_not_wait_for_the_answer_to_the_dot_has_sent_the_message_all_the_same(
    factory: Lab, swaks: Swaks, until: Callable[..., object]
) -> None:
    assert swaks("--drop-after-send", "DOT").returncode == 0
    until(lambda: len(factory.person(BRUNO).inbox()) == 1)


# ---- what is not here ---------------------------------------------------------------------------------------------


def test_nobody_may_say_for_somebody_else_who_they_are(swaks: Swaks) -> None:
    told = swaks("--xclient", "NAME=trusted.test ADDR=192.0.2.1")
    assert told.returncode == NO_XCLIENT
    assert "Host did not advertise XCLIENT" in told.stderr


def test_a_proxy_header_is_no_command(factory: Lab, swaks: Swaks) -> None:
    told = swaks("--proxy", "PROXY TCP4 192.0.2.1 192.0.2.2 1024 25")
    assert told.returncode != 0
    assert "500 5.5.1" in told.stdout
    assert len(factory.person(BRUNO).inbox()) == 0
