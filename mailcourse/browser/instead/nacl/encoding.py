"""How octets are written."""

import base64


class RawEncoder:
    """As they are."""

    encode = decode = staticmethod(bytes)


class Base64Encoder:
    """In base64."""

    @staticmethod
    def encode(data: bytes) -> bytes:
        """Write."""
        return base64.b64encode(data)

    @staticmethod
    def decode(data: bytes) -> bytes:
        """Read."""
        return base64.b64decode(data)
