"""The lab as a drawing: where everything stands, how it is, and what moves.  Values and functions, without a widget.

    scenario ─► hosts.py ─► places.py ─► draw.py ─► SVG
    events   ─► moves.py ─► what glides from where to where, and in how many milliseconds

Nothing here starts a program or asks a browser: the same picture on every machine, and in a web page.
"""
