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
        "max_messages_per_connection": 20,
        "connection_inactivity_timeout": "00:10:00",
    }
    assert as_operator.post(url(SendConnector, "add"), body).status_code == 302
    connector = SendConnector.objects.get()
    assert sorted(str(space) for space in connector.address_spaces.all()) == ["SMTP:*.contoso.com;5", "SMTP:*;1"]
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
