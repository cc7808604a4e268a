"""TLS certificates of a lab: its own authority (CA), one certificate a host.

Made by `trustme` when TLS is first used.  Nothing outside the lab trusts this CA; a client that
wants to check certificates is given the file `ca.pem`.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any


def secret() -> str:
    """Return a number that nobody can guess: the one thing in a lab that is not the same every time."""
    return ssl.RAND_bytes(16).hex()


class Authority:
    """The lab's certificate authority.  Its key lives as long as the lab is open."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._made: Any = None
        # A server on the loop's thread and a client on a cell's may both be the first to ask.
        self._lock = threading.RLock()

    @property
    def _ca(self) -> Any:  # a trustme.CA
        import trustme  # 80 ms, so only when TLS is used

        with self._lock:
            if self._made is None:
                self._made = trustme.CA(organization_name="mailcourse lab")
                self._made.cert_pem.write_to_path(str(self.file))
                self.file.chmod(0o600)
            return self._made

    def server(self, name: str) -> ssl.SSLContext:
        """Return the context with which the host `name` proves who it is."""
        with self._lock:
            if name not in self._contexts:
                self.issue(name, [name])
            return self._contexts[name]

    def issue(self, host: str, names: Sequence[str], ends: datetime | None = None) -> None:
        """Give a host a new certificate for `names`; clients compare `ends` with the machine's time."""
        with self._lock:
            context = self._contexts[host] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            # Today the name is in subjectAltName; older programs expect it as common name too.
            self._ca.issue_cert(*names, common_name=names[0][:64], not_after=ends).configure_cert(context)

    @cached_property
    def client(self) -> ssl.SSLContext:
        """The context that believes this lab's certificates, and no others.  All share it: do not change it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._ca.configure_trust(context)
        return context

    @cached_property
    def anyone(self) -> ssl.SSLContext:
        """The context that encrypts without asking who is there: opportunistic TLS (RFC 7435).  Shared too."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def ca_file(self) -> Path:
        """Return the file of the CA's certificate, for real clients."""
        _ = self._ca
        return self.file
