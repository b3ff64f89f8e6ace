from __future__ import annotations

from tests.conftest import Contoso
from tests.factories import make_send_connector
from transport.queue.configuration import Configuration
from transport.queue.obstacle import connector_facts

RECIPIENT = "someone@elsewhere.example"


def test_a_disabled_connector_that_covers_the_recipient_is_named(contoso: Contoso) -> None:
    make_send_connector(contoso.tenant, "other.example", name="Other", enabled=False)
    internet = make_send_connector(contoso.tenant, "*", name="Internet", enabled=False)
    facts = connector_facts("route.connector_disabled", contoso.tenant.pk, RECIPIENT)
    assert facts == {"connector": "Internet", "connector_id": internet.pk}


def test_the_connector_of_a_queue_is_named(contoso: Contoso) -> None:
    internet = make_send_connector(contoso.tenant, "*", name="Internet")
    facts = connector_facts("peer.helo", contoso.tenant.pk, RECIPIENT, connector_id=internet.pk)
    assert facts == {"connector": "Internet", "connector_id": internet.pk}


def test_other_reasons_are_about_no_connector(contoso: Contoso) -> None:
    make_send_connector(contoso.tenant, "*", name="Internet", enabled=False)
    assert connector_facts("route.no_connector", contoso.tenant.pk, RECIPIENT) == {}


def test_a_page_of_deliveries_loads_the_configuration_once(contoso: Contoso) -> None:
    make_send_connector(contoso.tenant, "*", name="Internet", enabled=False)
    known = Configuration()
    connector_facts("route.connector_disabled", contoso.tenant.pk, RECIPIENT, configuration=known)
    known_tenants = dict(known.tenants)
    connector_facts("route.connector_disabled", contoso.tenant.pk, RECIPIENT, configuration=known)
    assert known.tenants == known_tenants
    assert contoso.tenant.pk in known_tenants
