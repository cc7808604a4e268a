"""Marking runs a notebook that anybody wrote: whatever a cell does, the next one is marked.

    it never ends            interrupted after its time; a kernel that does not let go is restarted
    it ends the kernel       restarted: what was run before is run again, without the cell that killed
    it prints a megabyte     the first characters are kept

nbgrader gives this its notebooks through nbgrader_config.py.
"""

from __future__ import annotations

import subprocess
from typing import Any

from jupyter_core.utils import run_sync
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output
from nbgrader.preprocessors import Execute as NbgraderExecute

from .kernels import AsyncLocalKernel

_new_cell: Any = new_code_cell  # nbformat has no types
_new_output: Any = new_output
#: real seconds that a cell may take: an answer, and a check, which has bounds of its own
SECONDS, CHECK_SECONDS = 20, 150
#: characters of one output that are kept
KEPT = 20_000
#: new kernels for one notebook: who needs more has to be looked at by a person
MAX_KERNELS = 6
DIED = "This cell ended the kernel. It is left out, and the cells after it are run without it."
ENDLESS = "This cell did not end, and could not be interrupted. It is left out."
#: run before each check: whatever an earlier cell has put in the place of `check`, the course's own is used
CLEAN = """
import importlib, sys
for _name in ("bounds", "parcel", "state", "verdict", "ask"):
    importlib.reload(importlib.import_module("mailcourse.checks." + _name))
importlib.reload(sys.modules["mailcourse.checks"])
"""


class Execute(NbgraderExecute):  # type: ignore[misc]  # nbgrader has no types
    """nbgrader's own, but for a kernel that dies or does not let go."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **{"kernel_manager_class": AsyncLocalKernel, **named})
        self.timeout_func = lambda cell: CHECK_SECONDS if _is_check(cell) else SECONDS
        self._kernels, self._left_out = 0, set[int]()

    def preprocess(self, nb: NotebookNode, *args: Any, **named: Any) -> tuple[NotebookNode, Any]:
        """Run a notebook."""
        self._kernels, self._left_out = 0, set()
        result: tuple[NotebookNode, Any] = super().preprocess(nb, *args, **named)
        return result

    def preprocess_cell(self, cell: NotebookNode, resources: Any, index: int) -> tuple[NotebookNode, Any]:
        """Run one cell; when the kernel does not survive it, go on with a new one."""
        why = ""
        try:
            if _is_check(cell):
                self._run(CLEAN, index)
            cell, resources = super().preprocess_cell(cell, resources, index)
            if any(output.get("ename") == "CellTimeoutError" for output in cell.get("outputs", ())):
                why = "" if self._lets_go() else ENDLESS
        except DeadKernelError:
            why = DIED
        except CellTimeoutError:
            why = ENDLESS
        if why:
            cell.outputs = [_new_output("error", ename="LeftOut", evalue=why, traceback=[why])]
            self._begin_anew(index)
        for output in cell.get("outputs", ()):
            if output.output_type == "stream" and len(output.text) > KEPT:
                output.text = f"{output.text[:KEPT]}\n… and {len(output.text) - KEPT:,} more characters"
        return cell, resources

    async def async_start_new_kernel(self, **options: Any) -> None:
        """Start a kernel whose last words, when it is ended, trouble nobody."""
        await super().async_start_new_kernel(**{"stderr": subprocess.DEVNULL, **options})

    start_new_kernel = run_sync(async_start_new_kernel)

    def _lets_go(self) -> bool:
        """Say whether the kernel answers after it was interrupted."""
        try:
            run_sync(self.kc.wait_for_ready)(timeout=10)
        except RuntimeError:
            return False
        return True

    def _begin_anew(self, index: int) -> None:
        """Start the kernel again, and run what was run before `index`, without what was left out."""
        self._left_out.add(index)
        self._kernels += 1
        if self._kernels > MAX_KERNELS:
            raise DeadKernelError("This notebook ended its kernel again and again. Look at it yourself.")
        run_sync(self.km.restart_kernel)(now=True)
        run_sync(self.kc.wait_for_ready)(timeout=60)
        for number, cell in enumerate(self.nb.cells[:index]):
            if cell.cell_type == "code" and number not in self._left_out and not _is_check(cell):
                self._run(cell.source, number)

    def _run(self, source: str, number: int) -> None:
        self.execute_cell(_new_cell(source), number, store_history=False)


def _is_check(cell: NotebookNode) -> bool:
    about = cell.metadata.get("nbgrader", {})
    return bool(about.get("grade")) and not about.get("solution")
