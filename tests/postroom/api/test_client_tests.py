"""`receive-connectors/tests/`: what a client would be allowed to do; and simulations choose the receive connector."""

from __future__ import annotations

import pytest
from django.utils import timezone

from tests import factories
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program
from transport.models import ReceiveConnector


@pytest.fixture
def printers(contoso: Contoso) -> ReceiveConnector:
    factories.make_receive_connector(name="Front", permission_groups=["anonymous_users"], max_message_size=1_000_000)
    return factories.make_receive_connector(
        contoso.tenant,
        name="Printers",
        remote_ranges=["192.0.2.7"],
        approved_at=timezone.now(),
        max_message_size=100_000,
    )


def test_a_machine_with_a_permission_relays_within_its_limits(api: Program, printers: ReceiveConnector) -> None:
    body = {"client_ip": "192.0.2.7", "sender": "scanner@contoso.example"}
    answer = api.post("receive-connectors/tests/", body).json()
    told = {name: answer[name] for name in ("verdict", "listener", "permission", "origin")}
    assert told == {"verdict": "relays", "listener": "Front", "permission": "Printers", "origin": "relay"}
    assert answer["limits"]["max_message_size"] == 100_000
    assert "accept_any_recipient" in answer["rights"]
    assert [step["subject"] for step in answer["trace"]["steps"]][:2] == ["Front", "Printers"]


@pytest.mark.parametrize(
    ("body", "verdict", "reason"),
    [
        ({"client_ip": "203.0.113.7"}, "delivers", ""),
        ({"client_ip": "203.0.113.7", "port": 1}, "refused", "session.no_connector"),
        ({"client_ip": "203.0.113.7", "user": "x"}, "refused", "receive_connector.no_log_in_here"),
    ],
)
def test_others_hear_how_far_they_get(
    api: Program, printers: ReceiveConnector, body: dict[str, object], verdict: str, reason: str
) -> None:
    answer = api.post("receive-connectors/tests/", body).json()
    assert (answer["verdict"], answer["reason_code"]) == (verdict, reason)


def test_who_has_to_log_in_hears_it_and_who_does_relays(api: Program, contoso: Contoso) -> None:
    factories.make_receive_connector(
        name="Users", bindings=["smtp"], auth_mechanisms=["tls", "basic_auth"], permission_groups=["exchange_users"]
    )
    asked = {"client_ip": "203.0.113.7"}
    assert api.post("receive-connectors/tests/", asked).json()["verdict"] == "log_in"
    user = asked | {"user": "alice@contoso.example", "sender": "alice@contoso.example"}
    assert api.post("receive-connectors/tests/", user).json()["verdict"] == "relays"
    foreign = user | {"sender": "bob@contoso.example"}
    assert api.post("receive-connectors/tests/", foreign).json()["reason_code"] == "sender.not_yours"


def test_a_simulation_from_an_address_takes_its_receive_connector(
    api: Program, contoso: Contoso, printers: ReceiveConnector
) -> None:
    body = {"sender": "scanner@contoso.example", "recipient": "z@elsewhere.example", "client_ip": "192.0.2.7"}
    (outcome,) = api.post("route-simulations/", body).json()["outcomes"]
    assert outcome["verdict"] == "waits"
    answer = api.post("route-simulations/", body | {"client_ip": "203.0.113.7"}).json()
    assert answer["outcomes"][0]["reply"].startswith("550 5.7.1")
    assert answer["trace"]["steps"][0]["subject"] == "Front"
    assert answer["trace"]["steps"][0]["considered"][0]["verdict"] == "won"


def test_a_machine_may_be_known_by_its_certificate(api: Program, contoso: Contoso) -> None:
    factories.make_receive_connector(name="Front", permission_groups=["anonymous_users"], auth_mechanisms=["tls"])
    digits = "AB:" * 31 + "AB"
    made = api.post("receive-connectors/", {"name": "Scanner", "certificate_fingerprints": [digits]}).json()
    assert made["certificate_fingerprints"] == ["ab" * 32]
    body = {"client_ip": "203.0.113.7", "sender": "scanner@contoso.example"}
    answer = api.post("receive-connectors/tests/", body | {"certificate": "sha256:" + "ab" * 32}).json()
    assert (answer["verdict"], answer["permission"]) == ("relays", "Scanner")
    assert api.post("receive-connectors/tests/", body).json()["verdict"] == "delivers"
    wrong = api.post("receive-connectors/", {"name": "Other", "certificate_fingerprints": ["ab" * 31]})
    assert wrong.json()["code"] == "receive_connector.invalid_fingerprint"
    twice = api.post("receive-connectors/", {"name": "Other", "certificate_fingerprints": ["ab" * 32]})
    assert twice.json()["code"] == "receive_connector.relay_overlap"
