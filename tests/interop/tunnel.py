"""Connect the two pipes of a mail program to a port of 127.0.0.1: what `Tunnel` of mbsync runs."""

from __future__ import annotations

import os
import select
import socket
import sys
from contextlib import suppress


def carry(port: int) -> None:
    """Carry octets both ways until one side has no more."""
    with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port)) as connection:
        while True:
            ready, _, _ = select.select([0, connection], [], [])
            for source in ready:
                octets = os.read(0, 65536) if source == 0 else connection.recv(65536)
                if not octets:
                    return
                if source == 0:
                    connection.sendall(octets)
                else:
                    os.write(1, octets)


if __name__ == "__main__":
    carry(int(sys.argv[1]))
