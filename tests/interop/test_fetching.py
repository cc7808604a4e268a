"""getmail and fetchmail: by POP3 and by IMAP, in the clear and inside TLS, keeping and not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from office import Office, at, run

pytestmark = pytest.mark.interop
BEA = "bea@bakery.test"
PROTOCOLS = ("POP3", "IMAP")


@pytest.fixture
def office(outside: dict[str, Any]) -> Iterator[Office]:
    made = Office(outside, BEA)
    made.put("one", "two")
    yield made
    made.close()


def subjects(mbox: Path) -> list[str]:
    return [line.split()[1] for line in mbox.read_text().splitlines() if line.startswith("Subject: ")]


@pytest.mark.parametrize("keeps", [True, False], ids=["keep", "delete"])
@pytest.mark.parametrize("kind", ["Simple{}Retriever", "Simple{}SSLRetriever"], ids=["clear", "tls"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_getmail_fetches_each_message_once(
    office: Office, need: Callable[..., str], tmp_path: Path, protocol: str, kind: str, keeps: bool
) -> None:
    program = need("getmail", "getmail6")
    is_tls = "SSL" in kind
    host, port = at(
        office.outside, BEA, {"POP3": 995, "IMAP": 993}[protocol] if is_tls else {"POP3": 110, "IMAP": 143}[protocol]
    )
    (tmp_path / "getmailrc").write_text(
        f"[retriever]\ntype = {kind.format(protocol)}\nserver = {host}\nport = {port}\n"
        f"username = {BEA}\npassword = {office.password}\n"
        + (f"ca_certs = {office.outside['ca']}\nssl_cert_hostname = mail.bakery.test\n" if is_tls else "")
        + f"[destination]\ntype = MDA_external\npath = /bin/sh\nallow_root_commands = true\n"
        f'arguments = ("-c", "cat >> {tmp_path}/mbox")\n'
        f"[options]\nread_all = false\ndelete = {'false' if keeps else 'true'}\nverbose = 2\n"
    )

    def fetch() -> None:
        told = run(program, "--getmaildir", str(tmp_path), env={**os.environ, "HOME": str(tmp_path)})
        assert told.returncode == 0, told.stdout + told.stderr

    fetch()
    assert subjects(tmp_path / "mbox") == ["one", "two"]
    assert [row[1] for row in office.there()] == (["one", "two"] if keeps else [])
    office.put("three")
    fetch()
    assert subjects(tmp_path / "mbox") == ["one", "two", "three"], "what was fetched before does not come again"


@pytest.mark.parametrize("keeps", [True, False], ids=["keep", "delete"])
@pytest.mark.parametrize("security", ["clear", "starttls", "tls"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_fetchmail_fetches_each_message_once(
    office: Office, need: Callable[..., str], tmp_path: Path, protocol: str, security: str, keeps: bool
) -> None:
    program = need("fetchmail")
    ports = {"POP3": 995, "IMAP": 993} if security == "tls" else {"POP3": 110, "IMAP": 143}
    host, port = at(office.outside, BEA, ports[protocol])
    ca = f"sslcertck sslcertfile {office.outside['ca']} sslcommonname mail.bakery.test"
    ways = {"clear": 'sslproto ""', "starttls": f"sslproto TLS1+ {ca}", "tls": f"ssl {ca}"}
    control = tmp_path / "control"
    control.write_text(
        f"poll {host} service {port} protocol {protocol}{' uidl' if protocol == 'POP3' else ''}\n"
        f'  user "{BEA}" password "{office.password}" {ways[security]}\n'
        f'  {"keep" if keeps else "nokeep"}\n  mda "cat >> {tmp_path}/mbox"\n'
    )
    control.chmod(0o600)
    environment = {**os.environ, "HOME": str(tmp_path), "FETCHMAILHOME": str(tmp_path)}

    def fetch() -> None:
        told = run(program, "-v", "-f", str(control), "--pidfile", str(tmp_path / "pid"), env=environment)
        assert told.returncode == 0, told.stdout + told.stderr

    fetch()
    assert subjects(tmp_path / "mbox") == ["one", "two"]
    assert [row[1] for row in office.there()] == (["one", "two"] if keeps else [])
    office.put("three")
    fetch()
    assert subjects(tmp_path / "mbox") == ["one", "two", "three"], "what was fetched before does not come again"
