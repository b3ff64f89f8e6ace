"""The story that must always work (design §1), told by a program: the REST API, SMTP, and the lab's peers.

Each failure is seen first, with its reason, and then mended by what its fix says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.platform_process import ApiCaller, PlatformProcess, eventually
from tests.strangers import relay, submit

pytestmark = pytest.mark.slow


def make_tenant(platform: PlatformProcess, slug: str) -> ApiCaller:
    """Make a tenant with a verified domain `<slug>.example` and a mailbox ann there, over the API alone."""
    operator = platform.api(platform.manage("create_api_key", "--operator", "--name", slug).strip())
    assert operator.post("tenants/", {"slug": slug, "name": slug.capitalize()}).status == 201
    api = platform.tenants_api(slug)
    accept_domain(platform, api, f"{slug}.example")
    make_mailbox(api, "Ann", f"ann@{slug}.example")
    return api


def accept_domain(platform: PlatformProcess, api: ApiCaller, name: str) -> dict[str, Any]:
    """Add a domain, publish its records in the lab's DNS as its owner would, and verify it."""
    domain = api.post("accepted-domains/", {"domain": name}).body
    platform.publish_domain(name, domain["verification_record"]["value"])
    verified = api.post(f"accepted-domains/{domain['id']}/verify/")
    assert verified.body["verified"] is True, verified
    return dict(verified.body)


def make_mailbox(api: ApiCaller, name: str, address: str) -> dict[str, Any]:
    body = {"display_name": name, "addresses": [{"address": address, "is_primary": True}], "password": PASSWORD}
    made = api.post("mailboxes/", body)
    assert made.status == 201, made
    return dict(made.body)


PASSWORD = "a password for SMTP"


def results(api: ApiCaller, path: str) -> list[dict[str, Any]]:
    return list(api.get(path).body["results"])


def queue_to(api: ApiCaller, domain: str) -> dict[str, Any] | None:
    return next((queue for queue in results(api, "queues/") if queue["next_hop_domain"] == domain), None)


def when(api: ApiCaller, domain: str, status: str) -> Callable[[], dict[str, Any] | None]:
    def probe() -> dict[str, Any] | None:
        queue = queue_to(api, domain)
        return queue if queue and queue["status"] == status and queue["message_count"] else None

    return probe


def events_of(api: ApiCaller, message_id: str) -> list[str]:
    return [
        f"{entry['event_id']} {entry['source']}" for entry in api.get(f"messages/{message_id}/timeline/").body["events"]
    ]


def has(api: ApiCaller, message_id: str, event: str) -> Callable[[], bool]:
    return lambda: event in events_of(api, message_id)


def internet_connector(**fields: Any) -> dict[str, Any]:
    spaces = [{"type": "SMTP", "pattern": "*", "cost": 1}]
    return {"name": "Internet", "address_spaces": spaces, "routing": "dns", **fields}


def test_a_without_a_connector_mail_waits_and_leaves_by_itself_once_there_is_one(
    platform: PlatformProcess,
) -> None:
    api = make_tenant(platform, "adventure")
    sent = api.post(
        "messages/",
        {
            "from": "Ann <ann@adventure.example>",
            "to": ["echo@fabrikam.example"],
            "subject": "Story A",
            "text": "Hello?",
        },
    )
    assert sent.status == 202, sent
    message = sent.body["id"]

    waiting = eventually(when(api, "Unreachable Domain", "ready"))
    assert waiting["last_error"]["reason"] == "route.no_connector"
    assert waiting["last_error"]["explanation"]
    assert waiting["last_error"]["fixes"][0]["action"] == "create_send_connector"

    assert api.post("send-connectors/", internet_connector()).status == 201
    eventually(has(api, message, "SEND SMTP"))
    assert {"RECEIVE STOREDRIVER", "DEFER ROUTING", "RESUBMIT ROUTING"} <= set(events_of(api, message))
    answer = eventually(lambda: results(api, "tracking-events/?event_id=DELIVER&recipient=ann@adventure.example"))
    assert answer[0]["sender"] == "echo@fabrikam.example"
    eventually(lambda: queue_to(api, "Unreachable Domain") is None)


def test_b_an_address_that_the_internet_cannot_resolve_is_told_before_the_peer_refuses_it(
    platform: PlatformProcess,
) -> None:
    api = make_tenant(platform, "wideworld")
    assert api.post("send-connectors/", internet_connector()).status == 201
    api.post("accepted-domains/", {"domain": "exchange.local"})
    mailbox = make_mailbox(api, "Hogehoge", "hogehoge@exchange.local")

    told = submit(platform, "hogehoge@exchange.local", PASSWORD, "bob@woodgrove.example")
    assert told.startswith("550 5.7.")
    assert "hogehoge@exchange.local" in told
    checks = {check["code"]: check for check in results(api, "mail-flow-checks/")}
    assert checks["checks.reply_addresses"]["status"] == "failed"

    approve_relay(platform, "wideworld", "127.0.0.77")
    # A change counts within 2 s (invariant 7); until then this machine is a stranger.
    eventually(
        lambda: relay(platform, "bob@woodgrove.example", sender="hogehoge@exchange.local", source="127.0.0.77") == ""
    )
    refused = eventually(when(api, "woodgrove.example", "retry"))
    assert "Sender address rejected: Domain not found" in refused["last_error"]["peer_text"]
    assert refused["last_error"]["reason"] == "peer.sender_domain_not_found"

    addresses = [{"address": "hogehoge@wideworld.example", "is_primary": True}, {"address": "hogehoge@exchange.local"}]
    assert api.patch(f"mailboxes/{mailbox['id']}/", {"addresses": addresses}).status == 200
    assert submit(platform, "hogehoge@wideworld.example", PASSWORD, "bob@woodgrove.example") == ""
    eventually(lambda: results(api, "tracking-events/?event_id=SEND&sender=hogehoge@wideworld.example"))


def test_c_a_refusal_of_our_name_is_shown_in_the_peers_words_and_mended_by_the_name(
    platform: PlatformProcess,
) -> None:
    api = make_tenant(platform, "blueyonder")
    connector = api.post("send-connectors/", internet_connector(fqdn="wrong.blueyonder.example")).body
    sent = api.post(
        "messages/",
        {"from": "ann@blueyonder.example", "to": ["bob@woodgrove.example"], "subject": "Story C", "text": "Hello"},
    ).body

    refused = eventually(when(api, "woodgrove.example", "retry"))
    error = refused["last_error"]
    assert (error["code"], error["enhanced"]) == (451, "4.4.0")
    assert error["text"].startswith('Primary target IP address responded with: "451 4.7.1 <wrong.blueyonder.example>')
    assert "wrong.blueyonder.example" in error["peer_text"]
    assert error["reason"] == "peer.helo"
    assert error["endpoint"]
    assert refused["next_retry_at"]

    assert api.patch(f"send-connectors/{connector['id']}/", {"fqdn": "mail.contoso.example"}).status == 200
    assert api.post(f"queues/{refused['id']}/retry/").status == 200  # it has been hurried already: asking again is safe
    eventually(has(api, sent["id"], "SEND SMTP"))


def test_d_a_refused_domain_is_counted_and_received_once_it_is_accepted(platform: PlatformProcess) -> None:
    api = make_tenant(platform, "southridge")
    unverified = api.post("accepted-domains/", {"domain": "southridge-mail.example"}).body
    refused = relay(platform, "ann@southridge-mail.example")
    assert refused.startswith("550 5.7.1 Unable to relay")

    def counted() -> dict[str, Any] | None:
        subject = "southridge-mail.example"
        return next((check for check in results(api, "mail-flow-checks/") if subject in check["summary"]), None)

    assert eventually(counted)["status"] in {"warning", "failed"}
    platform.publish_domain("southridge-mail.example", unverified["verification_record"]["value"])
    assert api.post(f"accepted-domains/{unverified['id']}/verify/").body["verified"] is True
    make_mailbox(api, "Carol", "carol@southridge-mail.example")
    eventually(lambda: relay(platform, "carol@southridge-mail.example") == "")
    eventually(lambda: results(api, "tracking-events/?event_id=DELIVER&recipient=carol@southridge-mail.example"))
    unknown = relay(platform, "nobody@southridge-mail.example")
    assert unknown.startswith("550 5.1.1")


def approve_relay(platform: PlatformProcess, tenant: str, address: str) -> None:
    """Let a machine of the tenant relay, as an operator does on request."""
    operator = platform.manage("create_api_key", "--operator", "--name", "relay").strip()
    as_operator = platform.api(operator, tenant=tenant)
    made = as_operator.post(
        "receive-connectors/",
        {"name": "Printers", "remote_ranges": [f"{address}/32"], "permissions": ["accept_any_sender"]},
    )
    assert made.status == 201, made
    assert as_operator.post(f"receive-connectors/{made.body['id']}/approve/").body["approved"] is True
