"""An operator in a tenant's console: for a reason, for a time, told in the tenant's own audit log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from postroom.acting import SESSION_ACTING
from tenants.models import AcceptedDomain, AuditEvent, Mailbox, User
from tests import factories
from tests.conftest import Contoso
from transport.models import ReceiveConnector, SendConnector

pytestmark = pytest.mark.django_db


def step_in(client: Client, contoso: Contoso, role: str = "acting_auditor", reason: str = "Ticket 7") -> Any:
    url = reverse("admin:platform-act-as", args=[contoso.tenant.pk])
    assert client.get(url).status_code == 200
    return client.post(url, {"role": role, "minutes": "30", "reason": reason})


def let_time_pass(client: Client) -> None:
    session = client.session
    session[SESSION_ACTING]["until"] = (timezone.now() - timedelta(seconds=1)).isoformat()
    session.save()


def test_the_step_in_and_out_stand_in_the_tenants_audit_log(as_operator: Client, contoso: Contoso) -> None:
    assert step_in(as_operator, contoso)["Location"] == reverse("console:overview")
    page = as_operator.get(reverse("console:accepted-domains")).content.decode()
    assert "You act in Contoso as an operator" in page
    assert "Ticket 7" in page
    answer = as_operator.post(reverse("acting-end"))
    assert answer["Location"] == reverse("admin:tenants_tenant_change", args=[contoso.tenant.pk])
    assert as_operator.get(reverse("console:accepted-domains")).status_code == 403
    came, left = AuditEvent.objects.filter(tenant=contoso.tenant, action__startswith="operator.").order_by("id")
    assert (came.action, came.actor_name) == ("operator.step_in", "operator@postroom.example acting as auditor")
    assert came.after is not None
    assert came.after["reason"] == "Ticket 7"
    assert (left.action, left.after) == ("operator.step_out", {"ended": "by the operator"})


def test_a_reason_is_needed(as_operator: Client, contoso: Contoso) -> None:
    assert step_in(as_operator, contoso, reason="  ").status_code == 200
    assert SESSION_ACTING not in as_operator.session
    assert not AuditEvent.objects.filter(action="operator.step_in").exists()


def test_an_hour_at_most(as_operator: Client, contoso: Contoso) -> None:
    url = reverse("admin:platform-act-as", args=[contoso.tenant.pk])
    body = {"role": "acting_admin", "minutes": "600", "reason": "x"}
    assert as_operator.post(url, body).status_code == 200
    assert SESSION_ACTING not in as_operator.session


def test_an_acting_auditor_changes_nothing(as_operator: Client, contoso: Contoso) -> None:
    step_in(as_operator, contoso)
    assert as_operator.get(reverse("console:send-connectors")).status_code == 200
    assert as_operator.post(reverse("console:send-connector-internet")).status_code == 403
    assert not SendConnector.objects.exists()


def test_what_an_acting_administrator_does_is_told_as_such(as_operator: Client, contoso: Contoso) -> None:
    other = factories.make_domain(factories.make_tenant("fabrikam"), "fabrikam.example")
    step_in(as_operator, contoso, "acting_admin")
    assert as_operator.post(reverse("console:send-connector-internet")).status_code == 302
    event = AuditEvent.objects.get(action="send_connector.create")
    assert event.tenant_id == contoso.tenant.pk
    assert (event.actor_kind, event.actor_name) == (
        "operator",
        "operator@postroom.example acting as administrator",
    )
    assert as_operator.get(reverse("console:accepted-domain", args=[other.pk])).status_code == 404


def test_letters_and_what_opens_them_stay_closed(as_operator: Client, contoso: Contoso, operator: User) -> None:
    factories.make_membership(contoso.tenant, operator)
    Mailbox.objects.filter(pk=contoso.bob_mailbox.pk).update(user=operator)
    letter = factories.make_letter(contoso.bob_mailbox, b"Subject: s\r\n\r\nsecret\r\n")
    step_in(as_operator, contoso, "acting_admin")
    for name, pk in (("mail", None), ("mail-letter", letter.pk), ("mailbox-log-in", contoso.alice_mailbox.pk)):
        answer = as_operator.get(reverse(f"console:{name}", args=[pk] if pk else []))
        assert answer.status_code == 403, name
    page = as_operator.get(reverse("console:mailbox", args=[contoso.alice_mailbox.pk])).content.decode()
    assert "Change the log-in" not in page


def test_when_the_time_is_over_nothing_more_is_done(as_operator: Client, contoso: Contoso, operator: User) -> None:
    own = factories.make_tenant("own")
    factories.make_membership(own, operator)
    step_in(as_operator, contoso, "acting_admin")
    let_time_pass(as_operator)
    answer = as_operator.post(reverse("console:accepted-domain-create"), {"domain": "late.example"})
    assert answer["Location"] == reverse("admin:tenants_tenant_change", args=[contoso.tenant.pk])
    assert not AcceptedDomain.objects.filter(domain="late.example").exists()
    left = AuditEvent.objects.get(action="operator.step_out")
    assert (left.tenant_id, left.after) == (contoso.tenant.pk, {"ended": "time over"})
    assert "is over" in as_operator.get(answer["Location"]).content.decode()
    assert "Own" in as_operator.get(reverse("console:accepted-domains")).content.decode()


def test_who_is_no_operator_any_more_acts_no_more(as_operator: Client, contoso: Contoso, operator: User) -> None:
    step_in(as_operator, contoso)
    User.objects.filter(pk=operator.pk).update(is_operator=False)
    assert as_operator.get(reverse("console:accepted-domains")).status_code == 403


def test_nobody_else_steps_in_or_is_shown_a_banner(as_alice: Client, contoso: Contoso) -> None:
    assert as_alice.get(reverse("admin:platform-act-as", args=[contoso.tenant.pk])).status_code == 302
    assert "acting" not in as_alice.session
    assert "as an operator" not in as_alice.get(reverse("console:accepted-domains")).content.decode()
    assert as_alice.post(reverse("acting-end"))["Location"] == "/"


def test_an_acting_administrator_approves_no_ranges(as_operator: Client, contoso: Contoso) -> None:
    """What counts for the tenant's own people counts for whoever acts in their place; the admin is for approvals."""
    approved = factories.make_receive_connector(
        contoso.tenant, remote_ranges=["192.0.2.0/28"], approved_at=timezone.now()
    )
    step_in(as_operator, contoso, "acting_admin")
    body = {"name": approved.name, "ranges": "198.51.100.1", "max_size_mb": 10, "enabled": "on"}
    path = reverse("console:receive-connector", args=[approved.pk])
    assert as_operator.post(path, body).status_code == 302
    row = ReceiveConnector.objects.get(pk=approved.pk)
    assert (row.remote_ranges, row.approved_at) == (["198.51.100.1"], None)


def test_who_acts_there_is_no_member_to_leave(as_operator: Client, contoso: Contoso, operator: User) -> None:
    path = reverse("console:organisation-leave", args=[contoso.tenant.pk])
    step_in(as_operator, contoso, "acting_admin")
    assert as_operator.post(path).status_code == 404
    factories.make_membership(contoso.tenant, operator)
    assert as_operator.post(path).status_code == 404
