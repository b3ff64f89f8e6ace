"""Log-ins over SMTP that fail are in the audit log of the organisation whose mailbox it is, with a count."""

from __future__ import annotations

import asyncio

import pytest

from tenants.models import AuditEvent
from tests.conftest import Contoso
from tests.transport.smtpd.conftest import Server
from transport.queue.database import connect_flow
from transport.smtpd.failed_log_ins import HOUR, FailedLogIns

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_wrong_password_is_told_and_an_unknown_name_is_not(alice: Contoso, server: Server) -> None:
    with server.connect("submissions") as client:
        client.ehlo()
        assert client.log_in("nobody@contoso.example", "canary-guess").startswith("535")
        assert client.log_in("Alice@contoso.example", "canary-guess").startswith("535")
    events = AuditEvent.objects.filter(action="mailbox.log_in_failed")
    server.wait_until(events.exists)
    event = events.get()
    assert (event.tenant_id, event.object_name, event.client_address) == (alice.tenant.pk, "Alice", "127.0.0.1")
    assert event.after == {"failures": 1}
    assert "canary" not in str(list(AuditEvent.objects.values()))


async def fail_for_an_hour() -> None:
    now = 0.0
    failures = FailedLogIns(lambda: now)
    key = ("contoso.example", "alice")
    async with await connect_flow() as connection:
        for _ in range(5):
            failures.note(key, "192.0.2.1")
            await failures.flush(connection)
        failures.note(key, "2001:db8::1")
        await failures.flush(connection)
        now += HOUR
        await failures.flush(connection)
        await failures.flush(connection)
        failures.note(("", ""), "192.0.2.1")
        failures.note(("contoso.example", "nobody"), "192.0.2.1")
        await failures.flush(connection)


def test_the_rest_of_an_hour_is_one_event(alice: Contoso) -> None:
    asyncio.run(fail_for_an_hour())
    events = AuditEvent.objects.filter(action="mailbox.log_in_failed").order_by("id")
    told = [(one.client_address, (one.after or {})["failures"]) for one in events]
    assert told == [("192.0.2.1", 1), ("2001:db8::1", 1), ("192.0.2.1", 4)]
