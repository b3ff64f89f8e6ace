"""What a domain's MTA-STS policy does to mail for it: enforced, tried out, kept, and told (RFC 8461)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests import factories
from tests.conftest import Contoso
from tests.postroom.api.conftest import program_of
from tests.transport.delivery.certificates import server_context
from tests.transport.delivery.https import StubHttps
from tests.transport.delivery.stub import StubSmtp
from tests.transport.dns.stub import StubDns
from tests.transport.workers import WITH_WORKERS, Running, deliver, send
from transport.models import Delivery, MtaStsPolicy, Queue, SendConnector, TrackingEvent
from transport.queue.tls_policy import forget_policies

pytestmark = WITH_WORKERS
DOMAIN = "elsewhere.example"
ELSEWHERE = f"x@{DOMAIN}"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Certificates of the mail host, of the policy's host, and one that nobody vouches for; the first two in a file."""
    folder = Path(tmp_path_factory.mktemp("sts"))
    mx, web = server_context(folder, f"mx.{DOMAIN}"), server_context(folder, f"mta-sts.{DOMAIN}")
    known = folder / "known.crt"
    known.write_text(Path(mx[1]).read_text() + Path(web[1]).read_text())
    strange = server_context(Path(tmp_path_factory.mktemp("strange")), f"mx.{DOMAIN}")
    return {"good": mx[0], "bad": strange[0], "web": web[0], "known": str(known)}


@pytest.fixture
def web(certificates: dict[str, Any]) -> Iterator[StubHttps]:
    stub = StubHttps(certificates["web"])
    with Running(stub):
        yield stub


@pytest.fixture
def publish(web: StubHttps, name_server: StubDns, settings: Settings, certificates: dict[str, Any]) -> Iterator[Any]:
    """Let the domain publish a policy, and its mail host be found."""
    forget_policies()
    settings.POSTROOM_CA_FILE = certificates["known"]
    settings.POSTROOM_LAB_ROUTES = f"192.0.2.10:443=127.0.0.1:{web.port}"
    name_server.add(DOMAIN, "MX", f"10 mx.{DOMAIN}.")
    name_server.add(f"mx.{DOMAIN}", "A", "127.0.0.1")
    name_server.add(f"mta-sts.{DOMAIN}", "A", "192.0.2.10")

    def published(mode: str = "enforce", mx: str = f"mx.{DOMAIN}", record: str = "1") -> None:
        web.says(f"version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 86400\n")
        name_server.records[f"_mta-sts.{DOMAIN}", "TXT"] = [f'"v=STSv1; id={record};"']

    yield published
    forget_policies()


@pytest.fixture
def connector(contoso: Contoso, peer: StubSmtp) -> SendConnector:
    return factories.make_send_connector(contoso.tenant, port=peer.endpoint.port)


def way_of(contoso: Contoso) -> dict[str, Any]:
    """Send a message and return what the log tells of the encryption."""
    message_id = send(contoso.alice_mailbox, ELSEWHERE)
    deliver()
    event = TrackingEvent.objects.filter(message_id=message_id, event_id__in=["SEND", "DEFER"]).latest("id")
    assert isinstance(event.detail, dict)
    return {"event": event.event_id, "reason": event.reason, **event.detail}


@pytest.mark.parametrize(
    ("mode", "mx", "certificate", "reason", "verified", "would_refuse"),
    [
        ("enforce", f"mx.{DOMAIN}", "good", "", True, None),
        ("enforce", f"*.{DOMAIN}", "good", "", True, None),
        ("enforce", f"mx.{DOMAIN}", "bad", "sts.not_secure", None, None),
        ("enforce", f"mx.{DOMAIN}", "", "sts.not_secure", None, None),
        ("enforce", "other.example", "good", "sts.mx_mismatch", None, None),
        ("testing", f"mx.{DOMAIN}", "good", "", True, None),
        ("testing", f"mx.{DOMAIN}", "bad", "", False, True),
        ("testing", "other.example", "good", "", True, True),
        ("testing", f"mx.{DOMAIN}", "", "", None, True),
    ],
)
def test_a_policy_is_kept_to_and_told(
    contoso: Contoso,
    peer: StubSmtp,
    connector: SendConnector,
    publish: Any,
    certificates: dict[str, Any],
    *,
    mode: str,
    mx: str,
    certificate: str,
    reason: str,
    verified: bool | None,
    would_refuse: bool | None,
) -> None:
    if certificate:
        peer.tls, peer.extensions = certificates[certificate], ("STARTTLS", "PIPELINING")
    publish(mode, mx)
    told = way_of(contoso)
    assert (told["event"], told["reason"]) == (("DEFER", reason) if reason else ("SEND", ""))
    assert len(peer.messages) == (0 if reason else 1)
    policy = told["tls_policy"]
    assert (policy["source"], policy["mode"], policy.get("would_refuse")) == ("mta-sts", mode, would_refuse)
    assert told.get("tls", {}).get("verified") == verified
    if reason:
        assert (Delivery.objects.get().state, Queue.objects.get().last_error_reason) == ("retry", reason)


def test_without_a_policy_the_connectors_level_is_told(
    contoso: Contoso, as_alice: Client, peer: StubSmtp, connector: SendConnector, publish: Any, web: StubHttps
) -> None:
    told = way_of(contoso)
    assert told["tls_policy"] == {"source": "connector", "level": "opportunistic"}
    assert web.requests == []
    message_id = TrackingEvent.objects.get(event_id="SEND").message_id
    shown = as_alice.get(f"/tracking/{message_id}/").content.decode()
    assert "not encrypted" in shown
    assert "TLS by the connector: opportunistic" in shown


def test_a_policy_that_disappears_goes_on_to_count(
    contoso: Contoso,
    peer: StubSmtp,
    connector: SendConnector,
    publish: Any,
    name_server: StubDns,
    web: StubHttps,
    certificates: dict[str, Any],
) -> None:
    peer.tls, peer.extensions = certificates["good"], ("STARTTLS",)
    publish()
    assert way_of(contoso)["event"] == "SEND"
    assert way_of(contoso)["event"] == "SEND"
    assert len(web.requests) == 1
    del name_server.records[f"_mta-sts.{DOMAIN}", "TXT"]
    peer.tls = certificates["bad"]
    forget_policies()
    assert way_of(contoso)["reason"] == "sts.not_secure"
    kept = MtaStsPolicy.objects.get()
    assert (kept.domain, kept.mode, kept.mx, kept.max_age) == (DOMAIN, "enforce", [f"mx.{DOMAIN}"], 86400)


def test_a_new_id_fetches_anew_and_what_cannot_be_fetched_leaves_the_old_one(
    contoso: Contoso, peer: StubSmtp, connector: SendConnector, publish: Any, web: StubHttps
) -> None:
    publish("testing", record="1")
    assert way_of(contoso)["tls_policy"]["mode"] == "testing"
    publish("enforce", record="2")
    web.answer = b"HTTP/1.1 500 No\r\n\r\n"
    forget_policies()
    assert way_of(contoso)["tls_policy"]["mode"] == "testing"
    publish("none", record="3")
    forget_policies()
    assert way_of(contoso)["tls_policy"]["source"] == "connector"


@pytest.mark.parametrize("fields", [{"tls": "none"}, {"smart_hosts": [("mx.elsewhere.example", 0)]}])
def test_a_policy_counts_for_no_smart_host_and_where_nothing_is_ever_encrypted(
    contoso: Contoso, peer: StubSmtp, publish: Any, web: StubHttps, fields: dict[str, Any]
) -> None:
    if "smart_hosts" in fields:
        fields = {"smart_hosts": [(f"mx.{DOMAIN}", peer.endpoint.port)]}
    factories.make_send_connector(contoso.tenant, port=peer.endpoint.port, **fields)
    publish("enforce", "other.example")
    assert way_of(contoso)["event"] == "SEND"
    assert web.requests == []


def test_validate_shows_the_policy_and_what_it_would_refuse(
    contoso: Contoso, peer: StubSmtp, connector: SendConnector, publish: Any, certificates: dict[str, Any]
) -> None:
    peer.tls, peer.extensions = certificates["bad"], ("STARTTLS",)
    api = program_of(contoso.tenant)

    def validated() -> dict[str, tuple[str, str]]:
        told = api.post(f"send-connectors/{connector.pk}/validate/", {"recipient": ELSEWHERE}).json()
        reasons = {step["name"]: (step["reason"] or {}).get("code", "") for step in told["steps"] if step["reason"]}
        return {"": (told["verdict"], ""), **{name: (told["verdict"], code) for name, code in reasons.items()}}

    publish()
    assert validated() == {"": ("failed", ""), "starttls": ("failed", "sts.not_secure")}
    publish("testing")
    assert validated()["starttls"] == ("warning", "sts.testing")
    publish("enforce", "other.example")
    assert validated() == {"": ("failed", ""), "policy": ("failed", "sts.mx_mismatch")}
    publish("gibberish")
    assert validated()["policy"][1] == "sts.no_policy"
