"""Members: roles, going, and the hand-over, as owners and administrators do it at the console."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tenants.actions.actor import SYSTEM
from tenants.actions.keys import create_api_key
from tenants.models import ApiKey, AppPassword, AuditEvent, Mailbox, Membership, User
from tests import factories
from tests.conftest import Contoso
from tests.letters import letters_to
from tests.postroom.console.conftest import page


@pytest.fixture
def dora(contoso: Contoso) -> Membership:
    """An administrator of contoso."""
    user = factories.make_user("dora@contoso.example", name="Dora")
    return factories.make_membership(contoso.tenant, user, Membership.Role.ADMIN)


@pytest.fixture
def as_dora(dora: Membership) -> Client:
    client = Client()
    client.force_login(dora.user)
    return client


def membership_of(user: User) -> Membership:
    return Membership.objects.get(user=user)


def test_the_list_tells_who_does_what_and_mailbox_users_stand_apart(contoso: Contoso, as_dora: Client) -> None:
    told = page(as_dora.get("/members/"))
    assert "alice@contoso.example" in told
    assert "bob@contoso.example" not in told
    assert "bob@contoso.example" in page(as_dora.get("/members/?kind=mailbox_user"))
    assert "bob@contoso.example" in page(as_dora.get("/members/?q=BOB"))


def test_the_list_costs_no_query_for_each(
    contoso: Contoso, as_dora: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        factories.make_membership(contoso.tenant, factories.make_user(), Membership.Role.AUDITOR)
        factories.make_invitation(contoso.tenant, f"{_}@elsewhere.example", invited_by=contoso.alice)
    with django_assert_max_num_queries(20):
        page(as_dora.get("/members/"))


def test_a_role_is_changed_and_works_at_once(contoso: Contoso, as_alice: Client, as_dora: Client) -> None:
    row = Membership.objects.get(user__email="dora@contoso.example")
    assert as_alice.post(f"/members/{row.pk}/", {"role": "auditor"}).status_code == 302
    told = page(as_dora.get("/members/"))  # an auditor sees who there is, and changes nothing
    assert "Invite somebody" not in told
    assert as_dora.post("/members/", {"email": "x@elsewhere.example", "role": "auditor"}).status_code == 403
    event = AuditEvent.objects.get(action="membership.set")
    assert (event.before, event.after, event.actor_name) == (
        {"role": "admin"},
        {"role": "auditor"},
        contoso.alice.email,
    )


def test_an_administrator_does_not_touch_owners_nor_make_one(contoso: Contoso, as_dora: Client) -> None:
    owner, bob = membership_of(contoso.alice), membership_of(contoso.bob)
    assert "Only an owner" in page(as_dora.get(f"/members/{owner.pk}/"))
    for path, fields in [
        (f"/members/{owner.pk}/", {"role": "auditor"}),
        (f"/members/{owner.pk}/remove/", {}),
        (f"/members/{bob.pk}/", {"role": "owner"}),
        ("/members/", {"email": "new@elsewhere.example", "role": "owner"}),
    ]:
        assert as_dora.post(path, fields).status_code == 422, path
    assert as_dora.get(f"/members/{bob.pk}/hand-over/").status_code == 403
    assert {membership_of(contoso.alice).role, membership_of(contoso.bob).role} == {"owner", "mailbox_user"}


def test_the_last_owner_stays_an_owner(contoso: Contoso, as_alice: Client) -> None:
    row = membership_of(contoso.alice)
    answers = [
        as_alice.post(f"/members/{row.pk}/", {"role": "admin"}),
        as_alice.post(f"/members/{row.pk}/remove/"),
        as_alice.post(f"/organisations/{contoso.tenant.pk}/leave/"),
    ]
    assert [answer.status_code for answer in answers] == [422] * 3
    assert all("needs an owner" in answer.content.decode() for answer in answers)
    assert membership_of(contoso.alice).role == "owner"


def test_who_is_removed_loses_the_mailbox_and_the_programs_and_the_letters_stay(
    contoso: Contoso, as_alice: Client
) -> None:
    app_password = factories.make_app_password(contoso.bob_mailbox)[0]
    AppPassword.objects.update(created_by=contoso.bob)
    bob = Client()
    bob.force_login(contoso.bob)
    page(bob.get("/mail/"))
    as_alice.post(f"/members/{membership_of(contoso.bob).pk}/remove/")
    assert bob.get("/mail/").status_code == 403
    assert Mailbox.objects.get(pk=contoso.bob_mailbox.pk).user is None
    app_password.refresh_from_db()
    assert app_password.revoked_at


def test_a_member_is_kept_out_with_a_reason_and_let_in_again(contoso: Contoso, as_alice: Client) -> None:
    bob = Client()
    bob.force_login(contoso.bob)
    path = f"/members/{membership_of(contoso.bob).pk}/"
    assert as_alice.post(f"{path}suspend/", {"reason": " "}).status_code == 422
    as_alice.post(f"{path}suspend/", {"reason": "On leave"})
    told = bob.get("/mail/")
    assert "On leave" in told.content.decode()
    assert "Kept out by alice@contoso.example" in page(as_alice.get(path))
    as_alice.post(f"{path}suspend/", {"resume": "1"})
    assert bob.get("/mail/").status_code == 200


def test_nobody_keeps_an_owner_out_but_an_owner_and_nobody_themselves(contoso: Contoso, as_alice: Client) -> None:
    alice = membership_of(contoso.alice)
    assert as_alice.post(f"/members/{alice.pk}/suspend/", {"reason": "x"}).status_code == 422
    assert "Keep out for a while" not in page(as_alice.get(f"/members/{alice.pk}/"))
    membership_of(contoso.bob).delete()
    factories.make_membership(contoso.tenant, contoso.bob, Membership.Role.ADMIN)
    bob = Client()
    bob.force_login(contoso.bob)
    assert bob.post(f"/members/{alice.pk}/suspend/", {"reason": "x"}).status_code == 403
    alice.refresh_from_db()
    assert not alice.is_suspended


def test_a_mailbox_user_needs_a_mailbox(contoso: Contoso, as_alice: Client, dora: Membership) -> None:
    answer = as_alice.post(f"/members/{dora.pk}/", {"role": "mailbox_user"})
    assert (answer.status_code, b"has no mailbox here" in answer.content) == (422, True)


def test_invitations_beyond_the_power_that_is_left_end(contoso: Contoso, as_alice: Client, dora: Membership) -> None:
    mine = factories.make_invitation(contoso.tenant, "x@elsewhere.example", invited_by=dora.user)[0]
    other = factories.make_invitation(contoso.tenant, "y@elsewhere.example", invited_by=contoso.alice)[0]
    as_alice.post(f"/members/{dora.pk}/", {"role": "helpdesk"})
    for row in (mine, other):
        row.refresh_from_db()
    assert (mine.state, other.state) == ("revoked", "open")


def test_an_owner_hands_over_with_the_own_password_and_both_get_a_letter(
    contoso: Contoso, as_alice: Client, dora: Membership
) -> None:
    path = f"/members/{dora.pk}/hand-over/"
    assert path in page(as_alice.get(f"/members/{dora.pk}/"))
    refused = as_alice.post(path, {"password": "wrong"})
    assert (refused.status_code, b"not the password that you sign in with" in refused.content) == (422, True)
    assert membership_of(contoso.alice).role == "owner"
    factories.make_mailbox(contoso.alice_mailbox.addresses.get().accepted_domain, "dora")
    assert as_alice.post(path, {"password": factories.PASSWORD}).status_code == 302
    assert (membership_of(contoso.alice).role, membership_of(dora.user).role) == ("admin", "owner")
    event = AuditEvent.objects.get(action="tenant.hand_over")
    assert (event.before, event.after) == ({"owner": contoso.alice.email}, {"owner": dora.user.email})
    for reader in (contoso.alice.email, dora.user.email):
        (letter,) = letters_to(reader)
        assert letter["Subject"] == "Contoso: dora@contoso.example is the owner now"
    assert as_alice.post(path, {"password": factories.PASSWORD}).status_code == 403


def test_one_does_not_hand_over_to_oneself_or_to_who_may_not_sign_in(
    contoso: Contoso, as_alice: Client, dora: Membership
) -> None:
    User.objects.filter(pk=dora.user_id).update(is_active=False)
    suspended = factories.make_membership(contoso.tenant, factories.make_user(), Membership.Role.ADMIN)
    Membership.objects.filter(pk=suspended.pk).update(suspended_at=timezone.now())
    for row in (membership_of(contoso.alice), dora, suspended):
        answer = as_alice.post(f"/members/{row.pk}/hand-over/", {"password": factories.PASSWORD})
        assert answer.status_code == 422
    assert membership_of(contoso.alice).role == "owner"


def test_guessing_the_password_at_the_hand_over_has_an_end(
    contoso: Contoso, as_alice: Client, dora: Membership
) -> None:
    path = f"/members/{dora.pk}/hand-over/"
    for _ in range(5):
        as_alice.post(path, {"password": "wrong"})
    answer = as_alice.post(path, {"password": factories.PASSWORD})
    assert (answer.status_code, b"Too many tries" in answer.content) == (422, True)
    assert membership_of(contoso.alice).role == "owner"


def test_an_owner_without_a_password_signs_in_again_to_hand_over(
    contoso: Contoso, as_alice: Client, dora: Membership
) -> None:
    contoso.alice.set_unusable_password()
    contoso.alice.save()
    as_alice.force_login(contoso.alice)
    assert 'type="password"' not in page(as_alice.get(f"/members/{dora.pk}/hand-over/"))
    answer = as_alice.post(f"/members/{dora.pk}/hand-over/", {"sure": "1"})
    assert (answer.status_code, b"Sign in again first" in answer.content) == (422, True)
    assert membership_of(contoso.alice).role == "owner"


def test_one_may_leave(contoso: Contoso, as_dora: Client) -> None:
    assert "administrator" in page(as_dora.get("/organisations/"))
    as_dora.post(f"/organisations/{contoso.tenant.pk}/leave/")
    assert not Membership.objects.filter(user__email="dora@contoso.example").exists()
    assert as_dora.get("/members/").status_code == 403


def test_the_keys_of_who_goes_are_told_of(contoso: Contoso, as_alice: Client, dora: Membership) -> None:
    create_api_key(actor=SYSTEM, name="Nightly report", tenant=contoso.tenant, created_by=dora.user)
    told = page(as_alice.post(f"/members/{dora.pk}/", {"role": "auditor"}, follow=True))
    assert "1 API key that dora@contoso.example made still works" in told
    told = page(as_alice.post(f"/members/{dora.pk}/remove/", follow=True))
    assert "1 API key that dora@contoso.example made still works" in told
    assert ApiKey.objects.get().revoked_at is None
