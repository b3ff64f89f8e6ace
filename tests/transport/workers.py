"""Messages on their way: accepting them, running a worker for them, reading their story."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from uuid import UUID

import pytest
from django.db import transaction

from tenants.models import Mailbox
from tests.transport.delivery.https import StubHttps
from tests.transport.delivery.stub import StubSmtp
from tests.transport.dns.stub import StubDns
from transport.models import TrackingEvent
from transport.queue.database import connect_flow
from transport.queue.drain import drain
from transport.queue.submission import submit
from transport.routing.envelope import USER_RIGHTS, Client, Origin

T = TypeVar("T")
# For modules whose tests run workers: those have connections of their own and see only what is committed.
WITH_WORKERS = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("committed")]


def letter_from(address: str) -> bytes:
    return (
        f"Message-ID: <1@contoso.example>\r\nFrom: <{address}>\r\nTo: B <b@x.example>\r\nSubject: Hi\r\n\r\nHi\r\n"
    ).encode()


def send(mailbox: Mailbox, *recipients: str) -> UUID:
    """Accept a message from a mailbox as the console does. Return its id."""
    client = Client(Origin.CONSOLE, mailbox.tenant_id, mailbox.pk, rights=USER_RIGHTS)
    sender = str(mailbox.primary_address)
    with transaction.atomic():
        submitted = submit(client=client, sender=sender, recipients=recipients, content=letter_from(sender))
    assert not submitted.refused, submitted.refused
    return submitted.message_ids[0]


def deliver(seconds: float = 5.0) -> bool:
    """Run one drain until nothing is due."""
    return asyncio.run(drain(seconds, idle=0.0))


def with_flow(step: Callable[..., Coroutine[Any, Any, T]], *arguments: Any, **options: Any) -> T:
    """Run one step of the queue on a connection of its own."""

    async def run() -> T:
        async with await connect_flow("test") as flow:
            return await step(flow, *arguments, **options)

    return asyncio.run(run())


def events_of(message_id: UUID) -> list[tuple[str, str]]:
    """Return a message's events in order, each with its source."""
    rows = TrackingEvent.objects.filter(message_id=message_id).order_by("id")
    return [(row.event_id, row.source) for row in rows]


class Running:
    """Runs stubs on a loop in a thread."""

    def __init__(self, *stubs: StubSmtp | StubDns | StubHttps) -> None:
        self._stubs = stubs
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()
        for stub in self._stubs:
            self._await(stub.__aenter__())

    def __exit__(self, *details: object) -> None:
        for stub in self._stubs:
            self._await(stub.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _await(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)
