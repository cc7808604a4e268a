"""The shapes: one for each role, and one for each state, so that none is told by colour alone.

Each is drawn around (0, 0), a host's about 60 wide and 44 high.  `draw.css` has the colours; what is a `base` lies on
the ground, which a dark theme darkens.
"""

from __future__ import annotations

#: role → what a host looks like
HOSTS = {
    "person": (
        '<rect class="paper" x="-25" y="-22" width="50" height="34" rx="4"/>'
        '<path class="line" d="M-12-6h24M-12 1h16"/><path class="line base" d="M-33 17h66"/>'
    ),
    "web": (
        '<rect class="paper" x="-28" y="-22" width="56" height="42" rx="5"/>'
        '<path class="line" d="M-28-10h56M-14 1h28v13h-28zM-14 1 0 9 14 1"/><path class="line" d="M-22-16h3M-15-16h3"/>'
    ),
    "mail": (
        '<rect class="body" x="-28" y="-23" width="56" height="21" rx="4"/>'
        '<rect class="body" x="-28" y="1" width="56" height="21" rx="4"/>'
        '<path class="line" d="M-19-13h24M-19 11h24"/><circle class="lamp" cx="17" cy="-13" r="3.5"/>'
        '<circle class="lamp" cx="17" cy="11" r="3.5"/>'
    ),
    "dns": (
        '<path class="book" d="M0-17C-9-23-20-22-27-19V17C-20 14-9 13 0 19 9 13 20 14 27 17V-19C20-22 9-23 0-17Z"/>'
        '<path class="line" d="M0-17V19M-20-8h12M-20 0h12M8-8h12M8 0h12"/>'
    ),
}
#: a person's mailbox, about 26 wide
MAILBOX = (
    '<path class="box" d="M-13 10V-2a8 8 0 0 1 8-8H7a8 8 0 0 1 8 8v12Z"/>'
    '<path class="line" d="M3 10V-2a8 8 0 0 0-8-8M7-1h6"/><path class="line base" d="M13-1v-8"/>'
)
#: a letter that lies at a host, at its lower right corner
LYING = (
    '<g transform="translate(30 14)"><rect class="cover" x="-14" y="-9" width="28" height="19" rx="2"/>'
    '<path class="flap" d="M-14-8 0 3 14-8"/></g>'
)
#: state → the sign of it, at the upper right corner; across the whole host where it is off
SIGNS = {
    "off": '<path class="cross" d="M-19-19 19 19M19-19-19 19"/>',
    "waiting": (
        '<g transform="translate(30 -20)"><path class="tray" d="M-15 0h9l3 5h7l3-5h9v13h-31Z"/>'
        '<rect class="sheet" x="-9" y="-9" width="18" height="9"/></g>'
    ),
    "slow": (
        '<g transform="translate(-32 -20)"><circle class="warn" r="11"/><path class="line" d="M-4-6h8L-4 6h8Z"/></g>'
    ),
    "refusing": ('<g transform="translate(-32 -20)"><circle class="no" r="11"/><path class="bar" d="M-6 0h12"/></g>'),
    "trouble": (
        '<g transform="translate(-32 -20)"><path class="warn" d="M0-12 12 9H-12Z"/>'
        '<path class="line" d="M0-5v7M0 5v1"/></g>'
    ),
    "holding": LYING,
    "returning": f'<g class="bounce">{LYING}</g>',
}
#: what moves, by kind; drawn around (0, 0)
ENVELOPE = (
    '<rect class="cover" x="-21" y="-14" width="42" height="28" rx="3"/><path class="flap" d="M-21-12 0 5 21-12"/>'
)
#: a note that comes back; its badge says the same as its colour, and the words beside its way say it too
NOTE = 'x="-22" y="-13" width="44" height="26" rx="13"'
SPRITES = {
    "letter": ENVELOPE,
    "bounce": f'{ENVELOPE}<text class="inside" y="13">&lt;&gt;</text>',
    "fail": ENVELOPE,
    "question": '<circle class="ball" r="13"/><text class="inside" y="6">?</text>',
    "answer": '<circle class="ball full" r="13"/><text class="inside" y="5">✓</text>',
    "reply": f'<rect class="note good" {NOTE}/><path class="badge good" d="M-7 0l5 6 9-12"/>',
    "refusal": f'<rect class="note bad" {NOTE}/><path class="badge bad" d="M-6-6 6 6M6-6-6 6"/>',
    "later": f'<rect class="note slow" {NOTE}/><path class="badge slow" d="M-6-8h12L-6 8h12Z"/>',
    "stamp": '<rect class="mark" x="-20" y="-12" width="40" height="24" rx="4"/>'
    '<path class="badge" d="M-8 8h16M-6 3h12L2-3a4 4 0 1 0-4 0Z"/>',
}
