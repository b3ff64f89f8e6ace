"""What a key does not reach. Every route, by every method, is walked in tests/postroom/test_every_url.py."""

from __future__ import annotations

import pytest

from tenants.actions.actor import SYSTEM
from tenants.actions.audit import audit
from tenants.models import AuditEvent
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program
from tests.walls.routes import Route, all_routes

pytestmark = pytest.mark.django_db
ROUTES = [route for route in all_routes() if route.key.startswith("api:")]


def test_a_tenants_key_does_not_reach_the_operators_routes(contoso: Contoso, api: Program) -> None:
    assert api.get("tenants/").status_code == 403
    assert api.get(f"tenants/{contoso.tenant.pk}/").status_code == 403


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.key)
def test_without_a_key_nothing_is_told(contoso: Contoso, route: Route) -> None:
    path = route.path([str(contoso.tenant.pk)] * route.parameters)
    for method in ("get", "post", "patch", "put", "delete"):
        assert getattr(Program("").client, method)(path).status_code == 401, method


def test_another_tenants_domain_cannot_be_named_in_a_body(contoso: Contoso, strangers_api: Program) -> None:
    body = {"display_name": "Thief", "addresses": [{"address": "thief@contoso.example", "is_primary": True}]}
    answer = strangers_api.post("mailboxes/", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "address.domain_not_accepted")


def test_filters_do_not_reach_over_the_fence(contoso: Contoso, strangers_api: Program) -> None:
    audit(actor=SYSTEM, tenant=contoso.tenant, action="secret.thing")
    assert AuditEvent.objects.filter(action="secret.thing").exists()
    assert strangers_api.get("audit-events/", action="secret.thing").json()["results"] == []
