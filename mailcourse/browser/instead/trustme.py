"""Stands for `trustme` where there is no OpenSSL: an authority whose certificates `mailcourse.browser.tls` reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mailcourse.browser import x509

ORGANIZATION = "trustme"


class _Pem:
    def __init__(self, text: str) -> None:
        self._text = text

    def bytes(self) -> bytes:
        return self._text.encode()

    def write_to_path(self, path: str) -> None:
        Path(path).write_text(self._text)


class _Issued:
    def __init__(self, certificate: x509.Certificate, key: str) -> None:
        self._certificate, self._key = certificate, key

    def configure_cert(self, context: Any) -> None:
        context.show(self._certificate, self._key)


class CA:
    """An authority, with a key of its own."""

    def __init__(self, organization_name: str) -> None:
        self._key = x509.new_key()
        now = datetime.now(UTC)
        dates = now - timedelta(days=1), now + timedelta(days=3650)
        self._own = x509.issue(self._key, [(x509.ORGANIZATION, organization_name)], dates=dates)
        self.cert_pem = _Pem(self._own.pem)

    def issue_cert(self, *names: str, common_name: str, not_after: datetime | None = None) -> _Issued:
        """Issue a certificate for names."""
        key, now = x509.new_key(), datetime.now(UTC)
        ends = not_after or now + timedelta(days=3650)
        dates = min(now, ends) - timedelta(days=1), ends
        subject = [(x509.ORGANIZATION, ORGANIZATION), (x509.COMMON_NAME, common_name)]
        made = x509.issue(key, subject, names, issuer=(self._own, self._key), dates=dates)
        return _Issued(made, key.to_pem(format="ssleay").decode())

    def configure_trust(self, context: Any) -> None:
        """Let a context believe this authority."""
        context.anchors.append(self._own)
