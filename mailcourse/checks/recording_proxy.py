"""A proxy between a client and a server: replies come through it in pieces, and what both say is recorded.

    with RecordingProxy(lab.endpoint(host, 25)) as proxy:
        …                    a client connects to proxy.address
    proxy.commands           ["EHLO me", "MAIL FROM:<…>", …]: what the client said, but for the message
    proxy.last               the last lines of both, and whether the client's has an end
    proxy.is_early           True when the client spoke before it had heard the greeting

A network may cut a reply anywhere, so a client has to read whole lines.  Who uses it: the exercise with a client.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

#: octets of a reply that come first, and seconds until the rest comes
FIRST, PAUSE = 6, 0.02
#: seconds until the greeting comes: who speaks earlier did not wait for it
GREETING = 0.15
#: seconds that are left to both for their last words
REST = 1.0


class RecordingProxy:
    """One way to a server, for any number of connections one after the other."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.is_early = False
        self._server, self._said = server, list[tuple[str, bytes]]()
        self._open: list[socket.socket] = []
        self._under_way: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._listen)

    @property
    def address(self) -> tuple[str, int]:
        """Where a client connects."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    def __enter__(self) -> RecordingProxy:
        return self

    def __exit__(self, *exc: object) -> None:
        """Let both finish what they said, and close the proxy."""
        until = time.monotonic() + REST
        for thread in self._under_way[1:]:
            thread.join(max(0.0, until - time.monotonic()))
        for connection in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # wakes who waits for it
            connection.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._under_way.append(thread)
        thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server, timeout=20)
                for connection in (client, server):
                    connection.settimeout(20)
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open += [client, server]
                greeted = threading.Event()
                self._start(self._to_client, server, client, greeted)
                self._start(self._to_server, client, server, greeted)

    def _to_server(self, client: socket.socket, server: socket.socket, greeted: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while octets := client.recv(65536):
                self.is_early = self.is_early or not greeted.is_set()
                self._said.append(("C", octets))
                server.sendall(octets)
            server.shutdown(socket.SHUT_WR)

    def _to_client(self, server: socket.socket, client: socket.socket, greeted: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while octets := server.recv(65536):
                time.sleep(0 if greeted.is_set() else GREETING)
                greeted.set()
                self._said.append(("S", octets))
                client.sendall(octets[:FIRST])
                time.sleep(PAUSE)
                client.sendall(octets[FIRST:])
            client.shutdown(socket.SHUT_WR)

    # ---- what was said -------------------------------------------------------------------------------

    def _lines(self) -> Iterator[tuple[str, str]]:
        """Return (side, line) pairs; a line has its end, if the client gave it one."""
        began = {"C": "", "S": ""}
        for side, octets in list(self._said):
            began[side] += octets.decode("utf-8", "replace")
            *whole, began[side] = began[side].split("\n")
            yield from ((side, line + "\n") for line in whole)
        yield from ((side, line) for side, line in began.items() if line)

    @property
    def commands(self) -> list[str]:
        """What the client said, without the message."""
        commands, in_message = list[str](), False
        for side, line in self._lines():
            if side == "S":
                in_message = in_message or line.startswith("354")
            elif in_message:
                in_message = line.rstrip("\r\n") != "."
            else:
                commands.append(line.rstrip("\r\n"))
        return commands

    @property
    def last(self) -> str:
        """The end of the dialogue, for people; empty when nobody connected."""
        lines = list(self._lines())
        if not lines:
            return ""
        end = f"The dialogue ended like this: {[f'{side}: {line.rstrip()}' for side, line in lines[-3:]]}."
        open_ = next((line for side, line in reversed(lines) if side == "C"), "\r\n")
        return end if open_.endswith("\r\n") else f"{end} The client's last line has no end (\\r\\n)."
