"""Messages on their way, and a peer in a thread of its own that takes them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar
from uuid import UUID

import pytest
from django.db import connection, transaction
from pytest_django.fixtures import Settings

from tenants.models import Mailbox
from tests import factories
from tests.conftest import Contoso
from tests.transport.delivery.stub import StubSmtp
from tests.transport.dns.stub import StubDns
from transport.message.lines import normalise_newlines
from transport.models import SendConnector, TrackingEvent
from transport.queue.database import connect_flow
from transport.queue.drain import drain
from transport.queue.submission import submit
from transport.routing.envelope import USER_RIGHTS, Client, Origin

T = TypeVar("T")
CONTENT = (
    b"Message-ID: <1@contoso.example>\nFrom: Alice <alice@contoso.example>\nTo: B <b@x.example>\nSubject: Hi\n\nHi\n"
)


# For modules whose tests run workers: those have connections of their own and see only what is committed.
WITH_WORKERS = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("committed")]


@pytest.fixture
def committed(transactional_db: None, settings: Settings) -> Iterator[None]:
    """Let workers reach peers on loopback, and clear away what Django does not know to be a table of its own."""
    settings.POSTROOM_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE transport_messagebody, transport_trackingevent")


@pytest.fixture
def peer() -> Iterator[StubSmtp]:
    """A friendly peer on loopback; a test may script it before it delivers."""
    stub = StubSmtp()
    with _Running(stub):
        yield stub


@pytest.fixture
def name_server(settings: Settings) -> Iterator[StubDns]:
    """The world's DNS; a test says what is in it."""
    stub = StubDns()
    with _Running(stub):
        settings.POSTROOM_DNS_SERVERS = [stub.address]
        yield stub


class _Running:
    """Runs a stub on a loop in a thread."""

    def __init__(self, stub: StubSmtp | StubDns) -> None:
        self._stub = stub
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()
        self._await(self._stub.__aenter__())

    def __exit__(self, *details: object) -> None:
        self._await(self._stub.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _await(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)


@pytest.fixture
def to_peer(contoso: Contoso, peer: StubSmtp) -> SendConnector:
    """Contoso's connector for everything outside, to the peer."""
    return factories.make_send_connector(
        contoso.tenant, "*", smart_hosts=[("127.0.0.1", peer.endpoint.port)], max_messages_per_connection=1000
    )


def send(mailbox: Mailbox, *recipients: str, content: bytes = CONTENT) -> UUID:
    """Accept a message from a mailbox as the console does. Return its id."""
    client = Client(Origin.CONSOLE, mailbox.tenant_id, mailbox.pk, rights=USER_RIGHTS)
    with transaction.atomic():
        submitted = submit(
            client=client,
            sender=str(mailbox.primary_address),
            recipients=recipients,
            content=normalise_newlines(content),
        )
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
