"""nbgrader in a student's server, loaded when it is first asked for: until then it would hold 40 MB for a button.

    GET /nbgrader_version                      answered here, from the installed package's metadata
    /assignments…, /courses                    nbgrader is loaded, and the browser asks once more

Knows nbgrader's addresses.  Does not know what it does there.  Who uses it: jupyter_server_config.py beside it, in the
place of nbgrader's own server extensions.
"""

from __future__ import annotations

import importlib
import json
from importlib.metadata import version
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

#: nbgrader's own extensions, and what they answer
EXTENSIONS = ("validate_assignment", "assignment_list")
ADDRESSES = (r"/assignments(?:/.*)?", r"/courses")


class NbgraderVersion(JupyterHandler):
    """Says to nbgrader's part in the browser whether it is of the same version."""

    @web.authenticated
    def get(self) -> None:
        """Compare two numbers."""
        asked, installed = self.get_argument("version"), version("nbgrader")
        message = f"nbgrader is {installed} on the server and {asked} in the browser. Load the page again."
        self.finish(json.dumps({"success": True} if asked == installed else {"success": False, "message": message}))


class FirstRequest(JupyterHandler):
    """Loads nbgrader, steps aside, and has the browser ask again."""

    @web.authenticated
    def get(self) -> None:
        """Answer every method alike: 307 keeps method and body."""
        load_nbgrader(self.settings["nbgrader_app"])
        self.redirect(self.request.uri or "/", status=307)

    post = get


def load_nbgrader(app: Any) -> None:
    """Put nbgrader's handlers in the place of ours.  Idempotent."""
    router = app.web_app.default_router
    for rule in [rule for rule in router.rules if rule.target is app.web_app.settings["nbgrader_stand_in"]]:
        router.rules.remove(rule)
        for name in EXTENSIONS:
            importlib.import_module(f"nbgrader.server_extensions.{name}.handlers").load_jupyter_server_extension(app)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "lazy_nbgrader"}]


def _load_jupyter_server_extension(app: Any) -> None:
    settings, rules = app.web_app.settings, app.web_app.default_router.rules
    app.web_app.add_handlers(".*$", [(url_path_join(settings["base_url"], "/nbgrader_version"), NbgraderVersion)])
    before = [*rules]
    asked = [(url_path_join(settings["base_url"], address), FirstRequest) for address in ADDRESSES]
    app.web_app.add_handlers(".*$", asked)
    (ours,) = [rule for rule in rules if rule not in before]
    settings |= {"nbgrader_app": app, "nbgrader_stand_in": ours.target}
