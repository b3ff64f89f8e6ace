"""Operators find a message over all tenants, by an index whatever they search by."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from tenants.models import Tenant
from tenants.scope import operator_scope, scope
from tests import factories
from tests.conftest import Contoso
from transport.models import EventId, Source
from transport.tracking.across import recent_failures, search_all
from transport.tracking.events import Subject, event, insert_events
from transport.tracking.search import Filters, matching

pytestmark = pytest.mark.django_db


def tell(tenant: Tenant, *recipients: str, event_id: EventId = EventId.SEND, reason: str = "") -> UUID:
    message_id = tenant.pk
    message = Subject(message_id, tenant.pk, f"<1@{tenant.slug}>", f"Ann@{tenant.slug}.example", "Über Äpfel", 9, False)
    insert_events([event(message, event_id, Source.SMTP, recipients, reason=reason, endpoint="mx [192.0.2.1]:25")])
    return message_id


@pytest.fixture
def two(contoso: Contoso) -> tuple[Tenant, Tenant]:
    fabrikam = factories.make_tenant("fabrikam")
    tell(contoso.tenant, "Bob@Far.example")
    tell(fabrikam, "carol@far.example", "Dave@far.example", "bob@far.example")
    return contoso.tenant, fabrikam


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(), ["fabrikam", "contoso"]),
        (Filters(sender="ann@CONTOSO.example"), ["contoso"]),
        (Filters(recipient="bob@far.EXAMPLE"), ["fabrikam", "contoso"]),
        (Filters(recipient="dave@far.example"), ["fabrikam"]),
        (Filters(subject="über"), ["fabrikam", "contoso"]),
        (Filters(subject="Äpfel"), []),
        (Filters(message_id="<1@fabrikam>"), ["fabrikam"]),
        (Filters(event_id="fail"), []),
        (Filters(source="smtp", sender="ann@fabrikam.example", event_id="SEND"), ["fabrikam"]),
    ],
)
def test_each_filter_finds_what_it_names(two: object, filters: Filters, found: list[str]) -> None:
    assert [row.tenant.slug for row in search_all(filters)] == found


def test_a_tenant_a_time_and_a_place_to_go_on_narrow_it(two: tuple[Tenant, Tenant]) -> None:
    contoso, fabrikam = two
    [newest, oldest] = search_all(Filters())
    assert search_all(Filters(), before=newest.pk) == [oldest]
    assert search_all(Filters(), tenant_id=contoso.pk) == [oldest]
    assert search_all(Filters(message_id=str(fabrikam.pk))) == [newest]
    assert search_all(Filters(start=timezone.now() + timedelta(minutes=1))) == []
    assert search_all(Filters(end=timezone.now() - timedelta(minutes=1))) == []


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("sender_hash = hashtextextended(lower('A@x'), 0)", "sender_hash"),
        ("hashtextextended(lower(recipients[1]), 0) = hashtextextended(lower('A@x'), 0)", "recipients[1]"),
        ("message_id_hash = hashtextextended('<1@x>', 0)", "message_id_hash"),
        ("event_id = 'FAIL'", "event_id"),
        ("tenant_id = gen_random_uuid() AND event_id = 'DEFER'", "event_id"),
        ("cardinality(recipients) > 1 AND tracking_keys(recipients) @> ARRAY['a@x']", "tracking_keys"),
        ("lower(left(subject, 60)) COLLATE \"C\" ^@ 'invoice'", "subject"),
    ],
)
def test_each_filter_has_its_index(db: None, condition: str, index: str) -> None:
    with operator_scope(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN SELECT id FROM transport_trackingevent WHERE {condition} LIMIT 51")  # noqa: S608
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert any("Index Cond" in line and index in line for line in plan.splitlines()), plan


def test_the_same_failure_is_told_once(two: tuple[Tenant, Tenant]) -> None:
    for tenant in two:
        tell(tenant, "x@far.example", event_id=EventId.FAIL, reason="connect.refused")
    tell(two[0], "x@near.example", event_id=EventId.FAIL, reason="peer.greylisted")
    first, second = recent_failures(timezone.now() - timedelta(hours=1), 10)
    assert (first.reason, first.count, first.tenants, first.domains) == ("connect.refused", 2, 2, 1)
    assert second.reason == "peer.greylisted"


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        (Filters(sender="Ann@contoso.example"), "sender_hash"),
        (Filters(message_id="<1@contoso>"), "message_id_hash"),
    ],
)
def test_a_tenants_search_has_its_index(contoso: Contoso, filters: Filters, index: str) -> None:
    rows = matching(contoso.tenant.pk, filters).order_by("-id")[:51]
    with scope(contoso.tenant), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        plan = rows.explain()
    assert any("Index Cond" in line and index in line for line in plan.splitlines()), plan
