"""The operators' admin: every model is there, configuration goes through the actions, machine rows stay as they are."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from tenants.actions.actor import SYSTEM, Actor
from tenants.actions.audit import audit
from tenants.actions.deletion import ask_deletion
from tenants.actions.keys import create_api_key
from tenants.models import AcceptedDomain, AuditEvent, IdempotentRequest, Mailbox, Tenant
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from transport.actions.send import send_message
from transport.models import Queue, ReceiveConnector, SendConnector
from transport.routing.envelope import Origin

pytestmark = pytest.mark.django_db
MODELS = list(admin.site._registry)


def url(model: type[Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_list_opens_and_can_be_searched(as_operator: Client, contoso: Contoso, model: type[Model]) -> None:
    assert as_operator.get(url(model, "changelist")).status_code == 200
    assert as_operator.get(url(model, "changelist"), {"q": "x"}).status_code == 200


@pytest.mark.parametrize("model", [Tenant, AcceptedDomain, Mailbox, SendConnector, ReceiveConnector])
def test_every_form_opens(as_operator: Client, model: type[Model]) -> None:
    assert as_operator.get(url(model, "add")).status_code == 200


def test_an_operator_sees_a_planned_deletion_and_undoes_it(as_operator: Client, contoso: Contoso) -> None:
    ask_deletion(actor=Actor.operator(factories.make_user("op2@x.example")), tenant=contoso.tenant, confirm="contoso")
    told = as_operator.get(url(Tenant, "change", contoso.tenant.pk)).content.decode()
    assert "asked for by op2@x.example" in told
    as_operator.post(url(Tenant, "changelist"), {"action": "keep", "_selected_action": contoso.tenant.pk})
    assert Tenant.objects.get(pk=contoso.tenant.pk).deletion_due_at is None


def test_nobody_else_gets_in(as_alice: Client) -> None:
    assert as_alice.get(url(Tenant, "changelist")).status_code == 302


def test_an_operator_makes_a_mailbox_and_the_audit_log_says_so(as_operator: Client, contoso: Contoso) -> None:
    body = {
        "tenant": contoso.tenant.pk,
        "display_name": "Carol",
        "addresses": "carol@contoso.example\nc@contoso.example",
    }
    answer = as_operator.post(url(Mailbox, "add"), body | {"quota": 1000, "enabled": "on"})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert str(Mailbox.objects.get(display_name="Carol").primary_address) == "carol@contoso.example"
    assert AuditEvent.objects.filter(action="mailbox.create", actor_kind="operator").exists()


def test_a_refusal_stands_at_its_field_and_keeps_what_was_typed(as_operator: Client, contoso: Contoso) -> None:
    body = {"tenant": contoso.tenant.pk, "display_name": "Carol", "addresses": "alice@contoso.example", "quota": 1000}
    answer = as_operator.post(url(Mailbox, "add"), body)
    assert answer.status_code == 200
    assert "addresses" in answer.context["adminform"].form.errors
    assert b"Carol" in answer.content
    assert not Mailbox.objects.filter(display_name="Carol").exists()


def test_an_operator_makes_and_changes_a_send_connector(as_operator: Client, contoso: Contoso) -> None:
    body = {
        "tenant": contoso.tenant.pk,
        "name": "Internet",
        "enabled": "on",
        "usage": "internet",
        "routing": "dns",
        "spaces": "*;1\n*.contoso.com;5",
        "port": 25,
        "tls": "opportunistic",
        "auth": "none",
        "protocol": "smtp",
        "max_messages_per_connection": 20,
        "max_connections_per_host": 5,
        "connect_timeout": "00:00:15",
        "connection_inactivity_timeout": "00:10:00",
        "error_policies": "550 5.7.1 transient\ndns transient",
    }
    assert as_operator.post(url(SendConnector, "add"), body).status_code == 302
    connector = SendConnector.objects.get()
    assert sorted(str(space) for space in connector.address_spaces.all()) == ["SMTP:*.contoso.com;5", "SMTP:*;1"]
    assert connector.error_policies == ["550 5.7.1 transient", "dns transient"]
    del body["enabled"]
    as_operator.post(url(SendConnector, "change", connector.pk), body)
    connector.refresh_from_db()
    assert not connector.enabled


def test_an_operator_approves_a_tenants_ranges(as_operator: Client, contoso: Contoso) -> None:
    connector = factories.make_receive_connector(contoso.tenant, remote_ranges=["192.0.2.7/32"])
    answer = as_operator.post(
        url(ReceiveConnector, "changelist"), {"action": "approve", "_selected_action": [str(connector.pk)]}
    )
    assert answer.status_code == 302
    connector.refresh_from_db()
    assert connector.approved_at is not None


def test_machine_owned_rows_cannot_be_edited(as_operator: Client) -> None:
    assert as_operator.get(url(Queue, "add")).status_code == 403
    assert as_operator.post(url(Queue, "add"), {}).status_code == 403


def test_the_content_security_policy_stands_on_the_admin_too(as_operator: Client) -> None:
    assert "script-src 'self'" in as_operator.get("/admin/")["Content-Security-Policy"]


def test_every_row_opens_and_shows_no_secret(as_operator: Client, contoso: Contoso) -> None:
    key, token = create_api_key(actor=SYSTEM, name="nightly", tenant=contoso.tenant)
    IdempotentRequest.objects.create(
        tenant=contoso.tenant, api_key=key, token="k1", digest="d", body={"sealed": "gAAA"}
    )
    connector = factories.make_send_connector(contoso.tenant, auth="basic", username="u")
    SendConnector.objects.filter(pk=connector.pk).update(password_encrypted=b"canary-cipher")
    Mailbox.objects.filter(pk=contoso.bob_mailbox.pk).update(verifier="SCRAM-SHA-256$canary")
    factories.make_receive_connector(contoso.tenant)
    audit(actor=SYSTEM, tenant=contoso.tenant, action="test")
    send_between(contoso)
    opened = set()
    for model in MODELS:
        for row in model._default_manager.all()[:3]:
            answer = as_operator.get(url(model, "change", row.pk))
            assert answer.status_code == 200, model
            for secret in (b"canary", token.encode(), b"gAAA", b"md5$", b"Confidential"):
                assert secret not in answer.content, (model, secret)
            opened.add(model.__name__)
    assert {"ApiKey", "AuditEvent", "Delivery", "IdempotentRequest", "Message", "MessageBody", "User"} <= opened


def send_between(contoso: Contoso) -> None:
    """Let Alice write to Bob: a message, a body, a delivery, a letter."""
    with scope(contoso.tenant):
        send_message(
            actor=Actor.user(contoso.alice),
            tenant=contoso.tenant,
            mailbox=contoso.alice_mailbox,
            content=b"From: alice@contoso.example\r\nSubject: s\r\n\r\nConfidential\r\n",
            sender="alice@contoso.example",
            recipients=["bob@contoso.example"],
            origin=Origin.CONSOLE,
        )


def listener_body(**changes: Any) -> dict[str, Any]:
    """Return what the browser sends for a new listener: the form's own values, and these."""
    numbers = {
        "max_message_size": "37748736",
        "max_header_size": "131072",
        "max_hop_count": "30",
        "max_local_hop_count": "8",
        "max_recipients_per_message": "200",
        "max_inbound_connections": "5000",
        "max_inbound_connections_per_source": "20",
        "max_inbound_connections_percentage_per_source": "2",
        "max_protocol_errors": "5",
        "max_logon_failures": "3",
        "message_rate_source": "ip_address",
    }
    times = {"connection_timeout": "00:10:00", "connection_inactivity_timeout": "00:05:00", "tarpit_interval": "5"}
    body = {"name": "Front", "enabled": "on", "bindings": "smtp", "remote_ranges": "0.0.0.0/0\r\n::/0"}
    words = {"size_enabled": "enabled", "protocol_logging_level": "none", "eight_bit_mime_enabled": "on"}
    return {**body, **numbers, **times, **words, **changes}


def test_a_listener_is_made_in_words_and_an_undecidable_one_refused_by_name(as_operator: Client) -> None:
    body = listener_body(
        auth_mechanisms=["tls"], permission_groups=["anonymous_users"], protocol_logging_level="verbose"
    )
    answer = as_operator.post(url(ReceiveConnector, "add"), body)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    row = ReceiveConnector.objects.get(name="Front")
    assert (row.tenant, row.bindings, row.auth_mechanisms) == (None, ["smtp"], ["tls"])
    assert (row.eight_bit_mime_enabled, row.chunking_enabled) == (True, False)
    again = as_operator.post(url(ReceiveConnector, "add"), listener_body(name="Again"))
    assert "“Again” and “Front” share the binding" in again.content.decode()
    page = as_operator.get(url(ReceiveConnector, "change", row.pk)).content.decode()
    for words in ("Who may connect", "Time-outs", "by default 5000", "Externally secured"):
        assert words in page
    changed = as_operator.post(url(ReceiveConnector, "change", row.pk), listener_body(max_hop_count="40"))
    assert changed.status_code == 302, changed.context["adminform"].form.errors
    row.refresh_from_db()
    assert row.max_hop_count == 40


def test_the_operators_tester_tells_of_all_that_were_considered(as_operator: Client, contoso: Contoso) -> None:
    factories.make_receive_connector(name="Front", permission_groups=["anonymous_users"])
    factories.make_receive_connector(name="Users", bindings=["submission"])
    factories.make_receive_connector(
        contoso.tenant, name="Printers", remote_ranges=["192.0.2.7"], approved_at="2026-01-01T00:00Z"
    )
    query = {"address": "192.0.2.7", "sender": "scanner@contoso.example"}
    page = as_operator.get(reverse("admin:platform-client-test"), query).content.decode()
    for words in ("may send to everybody", "Printers", "Users: not chosen, not bound to", "Front"):
        assert words in page
