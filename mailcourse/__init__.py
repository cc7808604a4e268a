"""mailcourse: a complete small Internet of mail inside a notebook.

The journey of a message, and the folder that each step is in:

    alice writes             mua/compose.py     the text, its headers
    her program submits      mua/submit.py      STARTTLS, AUTH, MAIL, RCPT, DATA on port 587
    her server takes it      mta/receive.py     250: "now my responsibility"
      … onto its disk        mta/queue.py       synced before the 250
      … and decides          mta/route.py       mine? inside? smart host? MX?
      … asks the DNS         dns/               mail_servers("bakery.test")
      … and hands it on      mta/send.py        port 25, to the first that takes it
      … what came of that    mta/attempt.py     delivered, try later or give up: 2xx, 4xx, 5xx
      … later, or back       mta/retry.py       when again; mta/bounce.py: what the author is told
    bruno's server takes it  mta/receive.py
      … into his mailbox     mda/deliver.py     a file in mailbox/maildir.py
    bruno's program reads    access/imap/       what IMAP answers;  mua/imap.py asks

Beneath all of it: internet/ (hosts, wire, clock, trace).  Above: lab/ builds a world from a
scenario, widgets/ and views.py show it, checks/ mark exercises.
"""

import sys

if sys.platform == "emscripten":  # in a web page: Python lacks threads, sockets and OpenSSL there
    from . import browser

    browser.prepare()

from .internet.errors import LabError
from .views import Lab, SavedTrace

__version__ = "0.1.0"
__all__ = ["Lab", "LabError", "SavedTrace", "__version__"]
