"""Messages a minute of a receive connector, by address or by user (Exchange's MessageRateLimit, reference §4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from transport.routing.envelope import Client
from transport.smtpd.connectors import Connector
from transport.smtpd.shared import Shared
from transport.smtpd.sources import source_of

MINUTE: Final = 60.0
MAX_REMEMBERED: Final = 50_000

Key = tuple[UUID, str]


@dataclass(slots=True)
class _Window:
    since: float
    count: int = 0


class Rates:
    def __init__(self, clock: Callable[[], float], shared: Shared | None = None) -> None:
        self._clock = clock
        self._shared = shared
        self._windows: dict[Key, _Window] = {}

    def allows(self, connector: Connector, client: Client, relay: Connector | None = None) -> bool:
        """Count a message that begins; say whether it is within the listener's limit, and the relay permission's."""
        limits: list[tuple[Key, int]] = []
        if (limit := connector.message_rate_limit) is not None:
            limits += [(key, limit) for key in _keys(connector, client)]
        if relay is not None and (limit := relay.message_rate_limit) is not None:
            limits.append(((relay.id, ""), limit))
        if any(self._window(key).count + self._elsewhere(key) >= limit for key, limit in limits):
            return False
        for key, _limit in limits:
            self._window(key).count += 1
            if self._shared is not None:
                self._shared.take_message(key)
        return True

    def _elsewhere(self, key: Key) -> int:
        return self._shared.messages_elsewhere(key) if self._shared is not None else 0

    def _window(self, key: Key) -> _Window:
        now = self._clock()
        window = self._windows.get(key)
        if window is None or now - window.since >= MINUTE:
            # At the end of the dictionary, so that the oldest are the first to be forgotten.
            self._windows.pop(key, None)
            window = self._windows[key] = _Window(now)
            while len(self._windows) > MAX_REMEMBERED:
                del self._windows[next(iter(self._windows))]
        return window


def _keys(connector: Connector, client: Client) -> Iterator[Key]:
    """Return whose messages are counted together. Without a user there is only the address to go by."""
    if connector.message_rate_source == "none":
        return
    if client.mailbox_id is not None and connector.message_rate_source in ("user", "all"):
        yield connector.id, str(client.mailbox_id)
    if client.mailbox_id is None or connector.message_rate_source in ("ip_address", "all"):
        yield connector.id, source_of(client.address or "")
