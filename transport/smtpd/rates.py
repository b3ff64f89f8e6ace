"""Messages a minute of a receive connector, by address or by user (Exchange's MessageRateLimit, reference §4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from transport.routing.envelope import Client
from transport.smtpd.connectors import Connector
from transport.smtpd.sources import source_of

MINUTE: Final = 60.0
MAX_REMEMBERED: Final = 50_000

Key = tuple[UUID, str]


@dataclass(slots=True)
class _Window:
    since: float
    count: int = 0


class Rates:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._windows: dict[Key, _Window] = {}

    def allows(self, connector: Connector, client: Client, relay: Connector | None = None) -> bool:
        """Count a message that begins; say whether it is within the listener's limit, and the relay permission's."""
        windows: list[tuple[_Window, int]] = []
        if (limit := connector.message_rate_limit) is not None:
            windows += [(self._window(key), limit) for key in _keys(connector, client)]
        if relay is not None and (limit := relay.message_rate_limit) is not None:
            windows.append((self._window((relay.id, "")), limit))
        if any(window.count >= limit for window, limit in windows):
            return False
        for window, _limit in windows:
            window.count += 1
        return True

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
