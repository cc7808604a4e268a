"""The webmail on a host: pages on port 443, inside TLS; on port 80 nothing but the way there (RFC 9110 §15.4.9).

h11 and Jinja are imported when the first browser comes: most labs never have one.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from mailcourse.internet.certificates import Authority, secret
from mailcourse.internet.connection import Connection
from mailcourse.internet.network import Host
from mailcourse.internet.tls import TlsFirst

if TYPE_CHECKING:
    from .http import HttpError, Request, Response
    from .site import WebSite

Dial = Callable[..., socket.socket]
SERVICES = {80: "http", 443: "https"}


class Webmail:
    """What serves the web ports of `host`; `dial` reaches a port of the mail server `server`."""

    def __init__(self, host: Host, server: str, dial: Dial, authority: Authority, *, in_clear: bool = False) -> None:
        self.host, self.server, self.dial, self.authority, self.in_clear = host, server, dial, authority, in_clear
        self._site: WebSite | None = None
        self._lock = threading.Lock()  # two pages may both be the first

    async def start(self) -> None:
        """Listen."""
        for port in (80,) if self.in_clear else (80, 443):
            await self.host.listen(port, self._serve)
            self.host.web_ports.add(port)

    @property
    def site(self) -> WebSite:
        """The pages, and who is logged in."""
        from .mailbox import MailAccess
        from .sessions import Sessions
        from .site import WebSite

        with self._lock:
            if self._site is None:
                access = MailAccess(
                    self.server, self.dial, lambda: self.authority.client, "clear" if self.in_clear else "tls"
                )
                self._site = WebSite(self.host, access, Sessions(self.host.now, secret), is_secure=not self.in_clear)
            return self._site

    def _serve(self, connection: Connection) -> asyncio.Protocol:
        from .connection import PageServer

        peer, address = connection.source, connection.source_address
        facts = {"session": connection.number, "port": connection.port, "service": SERVICES[connection.port]}
        self.host.record("mua", "connected", peer=peer, address=address, **facts)
        warn = partial(self.host.record, "mua", "warning")
        server = PageServer(partial(self._answer, connection), self._refuse, warn, self.host.now)
        protocol = server.protocol()
        return TlsFirst(protocol, self.authority.server(self.host.name)) if connection.port == 443 else protocol

    def _answer(self, connection: Connection, request: Request) -> Response:
        from .http import Response

        said = partial(self.host.record, "mua", "said", session=connection.number, secret=False)
        said(side="C", line=f"{request.method} {request.target[:1000]} HTTP/1.1")
        if connection.port == 443 or self.in_clear:
            response = self.site.answer(request)
        else:
            response = Response(308, headers=(("Location", f"https://{self.host.name}/{request.target.lstrip('/*')}"),))
        said(side="S", line=f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}")
        return response

    def _refuse(self, error: HttpError) -> Response:
        return self.site.refuse(error)
