"""Who is suspended and signs in reads why; everybody else goes on."""

from __future__ import annotations

import pytest
from django.test import Client

from tenants.actions.actor import SYSTEM, Actor
from tenants.actions.suspensions import (
    resume_member,
    resume_tenant,
    suspend_domain,
    suspend_member,
    suspend_tenant,
    suspend_user,
)
from tenants.models import AcceptedDomain, AuditEvent, Mailbox, Membership, Tenant, User
from tenants.problems import Problem
from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page

pytestmark = pytest.mark.django_db


def test_members_of_a_suspended_organisation_read_why_since_when_and_whom_to_ask(
    contoso: Contoso, as_alice: Client, operator: User
) -> None:
    suspend_tenant(actor=Actor.operator(operator), tenant=contoso.tenant, reason="The bill of May is open.")
    for path in ("/", "/mailboxes/", "/mail/", "/queues/"):
        answer = as_alice.get(path)
        assert answer.status_code == 403
        text = answer.content.decode()
        for words in ("Contoso is suspended", "The bill of May is open.", operator.email, "Sign out", "mailto:"):
            assert words in text
    resume_tenant(actor=Actor.operator(operator), tenant=contoso.tenant)
    assert "Contoso" in page(as_alice.get("/mailboxes/"))


def test_who_belongs_to_another_organisation_too_can_work_there(contoso: Contoso, as_alice: Client) -> None:
    other = factories.make_tenant("fabrikam")
    factories.make_membership(other, contoso.alice, Membership.Role.ADMIN)
    as_alice.post("/organisation/", {"tenant": contoso.tenant.pk})
    suspend_tenant(actor=SYSTEM, tenant=contoso.tenant, reason="Bill")
    assert "Work in Fabrikam" in as_alice.get("/mailboxes/").content.decode()
    as_alice.post("/organisation/", {"tenant": other.pk})
    assert "Fabrikam" in page(as_alice.get("/mailboxes/"))


def test_an_operator_still_sees_all(contoso: Contoso, as_operator: Client) -> None:
    suspend_tenant(actor=SYSTEM, tenant=contoso.tenant, reason="Bill")
    assert "contoso" in page(as_operator.get("/admin/tenants/tenant/"))


def test_a_suspended_users_open_session_ends(contoso: Contoso, as_alice: Client) -> None:
    assert as_alice.get("/mailboxes/").status_code == 200
    suspend_user(actor=SYSTEM, user=contoso.alice, reason="Left")
    assert as_alice.get("/mailboxes/").status_code == 302


def test_a_suspended_user_reads_why_and_who_guesses_does_not(contoso: Contoso, client: Client) -> None:
    suspend_user(actor=SYSTEM, user=contoso.alice, reason="Left the firm")
    right = {"username": contoso.alice.email, "password": factories.PASSWORD}
    text = page(client.post("/sign-in/", right))
    assert "You are suspended: Left the firm." in text
    assert client.get("/mailboxes/").status_code == 302
    assert "Left the firm" not in page(client.post("/sign-in/", right | {"password": "a guess"}))


def test_a_suspended_member_stays_out_of_this_organisation_alone(contoso: Contoso, as_bob: Client) -> None:
    membership = Membership.objects.get(user=contoso.bob)
    suspend_member(actor=Actor.user(contoso.alice), membership=membership, reason="On leave")
    text = as_bob.get("/mail/").content.decode()
    assert "You are suspended in Contoso" in text
    assert "On leave" in text
    resume_member(actor=Actor.user(contoso.alice), membership=membership)
    assert as_bob.get("/mail/").status_code == 200


def test_the_last_owner_and_oneself_are_not_suspended(contoso: Contoso) -> None:
    owner = Membership.objects.get(user=contoso.alice)
    with pytest.raises(Problem, match=r"user\.last_owner"):
        suspend_member(actor=SYSTEM, membership=owner, reason="x")
    with pytest.raises(Problem, match=r"user\.suspends_self"):
        suspend_user(actor=Actor.operator(contoso.alice), user=contoso.alice, reason="x")


def test_a_suspension_needs_a_reason(contoso: Contoso) -> None:
    with pytest.raises(Problem, match=r"suspension\.no_reason"):
        suspend_tenant(actor=SYSTEM, tenant=contoso.tenant, reason="  ")


def test_a_suspended_domain_says_so_and_cannot_be_removed_and_added_again(contoso: Contoso, as_alice: Client) -> None:
    factories.make_domain(contoso.tenant, "spam.example")
    domain = AcceptedDomain.objects.get(domain="spam.example")
    suspend_domain(actor=SYSTEM, domain=domain, reason="Complaints from peers")
    assert "Complaints from peers" in page(as_alice.get(f"/accepted-domains/{domain.pk}/"))
    as_alice.post(f"/accepted-domains/{domain.pk}/delete/")
    assert AcceptedDomain.objects.filter(pk=domain.pk).exists()


def test_an_administrator_disables_a_mailbox_with_a_reason(contoso: Contoso, as_alice: Client) -> None:
    path = f"/mailboxes/{contoso.bob_mailbox.pk}/"
    body = {"display_name": "Bob", "address": "bob@contoso.example", "primary": "0", "quota_mb": "10"}
    as_alice.post(path, body | {"suspension_reason": "Password leaked", "suspension_mode": "temporary"})
    row = Mailbox.objects.get(pk=contoso.bob_mailbox.pk)
    assert (row.enabled, row.suspension_mode, row.suspended_by) == (False, "temporary", contoso.alice.email)
    text = page(as_alice.get(path))
    assert "Password leaked" in text
    assert "Disabled by alice@contoso.example" in text
    as_alice.post(f"/mailboxes/{row.pk}/enable/")
    row.refresh_from_db()
    assert (row.enabled, row.suspended_at, row.suspension_reason) == (True, None, "")


def test_each_is_audited_with_who_and_why(contoso: Contoso, operator: User) -> None:
    suspend_tenant(actor=Actor.operator(operator, "192.0.2.1"), tenant=contoso.tenant, reason="Bill")
    resume_tenant(actor=Actor.operator(operator), tenant=Tenant.objects.get())
    first, second = AuditEvent.objects.filter(action__startswith="tenant.").order_by("id")
    assert (first.action, first.actor_name, first.client_address) == ("tenant.suspend", operator.email, "192.0.2.1")
    pictures = [event.before or event.after or {} for event in (first, second)]
    assert [picture["status"] for picture in pictures] == ["active", "suspended"]
    assert (second.action, second.after) == ("tenant.resume", {**(second.after or {}), "status": "active"})
    assert (first.after or {})["suspension_reason"] == "Bill"


def test_an_operator_suspends_and_resumes_from_the_admin(as_operator: Client, contoso: Contoso) -> None:
    for noun, pk in (
        ("tenant", contoso.tenant.pk),
        ("accepteddomain", AcceptedDomain.objects.get().pk),
        ("user", contoso.bob.pk),
        ("membership", Membership.objects.get(user=contoso.bob).pk),
    ):
        path = f"/admin/tenants/{noun}/"
        asked = {"action": "suspend", "_selected_action": str(pk)}
        assert "Reason" in page(as_operator.post(path, asked)), noun
        assert as_operator.post(path, asked | {"reason": ""}).status_code == 200
        answer = as_operator.post(path, asked | {"reason": "Abuse report 7", "mode": "temporary"})
        assert answer.status_code == 302, noun
        assert "Abuse report 7" in page(as_operator.get(f"{path}{pk}/change/")), noun
        assert as_operator.post(path, asked | {"action": "resume"}).status_code == 302
    assert AuditEvent.objects.filter(action__endswith=".suspend", actor_kind="operator").count() == 5
    assert AuditEvent.objects.filter(action__endswith=".resume", actor_kind="operator").count() == 5
