from __future__ import annotations

import psycopg
import pytest
from django.db import connection

from tenants.models import Mailbox, Membership, Tenant
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from transport.models import Delivery, TrackingEvent
from transport.queue.configuration import queries_for
from transport.queue.snapshots import route_now
from transport.queue.submission import submit
from transport.routing.envelope import USER_RIGHTS, Client, Envelope, Origin, anonymous_client
from transport.routing.result import DeliveryType
from transport.routing.snapshot import Need

pytestmark = pytest.mark.django_db


def client_of(mailbox: Mailbox) -> Client:
    return Client(Origin.CONSOLE, mailbox.tenant_id, mailbox.pk, rights=USER_RIGHTS)


def routed(sender: str, recipient: str, client: Client | None = None) -> tuple[str, str]:
    """Return the delivery type or the refusal's reason, and the address."""
    routing = route_now(Envelope(sender, (recipient,), 1000, client or anonymous_client()))
    if routing.refused:
        assert routing.refused[0].refusal is not None
        return routing.refused[0].refusal.reason_code, routing.refused[0].address
    one = routing.messages[0].recipients[0]
    assert one.next_hop is not None
    return one.next_hop.delivery_type, one.address


def test_an_address_of_a_mailbox_resolves_to_the_reply_address(contoso: Contoso) -> None:
    domain = contoso.alice_mailbox.addresses.get().accepted_domain
    factories.make_mailbox(domain, "carol", aliases=["caro"])
    assert routed("x@y.example", "CARO@Contoso.Example") == (DeliveryType.MAILBOX, "carol@contoso.example")


def test_a_stranger_may_not_relay(contoso: Contoso) -> None:
    assert routed("x@y.example", "z@elsewhere.example")[0] == "relay.denied"


def test_an_unverified_domain_is_nobodys_for_a_stranger(contoso: Contoso) -> None:
    domain = factories.make_domain(contoso.tenant, "claimed.example", verified=False)
    factories.make_mailbox(domain, "ann")
    assert routed("x@y.example", "ann@claimed.example")[0] == "relay.denied"


def test_an_address_below_a_domain_with_subdomains_resolves(contoso: Contoso) -> None:
    domain = factories.make_domain(contoso.tenant, "wide.example", match_subdomains=True)
    address = factories.make_mailbox(domain, "ann").addresses.get()
    address.domain = "deep.sub.wide.example"
    address.save()
    assert routed("x@y.example", "ann@deep.sub.wide.example")[0] == DeliveryType.MAILBOX


def test_a_full_mailbox_refuses_and_postmaster_still_answers(contoso: Contoso) -> None:
    Mailbox.objects.filter(pk=contoso.alice_mailbox.pk).update(used_bytes=2**40)
    assert routed("x@y.example", "alice@contoso.example")[0] == "mailbox.full"
    assert routed("x@y.example", "postmaster@contoso.example") == (DeliveryType.MAILBOX, "alice@contoso.example")


def test_postmaster_prefers_an_address_of_its_own(contoso: Contoso) -> None:
    domain = contoso.alice_mailbox.addresses.get().accepted_domain
    factories.make_mailbox(domain, "postmaster")
    assert routed("x@y.example", "Postmaster@contoso.example")[1] == "postmaster@contoso.example"


def test_mail_to_the_outside_takes_the_connector_that_covers_it(contoso: Contoso) -> None:
    client = client_of(contoso.alice_mailbox)
    assert routed("alice@contoso.example", "z@elsewhere.example", client)[0] == DeliveryType.UNREACHABLE
    factories.make_send_connector(contoso.tenant, "*", smart_hosts=[("relay.example", 25)])
    assert routed("alice@contoso.example", "z@elsewhere.example", client)[0] == DeliveryType.SMART_HOST_CONNECTOR


@pytest.fixture
def fabrikam() -> Tenant:
    tenant = factories.make_tenant("fabrikam")
    user = factories.make_user("dora@fabrikam.example")
    factories.make_membership(tenant, user, Membership.Role.OWNER)
    factories.make_mailbox(factories.make_domain(tenant, "fabrikam.example"), "dora", user=user)
    return tenant


def test_a_tenants_scope_routes_to_another_tenant_and_keeps_its_walls(contoso: Contoso, fabrikam: Tenant) -> None:
    with scope(contoso.tenant):
        assert routed("alice@contoso.example", "dora@fabrikam.example", client_of(contoso.alice_mailbox)) == (
            DeliveryType.MAILBOX,
            "dora@fabrikam.example",
        )
        assert not Mailbox.objects.filter(tenant=fabrikam).exists()


def test_a_message_submitted_in_a_tenants_scope_reaches_the_other_tenants_queue(
    contoso: Contoso, fabrikam: Tenant
) -> None:
    content = b"From: alice@contoso.example\r\nSubject: x\r\n\r\nHi\r\n"
    with scope(contoso.tenant):
        result = submit(
            client=client_of(contoso.alice_mailbox),
            sender="alice@contoso.example",
            recipients=("dora@fabrikam.example", "nobody@contoso.example"),
            content=content,
        )
        assert [event.event_id for event in TrackingEvent.objects.all()] == ["TRANSFER", "RECEIVE"]
    assert [one.original for one in result.refused] == ["nobody@contoso.example"]
    assert len(result.message_ids) == 2
    assert Delivery.objects.get().tenant_id == fabrikam.pk


@pytest.mark.parametrize("role", ["postroom_flow", "postroom_operator"])
def test_looking_up_addresses_is_a_matter_of_indexes(contoso: Contoso, role: str) -> None:
    need = Need(addresses=frozenset({(contoso.tenant.pk, "bob@contoso.example")}))
    (query,) = queries_for(need)
    with connection.cursor() as django_cursor, psycopg.Cursor(connection.connection) as cursor:
        django_cursor.execute(f"SET LOCAL role = {role}")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + query.sql, query.parameters)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan" not in plan
