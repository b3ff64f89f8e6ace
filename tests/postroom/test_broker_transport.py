"""The broker's hints when PostgreSQL swallows an acknowledgement: a worker goes on asking for more."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from kombu import Connection, Consumer, Message, Producer, Queue

from postroom.broker_transport import Transport


@dataclass
class CrashingQueue:
    """pgmq's client while PostgreSQL restarts between each read and its acknowledgement."""

    hints: dict[int, Any] = field(default_factory=dict)
    config: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(dsn=""))
    _ids: count[int] = field(default_factory=lambda: count(1))

    def list_queues(self) -> list[Any]:
        return []

    def create_queue(self, name: str) -> None: ...

    def metrics(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(queue_length=len(self.hints))

    def send(self, name: str, payload: Any, **_: Any) -> None:
        self.hints[next(self._ids)] = payload

    def read(self, name: str, *, qty: int, **_: Any) -> list[Any]:
        taken = list(self.hints)[:qty]
        return [SimpleNamespace(msg_id=one, read_ct=1, message=self.hints.pop(one)) for one in taken]

    def delete(self, name: str, number: int) -> None:
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    def set_vt(self, name: str, number: int, seconds: int) -> None:
        raise psycopg.OperationalError("server closed the connection unexpectedly")


@pytest.mark.parametrize("answer", ["ack", "reject", "requeue"])
@pytest.mark.timeout(20)
def test_a_worker_whose_acknowledgements_are_lost_still_takes_the_next_hint(answer: str) -> None:
    heard: list[str] = []
    options = {"wait_time_seconds": 0, "polling_interval": 0.01}
    with Connection("pgmq://localhost", transport=Transport, transport_options=options) as connection:
        cast(Any, connection.transport)._pgmq_client = CrashingQueue()
        queue = Queue("deliver")
        producer = Producer(connection, routing_key="deliver")
        for number in range(3):
            producer.publish(f"hint {number}", declare=[queue])

        def hear(body: str, message: Message) -> None:
            heard.append(body)
            getattr(message, answer)()

        with Consumer(connection, [queue], callbacks=[hear], prefetch_count=1):
            for _ in range(3):
                connection.drain_events(timeout=2)
    assert heard == ["hint 0", "hint 1", "hint 2"]
