from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client
from pytest_django.fixtures import Settings

from postroom.sign_in import guard
from tenants.models import AuditEvent, Guesses, User
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from tests.postroom.sign_in.conftest import SignInAs


def test_nobody_makes_an_account_by_themselves(db: None, client: Client) -> None:
    assert client.get("/account/signup/").status_code == 404
    assert client.get("/accounts/signup/").status_code == 404


def test_wrong_guesses_from_one_place_have_to_wait_ever_longer(sign_in: SignInAs, client: Client) -> None:
    for _ in range(5):
        assert "do not belong together" in page(sign_in(password="wrong"))
    assert "Too many tries" in page(sign_in())
    assert client.get("/").status_code == 302
    waits = [guard.wait_after(guard.PASSWORD, failures).total_seconds() for failures in (4, 5, 6, 7, 30)]
    assert waits == [0, 15, 30, 60, 900]


def test_after_the_wait_the_right_password_opens_and_is_forgiven(sign_in: SignInAs, client: Client) -> None:
    for _ in range(5):
        sign_in(password="wrong")
    for row in Guesses.objects.all():
        row.last_at -= guard.wait_after(guard.PASSWORD, row.failures)
        row.save()
    assert sign_in().status_code == 302
    assert not Guesses.objects.exists()


def test_a_stranger_elsewhere_shuts_nobody_out(sign_in: SignInAs) -> None:
    for _ in range(20):
        sign_in(password="wrong", address="203.0.113.9", by=Client())
    assert sign_in().status_code == 302


def test_an_ipv6_customer_is_one_place(sign_in: SignInAs) -> None:
    for host in range(5):
        sign_in(password="wrong", address=f"2001:db8:1:2::{host:x}")
    assert "Too many tries" in page(sign_in(password="wrong", address="2001:db8:1:2:ffff::1"))


def test_known_and_unknown_read_the_same(contoso: Contoso, sign_in: SignInAs) -> None:
    def answers(email: str) -> list[str]:
        client, texts = Client(), []
        for _ in range(7):
            html = page(sign_in(email=email, password="wrong", by=client))
            texts.append(html.split("</form>")[0].replace(email, "X").split('role="alert"')[1].split("</div>")[0])
        return texts

    assert answers("alice@contoso.example") == answers("nobody@contoso.example")


def test_what_was_typed_as_a_name_is_kept_nowhere(sign_in: SignInAs) -> None:
    sign_in(email="my-secret-password", password="wrong")
    assert "my-secret" not in str(list(Guesses.objects.values()))


def test_an_old_hash_is_written_anew_at_the_next_sign_in(
    contoso: Contoso, sign_in: SignInAs, settings: Settings
) -> None:
    settings.PASSWORD_HASHERS = [
        "postroom.sign_in.hashers.LeanArgon2PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]
    old = make_password("correct horse battery", hasher="pbkdf2_sha256")
    User.objects.filter(pk=contoso.alice.pk).update(password=old)
    assert sign_in().status_code == 302
    assert User.objects.get(pk=contoso.alice.pk).password.startswith("argon2$argon2id$")


def test_changing_the_password_ends_the_other_sessions(contoso: Contoso, sign_in: SignInAs, client: Client) -> None:
    elsewhere = Client()
    sign_in(by=elsewhere)
    sign_in()
    answer = client.post("/account/password/", {"old": "correct horse battery", "password": "purple monkey dishwasher"})
    assert answer.headers["Location"] == "/account/"
    assert client.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302
    assert sign_in(password="purple monkey dishwasher", by=Client()).status_code == 302


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"old": "wrong", "password": "purple monkey dishwasher"}, "That is not your password"),
        ({"old": "correct horse battery", "password": "short"}, "too short"),
    ],
)
def test_a_password_is_not_changed_by_a_stranger_at_the_screen_nor_to_a_weak_one(
    sign_in: SignInAs, client: Client, fields: dict[str, str], words: str
) -> None:
    sign_in()
    assert words in page(client.post("/account/password/", fields))
    assert sign_in(by=Client()).status_code == 302


def test_what_becomes_of_an_account_is_in_the_organisations_audit_log(
    contoso: Contoso, sign_in: SignInAs, client: Client
) -> None:
    sign_in()
    client.post("/account/", {"name": "Alice Example", "language": "ja"})
    client.post("/account/password/", {"old": "correct horse battery", "password": "purple monkey dishwasher"})
    rows: Any = AuditEvent.objects.filter(tenant=contoso.tenant, actor_name="alice@contoso.example")
    assert [row.action for row in rows.order_by("id")] == ["user.sign_in", "user.change", "user.password_change"]
    assert "monkey" not in str(list(rows.values()))


def test_an_operators_sign_in_page_is_the_one_sign_in_page(client: Client, operator: User, sign_in: SignInAs) -> None:
    answer = client.get("/admin/tenants/tenant/", follow=True)
    assert unquote(answer.redirect_chain[-1][0]) == "/sign-in/?next=/admin/tenants/tenant/"
    answer = sign_in(email=operator.email, next="/admin/tenants/tenant/")
    assert answer.headers["Location"] == "/admin/tenants/tenant/"
    assert client.get("/admin/tenants/tenant/").status_code == 200


def test_an_operator_without_organisation_lands_in_the_admin(operator: User, sign_in: SignInAs) -> None:
    assert sign_in(email=operator.email).headers["Location"] == "/admin/"


def test_the_admin_does_not_exist_for_others(as_alice: Client) -> None:
    assert as_alice.get("/admin/", follow=True).status_code == 404
