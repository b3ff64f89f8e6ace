from __future__ import annotations

import pytest
from django.test import Client

from tenants.models import Invitation, Membership, User
from tests import factories
from tests.conftest import Contoso
from tests.letters import letters_to, link_in
from tests.postroom.api.conftest import Program

pytestmark = pytest.mark.django_db


def test_members_are_listed_changed_and_removed(contoso: Contoso, api: Program) -> None:
    dora = factories.make_membership(contoso.tenant, factories.make_user("dora@contoso.example"), "admin")
    listed = {row["email"]: row["role"] for row in api.get("members/").json()["results"]}
    assert listed == {
        "alice@contoso.example": "owner",
        "bob@contoso.example": "mailbox_user",
        "dora@contoso.example": "admin",
    }
    assert api.patch(f"members/{dora.pk}/", {"role": "auditor"}).json()["role"] == "auditor"
    assert api.delete(f"members/{dora.pk}/").status_code == 204
    assert api.get(f"members/{dora.pk}/").status_code == 404


def test_the_last_owner_stays(contoso: Contoso, api: Program) -> None:
    row = Membership.objects.get(user=contoso.alice)
    for answer in (api.patch(f"members/{row.pk}/", {"role": "admin"}), api.delete(f"members/{row.pk}/")):
        assert (answer.status_code, answer.json()["code"]) == (400, "user.last_owner")


def test_somebody_is_invited_and_joins(contoso: Contoso, api: Program) -> None:
    made = api.post("invitations/", {"email": "New@elsewhere.example", "role": "helpdesk"})
    assert (made.status_code, made.json()["state"], "/invitation/" in made.json()["link"]) == (201, "open", True)
    assert "link" not in api.get(f"invitations/{made.json()['id']}/").json()
    client = Client()
    client.get(link_in(letters_to("new@elsewhere.example")[0]))
    client.post("/invitation/", {"name": "New", "password": "a password of hers"})
    assert Membership.objects.get(user=User.objects.get(email="new@elsewhere.example")).role == "helpdesk"
    assert api.get("invitations/").json()["results"] == []


def test_an_invitation_is_sent_again_and_revoked(contoso: Contoso, api: Program) -> None:
    row = factories.make_invitation(contoso.tenant)[0]
    assert api.post(f"invitations/{row.pk}/resend/").json()["code"] == "invitation.just_sent"
    Invitation.objects.update(sent_at=row.created_at.replace(year=2020))
    assert "/invitation/" in api.post(f"invitations/{row.pk}/resend/").json()["link"]
    assert len(letters_to(row.email)) == 1
    assert api.delete(f"invitations/{row.pk}/").status_code == 204
    assert api.post(f"invitations/{row.pk}/resend/").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"email": "bob@contoso.example", "role": "admin"}, 409, "member.exists"),
        ({"email": "x@elsewhere.example", "role": "mailbox_user"}, 400, "member.invalid_role"),
        ({"email": "nonsense", "role": "admin"}, 400, "api.invalid"),
    ],
)
def test_what_is_refused(contoso: Contoso, api: Program, body: dict[str, str], status: int, code: str) -> None:
    answer = api.post("invitations/", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_dry_run_invites_nobody(contoso: Contoso, api: Program) -> None:
    assert api.post("invitations/?dry_run=1", {"email": "x@elsewhere.example", "role": "admin"}).status_code == 201
    assert not Invitation.objects.exists()
    assert letters_to("x@elsewhere.example") == []
