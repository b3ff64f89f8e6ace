"""`retry-clock/` and the organisation's page: the clock, the times that come of it, and a preview of both."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from tenants.models import AuditEvent, Tenant
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program, program_of

pytestmark = pytest.mark.django_db
PAGE = "/settings/organisation/"
FORM = {
    "retry_schedule": "2m*3, 15m",
    "delay_notification_timeout": "30m",
    "message_expiration_timeout": "1d 12h",
}


def test_the_times_are_told_and_a_dry_run_tells_those_that_would_come(contoso: Contoso, api: Program) -> None:
    told = api.get("retry-clock/").json()
    assert (told["retry_schedule"], told["message_expiration_timeout"]) == ("1m*4, 5m*6, 10m", "2d")
    assert told["moments"][1] == {"kind": "attempt", "number": 2, "after": "+00:01", "seconds": 60}
    tried = api.patch("retry-clock/?dry_run=1", {"retry_schedule": "2m*3,15m", "delay_notification_timeout": "30m"})
    told = tried.json()
    assert (tried.status_code, told["retry_schedule"], told["moments"][1]["after"]) == (200, "2m*3, 15m", "+00:02")
    assert {"kind": "delay_notice", "number": 0, "after": "+00:30", "seconds": 1800} in told["moments"]
    assert Tenant.objects.get(slug="contoso").retry_schedule == "1m*4, 5m*6, 10m"
    assert api.patch("retry-clock/", {"message_expiration_timeout": "36h"}).status_code == 200
    assert Tenant.objects.get(slug="contoso").message_expiration_timeout == timedelta(hours=36)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"retry_schedule": "often"}, "retry_schedule"),
        ({"message_expiration_timeout": "soon"}, "message_expiration_timeout"),
        ({"message_expiration_timeout": "9999999d9999999h"}, "message_expiration_timeout"),
        ({"message_expiration_timeout": "91d"}, "message_expiration_timeout"),
        ({"delay_notification_timeout": "3d"}, "delay_notification_timeout"),
        ({"schedule": "1m"}, "schedule"),
    ],
)
def test_what_makes_no_clock_is_refused(api: Program, body: dict[str, str], field: str) -> None:
    answer = api.patch("retry-clock/", body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_only_owners_change_it(contoso: Contoso) -> None:
    admin = program_of(contoso.tenant, "admin")
    assert admin.get("retry-clock/").status_code == 200
    assert admin.patch("retry-clock/", {"retry_schedule": "5m"}).status_code == 403


def test_the_console_previews_the_times_and_saves_them(contoso: Contoso, as_alice: Client) -> None:
    assert "+47:54" in as_alice.get(PAGE).content.decode()
    text = as_alice.post(f"{PAGE}retry-clock/", FORM | {"preview": "1"}).content.decode()
    for words in ("Not saved yet", "+00:06", "+00:21", "+36:00", "1d 12h"):
        assert words in text
    assert Tenant.objects.get(slug="contoso").retry_schedule == "1m*4, 5m*6, 10m"
    assert not AuditEvent.objects.exists()
    as_alice.post(f"{PAGE}retry-clock/", FORM)
    row = Tenant.objects.get(slug="contoso")
    assert (row.retry_schedule, row.delay_notification_timeout) == ("2m*3, 15m", timedelta(minutes=30))
    assert row.message_expiration_timeout == timedelta(hours=36)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("retry_schedule", "1m*4", "must have no count"),
        ("delay_notification_timeout", "soon", "is not a duration"),
        ("message_expiration_timeout", "10m", ""),
    ],
)
def test_the_console_says_what_is_wrong(contoso: Contoso, as_alice: Client, field: str, value: str, words: str) -> None:
    answer = as_alice.post(f"{PAGE}retry-clock/", FORM | {field: value})
    assert (answer.status_code, words in answer.content.decode()) == (422, True)
    assert not AuditEvent.objects.exists()
