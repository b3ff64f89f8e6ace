"""Nonsense in every field of every resource is refused with a reason: no crash, and no word of the database's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import transaction

from tests.conftest import Contoso
from tests.postroom.api.conftest import Program, program_of

pytestmark = pytest.mark.django_db
OWNER = {"email": "o@adatum.example", "password": "a long password"}
ALICE = "alice@contoso.example"

# One valid body for each resource that can be written, with every field.
BODIES: dict[str, dict[str, Any]] = {
    "tenants": {
        "slug": "adatum",
        "name": "Adatum",
        "owner": OWNER,
        "status": "active",
        "language": "en",
        "time_zone": "UTC",
        "max_domains": 3,
        "max_mailboxes": 3,
        "max_message_size": 10_000,
        "max_recipients_per_message": 10,
        "plan": None,
        "messages_per_hour": 10,
        "max_storage": None,
        "retry_schedule": "1m*4, 5m*6, 10m",
        "message_expiration_timeout": "2 00:00:00",
        "delay_notification_timeout": "04:00:00",
    },
    "accepted-domains": {
        "name": "n",
        "domain": "nw.example",
        "type": "authoritative",
        "is_default": False,
        "match_subdomains": False,
    },
    "mailboxes": {
        "display_name": "Carol",
        "addresses": [{"address": "c@contoso.example", "is_primary": True}],
        "password": "a long password",
        "quota": 100,
        "enabled": True,
    },
    "send-connectors": {
        "name": "Internet",
        "comment": "c",
        "enabled": True,
        "usage": "internet",
        "address_spaces": [{"pattern": "*", "cost": 1}],
        "routing": "dns",
        "smart_hosts": [],
        "port": 25,
        "fqdn": "",
        "source_address": None,
        "tls": "opportunistic",
        "auth": "basic",
        "username": "u",
        "password": "p",
        "max_message_size": None,
        "max_messages_per_connection": 3,
        "connection_inactivity_timeout": "00:10:00",
    },
    "receive-connectors": {
        "name": "printer",
        "comment": "",
        "enabled": True,
        "bindings": ["smtp"],
        "remote_ranges": ["192.0.2.7/32"],
        "auth_mechanisms": [],
        "permission_groups": [],
        "permissions": [],
        "fqdn": "",
        "banner": "",
        "max_message_size": 100_000,
        "max_header_size": 1000,
        "max_hop_count": 30,
        "max_recipients_per_message": 10,
        "max_inbound_connections": 10,
        "max_inbound_connections_per_source": 3,
        "max_protocol_errors": 3,
        "max_logon_failures": 3,
        "connection_timeout": "00:10:00",
        "connection_inactivity_timeout": "00:05:00",
        "tarpit_interval": "00:00:05",
    },
    "api-keys": {"name": "k"},
    "messages": {
        "from": ALICE,
        "sender": ALICE,
        "to": ["bob@contoso.example"],
        "cc": [],
        "bcc": [],
        "subject": "s",
        "text": "t",
        "html": "h",
        "headers": {},
        "attachments": [],
        "raw": "RnJvbTogYWxpY2VAY29udG9zby5leGFtcGxlDQoNCnQNCg==",
    },
    "route-simulations": {"sender": ALICE, "recipient": "bob@contoso.example", "client_ip": "192.0.2.1", "size": 3},
}
OPERATORS = {"tenants", "receive-connectors"}  # with an operator's key all their fields can be written
CHANGEABLE = ("tenants", "accepted-domains", "mailboxes", "send-connectors", "receive-connectors")

NONSENSE: list[Any] = [
    None,
    0,
    -1,
    2**63,
    10**400,
    1e308,
    "",
    "a\x00b",
    "a\r\nX-Evil: 1",
    "\ud800",
    "\u202e",
    "é",
    "x" * 70_000,
    "999999999 00:00:00",
    "-1 00:00:00",
    [],
    {},
    [None],
    [{}],
    ["\x00"],
    [{"pattern": "*", "cost": 2**40}, {"host": "h", "port": -1}, {"address": "\x00@contoso.example"}],
    [{"filename": "a\r\nb", "content_type": "x", "content": "é"}],
    {"X-A": "b\r\nc"},
]


def send(program: Program, method: str, path: str, body: Any) -> Any:
    """Send it, and undo what it did."""
    with transaction.atomic():
        answer = program.client.generic(
            method, f"/api/v1/{path}", json.dumps(body), "application/json", headers=program.headers
        )
        transaction.set_rollback(True)
    return answer


def expect_sense(answer: Any, what: str) -> None:
    assert answer.status_code < 500, what
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json", what
        assert answer.json()["code"], what
        assert "postgres" not in answer.content.decode().lower(), what


def program_for(noun: str, contoso: Contoso) -> Program:
    return program_of(None, **{"X-Postroom-Tenant": "contoso"}) if noun in OPERATORS else program_of(contoso.tenant)


@pytest.mark.slow
@pytest.mark.parametrize("noun", BODIES)
def test_nonsense_in_a_field_never_crashes_the_making(contoso: Contoso, noun: str) -> None:
    program = program_for(noun, contoso)
    assert send(program, "POST", f"{noun}/", BODIES[noun]).status_code < 300
    for body in NONSENSE:
        expect_sense(send(program, "POST", f"{noun}/", body), f"{body!r:.60}")
    for field in BODIES[noun]:
        for value in NONSENSE:
            answer = send(program, "POST", f"{noun}/", BODIES[noun] | {field: value})
            expect_sense(answer, f"{field}: {value!r:.60}")


@pytest.mark.slow
@pytest.mark.parametrize("noun", CHANGEABLE)
def test_nonsense_in_a_field_never_crashes_a_change(contoso: Contoso, noun: str) -> None:
    program = program_for(noun, contoso)
    path = f"{noun}/{program.post(f'{noun}/', BODIES[noun]).json()['id']}/"
    for field in BODIES[noun]:
        for value in NONSENSE:
            expect_sense(send(program, "PATCH", path, {field: value}), f"{field}: {value!r:.60}")


@pytest.mark.parametrize(
    ("noun", "fields", "code"),
    [
        ("tenants", {"retry_schedule": "soon"}, "retry.invalid_schedule"),
        ("tenants", {"retry_schedule": "1m*4"}, "retry.invalid_schedule"),
        ("tenants", {"time_zone": "Mars/Phobos"}, "tenant.invalid_time_zone"),
        ("tenants", {"language": "tlh"}, "tenant.invalid_language"),
        ("tenants", {"message_expiration_timeout": "999999999 00:00:00"}, "tenant.invalid_expiry"),
        ("tenants", {"delay_notification_timeout": "-1 00:00:00"}, "tenant.invalid_delay_notice"),
        ("tenants", {"delay_notification_timeout": "3 00:00:00"}, "tenant.delay_after_expiry"),
        ("tenants", {"max_message_size": 2**62}, "tenant.invalid_limit"),
        ("accepted-domains", {"domain": "192.0.2.1"}, "domain.invalid"),
        ("accepted-domains", {"name": "a\r\nb"}, "name.not_printable"),
        ("mailboxes", {"display_name": "gro\u202e"}, "name.not_printable"),
        ("send-connectors", {"name": "a\nb"}, "name.not_printable"),
        ("send-connectors", {"connection_inactivity_timeout": "-1 00:00:00"}, "connector.out_of_range"),
        ("send-connectors", {"max_messages_per_connection": 0}, "connector.out_of_range"),
        ("send-connectors", {"smart_hosts": [{"host": "169.254.169.254"}]}, "connector.forbidden_address"),
        ("send-connectors", {"smart_hosts": [{"host": "[::ffff:127.0.0.1]"}]}, "connector.forbidden_address"),
        ("send-connectors", {"smart_hosts": [{"host": "2130706433"}]}, "domain.invalid"),
        ("receive-connectors", {"max_hop_count": 0}, "connector.out_of_range"),
        ("receive-connectors", {"tarpit_interval": "-1 00:00:00"}, "connector.out_of_range"),
        ("receive-connectors", {"banner": "hi\r\n250 evil"}, "receive_connector.invalid_banner"),
        ("receive-connectors", {"fqdn": "not a name"}, "domain.invalid"),
        ("api-keys", {"name": "a\nb"}, "name.not_printable"),
        ("send-connectors", {"adress_spaces": []}, "api.unknown_field"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_reason(
    contoso: Contoso, noun: str, fields: dict[str, Any], code: str
) -> None:
    answer = program_for(noun, contoso).post(f"{noun}/", BODIES[noun] | fields)
    assert (answer.status_code, answer.json()["code"], [*answer.json()["errors"]]) == (400, code, [*fields])


def test_a_part_of_a_list_is_written_whole_in_a_change_too(api: Program) -> None:
    made = api.post("send-connectors/", BODIES["send-connectors"]).json()
    answer = api.patch(f"send-connectors/{made['id']}/", {"address_spaces": [{"cost": 2}]})
    assert (answer.status_code, answer.json()["errors"]) == (
        400,
        {"address_spaces": {"0": {"pattern": ["This field is required."]}}},
    )


def test_what_was_read_may_be_sent_back(api: Program) -> None:
    made = api.post("send-connectors/", BODIES["send-connectors"]).json()
    assert api.patch(f"send-connectors/{made['id']}/", made).status_code == 200


def test_an_owner_is_named_only_at_the_making_of_a_tenant(operators_api: Program) -> None:
    made = operators_api.post("tenants/", BODIES["tenants"]).json()
    answer = operators_api.patch(f"tenants/{made['id']}/", {"owner": OWNER})
    assert (answer.status_code, answer.json()["code"]) == (400, "api.immutable")


@pytest.mark.parametrize(
    "text", ["[" * 200_000, '{"name": "\\ud800"}', '{"name": NaN}', b"\xff".decode("latin-1"), "1" * 5000, '{"a":']
)
def test_a_body_that_cannot_be_read_is_refused(api: Program, text: str) -> None:
    answer = api.client.generic(
        "POST", "/api/v1/api-keys/", text.encode("latin-1"), "application/json", headers=api.headers
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "api.malformed")
    assert "{" not in answer.json()["detail"]


def test_a_body_beyond_the_limit_is_not_read_into_memory(api: Program, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    answer = api.post("api-keys/", {"name": "x" * 200})
    assert (answer.status_code, answer.json()["code"]) == (413, "api.too_large")


@pytest.mark.parametrize("cursor", ["nonsense", "cD1ub25zZW5zZQ==", "cD0lMDA=", "bz0tMQ==", "é"])
def test_a_cursor_of_nobodys_making_is_not_found(api: Program, cursor: str) -> None:
    assert api.get("mailboxes/", cursor=cursor).status_code == 404


@pytest.mark.parametrize(
    "query", [{"display_name": "\x00"}, {"enabled": "\ud7ff"}, {"page_size": "-1"}, {"dry_run": "\x00"}]
)
def test_nonsense_in_a_query_is_harmless(api: Program, query: dict[str, str]) -> None:
    assert api.get("mailboxes/", **query).status_code in {200, 400}


@pytest.mark.parametrize("slug", ["x" * 5000, "'; DROP TABLE tenants_tenant; --", "é"])
def test_a_tenant_is_named_by_a_known_slug_only(contoso: Contoso, slug: str) -> None:
    answer = program_of(None, **{"X-Postroom-Tenant": slug}).get("mailboxes/")
    assert (answer.status_code, answer.json()["code"]) == (404, "api.tenant_unknown")


@pytest.mark.parametrize("path", ["/api/v1/nothing/", "/api/v2/mailboxes/", "/api/"])
def test_a_path_that_is_nowhere_is_told_as_problem_details(api: Program, path: str) -> None:
    answer = api.client.get(path, headers=api.headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "api.no_such_path"
