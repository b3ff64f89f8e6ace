"""Validating a send connector: every step of its way with the peer's words, and nothing sent unless asked."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tenants.models import AuditEvent
from tests import factories
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program, program_of
from tests.transport.delivery.stub import RESET, Script, StubSmtp
from tests.transport.dns.stub import StubDns
from transport.actions.validation import MOST
from transport.models import Message, SendConnector

pytestmark = pytest.mark.django_db
BODY = {"recipient": "x@elsewhere.example"}


@pytest.fixture
def api(contoso: Contoso, settings: Settings) -> Program:
    settings.POSTROOM_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    return program_of(contoso.tenant)


def validate(api: Program, connector: SendConnector, **body: Any) -> Any:
    answer = api.post(f"send-connectors/{connector.pk}/validate/", BODY | body)
    assert answer.status_code == 200, answer.content
    return answer.json()


def steps(told: Any) -> list[tuple[str, str]]:
    return [(step["name"], step["verdict"]) for step in told["steps"]]


def fault(told: Any) -> Any:
    [step] = [step for step in told["steps"] if step["verdict"] == "failed"]
    return step


def test_a_way_that_works_is_shown_step_by_step_and_nothing_is_sent(
    api: Program, peer: StubSmtp, to_peer: SendConnector
) -> None:
    told = validate(api, to_peer)
    assert [name for name, _ in steps(told)] == [
        *("route", "dns", "connect", "greeting", "helo", "starttls", "mail", "rcpt", "quit")
    ]
    assert (told["verdict"], told["test_message_sent"], told["tls"]) == ("warning", False, None)
    assert [step["reason"]["code"] for step in told["steps"] if step["reason"]] == ["validate.tls_not_offered"]
    said = [line for step in told["steps"] if step["name"] == "rcpt" for line in step["dialogue"]]
    assert [(line["who"], line["text"]) for line in said] == [
        ("we", "RCPT TO:<x@elsewhere.example>"),
        ("peer", "250 2.1.5 Ok"),
    ]
    assert peer.messages == []
    assert [command.split()[0] for command in peer.commands] == ["EHLO", "MAIL", "RCPT", "RSET", "QUIT"]
    assert "FROM:<postmaster@contoso.example>" in peer.commands[1]


def test_a_test_message_is_sent_where_it_is_asked_for(api: Program, peer: StubSmtp, to_peer: SendConnector) -> None:
    told = validate(api, to_peer, send_test_message=True)
    assert told["test_message_sent"] is True
    [message] = peer.messages
    assert b"Auto-Submitted: auto-generated" in message.content
    assert b"From: postmaster@contoso.example" in message.content
    data = next(step for step in told["steps"] if step["name"] == "data")
    assert [line["text"] for line in data["dialogue"]][-1] == "250 2.0.0 Queued as 123"
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("script", "name", "code"),
    [
        ({"greeting": "554 Not you"}, "greeting", "peer.greeting"),
        ({"ehlo": "450 4.7.1 Helo command rejected: Host not found"}, "helo", "peer.helo"),
        ({"mail": "550 5.1.8 Sender address rejected: Domain not found"}, "mail", "peer.sender_domain_not_found"),
        ({"rcpt": "550 5.1.1 No such user"}, "rcpt", "peer.recipient_unknown"),
        ({"rcpt": "450 4.7.1 Greylisted"}, "rcpt", "peer.greylist"),
        ({"rcpt": RESET}, "rcpt", "peer.dropped"),
    ],
)
def test_what_is_wrong_is_told_with_the_peers_words_and_a_reason(
    api: Program, peer: StubSmtp, to_peer: SendConnector, script: dict[str, Script], name: str, code: str
) -> None:
    peer.script = script
    told = validate(api, to_peer)
    step = fault(told)
    assert told["verdict"] == "failed"
    assert (step["name"], step["reason"]["code"]) == (name, code)
    assert step["reason"]["explanation"]
    if isinstance(words := next(iter(script.values())), str):
        assert " ".join(str(part) for part in step["reply"].values() if part) == words


def test_a_refused_test_message_was_not_sent(api: Program, peer: StubSmtp, to_peer: SendConnector) -> None:
    peer.script = {"final": "554 5.7.1 Spam"}
    told = validate(api, to_peer, send_test_message=True)
    assert (told["verdict"], told["test_message_sent"], fault(told)["name"]) == ("failed", False, "data")


def test_a_dead_smart_host_is_passed_by_and_told(contoso: Contoso, api: Program, peer: StubSmtp) -> None:
    hosts = [("127.0.0.1", 1), ("127.0.0.1", peer.endpoint.port)]
    told = validate(api, factories.make_send_connector(contoso.tenant, smart_hosts=hosts))
    assert steps(told)[2:5] == [("connect", "failed"), ("connect", "passed"), ("greeting", "passed")]
    assert fault(told)["reason"]["code"] == "peer.connect_refused"
    assert told["verdict"] == "warning"


def test_mx_records_are_looked_up_and_named(
    contoso: Contoso, api: Program, peer: StubSmtp, name_server: StubDns
) -> None:
    connector = factories.make_send_connector(contoso.tenant, port=peer.endpoint.port)
    name_server.add("elsewhere.example", "MX", "10 mx.elsewhere.example.")
    name_server.add("mx.elsewhere.example", "A", "127.0.0.1")
    told = validate(api, connector)
    dns = next(step for step in told["steps"] if step["name"] == "dns")
    assert [line["text"] for line in dns["dialogue"]] == [f"mx.elsewhere.example 127.0.0.1:{peer.endpoint.port}"]
    assert told["verdict"] != "failed"
    told = validate(api, connector, recipient="x@nowhere.example")
    assert steps(told) == [("route", "passed"), ("dns", "failed")]
    assert fault(told)["reason"]["code"] == "dns.no_such_domain"


def test_a_private_address_is_connected_to_as_little_as_in_delivery(
    contoso: Contoso, api: Program, settings: Settings, peer: StubSmtp, name_server: StubDns
) -> None:
    settings.POSTROOM_PRIVATE_NETWORKS = []
    name_server.add("elsewhere.example", "A", "10.0.0.7")
    told = validate(api, factories.make_send_connector(contoso.tenant, port=peer.endpoint.port))
    assert fault(told)["reason"]["code"] == "hop.forbidden_address"
    assert peer.connections == 0


def test_it_says_when_mail_would_go_by_another_connector(
    contoso: Contoso, api: Program, peer: StubSmtp, to_peer: SendConnector
) -> None:
    factories.make_send_connector(contoso.tenant, "elsewhere.example", name="Nearer", smart_hosts=[("192.0.2.1", 25)])
    reason = validate(api, to_peer)["steps"][0]["reason"]
    assert (reason["code"], "Nearer" in reason["title"]) == ("validate.other_connector", True)
    other = factories.make_send_connector(contoso.tenant, "other.example", smart_hosts=[("192.0.2.1", 25)])
    other.smart_hosts.update(host="127.0.0.1", port=peer.endpoint.port)
    assert validate(api, other)["steps"][0]["reason"]["code"] == "validate.not_covered"


def test_no_password_is_shown(contoso: Contoso, api: Program, peer: StubSmtp) -> None:
    peer.extensions = ("AUTH PLAIN LOGIN",)
    peer.script = {"auth": "535 5.7.8 No"}
    body = {
        "name": "With log-in",
        "address_spaces": [{"pattern": "*"}],
        "routing": "smart_hosts",
        "smart_hosts": [{"host": "127.0.0.1", "port": peer.endpoint.port}],
        "auth": "basic",
        "username": "us",
        "password": "kanarienvogel",
    }
    made = api.post("send-connectors/", body).json()
    answer = api.post(f"send-connectors/{made['id']}/validate/", BODY)
    assert fault(answer.json())["reason"]["code"] == "peer.auth"
    assert b"AUTH PLAIN ****" in answer.content
    assert b"kanarienvogel" not in answer.content
    assert peer.commands[1].split()[2].encode() not in answer.content


def test_it_is_audited_and_cannot_be_done_without_end(
    contoso: Contoso, api: Program, peer: StubSmtp, to_peer: SendConnector
) -> None:
    for _ in range(MOST):
        validate(api, to_peer)
    events = AuditEvent.objects.filter(action="send_connector.validate")
    assert {(event.object_id, event.after["recipient"]) for event in events if event.after} == {
        (str(to_peer.pk), "x@elsewhere.example")
    }
    answer = api.post(f"send-connectors/{to_peer.pk}/validate/", BODY)
    assert (answer.status_code, answer.json()["code"]) == (429, "validate.too_often")
    assert 500 < int(answer["Retry-After"]) <= 601
    assert peer.connections == events.count() == MOST


def test_what_is_no_address_or_no_connector_of_ones_own_is_refused(
    contoso: Contoso, api: Program, to_peer: SendConnector
) -> None:
    answer = api.post(f"send-connectors/{to_peer.pk}/validate/", {"recipient": "nobody"})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["recipient"])
    assert api.post(f"send-connectors/{uuid4()}/validate/", BODY).status_code == 404
    auditor = program_of(contoso.tenant, "auditor")
    assert auditor.post(f"send-connectors/{to_peer.pk}/validate/", BODY).status_code == 403


def test_the_console_shows_the_steps_and_what_mends_them(
    settings: Settings, as_alice: Client, peer: StubSmtp, to_peer: SendConnector
) -> None:
    settings.POSTROOM_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    path = f"/send-connectors/{to_peer.pk}/validate/"
    assert path in as_alice.get(f"/send-connectors/{to_peer.pk}/").content.decode()
    assert "To whom" in as_alice.get(path).content.decode()
    peer.script = {"ehlo": "451 4.7.1 <Helo> does not match"}
    shown = as_alice.post(path, BODY).content.decode()
    for words in (
        "does not work",
        "451 4.7.1 &lt;Helo&gt; does not match",
        f"Edit the send connector “{to_peer.name}”",
    ):
        assert words in shown
    peer.script = {}
    shown = as_alice.post(path, BODY | {"send_test_message": "on"}).content.decode()
    assert "The peer took a test message for x@elsewhere.example" in shown
    assert "<code>250 2.0.0 Queued as 123</code></summary>" in shown
    assert as_alice.post(path, {"recipient": "nobody"}).status_code == 422
