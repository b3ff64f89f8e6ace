"""The peer that is down: its port refuses every connection."""

from __future__ import annotations

import socket

from postroom.lab.config import Endpoint


class DownPeer:
    """Holds the port without listening, so that nobody else can answer there."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    async def start(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.bind(self.endpoint)
        except OSError:
            self._socket.close()
            raise

    async def stop(self) -> None:
        self._socket.close()
