"""The lab as one asyncio program: DNS and peers started and stopped together, in the caller's loop or in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from postroom.lab.authority import Authority
from postroom.lab.config import SMTP, Endpoint, LabCannotStart, LabConfig
from postroom.lab.dns_server import DnsServer
from postroom.lab.network import Network
from postroom.lab.peers.down import DownPeer
from postroom.lab.peers.echo import EchoPeer
from postroom.lab.peers.greylist import GreylistPeer
from postroom.lab.peers.peer import Peer, ReceivedMessage
from postroom.lab.peers.slow import SlowPeer
from postroom.lab.peers.strict import StrictPeer
from postroom.lab.sites import DOWN, ECHO, GREYLIST, SLOW, STRICT

SECONDS_TO_START = 10.0
Result = TypeVar("Result")


class _Server(Protocol):
    endpoint: Endpoint

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Lab:
    """Use as `async with Lab(config) as lab:`, or call start and stop."""

    def __init__(self, config: LabConfig) -> None:
        self.config = config
        self.network = Network(config)
        self.dns = DnsServer(config.dns_server, Authority(config))
        self.echo = EchoPeer(ECHO, config.endpoint_of(ECHO), self.network)
        self.strict = StrictPeer(STRICT, config.endpoint_of(STRICT), self.network)
        self.greylist = GreylistPeer(GREYLIST, config.endpoint_of(GREYLIST), self.network, config.greylist_seconds)
        self.slow = SlowPeer(SLOW, config.endpoint_of(SLOW), self.network, config.slow_seconds)
        self.down = DownPeer(config.endpoint_of(DOWN))
        self._running: list[_Server] = []

    @property
    def peers(self) -> dict[str, Peer]:
        return {peer.site.key: peer for peer in (self.echo, self.strict, self.greylist, self.slow)}

    async def start(self) -> None:
        """Start everything, or nothing: raise LabCannotStart with the address that cannot be had."""
        for server in (self.dns, self.echo, self.strict, self.greylist, self.slow, self.down):
            try:
                await server.start()
            except OSError as error:
                await self.stop()
                host, port = server.endpoint
                raise LabCannotStart(
                    f"The lab cannot listen on {host}:{port}: {error.strerror}. "
                    "Set POSTROOM_LAB_BASE_PORT to the first of 16 free ports."
                ) from error
            self._running.append(server)

    async def stop(self) -> None:
        while self._running:
            await self._running.pop().stop()

    def place_platform(self, port: int) -> None:
        """Tell the peers where the platform's port 25 is, where that was not known when the lab started."""
        address = self.config.platform_address
        self.network.routes[address, SMTP] = (address, port)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


class LabThread:
    """A lab in a thread with a loop of its own, for callers without one: `with LabThread(config) as thread:`."""

    def __init__(self, config: LabConfig) -> None:
        self.config = config
        self.lab: Lab
        self._ready = threading.Event()
        self._failure: LabCannotStart | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="lab", daemon=True)

    def start(self) -> None:
        self._thread.start()
        if not self._ready.wait(SECONDS_TO_START):
            raise LabCannotStart(f"The lab was not ready after {SECONDS_TO_START:.0f} s.")
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def run(self, work: Coroutine[Any, Any, Result], timeout: float | None = None) -> Result:
        """Run a coroutine in the lab's loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def wait_for(
        self,
        peer: str,
        count: int = 1,
        *,
        timeout: float = 10.0,
        matching: Callable[[ReceivedMessage], bool] = lambda message: True,
    ) -> list[ReceivedMessage]:
        """Wait, in the calling thread, for what the peer of this key received: `echo`, `strict`, `greylist`, `slow`."""
        return self.run(self.lab.peers[peer].wait_for(count, timeout=timeout, matching=matching))

    async def _main(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self.lab = Lab(self.config)
        try:
            async with self.lab:
                self._ready.set()
                await self._stopping.wait()
        except LabCannotStart as failure:
            self._failure = failure
        finally:
            self._ready.set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
