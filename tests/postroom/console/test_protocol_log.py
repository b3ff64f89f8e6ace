"""The protocol log beside a message's timeline: one's own transactions, for those who see all mail."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.test import Client

from tenants.identifiers import uuid7
from tenants.models import Tenant
from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from transport.models import Message, ProtocolTranscript

SESSION = uuid7()


def transcript(tenant: Tenant | None, message_id: UUID | None, *words: str) -> ProtocolTranscript:
    return ProtocolTranscript.objects.create(
        tenant=tenant,
        session_id=SESSION,
        at="2026-01-01T00:00Z",
        connector_id=uuid7(),
        connector="Front",
        client_address="192.0.2.7",
        listener="127.0.0.1:25",
        message_id=message_id,
        lines=[[at, "C", text] for at, text in enumerate(words)],
    )


@pytest.fixture
def message(contoso: Contoso) -> Message:
    return Message.objects.create(
        id=uuid7(),
        tenant=contoso.tenant,
        sender="x@y.example",
        size=1,
        origin="anonymous",
        incoming=True,
        received_at="2026-01-01T00:00Z",
        expires_at="2026-01-03T00:00Z",
    )


def test_what_was_said_stands_by_the_timeline_and_by_session(
    contoso: Contoso, as_alice: Client, message: Message
) -> None:
    other = factories.make_tenant("fabrikam")
    transcript(contoso.tenant, message.pk, "MAIL FROM:&lt;x@y.example", "<script>alert(1)</script>")
    transcript(contoso.tenant, uuid7(), "a second transaction")
    transcript(other, uuid7(), "of somebody else")
    transcript(None, None, "EHLO of the whole")
    shown = page(as_alice.get(f"/tracking/{message.pk}/"))
    assert "What was said over SMTP" in shown
    assert "<script>alert" not in shown
    whole = page(as_alice.get(f"/tracking/sessions/{SESSION}/"))
    assert "a second transaction" in whole
    assert "of somebody else" not in whole
    assert "EHLO of the whole" not in whole


def test_a_session_that_brought_nothing_of_ones_own_is_not_there(contoso: Contoso, as_alice: Client) -> None:
    transcript(None, None, "EHLO")
    transcript(factories.make_tenant("fabrikam"), uuid7(), "of somebody else")
    assert as_alice.get(f"/tracking/sessions/{SESSION}/").status_code == 404
