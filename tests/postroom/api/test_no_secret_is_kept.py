"""No secret that somebody hands us comes out again: not in the audit log, a version, a log line or an answer."""

from __future__ import annotations

import json
import logging

import pytest
from django.test import Client
from django.urls import reverse

from tenants.models import AuditEvent, ConfigurationVersion
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program

pytestmark = pytest.mark.django_db
CANARY = "canary-Tq8f2Zr0"


def kept() -> str:
    """Return all that the audit log and the history hold, as text."""
    return json.dumps(
        [list(AuditEvent.objects.values()), list(ConfigurationVersion.objects.values())], default=str, sort_keys=True
    )


def test_secrets_over_the_api_are_written_and_never_read(
    contoso: Contoso, api: Program, operators_api: Program, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    box = {"display_name": "Carol", "addresses": [{"address": "carol@contoso.example", "is_primary": True}]}
    way = {"name": "Out", "address_spaces": [{"pattern": "*", "cost": 1}], "auth": "basic", "username": "us"}
    owner = {"email": "first@northwind.example", "password": CANARY}
    made = [
        operators_api.post("tenants/", {"slug": "northwind", "owner": owner}),
        api.post("mailboxes/", box | {"password": CANARY}),
        api.post("send-connectors/", way | {"password": CANARY}),
    ]
    assert [answer.status_code for answer in made] == [201, 201, 201]
    mailbox, connector = made[1].json()["id"], made[2].json()["id"]
    changed = [
        api.patch(f"mailboxes/{mailbox}/", {"password": f"{CANARY}-2"}),
        api.patch(f"send-connectors/{connector}/", {"password": f"{CANARY}-2", "comment": "x"}),
        api.delete(f"send-connectors/{connector}/"),
    ]
    first = ConfigurationVersion.objects.get(object_id=connector, number=1)
    back = api.post(f"configuration-versions/{first.pk}/revert/", {"password": f"{CANARY}-3"})
    assert [answer.status_code for answer in (*changed, back)] == [200, 200, 204, 200]
    read = [api.get(path) for path in ("audit-events/", "configuration-versions/", "mailboxes/", "send-connectors/")]
    told = "".join(answer.content.decode() for answer in (*made, *changed, back, *read))
    assert CANARY not in told + kept() + caplog.text


def test_keys_are_shown_once_and_kept_nowhere(api: Program, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = api.post("api-keys/", {"name": "Sync"}).json()
    token = max((str(value) for value in made.values() if str(value).startswith("prt_")), key=len)
    listed = api.get("api-keys/").content.decode() + api.get("audit-events/").content.decode()
    assert token not in listed + kept() + caplog.text


def test_secrets_typed_at_the_console_are_not_kept(
    contoso: Contoso, as_alice: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    log_in = reverse("console:mailbox-log-in", args=[contoso.bob_mailbox.pk])
    way = {"name": "Out", "spaces": "*", "routing": "dns", "tls": "opportunistic", "port": "25", "auth": "basic"}
    pages = [
        as_alice.post(log_in, {"password": CANARY}),
        as_alice.post(reverse("console:send-connector-create"), way | {"username": "us", "password": CANARY}),
        as_alice.get(reverse("console:audit")),
        as_alice.get(reverse("console:history")),
        as_alice.get(reverse("console:audit-export")),
    ]
    assert AuditEvent.objects.filter(action="send_connector.create").exists()
    assert CANARY not in "".join(answer.content.decode() for answer in pages) + kept() + caplog.text
