"""The course in a web page: what Python lacks there, under the names that Python has for it.

    threading, queue, executors, sleep      threads.py   whoever waits does what others have to do
    the labs' runtime                       loop.py      asyncio's loop, in turns instead of on a thread
    _socket, socket, select                 sockets.py   pairs in memory, and no network
    ssl                                     tls.py       tlslite-ng; certificates in x509.py
    trustme, nh3, cryptography, nacl        instead/     looked for last, so that the real one wins
    os.link, hashlib.scrypt                 below

This is the one seam: `mailcourse/__init__.py` calls `prepare` before anything else is imported, and no other room knows
where it runs.
"""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from pathlib import Path


def prepare() -> None:
    """Put what is missing in its place.  Idempotent."""
    warnings.filterwarnings("ignore", "only soft file lock")  # a lab in a page has its folder for itself
    from . import threads

    threads.install()  # before anything makes a lock or a queue
    from mailcourse.internet import runtime

    from . import loop, sockets

    runtime.Runtime = loop.PageRuntime
    sockets.install()
    if not hasattr(hashlib, "scrypt"):
        hashlib.scrypt = _stretch
    if not hasattr(os, "link"):
        os.link = _no_links
    instead = str(Path(__file__).with_name("instead"))
    if instead not in sys.path:
        sys.path.append(instead)
    from . import tls

    tls.install()


def _stretch(password: bytes, *, salt: bytes, n: int, r: int, p: int, maxmem: int = 0, dklen: int = 64) -> bytes:
    """Stand for scrypt: quick to try out, which does not matter where nobody else can come."""
    return hashlib.blake2b(password, key=hashlib.sha256(salt).digest(), digest_size=dklen).digest()


def _no_links(*_: object, **__: object) -> None:
    raise OSError(95, "this file system has no hard links")
