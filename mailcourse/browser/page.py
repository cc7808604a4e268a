"""What lies beside the page that the kernel runs in."""

from __future__ import annotations


def beside(path: str) -> str:
    """Return the address of a file of the site."""
    import js

    base = str(js.location.href).partition("/extensions/")[0]
    return f"{base}/static/{path}"
