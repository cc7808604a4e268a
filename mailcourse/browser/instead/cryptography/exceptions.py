"""Errors."""


class UnsupportedAlgorithm(Exception):
    """A kind of key that is not known."""
