"""A picture that does not move, as PNG: for a saved notebook, a page without scripts, and the README.

resvg draws it, in this process; where there is no wheel of it (a web page), the widget stands alone.
"""

from __future__ import annotations

from base64 import b64encode
from importlib.util import find_spec

#: Pixels across: sharp on a screen with small pixels, small in a file.
WIDTH = 1240


def png(svg: str, width: int = WIDTH) -> bytes:
    """Draw an SVG as PNG; empty where nothing here can."""
    if find_spec("resvg_py") is None:
        return b""
    import resvg_py  # 20 ms, so only when something is drawn

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, width=width))


def bundle(svg: str) -> dict[str, str]:
    """Return a picture under the name by which a notebook knows it; a notebook that nobody trusts shows only PNG."""
    drawn = png(svg)
    return {"image/png": b64encode(drawn).decode()} if drawn else {}
