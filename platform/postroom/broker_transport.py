"""kombu's pgmq transport, but for one thing: a hint whose acknowledgement fails does not stay on the worker's hands.

kombu counts a message as unacknowledged until its deletion succeeded. Celery only logs that it did not, since with
other brokers the connection is lost with it and the count begins anew; pgmq's pool connects again behind its back. So
each acknowledgement that a crash of PostgreSQL swallowed took one place of the prefetch away for ever, and a worker
without places asks for nothing any more.
"""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from kombu.transport import pgmq
from typing_extensions import override

logger = logging.getLogger(__name__)


class Channel(pgmq.Channel):
    @override
    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        try:
            super().basic_ack(delivery_tag, multiple=multiple)  # type: ignore[no-untyped-call]
        except psycopg.Error as error:
            self._forget(delivery_tag, error)

    @override
    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().basic_reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call]
        except psycopg.Error as error:
            self._forget(delivery_tag, error)

    def _forget(self, delivery_tag: str, error: psycopg.Error) -> None:
        """Count it as done: it becomes visible again by itself, and every task of ours may run twice."""
        logger.warning("The broker did not take an acknowledgement; the hint comes once more: %s", error)
        self.qos.ack(delivery_tag)


class Transport(pgmq.Transport):
    """What CELERY_BROKER_TRANSPORT names where the broker is pgmq."""

    Channel: Any = Channel
