"""One table of every console address: who gets in with which role, and that strangers find nothing."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from postroom.console.urls import urlpatterns
from tenants.actions.actor import SYSTEM
from tenants.actions.audit import audit
from tenants.actions.keys import create_api_key
from tenants.actions.mailboxes import change_mailbox
from tenants.identifiers import uuid7
from tenants.models import AcceptedDomain, ConfigurationVersion, Membership
from tenants.permissions import Permission, may
from tests import factories
from tests.conftest import Contoso
from transport.actions.bulk_of_tenant import preview_operation
from transport.models import BulkOperation, Delivery
from transport.queue.filters import QueueFilters

CONFIGURE, VIEW = {Permission.CONFIGURE}, {Permission.VIEW}
MEMBERS, TENANT = {Permission.MANAGE_MEMBERS}, {Permission.MANAGE_TENANT}
RESET = {Permission.RESET_PASSWORDS}
STEER, MAIL = {Permission.STEER_QUEUES}, {Permission.READ_OWN_MAIL}
ANY = VIEW | MAIL

# Name of the address: who may, by which method, and the id that it is called with.
GET: dict[str, set[Permission]] = {
    "overview": ANY,
    "accepted-domains": VIEW,
    "accepted-domain-create": CONFIGURE,
    "accepted-domain-named": VIEW,
    "accepted-domain": VIEW,
    "accepted-domain-edit": CONFIGURE,
    "mailboxes": VIEW,
    "mailbox-create": CONFIGURE,
    "mailbox": VIEW,
    "mailbox-reply-address": CONFIGURE,
    "mailbox-log-in": CONFIGURE | RESET,
    "mailbox-apps": RESET,
    "send-connectors": VIEW,
    "send-connector-create": CONFIGURE,
    "send-connector": VIEW,
    "send-connector-validate": CONFIGURE,
    "receive-connectors": VIEW,
    "receive-connector-create": CONFIGURE,
    "receive-connector": VIEW,
    "queues": VIEW,
    "queue": VIEW,
    "queue-messages": VIEW,
    "queue-operations": VIEW,
    "queue-operation": VIEW,
    "queue-redirect": STEER,
    "queue-message-redirect": STEER,
    "queue-message-export": {Permission.EXPORT_MESSAGES},
    "tracking": VIEW,
    "tracking-timeline": ANY,
    "protocol-log": VIEW,
    "suppressions": VIEW,
    "receive-connector-test": VIEW,
    "what-if": VIEW,
    "mail": MAIL,
    "mail-apps": MAIL,
    "mail-compose": MAIL,
    "mail-letter": MAIL,
    "mail-html": MAIL,
    "mail-source": MAIL,
    "mail-attachment": MAIL,
    "audit": {Permission.VIEW_AUDIT},
    "organisations": set(Permission),
    "members": {Permission.VIEW_AUDIT},
    "api-keys": {Permission.VIEW_AUDIT},
    "member": {Permission.VIEW_AUDIT},
    "member-hand-over": TENANT,
    "audit-event": {Permission.VIEW_AUDIT},
    "history": {Permission.VIEW_AUDIT},
    "history-difference": {Permission.VIEW_AUDIT},
    "history-object": {Permission.VIEW_AUDIT},
    "history-version": {Permission.VIEW_AUDIT},
    "organisation": {Permission.MANAGE_TENANT},
    "usage": VIEW,
    "audit-export": {Permission.VIEW_AUDIT},
}
POST: dict[str, set[Permission]] = {
    "api-key-revoke": {Permission.MANAGE_KEYS},
    "organisation-delete": {Permission.MANAGE_TENANT},
    "organisation-retry-clock": {Permission.MANAGE_TENANT},
    "organisation-keep": {Permission.MANAGE_TENANT},
    "organisation-export": {Permission.MANAGE_TENANT},
    "overview-check": VIEW,
    "overview-echo": MAIL,
    "switch": set(Permission),
    "organisation-leave": set(Permission),
    "member-remove": MEMBERS,
    "member-suspend": MEMBERS,
    "member-invitation-resend": MEMBERS,
    "member-second-factor": TENANT,
    "member-invitation-revoke": MEMBERS,
    "accepted-domain-add": CONFIGURE,
    "accepted-domain-publish": CONFIGURE,
    "accepted-domain-verify": CONFIGURE,
    "accepted-domain-default": CONFIGURE,
    "accepted-domain-delete": CONFIGURE,
    "mailbox-enable": CONFIGURE,
    "mailbox-log-in-mine": CONFIGURE,
    "mailbox-log-in-remove": CONFIGURE,
    "mailbox-app-revoke": RESET,
    "mailbox-delete": CONFIGURE,
    "mailbox-send-as": CONFIGURE,
    "send-connector-internet": CONFIGURE,
    "send-connector-enable": CONFIGURE,
    "send-connector-delete": CONFIGURE,
    "history-revert": CONFIGURE,
    "receive-connector-delete": CONFIGURE,
    "receive-connector-password": CONFIGURE,
    "suppression-release": STEER,
    "queue-bulk": STEER,
    "queue-operation-confirm": STEER,
    "queue-operation-undo": STEER,
    "queue-act": STEER,
    "queue-message-act": STEER,
    "mail-app-revoke": MAIL,
    "mail-delete": MAIL,
}
FOR_ALL = {"sign-in", "sign-out", "invitation", "invitation-open"}
# Pages that show to some what only others may change: the form is sent to the same address.
FORMS = {
    "mailbox": CONFIGURE,
    "send-connector": CONFIGURE,
    "receive-connector": CONFIGURE,
    "members": MEMBERS,
    "member": MEMBERS,
    "api-keys": {Permission.MANAGE_KEYS},
}


def version_of(contoso: Contoso) -> ConfigurationVersion:
    change_mailbox(actor=SYSTEM, mailbox=contoso.bob_mailbox, quota=7)
    return ConfigurationVersion.objects.get(number=1)


def preview(contoso: Contoso) -> BulkOperation:
    filters = QueueFilters()
    return preview_operation(actor=SYSTEM, tenant_id=contoso.tenant.pk, verb="suspend", filters=filters)


@pytest.fixture
def paths(contoso: Contoso, waiting: Delivery, silent_dns: None) -> Callable[[str], str]:
    """Return a call that makes an address of something that is contoso's."""
    domain = AcceptedDomain.objects.get(tenant=contoso.tenant)
    letter = factories.make_letter(contoso.alice_mailbox, b"Subject: x\r\n\r\nx\r\n", message_id=waiting.message_id)
    app_password = factories.make_app_password(contoso.alice_mailbox)[0]
    ids: dict[str, list[UUID | str | int]] = {
        "accepted-domain": [domain.pk],
        "mailbox": [contoso.alice_mailbox.pk],
        "send-connector": [factories.make_send_connector(contoso.tenant, "*.x.example").pk],
        "receive-connector": [factories.make_receive_connector(contoso.tenant, remote_ranges=["192.0.2.1/32"]).pk],
        "suppression": [factories.make_suppressed_address(contoso.tenant, "x@y.example").pk],
        "protocol-log": [uuid7()],
        "queue": [waiting.queue_id],
        "tracking-timeline": [waiting.message_id],
        "mail": [letter.pk],
        "history": [version_of(contoso).pk],
        "history-object": ["mailbox", contoso.bob_mailbox.pk],
        "audit-event": [audit(actor=SYSTEM, tenant=contoso.tenant, action="mailbox.change").pk],
        "accepted-domain-named": [domain.domain],
        "queue-act": [waiting.queue_id, "retry"],
        "queue-operation": [preview(contoso).pk],
        "queue-message": [waiting.queue_id, waiting.message_id],
        "queue-message-act": [waiting.queue_id, waiting.message_id, "retry"],
        "api-key-revoke": [create_api_key(actor=SYSTEM, name="k", tenant=contoso.tenant)[0].pk],
        "mail-attachment": [letter.pk, 0],
        "member": [Membership.objects.get(user=contoso.bob).pk],
        "member-invitation": [factories.make_invitation(contoso.tenant)[0].pk],
        "organisation-leave": [contoso.tenant.pk],
        "organisation-export": ["configuration"],
        "mail-app-revoke": [app_password.pk],
        "mailbox-app-revoke": [contoso.alice_mailbox.pk, app_password.pk],
    }

    def path_of(name: str) -> str:
        pattern = next(entry for entry in urlpatterns if entry.name == name)
        count = len(pattern.pattern.converters)
        arguments = ids[max((key for key in ids if name.startswith(key)), key=len)] if count else []
        return reverse(f"console:{name}", args=arguments)

    return path_of


def test_every_address_is_in_the_table() -> None:
    assert {entry.name for entry in urlpatterns} == set(GET) | set(POST) | FOR_ALL


@pytest.mark.parametrize("name", sorted({**GET, **POST}))
def test_nobody_gets_in_without_signing_in(paths: Callable[[str], str], client: Client, name: str) -> None:
    response = client.post(paths(name)) if name in POST else client.get(paths(name))
    assert response.status_code == 302
    assert response.headers["Location"].startswith(reverse("console:sign-in"))


@pytest.mark.parametrize("role", [role.value for role in Membership.Role])
@pytest.mark.parametrize("name", sorted({**GET, **POST}))
def test_a_role_gets_in_where_it_has_a_permission(
    paths: Callable[[str], str], contoso: Contoso, client: Client, name: str, role: str
) -> None:
    Membership.objects.filter(user=contoso.alice).update(role=role)
    client.force_login(contoso.alice)
    response = client.post(paths(name)) if name in POST else client.get(paths(name))
    gets_in = any(may(role, permission) for permission in {**GET, **POST}[name])
    assert (response.status_code != 403) == gets_in
    assert response.status_code < 500


@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_form_takes_changes_only_of_those_who_may(
    paths: Callable[[str], str], contoso: Contoso, client: Client, name: str
) -> None:
    Membership.objects.filter(user=contoso.alice).update(role=Membership.Role.AUDITOR)
    client.force_login(contoso.alice)
    assert client.get(paths(name)).status_code == 200
    assert client.post(paths(name)).status_code == 403


@pytest.mark.parametrize("name", sorted(n for n in {**GET, **POST}))
def test_a_stranger_finds_nothing_of_ours(
    paths: Callable[[str], str], as_charlie: Client, contoso: Contoso, name: str
) -> None:
    path = paths(name)
    response = as_charlie.post(path) if name in POST else as_charlie.get(path)
    if path.count("/") > 3 and any(len(part) == 36 for part in path.split("/")):
        assert response.status_code == 404
    content = response.getvalue()  # an export is sent as it is read
    assert b"alice" not in content
    assert contoso.tenant.name.encode() not in content
