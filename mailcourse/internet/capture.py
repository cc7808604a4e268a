"""A capture: a file for Wireshark, with every packet of the lab as a real network would have carried it.

    taps ──► opens   SYN, SYN-ACK, ACK           the lab's addresses and ports, IPv4 and IPv6
             data    segments, each with seq and ack; the receiver acknowledges every second one
             close   FIN, ACK        reset  RST
             a datagram of DNS       UDP

There is no such network beneath, so the headers are made here (RFC 9293 §3.1).  How the octets were cut into
chunks on the way is left out: what one end says without being interrupted is cut again.  So on a
standing clock the same actions give the same file, except for TLS, which draws real random numbers, and for
what a client from outside and the lab do at the same time.  Times are lab time, at least a microsecond apart.
dpkt makes headers, checksums and the container (pcapng): small, without dependencies, and it knows all three.
"""

from __future__ import annotations

import ipaddress
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import dpkt

from .tap import Packet, Taps

#: pcapng's word for "packets begin with the IP header"; no Ethernet here.
RAW_IP = 101
#: The largest packet; only an unusual datagram is so large.
SNAPLEN = 65535
#: Octets of data in a segment, so that a packet has no more than 1500.
MAX_IN_SEGMENT = {4: 1460, 6: 1440}
WINDOW = 65535
#: Segments that a receiver lets pass before it acknowledges, RFC 9293 §3.8.6.3.
SEGMENTS_TO_AN_ACK = 2
SYN, ACK, FIN, RST, PUSH = dpkt.tcp.TH_SYN, dpkt.tcp.TH_ACK, dpkt.tcp.TH_FIN, dpkt.tcp.TH_RST, dpkt.tcp.TH_PUSH
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Stream:
    """What both ends of one connection have said; the keys are: is it the client?"""

    said: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})  # the next sequence number
    unanswered: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})  # segments, not acknowledged
    ended: set[bool] = field(default_factory=set)


class Capture:
    """A pcapng file that grows with what passes; `stop()`, or the end of `with`, completes it."""

    def __init__(self, taps: Taps, path: Path | str) -> None:
        self.path, self.packets = Path(path), 0
        self._file = self.path.open("wb")
        self._writer = dpkt.pcapng.Writer(self._file, snaplen=SNAPLEN, linktype=RAW_IP)
        self._streams: dict[int, Stream] = {}
        self._rest = b""  # said last, and too short for a whole segment
        self._rest_of: Packet | None = None
        self._moment = 0  # microseconds of the last packet
        self._lock = threading.Lock()
        self._stop = taps.add(self._see)

    def flush(self) -> None:
        """Make the file whole up to now."""
        with self._lock:
            if not self._file.closed:
                self._settle()
                self._file.flush()

    def stop(self) -> None:
        """Complete the file."""
        self._stop()
        self.flush()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Capture {self.path}, {self.packets} packets{'' if self._file.closed else ', running'}>"

    # ---- from chunks to packets ----------------------------------------------------------------------

    def _see(self, packet: Packet) -> None:
        with self._lock:
            if self._file.closed:
                return
            last = self._rest_of
            goes_on = (packet.connection, packet.from_client, packet.kind)
            if last is not None and (last.connection, last.from_client, last.kind) != goes_on:
                self._settle()
            if packet.transport == "udp":
                self._write(packet, packet.from_client, dpkt.ip.IP_PROTO_UDP, _datagram(packet))
            else:
                getattr(self, f"_{packet.kind}")(packet, self._streams.setdefault(packet.connection, Stream()))

    def _open(self, packet: Packet, stream: Stream) -> None:
        self._segment(packet, stream, True, SYN)
        self._segment(packet, stream, False, SYN | ACK)
        self._segment(packet, stream, True, ACK)

    def _data(self, packet: Packet, stream: Stream) -> None:
        data, size = self._rest + packet.data, MAX_IN_SEGMENT[_version(packet)]
        whole = len(data) // size * size
        for place in range(0, whole, size):
            self._segment(packet, stream, packet.from_client, ACK, data[place : place + size])
        self._rest, self._rest_of = data[whole:], packet

    def _settle(self) -> None:
        """Write the rest of what was said last."""
        packet, data = self._rest_of, self._rest
        self._rest, self._rest_of = b"", None
        if packet is not None and data:
            self._segment(packet, self._streams[packet.connection], packet.from_client, PUSH | ACK, data)

    def _close(self, packet: Packet, stream: Stream) -> None:
        self._segment(packet, stream, packet.from_client, FIN | ACK)
        self._segment(packet, stream, not packet.from_client, ACK)
        stream.ended.add(packet.from_client)
        if len(stream.ended) == 2:
            del self._streams[packet.connection]

    def _reset(self, packet: Packet, stream: Stream) -> None:
        self._segment(packet, stream, packet.from_client, RST | ACK)
        del self._streams[packet.connection]

    # ---- headers ---------------------------------------------------------------------------------------

    def _segment(self, packet: Packet, stream: Stream, from_client: bool, flags: int, data: bytes = b"") -> None:
        source, target = _ports(packet, from_client)
        options = b"\x02\x04" + MAX_IN_SEGMENT[_version(packet)].to_bytes(2) if flags & SYN else b""
        segment = dpkt.tcp.TCP(
            sport=source,
            dport=target,
            seq=stream.said[from_client] % 2**32,
            ack=stream.said[not from_client] % 2**32 if flags & ACK else 0,
            off=5 + len(options) // 4,
            flags=flags,
            win=WINDOW,
            opts=options,
            data=data,
        )
        self._write(packet, from_client, dpkt.ip.IP_PROTO_TCP, segment)
        stream.said[from_client] += len(data) + bool(flags & (SYN | FIN))
        stream.unanswered[not from_client] = 0
        if data:
            self._acknowledge(packet, stream, from_client)

    def _acknowledge(self, packet: Packet, stream: Stream, from_client: bool) -> None:
        stream.unanswered[from_client] += 1
        if stream.unanswered[from_client] == SEGMENTS_TO_AN_ACK:
            self._segment(packet, stream, not from_client, ACK)

    def _write(self, packet: Packet, from_client: bool, protocol: int, inside: Any) -> None:
        self._moment = max((packet.time - EPOCH) // timedelta(microseconds=1), self._moment + 1)
        self._writer.writepkt_time(_in_ip(packet, from_client, protocol, inside), self._moment / 1e6)
        self.packets += 1


def _version(packet: Packet) -> int:
    return ipaddress.ip_address(packet.address).version


def _ports(packet: Packet, from_client: bool) -> tuple[int, int]:
    ports = packet.source_port, packet.port
    return ports if from_client else ports[::-1]


def _datagram(packet: Packet) -> Any:
    source, target = _ports(packet, packet.from_client)
    return dpkt.udp.UDP(sport=source, dport=target, data=packet.data, ulen=8 + len(packet.data))


def _in_ip(packet: Packet, from_client: bool, protocol: int, inside: Any) -> bytes:
    client, server = (ipaddress.ip_address(a).packed for a in (packet.source_address, packet.address))
    source, target = (client, server) if from_client else (server, client)
    if _version(packet) == 4:
        return bytes(dpkt.ip.IP(src=source, dst=target, p=protocol, df=1, data=inside))
    around = dpkt.ip6.IP6(src=source, dst=target, nxt=protocol, hlim=64, plen=len(inside), data=inside)
    around.extension_hdrs = {}
    made = bytes(around)
    if protocol == dpkt.ip.IP_PROTO_UDP and inside.sum == 0:  # RFC 8200 §8.1: zero is written as all ones
        inside.sum = 0xFFFF
        return bytes(around)
    return made
