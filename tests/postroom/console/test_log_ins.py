"""The log-in of a mailbox: who gets one reads that mail and nothing else, and nobody comes by another's rights."""

from __future__ import annotations

import re

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from tenants.models import AcceptedDomain, AuditEvent, Mailbox, Membership, User
from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page

TYPED = "a password that was typed"


@pytest.fixture
def carol(contoso: Contoso) -> Mailbox:
    """A mailbox that nobody reads yet."""
    return factories.make_mailbox(AcceptedDomain.objects.get(domain="contoso.example"), "carol")


def path_of(mailbox: Mailbox) -> str:
    return f"/mailboxes/{mailbox.pk}/log-in/"


def sign_in(email: str, password: str) -> Client:
    client = Client()
    answer = client.post("/sign-in/", {"username": email, "password": password})
    assert answer.status_code == 302, answer.content
    return client


def test_a_person_gets_a_log_in_and_sees_their_own_mail_and_nothing_else(as_alice: Client, carol: Mailbox) -> None:
    factories.make_letter(carol, b"Subject: x\r\n\r\nHello\r\n", subject="For Carol")
    assert "Give a log-in" in page(as_alice.get(f"/mailboxes/{carol.pk}/"))
    told = page(as_alice.post(path_of(carol), {"password": ""}))
    made = re.search(r'data-copy="(\w{20})"', told)
    assert made
    client = sign_in("carol@contoso.example", made[1])
    assert "For Carol" in page(client.get("/", follow=True))
    assert client.get("/mailboxes/").status_code == 403
    assert made[1] not in page(as_alice.get(path_of(carol)))
    assert AuditEvent.objects.filter(action="user.create", tenant=carol.tenant).count() == 1


def test_a_typed_password_is_not_shown_again(as_alice: Client, carol: Mailbox) -> None:
    assert TYPED not in page(as_alice.post(path_of(carol), {"password": TYPED}))
    sign_in("carol@contoso.example", TYPED)


def test_a_new_password_ends_the_old_ones_sessions(as_alice: Client, carol: Mailbox) -> None:
    as_alice.post(path_of(carol), {"password": TYPED})
    old = sign_in("carol@contoso.example", TYPED)
    page(as_alice.post(path_of(carol), {"password": "another long password"}))
    assert old.get("/mail/").status_code == 302
    sign_in("carol@contoso.example", "another long password")


def test_a_weak_password_is_refused(as_alice: Client, carol: Mailbox) -> None:
    answer = as_alice.post(path_of(carol), {"password": "short"})
    assert (answer.status_code, b"too short" in answer.content) == (422, True)
    assert not User.objects.filter(email="carol@contoso.example").exists()


def test_no_log_in_on_a_domain_that_nobody_proved(as_alice: Client, contoso: Contoso) -> None:
    foreign = factories.make_domain(contoso.tenant, "not-ours.example", verified=False)
    answer = as_alice.post(path_of(factories.make_mailbox(foreign, "ceo")), {"password": TYPED})
    assert (answer.status_code, b"is not verified" in answer.content) == (422, True)


def test_the_log_in_of_somebody_elsewhere_is_not_taken_over(as_alice: Client, carol: Mailbox) -> None:
    known = factories.make_user("carol@contoso.example")
    factories.make_membership(factories.make_tenant("suspended", status="suspended"), known)
    answer = as_alice.post(path_of(carol), {"password": TYPED})
    assert (answer.status_code, b"is in use" in answer.content) == (422, True)
    assert not User.objects.get(pk=known.pk).check_password(TYPED)


@pytest.mark.parametrize("role", [Membership.Role.OWNER, Membership.Role.HELPDESK])
def test_nobody_sets_the_password_of_somebody_with_more_rights(as_alice: Client, contoso: Contoso, role: str) -> None:
    Membership.objects.filter(user=contoso.bob).update(role=role)
    answer = as_alice.post(path_of(contoso.bob_mailbox), {"password": TYPED})
    assert answer.status_code == 422
    assert not User.objects.get(pk=contoso.bob.pk).check_password(TYPED)


@pytest.mark.parametrize("elsewhere", ["member", "operator"])
def test_nobody_sets_the_password_of_somebody_who_is_more_elsewhere(
    as_alice: Client, contoso: Contoso, elsewhere: str
) -> None:
    if elsewhere == "operator":
        User.objects.filter(pk=contoso.bob.pk).update(is_operator=True)
    else:
        factories.make_membership(factories.make_tenant("other"), contoso.bob)
    assert "nobody else sets" in page(as_alice.get(path_of(contoso.bob_mailbox)))
    assert as_alice.post(path_of(contoso.bob_mailbox), {"password": TYPED}).status_code == 422


def test_an_owner_takes_a_mailbox_of_their_own(as_alice: Client, contoso: Contoso, carol: Mailbox) -> None:
    answer = as_alice.post(f"{path_of(carol)}mine/")
    assert answer.headers["Location"] == f"/mail/?box={carol.pk}"
    page(as_alice.get(answer.headers["Location"]))
    assert as_alice.post(f"/mailboxes/{contoso.bob_mailbox.pk}/log-in/mine/").status_code == 422


def test_who_loses_the_mailbox_loses_the_log_in_and_may_get_it_back(
    as_alice: Client, contoso: Contoso, carol: Mailbox
) -> None:
    as_alice.post(path_of(carol), {"password": TYPED})
    client = sign_in("carol@contoso.example", TYPED)
    as_alice.post(f"{path_of(carol)}remove/")
    assert client.get("/mail/").status_code == 403
    page(as_alice.post(path_of(carol), {"password": "another long password"}))
    page(sign_in("carol@contoso.example", "another long password").get("/mail/"))


def test_a_removed_mailbox_takes_its_log_in_along(as_alice: Client, contoso: Contoso) -> None:
    as_alice.post(f"/mailboxes/{contoso.bob_mailbox.pk}/delete/")
    assert not Membership.objects.filter(user=contoso.bob).exists()
    as_alice.post(f"/mailboxes/{contoso.alice_mailbox.pk}/delete/")
    assert Membership.objects.filter(user=contoso.alice).exists()


def test_the_helpdesk_sets_a_mailbox_users_password_and_gives_no_log_in(
    as_alice: Client, contoso: Contoso, carol: Mailbox
) -> None:
    Membership.objects.filter(user=contoso.alice).update(role=Membership.Role.HELPDESK)
    path = path_of(contoso.bob_mailbox)
    assert path in page(as_alice.get(f"/mailboxes/{contoso.bob_mailbox.pk}/"))
    told = page(as_alice.post(path, {"password": TYPED}))
    assert f"{path}remove/" not in told
    sign_in("bob@contoso.example", TYPED)
    assert as_alice.post(f"{path}remove/").status_code == 403
    assert path_of(carol) not in page(as_alice.get(f"/mailboxes/{carol.pk}/"))
    assert as_alice.post(path_of(carol), {"password": TYPED}).status_code == 403


def test_a_log_in_that_somebody_new_gets_opens_to_nothing_of_the_one_before(
    as_alice: Client, contoso: Contoso, carol: Mailbox
) -> None:
    """A passkey signs in without any password."""
    before = factories.make_user("carol@contoso.example")
    Authenticator.objects.create(user=before, type=Authenticator.Type.WEBAUTHN, data={})
    page(as_alice.post(path_of(carol), {"password": TYPED}))
    assert not Authenticator.objects.exists()
    page(sign_in("carol@contoso.example", TYPED).get("/mail/"))
