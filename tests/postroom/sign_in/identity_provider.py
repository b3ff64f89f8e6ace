"""A small identity provider on loopback: it says who is signed in there, as a test has told it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from typing_extensions import override

CLIENT_ID = "postroom"


class IdentityProvider(ThreadingHTTPServer):
    """`claims` are what it vouches for; `asked` are the paths that it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.claims: dict[str, Any] = {}
        self.asked: list[str] = []
        self.configuration_changes: dict[str, Any] = {}
        self.change_key("one")

    def change_key(self, name: str) -> None:
        """Sign with a new key from now on; it is published in place of the one before."""
        self.key_name, self.key = name, ec.generate_private_key(ec.SECP256R1())

    def token(self, **claims: Any) -> str:
        """Return a token for Alice, of this hour, that a test may change; None takes a claim away."""
        facts: dict[str, Any] = {"iss": self.issuer, "aud": CLIENT_ID, "exp": 4_000_000_000, "sub": "1"}
        facts |= {"email": "alice@contoso.example", "email_verified": True, **claims}
        told = {name: value for name, value in facts.items() if value is not None}
        return jwt.encode(told, self.key, "ES256", headers={"kid": self.key_name})

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            ends = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in ("authorization", "token", "userinfo")}
            ends = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **ends}
            return ends | self.configuration_changes
        if path == "/token":
            facts = {"iss": self.issuer, "aud": CLIENT_ID, "exp": 4_000_000_000, "iat": 0, **self.claims}
            return {"access_token": "x", "token_type": "Bearer", "id_token": jwt.encode(facts, "k" * 32)}
        if path == "/keys":
            key = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
            return {
                "keys": [key | {"kid": self.key_name, "use": "sig"}, {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"}]
            }
        return self.claims


class _Handler(BaseHTTPRequestHandler):
    server: IdentityProvider

    def do_GET(self) -> None:
        content = json.dumps(self.server.answer(self.path)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    @override
    def log_message(self, *args: Any) -> None:
        """Keep quiet."""


@contextmanager
def running() -> Iterator[IdentityProvider]:
    with IdentityProvider() as provider:
        thread = threading.Thread(target=provider.serve_forever)
        thread.start()
        try:
            yield provider
        finally:
            provider.shutdown()
            thread.join()
