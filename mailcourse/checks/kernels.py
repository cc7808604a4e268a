"""Kernels that are spoken to through files of a folder of their own, where the system has sockets in files.

jupyter_client looks for five free ports and lets go of them before the kernel takes them.  A lab that opens in between
may be given one of them: then the kernel dies as it starts, and a right submission gets no points.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager


class LocalKernel(KernelManager):
    """A kernel manager whose folder goes with its kernel; what nbval uses, through files."""

    def __init__(self, **named: Any) -> None:
        if os.name == "posix":
            # Short: the path of a socket has 100 characters or so.
            self._folder = Path(tempfile.mkdtemp(prefix="kernel-"))
            named |= {"transport": "ipc", "connection_file": str(self._folder / "kernel.json")}
        super().__init__(**named)

    def cleanup_connection_file(self) -> None:
        """Remove what was in the folder, and the folder."""
        super().cleanup_connection_file()
        if os.name == "posix":
            shutil.rmtree(self._folder, ignore_errors=True)
