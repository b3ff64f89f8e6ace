"""Somebody in several organisations: which one they work in, and links into the others."""

from __future__ import annotations

import pytest
from django.test import Client

from tenants.models import AcceptedDomain, Membership, Tenant, User
from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from transport.models import MailboxMessage


@pytest.fixture
def fabrikam(charlie: User) -> Tenant:
    return Tenant.objects.get(slug="fabrikam")


@pytest.fixture
def theirs(fabrikam: Tenant) -> str:
    """The address of a page of fabrikam's."""
    return f"/accepted-domains/{AcceptedDomain.objects.get(tenant=fabrikam).pk}/"


def test_the_last_choice_is_remembered_at_the_next_sign_in(
    contoso: Contoso, fabrikam: Tenant, as_alice: Client
) -> None:
    factories.make_membership(fabrikam, contoso.alice, Membership.Role.AUDITOR)
    told = page(as_alice.post("/organisation/", {"tenant": str(fabrikam.pk)}, follow=True))
    assert "You work in Fabrikam now" in told
    assert "auditor" in told
    again = Client()
    again.force_login(contoso.alice)
    assert "fabrikam.example" in page(again.get("/accepted-domains/"))
    Membership.objects.filter(tenant=fabrikam, user=contoso.alice).delete()
    assert "contoso.example" in page(again.get("/accepted-domains/"))


def test_a_link_into_another_of_ones_organisations_offers_to_go_there(
    contoso: Contoso, fabrikam: Tenant, theirs: str, as_alice: Client
) -> None:
    factories.make_membership(fabrikam, contoso.alice, Membership.Role.AUDITOR)
    answer = as_alice.get(theirs)
    assert answer.status_code == 404
    assert "Work in Fabrikam" in answer.content.decode()
    told = page(as_alice.post("/organisation/", {"tenant": str(fabrikam.pk), "next": theirs}, follow=True))
    assert "fabrikam.example" in told


def test_a_stranger_is_told_nothing(contoso: Contoso, fabrikam: Tenant, theirs: str, as_alice: Client) -> None:
    factories.make_membership(factories.make_tenant("third"), contoso.alice, Membership.Role.OWNER)
    made_up = theirs.replace(theirs.split("/")[2], "0190a0a0-0000-7000-8000-000000000000")
    assert as_alice.get(theirs).content == as_alice.get(made_up).content


def test_a_role_that_may_not_see_the_page_is_no_reason_to_go(
    contoso: Contoso, fabrikam: Tenant, theirs: str, as_alice: Client
) -> None:
    factories.make_membership(fabrikam, contoso.alice, Membership.Role.MAILBOX_USER)
    assert b"Fabrikam</button>" not in as_alice.get(theirs).content.replace(b"Work in ", b"")


def test_looking_where_a_page_is_changes_nothing(contoso: Contoso, fabrikam: Tenant, as_alice: Client) -> None:
    factories.make_membership(fabrikam, contoso.alice, Membership.Role.OWNER)
    mailbox = factories.make_mailbox(AcceptedDomain.objects.get(tenant=fabrikam), "alice", user=contoso.alice)
    letter = factories.make_letter(mailbox, b"Subject: x\r\n\r\nx\r\n")
    assert b"Work in Fabrikam" in as_alice.get(f"/mail/{letter.pk}/").content
    assert not MailboxMessage.objects.get(pk=letter.pk).seen
