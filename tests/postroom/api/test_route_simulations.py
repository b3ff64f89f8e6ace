"""`route-simulations/`: the whole decision, with the way that DNS, the connector and the queue make of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from tests import factories
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program, program_of
from tests.postroom.console.conftest import waiting
from tests.transport.conftest import name_server
from tests.transport.dns.stub import Fault, StubDns
from transport.models import Delivery, MtaStsPolicy, Queue, SendConnector
from transport.queue.destinations import INITIAL
from transport.queue.slots import first_of, first_of_connector

__all__ = ["name_server", "waiting"]

OUTSIDE = {"sender": "alice@contoso.example", "recipient": "x@elsewhere.example"}


@pytest.fixture
def elsewhere(contoso: Contoso, name_server: StubDns) -> StubDns:
    """A domain with two mail hosts, and contoso's connector to the Internet."""
    factories.make_send_connector(contoso.tenant, "*", name="Internet", fqdn="out.contoso.example", tls="required")
    name_server.add("elsewhere.example", "MX", "20 mx2.elsewhere.example.", "10 mx1.elsewhere.example.")
    name_server.add("mx1.elsewhere.example", "A", "8.8.4.4")
    name_server.add("mx2.elsewhere.example", "A", "8.8.8.8", "10.0.0.1")
    return name_server


def way_of(api: Program, **asked: Any) -> dict[str, Any]:
    (outcome,) = api.post("route-simulations/", OUTSIDE | asked).json()["outcomes"]
    way: dict[str, Any] = outcome["way"]
    return way


def test_the_hosts_of_the_way_are_looked_up_best_first(api: Program, elsewhere: StubDns) -> None:
    way = way_of(api)
    hosts = [(host["preference"], host["host"]) for host in way["hosts"]]
    assert hosts == [(10, "mx1.elsewhere.example"), (20, "mx2.elsewhere.example")]
    addresses = {one["address"]: one["obstacle"] for host in way["hosts"] for one in host["addresses"]}
    assert addresses == {"8.8.4.4": "", "8.8.8.8": "", "10.0.0.1": "hop.forbidden_address"}
    told = {name: way[name] for name in ("outlook", "tls", "greets_as")}
    assert told == {"outlook": "goes", "tls": "required", "greets_as": "out.contoso.example"}
    assert way["connector"]["name"] == "Internet"
    # What only the peer can tell is named, and not left out.
    assert len(way["unknown"]) == 2


@pytest.mark.parametrize(
    ("fault", "outlook", "reason"),
    [(None, "comes_back", "dns.no_such_domain"), (Fault.SERVFAIL, "waits", "dns.servfail")],
)
def test_what_dns_says_instead_of_hosts_is_explained(
    api: Program, elsewhere: StubDns, fault: Fault | None, outlook: str, reason: str
) -> None:
    if fault is not None:
        elsewhere.fail("nowhere.example", "MX", fault)
    way = way_of(api, recipient="x@nowhere.example")
    assert (way["outlook"], way["dns"]["reason"], way["hosts"]) == (outlook, reason, [])
    assert "nowhere.example" in way["dns"]["explanation"]


def test_without_a_look_up_the_hosts_are_said_not_to_be_known(api: Program, elsewhere: StubDns) -> None:
    way = way_of(api, look_up=False)
    assert (way["hosts"], way["dns"]["asked"], elsewhere.queries) == ([], False, [])
    assert "DNS was not asked" in way["unknown"][0]


def test_the_queue_that_it_would_wait_in_tells_how_it_stands(
    api: Program, elsewhere: StubDns, waiting: Delivery
) -> None:
    retry_at = timezone.now() + timedelta(minutes=5)
    Queue.objects.filter(pk=waiting.queue_id).update(
        next_retry_at=retry_at,
        retry_count=2,
        last_error_text="451 4.4.0 No answer",
        last_error_reason="peer.connect_timeout",
        last_error_at=timezone.now(),
    )
    Delivery.objects.filter(pk=waiting.pk).update(state="retry", next_attempt_at=retry_at)
    way = way_of(api)
    assert (way["outlook"], way["queue"]["status"], way["queue"]["waiting_before"]) == ("waits", "retry", 1)
    assert way["queue"]["last_error"]["reason"] == "peer.connect_timeout"
    assert way["queue"]["next_retry_at"] is not None


def test_a_full_host_makes_it_wait_and_how_full_is_the_operators_to_know(
    contoso: Contoso, api: Program, elsewhere: StubDns
) -> None:
    assert way_of(api)["connection"] == {"address": "8.8.4.4", "limit": INITIAL, "is_free": True}
    first = first_of("8.8.4.4:25")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(k) FROM generate_series(%s, %s) k", [first, first + INITIAL - 1])
    assert way_of(api)["connection"] == {"address": "8.8.4.4", "limit": INITIAL, "is_free": False}
    assert way_of(api)["outlook"] == "waits"


def test_a_connector_with_fewer_connections_of_its_own_waits_sooner(
    contoso: Contoso, api: Program, elsewhere: StubDns
) -> None:
    row = SendConnector.objects.get(name="Internet")
    SendConnector.objects.filter(pk=row.pk).update(max_connections_per_host=1, tls="certificate_validation")
    assert way_of(api)["connection"] == {"address": "8.8.4.4", "limit": 1, "is_free": True}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [first_of_connector(str(row.pk), "8.8.4.4:25")])
    way = way_of(api)
    assert (way["connection"]["is_free"], way["outlook"], way["tls"]) == (False, "waits", "certificate_validation")


@pytest.mark.parametrize(
    ("mode", "obstacles"), [("enforce", ["", "sts.mx_mismatch"]), ("testing", ["", ""]), ("none", ["", ""])]
)
def test_the_policy_of_the_recipients_domain_counts(
    api: Program, elsewhere: StubDns, mode: str, obstacles: list[str]
) -> None:
    now = timezone.now()
    times = {"max_age": 86_400, "fetched_at": now, "expires_at": now + timedelta(days=1)}
    MtaStsPolicy.objects.create(domain="elsewhere.example", mode=mode, mx=["mx1.elsewhere.example"], **times)
    elsewhere.records["mx2.elsewhere.example", "A"] = ["8.8.8.8"]
    way = way_of(api)
    assert [one["obstacle"] for host in way["hosts"] for one in host["addresses"]] == obstacles
    assert way["mta_sts"] == ("" if mode == "none" else mode)


def test_a_policy_that_is_announced_and_not_kept_yet_is_said_not_to_be_known(api: Program, elsewhere: StubDns) -> None:
    assert "MTA-STS" not in str(way_of(api)["unknown"])
    elsewhere.add("_mta-sts.elsewhere.example", "TXT", '"v=STSv1; id=1"')
    assert "announces an MTA-STS policy" in str(way_of(api)["unknown"])


def test_a_log_in_decides_who_hands_it_in(api: Program, contoso: Contoso, elsewhere: StubDns) -> None:
    own = api.post("route-simulations/", OUTSIDE | {"user": "alice@contoso.example"}).json()
    assert (own["client"]["verdict"], own["outcomes"][0]["verdict"]) == ("relays", "leaves")
    assert any("receive connector" in text for text in own["unknown"])
    others = api.post("route-simulations/", OUTSIDE | {"user": "bob@contoso.example"}).json()
    assert others["outcomes"][0]["reason_code"] == "sender.not_yours"
    nobody = api.post("route-simulations/", OUTSIDE | {"user": "nobody@contoso.example"}).json()
    assert (nobody["client"]["verdict"], nobody["outcomes"][0]["reason_code"]) == ("refused", "auth.failed")


def test_the_receive_connector_with_its_rights_and_limits_is_part_of_it(api: Program, contoso: Contoso) -> None:
    factories.make_receive_connector(name="Front", permission_groups=["anonymous_users"], max_message_size=100_000)
    asked = {"sender": "x@elsewhere.example", "recipient": "alice@contoso.example", "client_ip": "203.0.113.7"}
    answer = api.post("route-simulations/", asked).json()
    assert (answer["client"]["listener"], answer["client"]["verdict"]) == ("Front", "delivers")
    assert "submit" in answer["client"]["rights"]
    assert answer["outcomes"][0]["verdict"] == "delivered"
    too_large = api.post("route-simulations/", asked | {"size": 100_001}).json()["outcomes"][0]
    assert (too_large["verdict"], too_large["reason_code"]) == ("refused", "message.too_large")


def test_another_tenants_queue_and_connector_are_not_told(
    contoso: Contoso, api: Program, strangers_api: Program, elsewhere: StubDns
) -> None:
    answer = strangers_api.post("route-simulations/", OUTSIDE | {"sender": "charlie@fabrikam.example"}).json()
    assert answer["outcomes"][0]["way"]["connector"] is None
    assert "Internet" not in str(answer)
    handed = strangers_api.post("route-simulations/", OUTSIDE | {"recipient": "alice@contoso.example"}).json()
    assert (handed["outcomes"][0]["verdict"], handed["outcomes"][0]["way"]) == ("handed_over", None)


def test_an_auditors_key_may_ask(contoso: Contoso, elsewhere: StubDns) -> None:
    assert program_of(contoso.tenant, "auditor").post("route-simulations/", OUTSIDE).status_code == 200
