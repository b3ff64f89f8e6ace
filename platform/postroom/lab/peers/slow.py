"""The slow peer: takes everything, each reply after a while."""

from __future__ import annotations

import asyncio

from typing_extensions import override

from postroom.lab.config import Endpoint
from postroom.lab.network import Network
from postroom.lab.peers.peer import Peer
from postroom.lab.sites import PeerSite


class SlowPeer(Peer):
    def __init__(self, site: PeerSite, endpoint: Endpoint, network: Network, seconds: float) -> None:
        super().__init__(site, endpoint, network)
        self.seconds = seconds

    @override
    async def hesitate(self) -> None:
        await asyncio.sleep(self.seconds)
