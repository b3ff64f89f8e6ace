"""Sign-ins that fail are in the audit log: whose, from where, how often; and nothing of what was typed."""

from __future__ import annotations

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from postroom.sign_in.failures import report_failures
from tenants.models import AuditEvent, FailedSignIn, Membership
from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from tests.postroom.sign_in.conftest import App, SignInAs


def told() -> list[tuple[str, str | None, int]]:
    events = AuditEvent.objects.filter(action="user.sign_in_failed").order_by("id")
    return [(event.object_name, event.client_address, (event.after or {})["failures"]) for event in events]


def test_the_first_is_told_at_once_and_the_rest_of_the_hour_in_one(contoso: Contoso, sign_in: SignInAs) -> None:
    ALICE, HOME = "alice@contoso.example", "192.0.2.1"
    sign_in(password="wrong")
    report_failures()
    assert told() == [(ALICE, HOME, 1)]
    for _ in range(3):
        sign_in(password="wrong")
        report_failures()
    sign_in(password="wrong", address="203.0.113.9", by=Client())
    report_failures()
    assert told() == [(ALICE, HOME, 1), (ALICE, "203.0.113.9", 1)]
    report_failures(timezone.now() + timedelta(hours=1))
    assert told() == [(ALICE, HOME, 1), (ALICE, "203.0.113.9", 1), (ALICE, HOME, 3)]
    assert not FailedSignIn.objects.exists()


def test_the_organisations_admins_read_it_and_no_password(contoso: Contoso, sign_in: SignInAs, client: Client) -> None:
    sign_in(password="my-secret-guess")
    report_failures()
    sign_in()
    shown = page(client.get("/audit/"))
    assert "Somebody could not sign in as alice@contoso.example" in shown
    assert "my-secret-guess" not in str(list(AuditEvent.objects.values()))


def test_of_who_is_unknown_nothing_is_kept_and_the_work_is_the_same(contoso: Contoso, sign_in: SignInAs) -> None:
    sign_in(email="my-secret-password", password="wrong")
    sign_in(password="wrong")
    assert FailedSignIn.objects.count() == 2
    assert "my-secret" not in str(list(FailedSignIn.objects.values()))
    report_failures()
    assert not FailedSignIn.objects.exists()
    assert len(told()) == 1


def test_of_people_in_several_organisations_the_platform_alone_hears(contoso: Contoso, sign_in: SignInAs) -> None:
    other = factories.make_tenant("fabrikam")
    Membership.objects.create(tenant=other, user=contoso.alice, role="admin")
    sign_in(password="wrong")
    report_failures()
    assert AuditEvent.objects.get(action="user.sign_in_failed").tenant_id is None


def test_a_wrong_code_is_told_too(contoso: Contoso, with_app: App, sign_in: SignInAs) -> None:
    browser = Client()
    sign_in(by=browser)
    browser.post("/account/second-step/", {"code": "000000"}, REMOTE_ADDR="192.0.2.1")
    report_failures()
    event = AuditEvent.objects.get(action="user.sign_in_failed")
    assert event.after == {"failures": 1, "way": "code"}
