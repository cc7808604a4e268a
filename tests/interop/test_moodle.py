"""Somebody comes to the hub from Moodle: a stand-in says who she is, and signs it, as LTI 1.3 has it.

Moodle ─ "she comes" ─► hub ─ "who is it? nonce" ─► Moodle ─ id_token, signed ─► hub ─► her server
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from test_hub import Running, needs_root
from test_hub import proxy as proxy  # a fixture

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
ISSUER, CLIENT = "https://moodle.example.com", "course-tool"


class Moodle:
    """Who signs, and where its public key can be fetched."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        keys = json.dumps({"keys": [{**public, "kid": "k", "alg": "RS256", "use": "sig"}]}).encode()

        class Keys(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(keys)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Keys)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.jwks = f"http://127.0.0.1:{self.server.server_port}/certs"

    def say(self, nonce: str, key: rsa.RSAPrivateKey | None = None, **other: object) -> str:
        now = int(time.time())
        claims: dict[str, object] = {"iss": ISSUER, "aud": CLIENT, "sub": "4711", "nonce": nonce}
        claims |= {"iat": now, "exp": now + 60, f"{CLAIM}version": "1.3.0", f"{CLAIM}deployment_id": "1"}
        claims |= {f"{CLAIM}message_type": "LtiResourceLinkRequest", f"{CLAIM}resource_link": {"id": "1"}}
        claims |= {f"{CLAIM}target_link_uri": "http://127.0.0.1/hub", f"{CLAIM}roles": ["Learner"]}
        return jwt.encode(claims | other, key or self.key, algorithm="RS256", headers={"kid": "k"})


class Visitor:
    """A browser in which the hub's pages are inside of Moodle's."""

    def __init__(self, hub: str) -> None:
        self.hub = urlsplit(hub)
        self.cookies: dict[str, str] = {}

    def post(self, path: str, form: dict[str, str]) -> HTTPResponse:
        return self._ask("POST", path, urlencode(form))

    def _ask(self, method: str, path: str, body: str = "") -> HTTPResponse:
        connection = HTTPConnection(self.hub.hostname or "", self.hub.port, timeout=60)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            is_kept = value not in ("", '""')
            assert not is_kept or "SameSite=None" in line, "inside of Moodle's page a browser would not send it"
        answer.read()
        return answer

    def begin(self) -> dict[str, str]:
        """Be sent by Moodle; return what the hub asks Moodle."""
        hint = {"iss": ISSUER, "login_hint": "4711", "client_id": CLIENT, "lti_message_hint": "1"}
        answer = self.post("/hub/lti13/oauth_login", hint | {"target_link_uri": f"{self.hub.geturl()}/hub"})
        assert answer.status == 302
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    def come(self, asked: dict[str, str], token: str) -> HTTPResponse:
        return self.post("/hub/lti13/oauth_callback", {"id_token": token, "state": asked["state"]})


@pytest.fixture(scope="module")
def moodle() -> Iterator[Moodle]:
    made = Moodle()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def school(proxy: Path, moodle: Moodle) -> Iterator[Running]:
    folder = Path(tempfile.mkdtemp(prefix="hub-", dir="/tmp"))
    folder.chmod(0o755)
    lti = {"sign_in": "lti", "issuer": ISSUER, "client_id": CLIENT, "jwks_endpoint": moodle.jwks}
    lti["authorize_url"] = f"{ISSUER}/mod/lti/auth.php"
    running = Running(folder, proxy, **{name: f'"{value}"' for name, value in lti.items()})
    yield running
    running.close()
    shutil.rmtree(folder)


@needs_root
@pytest.mark.timeout(120)
def test_who_comes_from_moodle_is_signed_in_under_a_name_of_her_own(school: Running, moodle: Moodle) -> None:
    visitor = Visitor(school.address)
    asked = visitor.begin()
    assert asked["client_id"] == CLIENT
    assert asked["redirect_uri"] == f"{school.address}/hub/lti13/oauth_callback"
    answer = visitor.come(asked, moodle.say(asked["nonce"]))
    assert answer.status == 302
    assert "jupyterhub-hub-login" in visitor.cookies
    assert any(re.search(r"User logged in: m-4711-[0-9a-f]{6}", line) for line in school.log)


@needs_root
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "forged", ["another key", "another school", "another tool", "too old", "a nonce that was not asked", "nobody"]
)
def test_what_moodle_did_not_say_lets_nobody_in(forged: str, school: Running, moodle: Moodle) -> None:
    visitor = Visitor(school.address)
    asked = visitor.begin()
    other: dict[str, object] = {
        "another school": {"iss": "https://other.example.com"},
        "another tool": {"aud": "another"},
        "too old": {"iat": 1, "exp": 2},
        "nobody": {"sub": ""},
    }.get(forged, {})
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048) if forged == "another key" else None
    nonce = "x" * 64 if forged == "a nonce that was not asked" else asked["nonce"]
    answer = visitor.come(asked, moodle.say(nonce, key, **other))
    assert answer.status in (400, 401, 403)
    assert "jupyterhub-hub-login" not in visitor.cookies
