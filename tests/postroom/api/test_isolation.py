"""One table of every API route: a stranger's key never sees or changes what is contoso's, whatever the method."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver

from tenants.actions.actor import SYSTEM
from tenants.actions.audit import audit
from tenants.actions.keys import create_api_key
from tenants.models import AcceptedDomain, AuditEvent, Mailbox, Membership
from tests import factories
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program
from tests.transport.workers import send
from transport.models import Delivery, TrackingEvent

pytestmark = pytest.mark.django_db
Maker = Callable[[Contoso], Model]

# Detail routes: what of contoso's is named in the path.
OBJECTS: dict[str, Maker] = {
    "accepted-domain": lambda contoso: AcceptedDomain.objects.get(tenant=contoso.tenant),
    "mailbox": lambda contoso: contoso.bob_mailbox,
    "send-connector": lambda contoso: factories.make_send_connector(contoso.tenant),
    "receive-connector": lambda contoso: factories.make_receive_connector(contoso.tenant),
    "app-password": lambda contoso: factories.make_app_password(contoso.bob_mailbox)[0],
    "member": lambda contoso: Membership.objects.get(user=contoso.bob),
    "invitation": lambda contoso: factories.make_invitation(contoso.tenant)[0],
    "api-key": lambda contoso: create_api_key(actor=SYSTEM, name="k", tenant=contoso.tenant)[0],
    "audit-event": lambda contoso: audit(actor=SYSTEM, tenant=contoso.tenant, action="test"),
}
OBJECTS |= {
    "queue": lambda contoso: waiting_in(contoso).queue,
    "queued-message": lambda contoso: waiting_in(contoso),
    "message": lambda contoso: waiting_in(contoso).message,
    "tracking-event": lambda contoso: event_of(contoso),
}
# Routes without an id, and what a stranger may be told there; lists are checked for foreign rows.
PLAIN = {"route-simulations", "mail-flow-checks", "usage"}
OPERATORS_ONLY = {"tenant-list", "tenant-detail", "tenant-suspend", "tenant-resume"}


def waiting_in(contoso: Contoso) -> Delivery:
    """Return a recipient that waits as unreachable: contoso has no send connector."""
    send(contoso.alice_mailbox, "bob@elsewhere.example")
    return Delivery.objects.select_related("message", "queue").get()


def event_of(contoso: Contoso) -> TrackingEvent:
    waiting_in(contoso)
    return TrackingEvent.objects.filter(tenant_id=contoso.tenant.pk).order_by("id")[0]


def name_in_path(row: Model) -> str:
    """Return how a path names a row; a queued message is named by message and queue."""
    return f"{row.message_id}.{row.queue_id}" if isinstance(row, Delivery) else str(row.pk)


METHODS = ("get", "post", "patch", "put", "delete")


def api_routes(patterns: list[Any] | None = None) -> Iterator[URLPattern]:
    """Yield every route below /api/v1/ except the schema."""
    if patterns is None:
        includes = [entry for entry in get_resolver().url_patterns if str(entry.pattern) == "api/v1/"]
        patterns = [each for entry in includes if isinstance(entry, URLResolver) for each in entry.url_patterns]
    for entry in patterns:
        if isinstance(entry, URLResolver):
            yield from api_routes(entry.url_patterns)
        else:
            yield entry


def base_of(name: str) -> str:
    """Return the longest entry of the table that a route's name begins with."""
    return max((key for key in OBJECTS if name.startswith(key)), key=len, default="")


def path_of(route: URLPattern, pk: str) -> str:
    path = str(route.pattern).strip("^$")
    if "(?P<mailbox>" in path:
        path = path.replace("(?P<mailbox>[^/]+)", str(Mailbox.objects.get(display_name="Bob").pk))
    return path.replace("(?P<pk>[^/]+)", pk).replace("(?P<pk>[^/.]+)", pk).rstrip("\\Z")


ROUTES = {str(route.name): route for route in api_routes()}
DETAIL = [name for name in ROUTES if base_of(name) and not name.endswith("-list") and name not in PLAIN]


def test_every_route_is_in_the_table() -> None:
    known = {name for name in ROUTES if base_of(name)} | PLAIN | OPERATORS_ONLY
    assert set(ROUTES) - known == set()


@pytest.mark.parametrize("name", DETAIL)
def test_a_stranger_gets_404_for_what_is_contosos(contoso: Contoso, strangers_api: Program, name: str) -> None:
    row = OBJECTS[base_of(name)](contoso)
    before = type(row).objects.filter(pk=row.pk).values().get()  # type: ignore[attr-defined]
    for method in METHODS:
        answer = strangers_api.client.generic(
            method.upper(),
            f"/api/v1/{path_of(ROUTES[name], name_in_path(row))}",
            "{}",
            "application/json",
            headers=strangers_api.headers,
        )
        assert answer.status_code in {403, 404, 405}, (method, answer.content)
    assert type(row).objects.filter(pk=row.pk).values().get() == before  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [name for name in ROUTES if name.endswith("-list") and base_of(name)])
def test_a_strangers_list_holds_no_row_of_contoso(contoso: Contoso, strangers_api: Program, name: str) -> None:
    row = OBJECTS[base_of(name)](contoso)
    answer = strangers_api.get(path_of(ROUTES[name], ""))
    assert answer.status_code in {200, 404, 405}
    assert str(row.pk).encode() not in answer.content


@pytest.mark.parametrize("name", sorted(OPERATORS_ONLY))
def test_a_tenants_key_does_not_reach_the_operators_routes(contoso: Contoso, api: Program, name: str) -> None:
    assert api.get(path_of(ROUTES[name], str(contoso.tenant.pk))).status_code == 403


@pytest.mark.parametrize("name", sorted(set(ROUTES) - {"message-list"}))
def test_without_a_key_nothing_is_told(contoso: Contoso, name: str) -> None:
    answer = Program("").client.get(f"/api/v1/{path_of(ROUTES[name], str(contoso.tenant.pk))}")
    assert answer.status_code in {401, 405}


def test_another_tenants_domain_cannot_be_named_in_a_body(contoso: Contoso, strangers_api: Program) -> None:
    body = {"display_name": "Thief", "addresses": [{"address": "thief@contoso.example", "is_primary": True}]}
    answer = strangers_api.post("mailboxes/", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "address.domain_not_accepted")


def test_filters_do_not_reach_over_the_fence(contoso: Contoso, strangers_api: Program) -> None:
    audit(actor=SYSTEM, tenant=contoso.tenant, action="secret.thing")
    assert AuditEvent.objects.filter(action="secret.thing").exists()
    assert strangers_api.get("audit-events/", action="secret.thing").json()["results"] == []
