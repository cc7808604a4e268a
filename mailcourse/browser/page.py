"""What lies beside the page that the kernel runs in."""

from __future__ import annotations


def beside(path: str) -> str:
    """Return the address of a file of the site."""
    import js

    known = getattr(js, "MAILCOURSE_SITE", None)
    if known is not None:
        return f"{known}{path}"
    here = str(js.location.href)
    base = here.partition("/extensions/")[0]
    return f"{base}/static/{path}"
