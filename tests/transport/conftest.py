"""A peer and a name server in threads of their own, and a connector that leads to the peer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from tests import factories
from tests.conftest import Contoso
from tests.transport.delivery.stub import StubSmtp
from tests.transport.dns.stub import StubDns
from tests.transport.workers import Running
from transport.models import SendConnector


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
    with Running(stub):
        yield stub


@pytest.fixture
def name_server(settings: Settings) -> Iterator[StubDns]:
    """The world's DNS; a test says what is in it."""
    stub = StubDns()
    with Running(stub):
        settings.POSTROOM_DNS_SERVERS = [stub.address]
        yield stub


@pytest.fixture
def to_peer(contoso: Contoso, peer: StubSmtp) -> SendConnector:
    """Contoso's connector for everything outside, to the peer."""
    return factories.make_send_connector(
        contoso.tenant, "*", smart_hosts=[("127.0.0.1", peer.endpoint.port)], max_messages_per_connection=1000
    )
