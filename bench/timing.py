"""A next hop that notes when each message arrived, for latencies; it takes a handful of messages, not a load."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from types import TracebackType
from typing import Self

from typing_extensions import override

PATIENCE = 60.0


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    @override
    def setup(self) -> None:
        # Without this, Nagle's algorithm and delayed acknowledgements would be what is measured.
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().setup()

    @override
    def handle(self) -> None:
        self._say("220 timed.example")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self._say("354 go ahead")
                self._take()
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            elif verb == b"EHLO":
                self._say("250-timed.example\r\n250 PIPELINING")
            else:
                self._say("250 2.0.0 ok")

    def _take(self) -> None:
        token = ""
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            if line.startswith(b"Subject: "):
                token = line[9:].decode().strip()
        self.server.arrived(token)
        self._say("250 2.0.0 ok")

    def _say(self, reply: str) -> None:
        self.wfile.write(f"{reply}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self._times: dict[str, float] = {}
        self._news = threading.Condition()

    def arrived(self, token: str) -> None:
        with self._news:
            self._times.setdefault(token, time.monotonic())
            self._news.notify_all()

    def wait_for(self, token: str) -> float:
        with self._news:
            if not self._news.wait_for(lambda: token in self._times, PATIENCE):
                raise TimeoutError(f"{token} did not arrive within {PATIENCE:.0f} s")
            return self._times[token]


class TimingSink:
    def __init__(self) -> None:
        self._server = _Server()

    @property
    def port(self) -> int:
        port: int = self._server.server_address[1]
        return port

    def wait_for(self, token: str) -> float:
        """Return when the message with this subject arrived, by the monotonic clock."""
        return self._server.wait_for(token)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
