"""Stands for `dbm`, which tlslite-ng imports and which no lab opens."""


class error(OSError):
    """A database that cannot be opened."""
