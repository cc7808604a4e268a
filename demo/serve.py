"""Serve the control room as a page, to whoever was given its address.

The address has a token, drawn at each start, and the server answers to the names of this machine only: so neither a
neighbour on the machine nor a web page that leads a browser here (DNS rebinding) reaches the kernel behind it.
Voilà by itself asks for no token, answers to any name, and opens the browser at an address without its token.
"""

from __future__ import annotations

import os
import tempfile
import webbrowser
from html import escape
from pathlib import Path

from voila.app import Voila


class ControlRoom(Voila):
    """Voilà, for those who have the token."""

    def init_settings(self) -> dict[str, object]:
        """Check the Host of each request, as JupyterLab does."""
        return {**super().init_settings(), "allow_remote_access": False}

    def launch_browser(self) -> None:
        """Open the page by way of a file that only its owner can read: command lines are seen by all."""
        descriptor, name = tempfile.mkstemp(suffix=".html")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f'<meta http-equiv="refresh" content="0;url={escape(self.display_url)}">')
        webbrowser.open(Path(name).as_uri())


if __name__ == "__main__":
    ControlRoom.launch_instance(auto_token=True)
