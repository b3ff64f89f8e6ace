from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from pytest_django.fixtures import Settings

from tenants.models import AuditEvent, Membership, Tenant, User
from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from tests.postroom.sign_in.conftest import App, SignInAs
from transport.models import Message


def recovery_codes(client: Client) -> list[str]:
    return re.findall(r"<li><code>(\d{10})</code></li>", page(client.get("/account/recovery-codes/")))


def test_after_the_password_a_code_is_asked_for(with_app: App, sign_in: SignInAs) -> None:
    browser = Client()
    assert sign_in(by=browser, next="/mailboxes/").headers["Location"] == "/account/second-step/"
    assert browser.get("/mailboxes/").status_code == 302
    assert browser.post("/account/second-step/", {"code": with_app.code()}).headers["Location"] == "/mailboxes/"
    assert browser.get("/mailboxes/").status_code == 200


def test_before_the_code_one_may_sign_in_as_somebody_else(with_app: App, sign_in: SignInAs) -> None:
    browser = Client()
    sign_in(by=browser)
    assert "Sign in as somebody else" in page(browser.get("/account/second-step/"))
    browser.post("/sign-out/")
    assert sign_in(email="bob@contoso.example", by=browser).headers["Location"] == "/"
    assert "bob@contoso.example" in page(browser.get("/account/"))


def test_a_code_works_once(with_app: App, sign_in: SignInAs) -> None:
    code = with_app.code()
    first, second = Client(), Client()
    sign_in(by=first)
    assert first.post("/account/second-step/", {"code": code}).status_code == 302
    sign_in(by=second)
    assert "not right" in page(second.post("/account/second-step/", {"code": code}))


def test_codes_cannot_be_guessed_on_and_on(with_app: App, sign_in: SignInAs) -> None:
    browser = Client()
    sign_in(by=browser)
    for _ in range(5):
        assert "not right" in page(browser.post("/account/second-step/", {"code": "000000"}))
    assert "Too many tries" in page(browser.post("/account/second-step/", {"code": with_app.code()}))


def test_a_recovery_code_opens_once(with_app: App, client: Client, sign_in: SignInAs) -> None:
    codes = recovery_codes(client)
    assert len(codes) == 10
    first, second = Client(), Client()
    sign_in(by=first)
    assert first.post("/account/second-step/", {"code": codes[0]}).status_code == 302
    sign_in(by=second)
    assert "not right" in page(second.post("/account/second-step/", {"code": codes[0]}))
    assert "9 left" in page(first.get("/account/"))


def test_recovery_codes_are_shown_once_with_a_file_of_them(with_app: App, client: Client) -> None:
    html = page(client.get("/account/recovery-codes/"))
    codes = re.findall(r"<li><code>(\d{10})</code></li>", html)
    file = re.search(r'href="(data:text/plain[^"]+)" download', html)
    assert file
    assert codes[9] in file[1]
    assert client.get("/account/recovery-codes/").headers["Location"] == "/account/"


def test_new_recovery_codes_void_the_old_ones(with_app: App, client: Client, sign_in: SignInAs) -> None:
    old = recovery_codes(client)
    assert client.post("/account/recovery-codes/new/").headers["Location"] == "/account/recovery-codes/"
    assert not set(old) & set(recovery_codes(client))
    browser = Client()
    sign_in(by=browser)
    assert "not right" in page(browser.post("/account/second-step/", {"code": old[0]}))


def test_no_secret_is_readable_in_the_database(with_app: App, client: Client) -> None:
    codes = recovery_codes(client)
    stored = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert with_app.secret not in stored
    assert not any(code in stored for code in codes)


def test_the_secret_of_an_app_to_be_is_encrypted_in_the_session(sign_in: SignInAs, client: Client, app: App) -> None:
    sign_in()
    app.scan(page(client.get("/account/app/add/")))
    assert app.secret not in str(dict(client.session))


def test_the_person_gets_a_letter_and_the_log_a_row(with_app: App, contoso: Contoso) -> None:
    assert Message.objects.filter(subject="An authenticator app was added", sender="").exists()
    assert AuditEvent.objects.filter(tenant=contoso.tenant, action="user.authenticator_add").exists()
    assert with_app.secret not in str(list(AuditEvent.objects.values()))


def test_removing_the_app_takes_the_recovery_codes_along(with_app: App, client: Client, sign_in: SignInAs) -> None:
    assert client.post("/account/app/remove/").headers["Location"] == "/account/"
    assert not Authenticator.objects.exists()
    assert sign_in(by=Client()).headers["Location"] == "/"


def test_who_signed_in_long_ago_is_asked_for_the_password_first(
    sign_in: SignInAs, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in()
    monkeypatch.setattr("postroom.sign_in.adapters.STILL_FRESH", 0)
    answer = client.get("/account/app/add/")
    assert unquote(answer.headers["Location"]) == "/account/again/?next=/account/app/add/"
    monkeypatch.undo()
    assert "That is not your password" in page(client.post(answer.headers["Location"], {"password": "wrong"}))
    again = client.post(answer.headers["Location"], {"password": factories.PASSWORD})
    assert again.headers["Location"] == "/account/app/add/"


def test_where_a_second_factor_is_a_must_it_comes_before_anything_else(
    contoso: Contoso, sign_in: SignInAs, client: Client, app: App, django_capture_on_commit_callbacks: Any
) -> None:
    sign_in()
    client.post("/members/second-factor/", {"required": "1"})
    for path in ("/", "/mailboxes/", "/mail/"):
        assert client.get(path).headers["Location"] == "/account/app/add/"
    app.scan(page(client.get("/account/app/add/")))
    client.post("/account/app/add/", {"code": app.code()})
    assert client.get("/mailboxes/").status_code == 200


def test_the_owner_sees_who_has_a_second_factor(with_app: App, contoso: Contoso, client: Client) -> None:
    factories.make_membership(contoso.tenant, factories.make_user("dora@contoso.example"), "helpdesk")
    html = page(client.get("/members/"))
    assert (html.count(">second factor<"), html.count("second factor missing")) == (1, 0)
    client.post("/members/second-factor/", {"required": "1"})
    html = page(client.get("/members/"))
    assert (html.count(">second factor<"), html.count("second factor missing")) == (1, 1)
    assert Tenant.objects.get(pk=contoso.tenant.pk).require_second_factor
    client.post("/members/second-factor/", {"required": "0"})
    assert not Tenant.objects.get(pk=contoso.tenant.pk).require_second_factor


def test_only_an_owner_makes_it_a_must(contoso: Contoso, client: Client) -> None:
    Membership.objects.filter(user=contoso.alice).update(role=Membership.Role.ADMIN)
    client.force_login(contoso.alice)
    assert "Make it a must" not in page(client.get("/members/"))
    assert client.post("/members/second-factor/", {"required": "1"}).status_code == 403


def test_one_organisations_rule_is_not_anothers(contoso: Contoso, sign_in: SignInAs, client: Client) -> None:
    other = factories.make_tenant("other", require_second_factor=True)
    factories.make_membership(other, contoso.alice)
    sign_in()
    assert client.get("/mailboxes/").status_code == 200
    client.post("/organisation/", {"tenant": str(other.pk)})
    assert client.get("/mailboxes/").headers["Location"] == "/account/app/add/"


def test_operators_may_be_held_to_a_second_factor(operator: User, as_operator: Client, settings: Settings) -> None:
    assert as_operator.get("/admin/").status_code == 200
    settings.POSTROOM_OPERATORS_SECOND_FACTOR = True
    assert as_operator.get("/admin/").headers["Location"] == "/account/app/add/"


def test_an_operator_lets_in_who_has_lost_the_second_factor(
    with_app: App, contoso: Contoso, client: Client, as_operator: Client, sign_in: SignInAs
) -> None:
    body = {"action": "remove_second_factors", "_selected_action": [str(contoso.alice.pk)]}
    answer = as_operator.post("/admin/tenants/user/", body, follow=True)
    assert "They were told" in page(answer)
    assert client.get("/account/").status_code == 302
    assert sign_in(by=Client()).headers["Location"] == "/"
    (row,) = AuditEvent.objects.filter(action="user.second_factors_remove")
    assert row.before == {"second_factors": ["recovery_codes", "totp"]}
    assert Message.objects.filter(subject="Your second factors were removed", incoming=True).exists()
