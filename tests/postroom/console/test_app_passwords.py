"""Apps and devices: a person makes and revokes passwords of their own mailbox, the helpdesk those of any."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tenants.actions.app_passwords import MOST
from tenants.models import AppPassword, Membership
from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from transport.authentication.app_passwords import as_app_password
from transport.authentication.scram import verify


def shown_in(text: str) -> str:
    found = re.search(r"<code>((?:[a-z2-7]{5}-){5}[a-z2-7]{5})</code>", text)
    assert found, text
    return found[1]


def test_a_person_makes_one_and_is_told_what_to_type_into_the_program(contoso: Contoso, as_bob: Client) -> None:
    assert "Apps and devices" in page(as_bob.get("/mail/"))
    made = shown_in(page(as_bob.post("/mail/apps/", {"name": "Phone"})))
    row = AppPassword.objects.get()
    assert (row.mailbox, row.created_by) == (contoso.bob_mailbox, contoso.bob)
    assert verify(as_app_password(made), row.verifier)
    told = page(as_bob.get("/mail/apps/"))
    assert made not in told
    for words in ("Phone", "never", "mail.contoso.example", "2465", "2587", "bob@contoso.example"):
        assert words in told


def test_a_person_revokes_their_own_and_nobody_elses(contoso: Contoso, as_bob: Client) -> None:
    own, alices = (factories.make_app_password(box)[0] for box in (contoso.bob_mailbox, contoso.alice_mailbox))
    assert "cannot log in any more" in page(as_bob.post(f"/mail/apps/{own.pk}/revoke/", follow=True))
    assert as_bob.post(f"/mail/apps/{alices.pk}/revoke/").status_code == 404
    assert set(AppPassword.objects.filter(revoked_at=None)) == {alices}


@pytest.mark.parametrize(("role", "gets_in"), [("helpdesk", True), ("admin", True), ("auditor", False)])
def test_the_helpdesk_manages_those_of_any_mailbox(
    contoso: Contoso, as_alice: Client, role: str, gets_in: bool
) -> None:
    Membership.objects.filter(user=contoso.alice).update(role=role)
    path = f"/mailboxes/{contoso.bob_mailbox.pk}/apps/"
    assert (path in page(as_alice.get(f"/mailboxes/{contoso.bob_mailbox.pk}/"))) == gets_in
    answer = as_alice.post(path, {"name": "Scanner"})
    assert (answer.status_code == 200) == gets_in
    row = factories.make_app_password(contoso.bob_mailbox)[0]
    as_alice.post(f"{path}{row.pk}/revoke/")
    row.refresh_from_db()
    assert (row.revoked_at is not None) == gets_in


def test_who_loses_the_mailbox_loses_the_programs_they_set_up(contoso: Contoso, as_alice: Client) -> None:
    bobs, scanner = (factories.make_app_password(contoso.bob_mailbox, name)[0] for name in ("Phone", "Scanner"))
    AppPassword.objects.filter(pk=bobs.pk).update(created_by=contoso.bob)
    as_alice.post(f"/mailboxes/{contoso.bob_mailbox.pk}/log-in/remove/")
    assert set(AppPassword.objects.filter(revoked_at=None)) == {scanner}


def test_a_mailbox_goes_with_its_app_passwords(contoso: Contoso, as_alice: Client) -> None:
    factories.make_app_password(contoso.bob_mailbox)
    as_alice.post(f"/mailboxes/{contoso.bob_mailbox.pk}/delete/")
    assert not AppPassword.objects.exists()


def test_there_is_an_end_to_them_and_the_list_costs_no_query_each(
    contoso: Contoso, as_bob: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(MOST):
        factories.make_app_password(contoso.bob_mailbox, f"Program {number}")
    answer = as_bob.post("/mail/apps/", {"name": "One more"})
    assert (answer.status_code, f"has {MOST} already" in answer.content.decode()) == (422, True)
    with django_assert_max_num_queries(20):
        page(as_bob.get("/mail/apps/"))


def test_a_new_password_of_the_mailbox_shares_the_salt_that_a_scram_client_is_told(
    contoso: Contoso, as_alice: Client
) -> None:
    row = factories.make_app_password(contoso.bob_mailbox)[0]
    fields = {
        "display_name": "Bob",
        "address": ["bob@contoso.example"],
        "primary": "0",
        "quota_mb": "5",
        "enabled": "on",
    }
    as_alice.post(f"/mailboxes/{contoso.bob_mailbox.pk}/", fields | {"password": "correct horse battery"})
    contoso.bob_mailbox.refresh_from_db()
    assert verify("correct horse battery", contoso.bob_mailbox.verifier)
    assert contoso.bob_mailbox.verifier.split("$")[1] == row.verifier.split("$")[1]


def test_the_helpdesk_makes_none_of_somebody_with_more_rights(contoso: Contoso, as_alice: Client) -> None:
    """An app password opens the mailbox, and the mailbox gets the letters that reset a log-in's password."""
    Membership.objects.filter(user=contoso.alice).update(role=Membership.Role.HELPDESK)
    Membership.objects.filter(user=contoso.bob).update(role=Membership.Role.OWNER)
    answer = as_alice.post(f"/mailboxes/{contoso.bob_mailbox.pk}/apps/", {"name": "Phone"})
    assert (answer.status_code, b"more rights than you" in answer.content) == (422, True)
    assert not AppPassword.objects.exists()
    shown_in(page(as_alice.post("/mail/apps/", {"name": "Phone"})))
