"""JupyterHub for a class on one machine; what a school changes is in hub.toml.

    browser ─► configurable-http-proxy ─► hub            signing in, starting servers
                                       └─► a server a person, with her own account of the machine ─► kernel, lab

Thirty people start at the bell: nothing here gives up early, or says "too many".
"""

import hashlib
import os
import pwd
import re
import socket
import subprocess
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

FILE = Path(os.environ.get("MAILCOURSE_HUB", "/etc/mailcourse/hub.toml"))
settings = tomllib.loads(FILE.read_text("utf-8"))
hub, places, ports, lti = (settings[name] for name in ("hub", "places", "ports", "lti"))
environment, state, own = (Path(places[name]) for name in ("environment", "state", "settings"))
is_secure = bool(hub["certificate"])
teachers = set(hub["teachers"])

c = get_config()  # noqa: F821  # JupyterHub gives it


def knows_its_name() -> bool:
    """Say whether this machine finds itself by its name: a hub on all addresses asks its proxy there, and else ends."""
    try:
        socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return False
    return True


if urlsplit(hub["address"]).hostname in ("0.0.0.0", "::", None) and not knows_its_name():
    line = f"127.0.1.1 {socket.gethostname()}"
    raise SystemExit(
        f"This machine does not know its own name. Put a line “{line}” into /etc/hosts, then start the hub."
    )

# ---- where it is --------------------------------------------------------------------------------------------

c.JupyterHub.bind_url = hub["address"]
c.JupyterHub.ssl_cert, c.JupyterHub.ssl_key = hub["certificate"], hub["key"]
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{ports['hub']}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{ports['proxy_api']}"
c.ConfigurableHTTPProxy.command = [places["proxy"]]
c.JupyterHub.db_url = f"sqlite:///{state}/hub.sqlite"
c.JupyterHub.cookie_secret_file = str(state / "cookie_secret")
c.ConfigurableHTTPProxy.pid_file = str(state / "proxy.pid")
# Servers go on while the hub is started again: nobody loses a kernel by an upgrade of the settings.
c.JupyterHub.cleanup_servers = False

# ---- who comes in -------------------------------------------------------------------------------------------


def unix_name(name: str) -> str:
    """Return an account's name for somebody whom Moodle knows by a number or an address."""
    plain = re.sub(r"[^a-z0-9]", "", name.casefold())[:16]
    return f"m-{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def name_from_moodle(authenticator, handler, authentication):
    """Give everybody from Moodle a name that can be one of this machine's accounts."""
    authentication["name"] = unix_name(authentication["name"])
    return authentication


def make_account(spawner) -> None:
    """Make the account of somebody who comes for the first time; nobody else can look into its home."""
    try:
        pwd.getpwnam(spawner.user.name)
    except KeyError:
        command = ["useradd", "--create-home", "--key", "HOME_MODE=0700", "--shell", "/bin/bash"]
        subprocess.run([*command, spawner.user.name], check=True)


c.Authenticator.allow_all = True  # everybody who can sign in there
if hub["sign_in"] == "lti":
    teachers |= {unix_name(name) for name in hub["teachers"]}
    c.JupyterHub.authenticator_class = "ltiauthenticator.lti13.auth.LTI13Authenticator"
    c.LTI13Authenticator.issuer = lti["issuer"]
    c.LTI13Authenticator.client_id = {lti["client_id"]}
    c.LTI13Authenticator.authorize_url = lti["authorize_url"]
    c.LTI13Authenticator.jwks_endpoint = lti["jwks_endpoint"]
    c.LTI13Authenticator.username_key = "sub"
    c.LTI13Authenticator.uri_scheme = "https" if is_secure else "auto"
    c.Authenticator.post_auth_hook = name_from_moodle
    c.Spawner.pre_spawn_hook = make_account
    # Moodle shows the hub in a frame of its own page.
    frame = {"headers": {"Content-Security-Policy": f"frame-ancestors 'self' {lti['issuer']}"}}
    c.JupyterHub.tornado_settings = frame | {"cookie_options": {"SameSite": "None", "Secure": True}}
else:
    c.JupyterHub.authenticator_class = "pam"
    c.PAMAuthenticator.open_sessions = False
c.Authenticator.admin_users = teachers

# ---- a server a person --------------------------------------------------------------------------------------


def configure(spawner) -> str:
    """Return where a server finds its settings: a teacher's has Formgrader, a student's is lean."""
    kind = "teacher" if spawner.user.name in teachers else "student"
    return str(own / kind)


has_systemd = Path("/run/systemd/system").is_dir()
kind = hub["spawner"] if hub["spawner"] != "auto" else "systemd" if has_systemd else "local"
if kind == "systemd":
    c.JupyterHub.spawner_class = "systemdspawner.SystemdSpawner"
    c.SystemdSpawner.isolate_tmp = True
    c.SystemdSpawner.disable_user_sudo = True
    c.SystemdSpawner.unit_extra_properties = {"TasksMax": "256"}
else:
    c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
c.Spawner.mem_limit, c.Spawner.cpu_limit = hub["memory"], hub["processors"]
c.Spawner.cmd = [str(own / "start-server")]
c.Spawner.default_url = "/lab/tree/notebooks/00-start-here.ipynb"
c.Spawner.notebook_dir = "~/mail-course"
c.Spawner.environment = {
    "MAILCOURSE_ENVIRONMENT": str(environment),
    "MAILCOURSE_HUB": str(FILE),
    "PATH": f"{environment}/bin:/usr/local/bin:/usr/bin:/bin",
    "JUPYTER_CONFIG_PATH": configure,
    "MALLOC_ARENA_MAX": "2",  # memory that threads hold back
}
# Thirty at the bell on two cores: the last one's server answers after a minute or more. JupyterHub's 30 s failed 26.
c.Spawner.start_timeout = c.Spawner.http_timeout = 300
c.JupyterHub.concurrent_spawn_limit = hub["class_size"]  # a lower one shows an error page (429)
c.JupyterHub.init_spawners_timeout = 60

# ---- what it does by itself ---------------------------------------------------------------------------------

idle = str(hub["idle_minutes"] * 60)
culler = [f"{environment}/bin/python", "-m", "jupyterhub_idle_culler", f"--timeout={idle}", "--cull-every=300"]
c.JupyterHub.services = [{"name": "idle-culler", "command": culler}]
scopes = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
c.JupyterHub.load_roles = [{"name": "idle-culler", "scopes": scopes, "services": ["idle-culler"]}]
