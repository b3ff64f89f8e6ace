from __future__ import annotations

import re

import pytest
from allauth.usersessions.models import UserSession
from django.db import ProgrammingError, connection
from django.test import Client
from django.utils import timezone

from tenants.actions.actor import SYSTEM
from tenants.actions.suspensions import resume_user, suspend_user
from tenants.scope import no_tenant, scope
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from tests.postroom.sign_in.conftest import App, SignInAs


def test_the_account_page_lists_where_one_is_signed_in(sign_in: SignInAs, client: Client) -> None:
    sign_in(by=Client(), address="203.0.113.9")
    sign_in()
    html = page(client.get("/account/"))
    assert html.count("Firefox on Linux") == 2
    assert "203.0.113.9" in html
    assert html.count("this one") == 1


def test_one_session_is_ended(sign_in: SignInAs, client: Client) -> None:
    elsewhere = Client()
    sign_in(by=elsewhere)
    sign_in()
    (path,) = re.findall(r"/account/sessions/\d+/end/", page(client.get("/account/")))
    client.post(path)
    assert elsewhere.get("/account/").status_code == 302
    assert client.get("/account/").status_code == 200


def test_all_others_are_ended(sign_in: SignInAs, client: Client) -> None:
    others = [Client(), Client()]
    for other in others:
        sign_in(by=other)
    sign_in()
    client.post("/account/sessions/others/end/")
    assert [other.get("/account/").status_code for other in others] == [302, 302]
    assert page(client.get("/account/")).count("Firefox on Linux") == 1


def test_nobody_ends_the_sessions_of_others(contoso: Contoso, sign_in: SignInAs, client: Client) -> None:
    bobs = Client()
    sign_in(email="bob@contoso.example", by=bobs)
    sign_in()
    session = UserSession.objects.get(user=contoso.bob)
    assert client.post(f"/account/sessions/{session.pk}/end/").status_code == 404
    assert bobs.get("/account/").status_code == 200


def test_a_locked_user_loses_all_sessions_for_good(contoso: Contoso, sign_in: SignInAs, client: Client) -> None:
    sign_in()
    suspend_user(actor=SYSTEM, user=contoso.alice, reason="lost")
    assert client.get("/account/").status_code == 302
    resume_user(actor=SYSTEM, user=contoso.alice)
    assert client.get("/account/").status_code == 302


def test_the_last_use_is_written_now_and_then_and_not_with_each_page(sign_in: SignInAs, client: Client) -> None:
    sign_in()
    client.get("/account/")
    long_ago = timezone.now().replace(year=2020)
    UserSession.objects.update(last_seen_at=long_ago)
    client.get("/account/")
    assert UserSession.objects.get().last_seen_at == long_ago
    session = client.session
    session["seen"] = 0
    session.save()
    client.get("/account/", REMOTE_ADDR="198.51.100.7")
    seen = UserSession.objects.get()
    assert (seen.last_seen_at > long_ago, seen.ip) == (True, "198.51.100.7")


@pytest.mark.parametrize(
    "table", ["mfa_authenticator", "usersessions_usersession", "django_session", "tenants_guesses"]
)
def test_a_tenants_request_sees_nothing_of_what_guards_log_ins(
    contoso: Contoso, with_app: App, sign_in: SignInAs, table: str
) -> None:
    sign_in(password="wrong", by=Client())
    with no_tenant(), connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608  # names of ours
        assert cursor.fetchone()[0] > 0
    with scope(contoso.tenant), connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
        assert cursor.fetchone()[0] == 0


def test_a_tenants_request_writes_no_authenticators(contoso: Contoso) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), scope(contoso.tenant):
        UserSession.objects.create(user=contoso.alice, ip="192.0.2.1", session_key="x", user_agent="")
