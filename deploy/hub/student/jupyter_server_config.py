"""A student's server: what lessons and exercises need, and nothing that only holds memory."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
c = get_config()  # noqa: F821  # Jupyter gives it
c.ServerApp.jpserver_extensions = {
    "lazy_nbgrader": True,  # nbgrader, when somebody validates, fetches or hands in
    "nbgrader.server_extensions.validate_assignment": False,
    "nbgrader.server_extensions.assignment_list": False,
    "nbgrader.server_extensions.course_list": False,
    "nbgrader.server_extensions.formgrader": False,
    "jupyter_lsp": False,
    "notebook": False,
    "voila.server_extension": False,
}
c.LabApp.extension_manager = "readonly"
# Sockets in a folder of her own: to a kernel's ports any user of the machine could listen.
c.KernelManager.transport = "ipc"
c.MappingKernelManager.cull_idle_timeout = 1800  # a notebook whose page was closed, half an hour ago
c.MappingKernelManager.cull_connected = False
