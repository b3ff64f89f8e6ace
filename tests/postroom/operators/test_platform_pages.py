"""The operators' own pages: overview, queues of all tenants, tracking over tenants, settings."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants.models import AuditEvent, Tenant
from tests import factories
from tests.conftest import Contoso
from tests.transport.workers import send
from transport.models import Delivery, Heartbeat, PressureChange, Queue, QueueOperation, TenantLoad
from transport.queue.heartbeat import beat

pytestmark = pytest.mark.django_db
PAGES = ["index", "platform-queues", "platform-tracking", "platform-settings"]


@pytest.fixture
def waiting(contoso: Contoso) -> Tenant:
    """Mail to the outside that waits in queues of two tenants. Return the other tenant."""
    fabrikam = factories.make_tenant("fabrikam")
    send(contoso.alice_mailbox, "x@elsewhere.example", "y@elsewhere.example")
    send(factories.make_mailbox(factories.make_domain(fabrikam), "ann"), "x@elsewhere.example")
    return fabrikam


def text(client: Client, name: str, query: dict[str, Any] | None = None, *args: Any) -> str:
    answer = client.get(reverse(f"admin:{name}", args=args), query or {})
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("name", PAGES)
def test_only_operators_get_in(as_alice: Client, name: str) -> None:
    assert as_alice.get(reverse(f"admin:{name}")).status_code == 302
    assert Client().get(reverse(f"admin:{name}")).status_code == 302


def test_the_overview_says_what_is_ill_and_what_waits(as_operator: Client, waiting: Tenant) -> None:
    beat("worker")
    page = text(as_operator, "index")
    assert "smtpd</strong> <span>never seen" in page
    assert "worker</strong> <span>answers" in page
    assert "No send connector" in page
    assert "2</strong>" in page
    assert Heartbeat.objects.count() == 1


def test_the_same_error_of_many_servers_is_one_incident_of_the_overview(as_operator: Client, contoso: Contoso) -> None:
    factories.make_send_connector(contoso.tenant)
    at = timezone.now() - timedelta(hours=3)
    for number in range(3):
        message_id = send(contoso.alice_mailbox, f"x@d{number}.example")
        Queue.objects.filter(deliveries__message_id=message_id).update(
            last_error_reason="peer.rate_limited",
            last_error_peer_text=f"421 4.7.28 [192.0.2.{number}] mx{number}.peer.example: Slow down",
            last_error_endpoint=f"mx{number}.peer.example 192.0.2.{number}:25",
            last_error_at=at + timedelta(hours=number),
        )
    page = as_operator.get(reverse("admin:index")).content.decode()
    incidents = page.partition("Why mail waits now")[2].partition("</section>")[0]
    assert incidents.count("The peer takes no more from us for now") == 1
    assert "3 servers" in incidents
    assert "mx2.peer.example: Slow down" in incidents
    assert "3 h ago" in incidents
    [link] = re.findall(r'href="([^"]*incident=[^"]*)"', incidents)
    queues = as_operator.get(html.unescape(link)).content.decode()
    assert all(f"d{number}.example" in queues for number in range(3))


def test_the_overview_tells_of_back_pressure(as_operator: Client) -> None:
    process = "smtpd/host/1"
    Heartbeat.objects.create(process=process, kind="smtpd", at=timezone.now(), detail={"levels": {"disk": "high"}})
    PressureChange.objects.create(process=process, at=timezone.now(), resource="disk", before=0, level=2, reading=0.99)
    page = text(as_operator, "index")
    assert "disk is high" in page
    assert "normal → high" in page


@pytest.mark.parametrize("by", ["next_hop", "error", "tenant", "queue"])
def test_the_queues_of_all_tenants_are_grouped(as_operator: Client, waiting: Tenant, by: str) -> None:
    page = text(as_operator, "platform-queues", {"by": by})
    assert {"next_hop": "Unreachable Domain", "error": "No send connector", "tenant": "fabrikam"}.get(
        by, "fabrikam"
    ) in page
    narrowed = text(as_operator, "platform-queues", {"by": "queue", "tenant": "fabrikam"})
    assert "fabrikam" in narrowed
    assert "contoso" not in narrowed


def test_a_filter_that_finds_nothing_says_so(as_operator: Client, waiting: Tenant) -> None:
    assert "No queue fits" in text(as_operator, "platform-queues", {"by": "queue", "status": "active"})
    assert "Nothing waits" in text(as_operator, "platform-queues", {"next_hop": "nowhere.*"})


def test_what_is_confirmed_is_what_was_previewed(as_operator: Client, waiting: Tenant, contoso: Contoso) -> None:
    answer = as_operator.post(reverse("admin:platform-queue-preview"), {"verb": "suspend", "tenant": "contoso"})
    found = QueueOperation.objects.get()
    assert answer["Location"] == reverse("admin:platform-queue-operation", args=[found.pk])
    page = as_operator.get(answer["Location"]).content.decode()
    assert "1 queue · 1 message · 1 tenant" in page
    assert "fabrikam" not in page
    assert not Queue.objects.filter(suspended=True).exists()
    page = as_operator.post(reverse("admin:platform-queue-confirm", args=[found.pk]), follow=True).content.decode()
    assert "1 changed, 0 left alone" in page
    assert Queue.objects.get(suspended=True).tenant_id == contoso.tenant.pk
    event = AuditEvent.objects.get(action="queue.suspend")
    assert (event.tenant_id, event.actor_kind) == (contoso.tenant.pk, "operator")


def test_somebody_elses_preview_cannot_be_confirmed(as_operator: Client, waiting: Tenant) -> None:
    as_operator.post(reverse("admin:platform-queue-preview"), {"verb": "remove"})
    other = Client()
    other.force_login(factories.make_user("second@postroom.example", is_operator=True))
    found = QueueOperation.objects.get()
    page = other.post(reverse("admin:platform-queue-confirm", args=[found.pk]), follow=True).content.decode()
    assert "can no longer be confirmed" in page
    assert Delivery.objects.count() == 3


@pytest.mark.parametrize(
    ("verb", "left"), [("suspend", {"suspended": 2}), ("remove", {}), ("remove_with_ndr", {"suspended": 2})]
)
def test_messages_of_a_queue_are_acted_on_by_ticks(
    as_operator: Client, contoso: Contoso, verb: str, left: dict[str, int]
) -> None:
    message_id = send(contoso.alice_mailbox, "x@elsewhere.example", "y@elsewhere.example")
    queue = Queue.objects.get()
    page = text(as_operator, "platform-queue-messages", {"queue": str(queue.pk)})
    assert "x@elsewhere.example" in page
    url = reverse("admin:platform-queue-messages-act")
    body = {"queue": str(queue.pk), "verb": verb, "message": [str(message_id)]}
    assert "2 recipients" in as_operator.post(url, body, follow=True).content.decode()
    states = list(Delivery.objects.values_list("state", flat=True))
    assert {state: states.count(state) for state in states} == left
    assert "Tick messages" in as_operator.post(url, {"queue": str(queue.pk)}, follow=True).content.decode()


@pytest.mark.parametrize("nonsense", ["", "x", "00000000-0000-7000-8000-000000000000"])
def test_an_unknown_queue_is_not_found(as_operator: Client, nonsense: str) -> None:
    assert as_operator.get(reverse("admin:platform-queue-messages"), {"queue": nonsense}).status_code == 404


def test_a_message_is_found_over_all_tenants_and_its_text_stays_closed(
    as_operator: Client, waiting: Tenant, contoso: Contoso
) -> None:
    found = text(as_operator, "platform-tracking", {"sender": "ALICE@contoso.example"})
    assert "contoso" in found
    assert "fabrikam" not in found
    assert "fabrikam" in text(as_operator, "platform-tracking", {"tenant": "fabrikam"})
    assert "There is no tenant" in text(as_operator, "platform-tracking", {"tenant": "nobody"})
    assert "at least three" in text(as_operator, "platform-tracking", {"subject": "H"})
    message_id = Delivery.objects.filter(tenant=contoso.tenant)[0].message_id
    story = text(as_operator, "platform-timeline", None, message_id)
    assert "RECEIVE" in story
    assert "No send connector" in story
    gone = reverse("admin:platform-timeline", args=["00000000-0000-7000-8000-000000000000"])
    assert as_operator.get(gone).status_code == 404


def test_settings_show_no_secret(as_operator: Client, settings: Any) -> None:
    settings.POSTROOM_ADMIN_PASSWORD = "canary-password"
    page = text(as_operator, "platform-settings")
    assert "POSTROOM_HOSTNAME" in page
    assert settings.POSTROOM_HOSTNAME in page
    assert "canary" not in page


@pytest.mark.parametrize(
    ("name", "query", "most"),
    [
        ("index", {}, 40),
        ("platform-queues", {"by": "queue"}, 20),
        ("platform-queues", {"by": "tenant"}, 20),
        ("platform-tracking", {}, 20),
        ("tenants_tenant_changelist", {}, 20),
        ("tenants_mailbox_changelist", {}, 20),
        ("transport_delivery_changelist", {}, 20),
    ],
)
def test_no_page_asks_once_for_each_row(
    as_operator: Client,
    contoso: Contoso,
    django_assert_max_num_queries: Callable[..., Any],
    name: str,
    query: dict[str, str],
    most: int,
) -> None:
    for _ in range(12):
        tenant = factories.make_tenant()
        send(factories.make_mailbox(factories.make_domain(tenant), "ann"), "x@elsewhere.example")
    as_operator.get(reverse(f"admin:{name}"), query)
    with django_assert_max_num_queries(most):
        text(as_operator, name, query)


def test_tenants_show_what_they_use_and_may(as_operator: Client, contoso: Contoso) -> None:
    load = {"queued": 170_000, "storage": 2048, "mailboxes": 2, "domains": 1, "nearest": "max_queued", "share": 85}
    TenantLoad.objects.create(tenant=contoso.tenant, **load)
    Tenant.objects.filter(pk=contoso.tenant.pk).update(max_mailboxes=7)
    page = text(as_operator, "tenants_tenant_changelist", {"q": "contoso"})
    for told in ("2 / 7", "1 / 100", ">170000<", "Recipients waiting to leave: 85"):
        assert told in page
    assert "85 %" in text(as_operator, "index")


def test_long_lists_go_on_without_being_counted(as_operator: Client) -> None:
    for _ in range(51):
        factories.make_tenant()
    first = text(as_operator, "tenants_tenant_changelist")
    assert "Page 1" in first
    assert "?p=2" in first
    last = text(as_operator, "tenants_tenant_changelist", {"p": "2"})
    assert "Page 2" in last
    assert "?p=3" not in last


def test_the_sections_have_proper_names(as_operator: Client) -> None:
    page = text(as_operator, "tenants_tenant_changelist").lower()
    for wrong in ("bodys", ">groups<", "mailboxs"):
        assert wrong not in page
