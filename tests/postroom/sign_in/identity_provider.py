"""A small identity provider on loopback: it says who is signed in there, as a test has told it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from typing_extensions import override

CLIENT_ID = "postroom"


class IdentityProvider(ThreadingHTTPServer):
    """`claims` are what it vouches for; `asked` are the paths that it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.claims: dict[str, Any] = {}
        self.asked: list[str] = []

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            ends = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in ("authorization", "token", "userinfo")}
            return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **ends}
        if path == "/token":
            facts = {"iss": self.issuer, "aud": CLIENT_ID, "exp": 4_000_000_000, "iat": 0, **self.claims}
            return {"access_token": "x", "token_type": "Bearer", "id_token": jwt.encode(facts, "k" * 32)}
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
