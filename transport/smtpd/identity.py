"""Log-ins by token: the identity provider's keys, fetched beside the sessions and kept, and whom a token vouches for.

Without POSTROOM_OIDC_ISSUER there is none of it. A token that names a key unknown to us makes us ask for the keys once
more, as after a change of keys; whoever makes such names up makes us ask no more often than twice a minute.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from django.conf import settings

from transport.authentication.discovery import CONFIGURATION, DiscoveryFailed, discover
from transport.authentication.tokens import Provider, UnknownKey, address_in
from transport.queue.connector import allowed_networks

logger = logging.getLogger(__name__)

RENEW: Final = 3_600.0  # seconds between looks at the keys
AGAIN: Final = 30.0  # until the next attempt, after one that failed or found no new key
PATIENCE: Final = 8.0  # that a session waits for keys


class ProviderAway(Exception):
    """The keys of the provider are not known: nothing can be said of a token."""


class Identity:
    def __init__(self, fetch: Callable[[], Provider], audiences: tuple[str, ...], configuration: str) -> None:
        self.configuration = configuration  # where the client may read whom to ask for a token
        self._fetch, self._audiences = fetch, audiences
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="identity")
        self._provider: Provider | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._may_ask_at = 0.0

    @classmethod
    def from_settings(cls) -> Identity | None:
        issuer = settings.POSTROOM_OIDC_ISSUER
        if not issuer:
            return None
        networks = allowed_networks(tuple(settings.POSTROOM_PRIVATE_NETWORKS))
        fetch = partial(discover, issuer, networks)
        return cls(fetch, tuple(settings.POSTROOM_OIDC_AUDIENCES), issuer + CONFIGURATION)

    async def address_in(self, token: str) -> str:
        """Return the verified address in a token; raises InvalidToken or ProviderAway."""
        try:
            return self._address_in(token)
        except (UnknownKey, ProviderAway):
            await self._renew()
        return self._address_in(token)

    def _address_in(self, token: str) -> str:
        if self._provider is None:
            raise ProviderAway
        return address_in(token, self._provider, self._audiences)

    async def keep(self) -> None:
        """Have the keys before the first client comes, and look for new ones from time to time."""
        while True:
            await self._renew()
            await asyncio.sleep(RENEW if self._provider is not None else AGAIN)

    async def _renew(self) -> None:
        """Ask for the keys unless that was done just now; wait a moment for the answer, whoever asked."""
        loop = asyncio.get_running_loop()
        if self._fetching is None and loop.time() >= self._may_ask_at:
            self._may_ask_at = loop.time() + AGAIN
            self._fetching = loop.create_task(self._ask())
        if self._fetching is not None:
            await asyncio.wait({self._fetching}, timeout=PATIENCE)

    async def _ask(self) -> None:
        try:
            self._provider = await asyncio.get_running_loop().run_in_executor(self._executor, self._fetch)
        except DiscoveryFailed as error:
            logger.warning("The identity provider's keys are not to be had: %s.", error)
        finally:
            self._fetching = None

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
