"""Errors."""


class BadSignatureError(Exception):
    """A signature that is none."""
