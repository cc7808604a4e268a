"""What stands for OpenSSL in a web page, against OpenSSL itself: both understand each other, and refuse the same."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailcourse.browser import tls, x509
from mailcourse.browser.instead import trustme as standing_in

NAME = "mail.academy.test"


class Pair:
    """Two sides without a socket between them."""

    def __init__(self, client: Any, server: Any, name: str) -> None:
        self.client = self._side(client, name)
        self.server = self._side(server, None)

    def _side(self, context: Any, name: str | None) -> Any:
        buffer: Any = tls.Buffer if isinstance(context, tls.Context) else ssl.MemoryBIO
        incoming, outgoing = buffer(), buffer()
        engine = context.wrap_bio(incoming, outgoing, server_side=name is None, server_hostname=name)
        return engine, incoming, outgoing

    def carry(self) -> None:
        """Carry what was said to the other side."""
        for (_, _, out), (_, into, _) in ((self.client, self.server), (self.server, self.client)):
            if out.pending:
                into.write(out.read())

    def shake_hands(self) -> None:
        """Both sides, to the end; the client's error is the caller's."""
        for _ in range(10):
            waiting = 0
            for side in (self.client, self.server):
                try:
                    side[0].do_handshake()
                except ssl.SSLWantReadError:
                    waiting += 1
                self.carry()
            if not waiting:
                return
        raise AssertionError("the handshake does not end")


def ours(path: Path, *names: str, ends: datetime | None = None) -> tuple[tls.Context, tls.Context, Path]:
    """Return our server's context, our client's, and the file of the authority."""
    authority = standing_in.CA(organization_name="mailcourse lab")
    server, client = tls.Context(ssl.PROTOCOL_TLS_SERVER), tls.Context()
    authority.issue_cert(*names, common_name=names[0], not_after=ends).configure_cert(server)
    authority.configure_trust(client)
    file = path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return server, client, file


def theirs(*names: str) -> tuple[ssl.SSLContext, Any]:
    """Return OpenSSL's server, with a certificate of the real trustme, and that authority's certificate as PEM."""
    import trustme

    authority, server = trustme.CA(key_type=trustme.KeyType.ECDSA), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, key_type=trustme.KeyType.ECDSA).configure_cert(server)
    return server, authority.cert_pem.bytes().decode()


def test_openssl_believes_our_certificate_and_hears_what_we_say(tmp_path: Path) -> None:
    server, _, file = ours(tmp_path, NAME)
    pair = Pair(ssl.create_default_context(cafile=str(file)), server, NAME)
    pair.shake_hands()
    assert pair.client[0].version() == pair.server[0].version() == "TLSv1.3"
    assert pair.client[0].getpeercert()["subjectAltName"] == (("DNS", NAME),)
    pair.server[0].write(b"220 hello\r\n" * 5000)
    pair.carry()
    heard = b""
    while len(heard) < 55_000:
        heard += pair.client[0].read(65536)
    assert heard == b"220 hello\r\n" * 5000


def test_our_client_reads_openssls_certificate_and_what_it_says() -> None:
    server, anchor = theirs(NAME)
    client = tls.Context()
    client.load_verify_locations(cadata=anchor)
    pair = Pair(client, server, NAME)
    pair.shake_hands()
    assert pair.client[0].getpeercert()["subjectAltName"] == (("DNS", NAME),)
    pair.client[0].write(b"EHLO me\r\n")
    pair.carry()
    assert pair.server[0].read(100) == b"EHLO me\r\n"


@pytest.mark.parametrize(
    ("names", "called", "trusts", "ends", "words"),
    [
        ((NAME,), NAME, True, None, ""),
        (("*.academy.test",), NAME, True, None, ""),
        ((NAME,), "imap.academy.test", True, None, "Hostname mismatch"),
        (("*.test",), NAME, True, None, "Hostname mismatch"),
        ((NAME,), NAME, False, None, "unable to get local issuer certificate"),
        ((NAME,), NAME, True, datetime.now(UTC) - timedelta(hours=1), "certificate has expired"),
    ],
)
def test_both_clients_refuse_the_same_certificates_in_the_same_words(
    tmp_path: Path, names: tuple[str, ...], called: str, trusts: bool, ends: datetime | None, words: str
) -> None:
    server, client, file = ours(tmp_path, *names, ends=ends)
    real = ssl.create_default_context(cafile=str(file) if trusts else None)
    for one in (client if trusts else tls.Context(), real):
        pair = Pair(one, server, called)
        if not words:
            pair.shake_hands()
            continue
        with pytest.raises(ssl.SSLCertVerificationError) as refused:
            pair.shake_hands()
        assert words in refused.value.verify_message


def test_a_certificate_whose_octets_were_changed_is_not_believed(tmp_path: Path) -> None:
    _, client, _ = ours(tmp_path, NAME)
    other, _, _ = ours(tmp_path, NAME)
    whole = bytes(other.chain.x509List[0].bytes)
    for at in range(0, len(whole), 7):
        broken = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        try:
            found = x509.Certificate.read(broken)
        except Exception:  # it cannot even be read
            continue
        assert found.problem(client.anchors, NAME, datetime.now(UTC))


def test_a_greeting_in_plain_text_ends_the_handshake_at_once() -> None:
    incoming, outgoing = tls.Buffer(), tls.Buffer()
    engine = tls.Context().wrap_bio(incoming, outgoing, server_hostname=NAME)
    with pytest.raises(ssl.SSLWantReadError):
        engine.do_handshake()
    incoming.write(b"+OK ready\r\n")
    with pytest.raises(ssl.SSLError, match="wrong version number"):
        engine.do_handshake()
