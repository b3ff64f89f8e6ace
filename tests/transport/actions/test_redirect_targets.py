"""Where mail can be redirected to, and what is refused."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from tenants.problems import Problem
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from transport.actions.redirect import find_target
from transport.queue.redirected import host_and_port

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "queue.redirect_target"),
        ({"smart_host": "127.0.0.1:2525"}, "queue.redirect_loop"),
        ({"smart_host": "10.0.0.1"}, "connector.forbidden_address"),
        ({"smart_host": "relay.example:0"}, "connector.invalid_port"),
        ({"smart_host": "relay.example:smtp"}, "connector.invalid_port"),
        ({"smart_host": "no such name"}, "domain.invalid"),
        ({"connector": "off"}, "queue.redirect_disabled"),
        ({"connector": "another tenant's"}, "queue.redirect_unknown"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(
    contoso: Contoso, settings: Settings, given: dict[str, str], code: str
) -> None:
    settings.POSTROOM_SMTP_PORT, settings.POSTROOM_PRIVATE_NETWORKS = 2525, ["127.0.0.0/8"]
    connectors = {
        "off": factories.make_send_connector(contoso.tenant, "*", enabled=False).pk,
        "another tenant's": factories.make_send_connector(factories.make_tenant("fabrikam"), "*").pk,
    }
    connector_id = connectors.get(given.get("connector", ""))
    with scope(contoso.tenant), pytest.raises(Problem) as refused:
        find_target(tenant_id=contoso.tenant.pk, connector_id=connector_id, smart_host=given.get("smart_host", ""))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("relay.example", ("relay.example", 25)),
        ("relay.example:2525", ("relay.example", 2525)),
        ("[192.0.2.1]", ("192.0.2.1", 25)),
        ("[192.0.2.1]:587", ("192.0.2.1", 587)),
        ("[2001:db8::1]:587", ("2001:db8::1", 587)),
        ("2001:db8::1", ("2001:db8::1", 25)),
    ],
)
def test_a_server_is_written_in_several_ways(text: str, read: tuple[str, int]) -> None:
    assert host_and_port(text) == read
