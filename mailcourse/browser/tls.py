"""TLS where the machine has no OpenSSL: tlslite-ng, with the face of Python's `ssl`.

    ssl.SSLContext.wrap_bio    ──► Engine over two buffers: what asyncio's TLS drives
    ssl.SSLContext.wrap_socket ──► TlsSocket: what smtplib, imaplib and poplib drive

A client checks what it is shown: who issued it, until when, and for which name (`x509.py`); then the same errors are
raised, with the same words, as OpenSSL's.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
from tlslite.errors import TLSAbruptCloseError, TLSAlert, TLSError
from tlslite.messages import Alert

from . import x509

#: TLS 1.2 and 1.3; older ones are not offered any more (RFC 8996).
VERSIONS = {(3, 3): "TLSv1.2", (3, 4): "TLSv1.3"}


class Buffer:
    """`ssl.MemoryBIO`."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self.eof = False

    def write(self, data: Any) -> int:
        """Put in at the end."""
        self._octets += data
        return len(data)

    def read(self, n: int = -1) -> bytes:
        """Take from the front."""
        n = len(self._octets) if n < 0 else n
        found = bytes(self._octets[:n])
        del self._octets[:n]
        return found

    @property
    def is_record(self) -> bool:
        """False when what comes first is no record of TLS (RFC 8446 §5.1): a greeting in plain text."""
        return not self._octets or self._octets[0] in range(20, 24)

    def write_eof(self) -> None:
        """Say that no more comes."""
        self.eof = True

    @property
    def pending(self) -> int:
        """The octets that are there."""
        return len(self._octets)


class _Ends:
    """Two buffers, as the socket that tlslite-ng wants."""

    def __init__(self, incoming: Any, outgoing: Any) -> None:
        self._incoming, self._outgoing = incoming, outgoing

    def recv(self, size: int) -> bytes:
        if not self._incoming.pending:
            if self._incoming.eof:
                return b""
            raise OSError(errno.EWOULDBLOCK, "nothing is there yet")
        return bytes(self._incoming.read(size))

    def send(self, data: Any) -> int:
        return int(self._outgoing.write(data))

    def sendall(self, data: Any) -> None:
        self._outgoing.write(data)

    def close(self) -> None:
        pass

    def getsockname(self) -> tuple[str, int]:
        return ("memory", 0)

    getpeername = getsockname


class Context:
    """`ssl.SSLContext`: what a side knows before it speaks."""

    def __init__(self, protocol: int = ssl.PROTOCOL_TLS_CLIENT) -> None:
        self.protocol = protocol
        is_client = protocol != ssl.PROTOCOL_TLS_SERVER
        self.check_hostname = is_client
        self.verify_mode = ssl.CERT_REQUIRED if is_client else ssl.CERT_NONE
        self.minimum_version, self.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
        self.options = 0
        self.anchors: list[x509.Certificate] = []
        self.chain: Any = None
        self.key: Any = None

    def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        """Trust the certificates of a file."""
        if cafile is not None:
            with open(cafile, encoding="ascii") as file:
                cadata = (cadata or "") + file.read()
        self.anchors += x509.certificates_of(cadata or "")

    def load_default_certs(self, purpose: Any = None) -> None:
        """Trust whom the machine trusts: here nobody."""

    set_default_verify_paths = load_default_certs

    def show(self, certificate: x509.Certificate, key: str) -> None:
        """Be the host of a certificate, with its private key as PEM."""
        self.chain = X509CertChain()
        self.chain.parsePemList(certificate.pem)
        self.key = parsePEMKey(key, private=True)

    def settings(self) -> HandshakeSettings:
        """Return what is offered."""
        known = {ssl.TLSVersion.TLSv1_2: (3, 3), ssl.TLSVersion.TLSv1_3: (3, 4)}
        settings = HandshakeSettings()
        settings.cipherNames, settings.keyShares = [CIPHER], [CURVE]
        settings.minVersion = known.get(self.minimum_version, (3, 3))
        settings.maxVersion = known.get(self.maximum_version, (3, 4))
        return settings

    def wrap_bio(
        self, incoming: Any, outgoing: Any, server_side: bool = False, server_hostname: Any = None, session: Any = None
    ) -> Engine:
        """Speak TLS through two buffers."""
        return Engine(self, incoming, outgoing, server_side, server_hostname)

    def wrap_socket(
        self, sock: socket.socket, server_side: bool = False, server_hostname: str | None = None, **_: Any
    ) -> TlsSocket:
        """Speak TLS over a socket; the handshake is done when this returns."""
        if self.check_hostname and not server_hostname and not server_side:
            raise ValueError("check_hostname requires server_hostname")
        return TlsSocket(self, sock, server_side, server_hostname)


class Engine:
    """`ssl.SSLObject`: one side of one connection, without a socket."""

    def __init__(self, context: Context, incoming: Any, outgoing: Any, server_side: bool, name: str | None) -> None:
        self.context, self.server_side, self.server_hostname = context, server_side, name
        self._incoming = incoming
        self._connection = TLSConnection(_Ends(incoming, outgoing))
        self._connection.closeSocket, self._connection.ignoreAbruptClose = False, True
        self._handshake: Iterator[Any] | None = None
        self._reading: Iterator[Any] | None = None
        self.peer: x509.Certificate | None = None

    def do_handshake(self) -> None:
        """Go on with the handshake; SSLWantReadError until it is done."""
        if not self._incoming.is_record:  # else it would wait for the length that a greeting seems to have
            raise ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
        if self._handshake is None:
            settings = self.context.settings()
            if self.server_side:
                self._handshake = self._connection.handshakeServerAsync(
                    certChain=self.context.chain, privateKey=self.context.key, settings=settings
                )
            else:
                self._handshake = self._connection.handshakeClientCert(
                    serverName=self.server_hostname or None, settings=settings, async_=True
                )
        _step(self._handshake)
        if not self.server_side:
            self._examine()

    def _examine(self) -> None:
        shown = bytes(self._connection.session.serverCertChain.x509List[0].bytes)
        try:
            self.peer = x509.Certificate.read(shown)
            name = self.server_hostname if self.context.check_hostname else None
            problem = self.peer.problem(self.context.anchors, name, datetime.now(UTC))
        except Exception:  # whatever a stranger shows that cannot be read
            self.peer, problem = None, "certificate cannot be read"
        if problem and self.context.verify_mode != ssl.CERT_NONE:
            self._say(42)  # bad_certificate
            words = f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {problem}"
            error = ssl.SSLCertVerificationError(1, words)
            error.verify_message, error.reason, error.library = problem, "CERTIFICATE_VERIFY_FAILED", "SSL"
            raise error

    def _say(self, what: int, level: int = 2) -> None:
        for _ in self._connection._sendMsg(Alert().create(what, level)):
            pass

    def read(self, size: int = 2**14, buffer: Any = None) -> Any:
        """Return what has come, b"" at the end; SSLWantReadError while nothing is there."""
        if self._connection.closed and not self._connection._readBuffer:
            return b"" if buffer is None else 0
        if self._reading is None:
            self._reading = self._connection.readAsync(size, 1)
        try:
            found = bytes(_step(self._reading) or b"")
        except ssl.SSLWantReadError:
            raise
        except BaseException:
            self._reading = None
            raise
        self._reading = None
        if buffer is None:
            return found
        buffer[: len(found)] = found
        return len(found)

    def write(self, data: Any) -> int:
        """Send."""
        for _ in self._connection.writeAsync(bytes(data)):
            pass
        return len(data)

    def unwrap(self) -> None:
        """Say good-bye."""
        if not self._connection.closed:
            self._say(0, 1)  # close_notify
            self._connection._shutdown(True)

    def pending(self) -> int:
        """The octets that are there, decrypted."""
        return len(self._connection._readBuffer)

    def getpeercert(self, binary_form: bool = False) -> Any:
        """Return what the far side has shown, as a dictionary or as octets; {} when it was not checked."""
        if self.peer is None:
            return None
        if binary_form:
            return self.peer.octets
        return self.peer.described() if self.context.verify_mode != ssl.CERT_NONE else {}

    def version(self) -> str | None:
        """Return the version of TLS."""
        return VERSIONS.get(tuple(self._connection.version))

    def cipher(self) -> tuple[str, str, int] | None:
        """Return name, version and bits of the cipher, by the name of the registry."""
        session = self._connection.session
        if session is None or self._connection.closed:
            return None
        bits = 128 if "128" in self._connection.getCipherName() else 256
        return CIPHERS.get(session.cipherSuite, self._connection.getCipherName()), self.version() or "", bits

    def compression(self) -> None:
        """Nothing is compressed."""

    def selected_alpn_protocol(self) -> None:
        """None is offered."""


#: What both ends offer: written in Python, they take less than half the time of AES, and of two curves at once.
CIPHER, CURVE = "chacha20-poly1305", "secp256r1"
#: The suites of TLS 1.3 (RFC 8446 §B.4).
CIPHERS = {0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384", 0x1303: "TLS_CHACHA20_POLY1305_SHA256"}


def _step(work: Iterator[Any]) -> Any:
    try:
        found = next(work)
    except StopIteration:
        return None
    except TLSAbruptCloseError as error:
        raise ssl.SSLEOFError(8, "EOF occurred in violation of protocol") from error
    except (TLSError, TLSAlert, ValueError, IndexError, SyntaxError, AssertionError) as error:
        raise ssl.SSLError(1, f"[SSL] {error}") from error
    if isinstance(found, int) and found in (0, 1):
        raise ssl.SSLWantReadError(2, "The operation did not complete (read)")
    return found


class TlsSocket(socket.socket):
    """`ssl.SSLSocket`: a socket whose octets are encrypted beneath."""

    def __init__(self, context: Context, sock: socket.socket, server_side: bool, name: str | None) -> None:
        timeout = sock.gettimeout()
        super().__init__(sock.family, sock.type, sock.proto, sock.detach())
        self.settimeout(timeout)
        self.context, self.server_hostname, self.server_side = context, name, server_side
        self._incoming, self._outgoing = Buffer(), Buffer()
        self._engine = Engine(context, self._incoming, self._outgoing, server_side, name)
        try:
            self._drive(self._engine.do_handshake)
        except BaseException:
            self.close()
            raise

    def _flush(self) -> None:
        if self._outgoing.pending:
            super().sendall(self._outgoing.read())

    def _drive(self, act: Callable[[], Any]) -> Any:
        while True:
            try:
                return act()
            except ssl.SSLWantReadError:
                self._flush()
                data = super().recv(2**16)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            finally:
                self._flush()

    def recv(self, bufsize: int = 2**14, flags: int = 0) -> bytes:
        """Receive, decrypted."""
        return bytes(self._drive(lambda: self._engine.read(bufsize)))

    read = recv

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receive into a buffer."""
        view = memoryview(buffer).cast("B")
        data = self.recv(nbytes or len(view))
        view[: len(data)] = data
        return len(data)

    def send(self, data: Any, flags: int = 0) -> int:
        """Send, encrypted."""
        self._drive(lambda: self._engine.write(data))
        return len(data)

    write = send

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all."""
        self.send(data)

    def unwrap(self) -> socket.socket:
        """End TLS; the socket goes on without it."""
        self._engine.unwrap()
        self._flush()
        return socket.socket(self.family, self.type, self.proto, self.detach())

    def pending(self) -> int:
        """The octets that are there, decrypted."""
        return self._engine.pending()

    def getpeercert(self, binary_form: bool = False) -> Any:
        """Return what the far side has shown."""
        return self._engine.getpeercert(binary_form)

    def version(self) -> str | None:
        """Return the version of TLS."""
        return self._engine.version()

    def cipher(self) -> tuple[str, str, int] | None:
        """Return name, version and bits of the cipher."""
        return self._engine.cipher()

    def do_handshake(self, block: bool = False) -> None:
        """Nothing: it is done."""


def create_default_context(
    purpose: Any = None, *, cafile: Any = None, capath: Any = None, cadata: Any = None
) -> Context:
    """`ssl.create_default_context`."""
    context = Context(ssl.PROTOCOL_TLS_SERVER if purpose == ssl.Purpose.CLIENT_AUTH else ssl.PROTOCOL_TLS_CLIENT)
    if cafile or cadata:
        context.load_verify_locations(cafile, capath, cadata)
    return context


def install() -> None:
    """Give Python's `ssl` these classes."""
    parts = {
        "SSLContext": Context,
        "MemoryBIO": Buffer,
        "SSLObject": Engine,
        "SSLSocket": TlsSocket,
        "create_default_context": create_default_context,
        "_create_unverified_context": create_default_context,
        "_create_stdlib_context": create_default_context,
    }
    for name, part in parts.items():
        setattr(ssl, name, part)
