"""One shape and one colour for each role, the same in every picture (the colours are Okabe and Ito's, for all eyes)."""

from __future__ import annotations

#: role -> (shape, colour, word): the same everywhere, and legible for the colour-blind
ROLES = {
    "person": ("box", "#E69F00", "MUA, a person's mail program"),
    "web": ("tab", "#F0E442", "MUA, a mail program behind a web page"),
    "mail": ("box3d", "#56B4E9", "MTA, a mail server"),
    "dns": ("ellipse", "#CC79A7", "DNS server"),
    "mailbox": ("cylinder", "#009E73", "mailbox"),
}
