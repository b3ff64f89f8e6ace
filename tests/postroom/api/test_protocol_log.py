"""`protocol-log/` and the log-ins of relay permissions, over the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from tenants.identifiers import uuid7
from tenants.models import Tenant
from tests import factories
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program
from transport.authentication.scram import parse_verifier, verify
from transport.models import ProtocolTranscript, ReceiveConnector

pytestmark = pytest.mark.django_db


def transcript(tenant: Tenant | None, **fields: Any) -> ProtocolTranscript:
    facts: dict[str, Any] = {"session_id": uuid7(), "connector_id": uuid7(), "at": timezone.now()}
    facts |= {"connector": "Front", "listener": "127.0.0.1:25", "lines": [[12, "C", "EHLO client.example"]]}
    return ProtocolTranscript.objects.create(tenant=tenant, **facts | fields)


def test_a_tenants_own_transactions_are_read_by_session_and_by_message(contoso: Contoso, api: Program) -> None:
    message = uuid7()
    first = transcript(contoso.tenant, message_id=message)
    second = transcript(contoso.tenant, session_id=first.session_id, message_id=uuid7())
    transcript(contoso.tenant)
    transcript(None, session_id=first.session_id, message_id=message)
    transcript(factories.make_tenant("fabrikam"), session_id=first.session_id)
    found = api.get("protocol-log/", session=str(first.session_id)).json()["results"]
    assert [one["id"] for one in found] == [str(second.pk), str(first.pk)]
    (one,) = api.get("protocol-log/", message=str(message)).json()["results"]
    assert one["lines"] == [{"milliseconds": 12, "who": "C", "text": "EHLO client.example"}]
    assert api.get(f"protocol-log/{first.pk}/").json() == one
    assert len(api.get("protocol-log/").json()["results"]) == 3


def test_others_transactions_and_the_operators_copy_are_not_there(contoso: Contoso, strangers_api: Program) -> None:
    mine, whole = transcript(contoso.tenant), transcript(None)
    for row in (mine, whole):
        assert strangers_api.get(f"protocol-log/{row.pk}/").status_code == 404
        assert strangers_api.get("protocol-log/", session=str(row.session_id)).json()["results"] == []
    assert strangers_api.get("protocol-log/", session="x").status_code == 400
    assert strangers_api.delete(f"protocol-log/{mine.pk}/").status_code in (403, 405)


def test_the_list_costs_the_same_for_any_number(
    contoso: Contoso, api: Program, django_assert_max_num_queries: Any
) -> None:
    for _ in range(30):
        transcript(contoso.tenant)
    with django_assert_max_num_queries(12):
        assert len(api.get("protocol-log/").json()["results"]) == 30


def test_a_relay_permission_gets_a_log_in_once_and_loses_it(contoso: Contoso, api: Program) -> None:
    row = factories.make_receive_connector(contoso.tenant, name="Scanner", remote_ranges=[])
    given = api.post(f"receive-connectors/{row.pk}/log-in/").json()
    row = ReceiveConnector.objects.get(pk=row.pk)
    assert row.user_name == given["user_name"]
    assert parse_verifier(row.verifier)
    assert verify(given["password"], row.verifier)
    assert given["password"] not in api.get(f"receive-connectors/{row.pk}/").content.decode()
    assert api.delete(f"receive-connectors/{row.pk}/log-in/").status_code == 204
    assert ReceiveConnector.objects.get(pk=row.pk).user_name is None


def test_nobody_else_gets_one(contoso: Contoso, strangers_api: Program) -> None:
    row = factories.make_receive_connector(contoso.tenant, name="Scanner")
    assert strangers_api.post(f"receive-connectors/{row.pk}/log-in/").status_code == 404
    assert strangers_api.delete(f"receive-connectors/{row.pk}/log-in/").status_code == 404
