"""Invitations: by letter or by a link handed over, for those who have a log-in and for those who have none."""

from __future__ import annotations

import re
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tenants.actions.actor import SYSTEM
from tenants.actions.audit import audit
from tenants.actions.invitations import MOST_A_DAY
from tenants.models import AuditEvent, Invitation, Membership, User
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from tests.letters import letters_to, link_in
from tests.postroom.console.conftest import page

NEW = "new@elsewhere.example"
FILLED = {"name": "Nina New", "password": "a password of hers"}


def invite(client: Client, email: str = NEW, role: str = "admin") -> str:
    """Invite an address; return the path of the link that the inviter is shown."""
    told = page(client.post("/members/", {"email": email, "role": role}))
    found = re.search(r'data-copy="https?://[^/]+(/invitation/[^"]+)"', told)
    assert found, told
    return found[1]


def mailed(email: str = NEW) -> EmailMessage:
    return letters_to(email)[-1]


def role_of(email: str) -> str:
    return Membership.objects.get(user__email=email).role


def test_somebody_new_follows_the_letter_and_is_in(contoso: Contoso, as_alice: Client) -> None:
    invite(as_alice)
    assert mailed()["Subject"] == "Invitation to Contoso"
    assert "alice@contoso.example invites you" in mailed().get_content()
    newcomer = Client()
    told = page(newcomer.get(link_in(mailed()), follow=True))
    assert "Join Contoso" in told
    assert "Welcome to Contoso" in page(newcomer.post("/invitation/", FILLED, follow=True))
    user = User.objects.get(email=NEW)
    assert (user.name, user.check_password(FILLED["password"]), role_of(NEW)) == ("Nina New", True, "admin")
    page(newcomer.get("/members/"))
    events = AuditEvent.objects.filter(actor_name=NEW, tenant=contoso.tenant).values_list("action", flat=True)
    assert set(events) == {"user.create", "invitation.accept", "membership.set", "user.sign_in"}


def test_the_secret_is_in_no_page_after_the_first_and_in_no_audit_row(contoso: Contoso, as_alice: Client) -> None:
    link = invite(as_alice)
    secret = link.split("/")[-2]
    assert secret not in page(as_alice.get("/members/"))
    assert secret not in str(list(AuditEvent.objects.values()))
    newcomer = Client()
    answer = newcomer.get(link)
    assert answer.headers["Location"] == "/invitation/"
    assert secret not in page(newcomer.get("/invitation/"))


def test_who_has_a_log_in_signs_in_and_joins_by_a_click(contoso: Contoso, as_alice: Client, charlie: User) -> None:
    link = invite(as_alice, charlie.email, "auditor")
    client = Client()
    told = page(client.get(link, follow=True))
    assert "/sign-in/?next=/invitation/" in told
    client.force_login(charlie)
    page(client.get(link, follow=True))
    assert "Welcome to Contoso" in page(client.post("/invitation/", follow=True))
    assert Membership.objects.get(user=charlie, tenant=contoso.tenant).role == "auditor"
    assert "contoso.example" in page(client.get("/accepted-domains/"))


def test_an_invitation_is_for_its_address_alone(contoso: Contoso, as_alice: Client, as_charlie: Client) -> None:
    link = invite(as_alice, "dora@contoso.example")
    told = page(as_charlie.get(link, follow=True))
    assert "You are signed in as charlie@fabrikam.example" in told
    as_charlie.post("/invitation/", FILLED)
    assert not Membership.objects.filter(user__email="charlie@fabrikam.example", tenant=contoso.tenant).exists()
    assert Invitation.objects.get().state == "open"


def test_the_link_that_was_handed_over_makes_no_log_in_for_a_strangers_address(
    contoso: Contoso, as_alice: Client
) -> None:
    """Else whoever invites could take it before the stranger does."""
    client = Client()
    assert "Use the link in the letter" in page(client.get(invite(as_alice), follow=True))
    client.post("/invitation/", FILLED)
    assert not User.objects.filter(email=NEW).exists()


def test_the_link_that_was_handed_over_serves_addresses_on_a_domain_of_ones_own(
    contoso: Contoso, as_alice: Client
) -> None:
    client = Client()
    client.get(invite(as_alice, "dora@contoso.example"))
    assert "Welcome" in page(client.post("/invitation/", FILLED, follow=True))
    assert role_of("dora@contoso.example") == "admin"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "has expired"),
        ({"revoked_at": timezone.now()}, "was taken back"),
        ({"accepted_at": timezone.now()}, "was used"),
    ],
)
def test_a_link_that_is_over_says_so(contoso: Contoso, client: Client, changes: dict[str, Any], words: str) -> None:
    token = factories.make_invitation(contoso.tenant, **changes)[1]
    answer = client.get(f"/invitation/{token}/", follow=True)
    assert (answer.status_code, words in answer.content.decode()) == (410, True)
    client.post("/invitation/", FILLED)
    assert not User.objects.filter(email=NEW).exists()


def test_a_made_up_link_and_one_of_a_suspended_tenant_lead_nowhere(contoso: Contoso, client: Client) -> None:
    suspended = factories.make_tenant("suspended", status="suspended")
    token = factories.make_invitation(suspended)[1]
    for link in ("/invitation/made-up/", f"/invitation/{token}/", "/invitation/"):
        answer = client.get(link, follow=True)
        assert (answer.status_code, b"leads nowhere" in answer.content) == (410, True)
        assert b"Suspended" not in answer.content


def test_where_no_letter_can_arrive_the_inviter_is_told(contoso: Contoso, as_alice: Client, charlie: User) -> None:
    told = page(as_alice.post("/members/", {"email": "dora@contoso.example", "role": "admin"}))
    assert "No mailbox has dora@contoso.example yet" in told
    told = page(as_alice.post("/members/", {"email": "nobody@fabrikam.example", "role": "admin"}))
    assert "on its way to nobody@fabrikam.example" in told


def test_it_works_once(contoso: Contoso, as_alice: Client) -> None:
    invite(as_alice)
    link = link_in(mailed())
    first, second = Client(), Client()
    second.get(link)
    first.get(link)
    first.post("/invitation/", FILLED)
    assert second.post("/invitation/", FILLED).status_code == 410


def test_a_weak_password_is_refused_and_the_name_stays(contoso: Contoso, as_alice: Client) -> None:
    invite(as_alice)
    client = Client()
    client.get(link_in(mailed()))
    answer = client.post("/invitation/", FILLED | {"password": "short"})
    assert (answer.status_code, b"too short" in answer.content, b"Nina New" in answer.content) == (422, True, True)
    assert not User.objects.filter(email=NEW).exists()


def test_sending_again_ends_the_old_links(contoso: Contoso, as_alice: Client) -> None:
    old = invite(as_alice)
    row = Invitation.objects.get()
    path = f"/members/invitations/{row.pk}/resend/"
    refused = as_alice.post(path)
    assert (refused.status_code, b"a moment ago" in refused.content) == (422, True)
    Invitation.objects.update(sent_at=timezone.now() - timedelta(hours=1))
    assert "on its way" in page(as_alice.post(path))
    assert len(letters_to(NEW)) == 2
    assert Client().get(old).status_code == 410
    assert "Join Contoso" in page(Client().get(link_in(mailed()), follow=True))


def test_a_revoked_one_leaves_the_list(contoso: Contoso, as_alice: Client) -> None:
    invite(as_alice)
    row = Invitation.objects.get()
    as_alice.post(f"/members/invitations/{row.pk}/revoke/")
    told = page(as_alice.get("/members/"))
    assert "is revoked" in told
    assert f"/members/invitations/{row.pk}/" not in told


@pytest.mark.parametrize(
    ("email", "words"),
    [("bob@contoso.example", "already"), ("nonsense", "not a valid address"), ("x@y\r\nBcc: z@y.example", "valid")],
)
def test_who_cannot_be_invited(contoso: Contoso, as_alice: Client, email: str, words: str) -> None:
    answer = as_alice.post("/members/", {"email": email, "role": "admin"})
    assert (answer.status_code, words in answer.content.decode()) == (422, True)
    assert not Invitation.objects.exists()


def test_one_address_has_one_open_invitation_and_an_expired_one_is_replaced(contoso: Contoso, as_alice: Client) -> None:
    invite(as_alice)
    assert as_alice.post("/members/", {"email": NEW.upper(), "role": "admin"}).status_code == 422
    Invitation.objects.update(expires_at=timezone.now())
    invite(as_alice)
    assert sorted(row.state for row in Invitation.objects.all()) == ["open", "revoked"]


def test_invitations_are_no_means_to_write_to_the_world(contoso: Contoso, as_alice: Client) -> None:
    for number in range(MOST_A_DAY):
        factories.make_invitation(contoso.tenant, f"{number}@elsewhere.example", revoked_at=timezone.now())
    answer = as_alice.post("/members/", {"email": NEW, "role": "admin"})
    assert (answer.status_code, b"Too many invitations" in answer.content) == (422, True)


def test_a_member_meanwhile_keeps_the_newer_role(contoso: Contoso, as_alice: Client, charlie: User) -> None:
    link = invite(as_alice, charlie.email, "admin")
    factories.make_membership(contoso.tenant, charlie, Membership.Role.AUDITOR)
    client = Client()
    client.force_login(charlie)
    client.get(link)
    client.post("/invitation/")
    assert Membership.objects.get(user=charlie, tenant=contoso.tenant).role == "auditor"
    assert Invitation.objects.get().state == "accepted"


def test_letters_sent_again_count_too(contoso: Contoso, as_alice: Client) -> None:
    invite(as_alice)
    row = Invitation.objects.get()
    path = f"/members/invitations/{row.pk}/resend/"
    with scope(contoso.tenant):
        for _ in range(MOST_A_DAY - 2):
            audit(actor=SYSTEM, tenant=contoso.tenant, action="invitation.resend", obj=row)
    for told in (b"on its way", b"Too many invitations"):
        Invitation.objects.update(sent_at=timezone.now() - timedelta(hours=1))
        assert told in as_alice.post(path).content


def test_whoever_invites_does_not_learn_who_has_a_log_in(contoso: Contoso, as_alice: Client, charlie: User) -> None:
    told = {}
    for email in (charlie.email, NEW):
        answer = page(Client().get(invite(as_alice, email), follow=True))
        told[email] = answer.replace(email, "…")
    assert told[charlie.email] == told[NEW]
