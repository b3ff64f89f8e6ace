from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tenants.models import AuditEvent
from tests.conftest import Contoso
from tests.factories import make_send_connector
from tests.postroom.console.conftest import page
from tests.transport.workers import send
from transport.models import Delivery, Queue

PEER = "450 4.1.8 <alice@contoso.example>: Sender address rejected: Domain not found"


def test_an_unreachable_queue_says_why_and_offers_the_fix(waiting: Delivery, as_alice: Client) -> None:
    for path in ("/queues/", f"/queues/{waiting.queue_id}/"):
        text = page(as_alice.get(path))
        assert "Unreachable Domain" in text
        assert "No send connector covers elsewhere.example" in text
        assert 'action="/send-connectors/internet/"' in text


def test_a_disabled_connector_is_named_and_can_be_enabled(
    contoso: Contoso, waiting: Delivery, as_alice: Client
) -> None:
    """The queue's own reason is the first message's, from before there was a connector."""
    connector = make_send_connector(contoso.tenant, "*", name="Internet", enabled=False)
    Delivery.objects.update(last_error_reason="route.connector_disabled")
    for path in ("/queues/", f"/queues/{waiting.queue_id}/", f"/tracking/{waiting.message_id}/"):
        text = page(as_alice.get(path))
        assert "The send connector for elsewhere.example is disabled" in text
        assert "Enable the send connector “Internet”" in text
        assert f'action="/send-connectors/{connector.pk}/enable/"' in text


def test_the_peers_own_words_stand_beside_ours(waiting: Delivery, as_alice: Client) -> None:
    Queue.objects.update(
        delivery_type="dns_connector_delivery",
        next_hop_domain="elsewhere.example",
        retry_count=1,
        next_retry_at=timezone.now() + timedelta(minutes=5),
        last_error_code=451,
        last_error_enhanced="4.4.0",
        last_error_text="Primary target IP address responded with …",
        last_error_reason="peer.sender_domain_not_found",
        last_error_peer_text=PEER,
        last_error_endpoint="mx.elsewhere.example 192.0.2.1:25",
        last_error_at=timezone.now(),
    )
    Delivery.objects.update(state="retry", last_error_reason="")
    text = page(as_alice.get(f"/queues/{waiting.queue_id}/"))
    assert "Sender address rejected: Domain not found" in text
    assert "451 4.4.0 Primary target IP address responded" in text
    assert "192.0.2.1:25" in text
    assert "Retry" in text


@pytest.mark.parametrize(("verb", "suspended"), [("suspend", True), ("resume", False), ("retry", False)])
def test_a_queue_is_steered(waiting: Delivery, as_alice: Client, verb: str, suspended: bool) -> None:
    page(as_alice.post(f"/queues/{waiting.queue_id}/{verb}/", follow=True))
    assert Queue.objects.get().suspended == suspended


@pytest.mark.parametrize(
    ("verbs", "state"),
    [(["suspend"], "suspended"), (["suspend", "resume"], "unreachable"), (["retry"], "unreachable")],
)
def test_a_message_is_steered(waiting: Delivery, as_alice: Client, verbs: list[str], state: str) -> None:
    for verb in verbs:
        page(as_alice.post(f"/queues/{waiting.queue_id}/messages/{waiting.message_id}/{verb}/", follow=True))
    assert Delivery.objects.get().state == state


def test_a_message_is_removed_silently_or_with_a_notice(waiting: Delivery, as_alice: Client) -> None:
    path = f"/queues/{waiting.queue_id}/messages/{waiting.message_id}/"
    as_alice.post(f"{path}remove/")
    assert Delivery.objects.get().pending == Delivery.Pending.REMOVE_WITH_NDR
    as_alice.post(f"{path}remove-silently/")
    assert not Delivery.objects.exists()
    assert "is empty" in page(as_alice.get(f"/queues/{waiting.queue_id}/"))


@pytest.mark.parametrize("verb", ["explode", "with_ndr"])
def test_other_verbs_do_not_exist(waiting: Delivery, as_alice: Client, verb: str) -> None:
    assert as_alice.post(f"/queues/{waiting.queue_id}/{verb}/").status_code == 404


def test_an_auditor_sees_queues_without_buttons(waiting: Delivery, contoso: Contoso, as_alice: Client) -> None:
    contoso.alice.memberships.update(role="auditor")
    text = page(as_alice.get(f"/queues/{waiting.queue_id}/"))
    assert "Unreachable Domain" in text
    assert "/suspend/" not in text
    assert "/send-connectors/internet/" not in text


def test_a_message_is_redirected_and_the_page_offers_the_way_back(
    contoso: Contoso, waiting: Delivery, as_alice: Client
) -> None:
    connector = make_send_connector(contoso.tenant, "other.example", name="Other")
    path = f"/queues/{waiting.queue_id}/messages/{waiting.message_id}/redirect/"
    assert "Other" in page(as_alice.get(path))
    assert "loopback, private or reserved" in page(as_alice.post(path, {"smart_host": "10.0.0.1"}))
    assert Delivery.objects.get().queue_id == waiting.queue_id
    text = page(as_alice.post(path, {"send_connector": str(connector.pk)}, follow=True))
    assert "1 recipient goes to Other." in text
    moved = Delivery.objects.get()
    assert moved.queue_id != waiting.queue_id
    undo = f"/queues/{moved.queue_id}/messages/{waiting.message_id}/undo-redirect/"
    for where in (f"/queues/{moved.queue_id}/", f"/tracking/{waiting.message_id}/"):
        text = page(as_alice.get(where))
        assert undo in text
        assert "redirected" in text
    Delivery.objects.update(state="retry", last_error_reason="peer.greylist")
    text = page(as_alice.get(f"/tracking/{waiting.message_id}/"))
    assert undo in text, "also where an error says more than that it was redirected"
    page(as_alice.post(undo, follow=True))
    assert not Delivery.objects.get().is_redirected


def test_a_queue_is_redirected_as_a_whole(contoso: Contoso, waiting: Delivery, as_alice: Client) -> None:
    path = f"/queues/{waiting.queue_id}/redirect/"
    assert "one of the two" in page(as_alice.post(path))
    text = page(as_alice.post(path, {"smart_host": "relay.fabrikam.example:2525"}, follow=True))
    assert "relay.fabrikam.example:2525" in text


def test_a_queued_message_is_exported_by_those_who_may_and_the_audit_log_has_it(
    contoso: Contoso, waiting: Delivery, as_alice: Client
) -> None:
    path = f"/queues/{waiting.queue_id}/messages/{waiting.message_id}/source/"
    answer = as_alice.get(path)
    assert answer["Content-Disposition"] == f'attachment; filename="{waiting.message_id}.eml"'
    assert answer.content.endswith(b"Subject: Hello there\r\n\r\nHello\r\n")
    assert AuditEvent.objects.get(action="message.export").object_id == str(waiting.message_id)
    contoso.alice.memberships.update(role="helpdesk")
    assert as_alice.get(path).status_code == 403
    assert path not in page(as_alice.get(f"/queues/{waiting.queue_id}/"))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/queues/?status=unreachable", True),
        ("/queues/?next_hop=other.example", False),
        ("/queues/?older_than=1h", False),
        ("/queues/messages/", True),
        ("/queues/messages/?recipient=@elsewhere.example&state=unreachable", True),
        ("/queues/messages/?sender=nobody*", False),
    ],
)
def test_lists_are_narrowed_by_filters(waiting: Delivery, as_alice: Client, path: str, found: bool) -> None:
    assert (f"/queues/{waiting.queue_id}/" in page(as_alice.get(path))) == found


def test_a_filter_that_cannot_be_read_says_so_at_its_field(waiting: Delivery, as_alice: Client) -> None:
    for path in ("/queues/?older_than=soon", "/queues/messages/?older_than=soon"):
        assert "“soon” is no value for older_than" in page(as_alice.get(path))
    assert as_alice.get(f"/queues/messages/?queue={waiting.message_id}").status_code == 404


def test_poison_is_found_and_can_be_resumed(waiting: Delivery, as_alice: Client) -> None:
    Delivery.objects.update(state="poison", crashes=2, last_error_reason="queue.poison")
    text = page(as_alice.get("/queues/messages/?state=poison"))
    assert "set aside as poison" in text
    assert f"/messages/{waiting.message_id}/resume/" in page(as_alice.get(f"/queues/{waiting.queue_id}/"))
    page(as_alice.post(f"/queues/{waiting.queue_id}/messages/{waiting.message_id}/resume/", follow=True))
    assert Delivery.objects.get().state == "unreachable"


def test_lists_ask_as_much_for_many_as_for_one(
    contoso: Contoso, waiting: Delivery, as_alice: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        send(contoso.alice_mailbox, f"x@{number}.example")
    for path in ("/queues/?status=unreachable", "/queues/messages/?sender=alice*"):
        with django_assert_max_num_queries(20):
            page(as_alice.get(path))


def test_all_that_a_filter_finds_is_previewed_done_and_undone(waiting: Delivery, as_alice: Client) -> None:
    assert 'action="/queues/bulk/"' in page(as_alice.get("/queues/messages/?recipient=@elsewhere.example"))
    form = {"over": "messages", "what": "all", "verb": "suspend", "filter-recipient": "@elsewhere.example"}
    preview = as_alice.post("/queues/bulk/", form, follow=True)
    assert "1 message to 1 recipient" in page(preview)
    path = preview.redirect_chain[-1][0]
    assert Delivery.objects.get().state == "unreachable"
    assert "1 changed" in page(as_alice.post(f"{path}confirm/", follow=True))
    assert Delivery.objects.get().state == "suspended"
    assert "undoes an earlier one" in page(as_alice.post(f"{path}undo/", follow=True))
    assert Delivery.objects.get().state == "unreachable"
    assert page(as_alice.get("/queues/operations/")).count("/queues/operations/0") >= 2


def test_redirecting_many_asks_where_to_and_keeps_what_was_ticked(waiting: Delivery, as_alice: Client) -> None:
    ticked = f"{waiting.message_id}.{waiting.queue_id}"
    form = {"over": "messages", "what": "ticked", "verb": "redirect", "message": ticked}
    assert f'name="message" value="{ticked}"' in page(as_alice.post("/queues/bulk/", form))
    form["smart_host"] = "10.0.0.1"
    assert "loopback, private or reserved" in page(as_alice.post("/queues/bulk/", form))
    form["smart_host"] = "relay.fabrikam.example"
    preview = as_alice.post("/queues/bulk/", form, follow=True)
    assert "relay.fabrikam.example" in page(preview)
    page(as_alice.post(f"{preview.redirect_chain[-1][0]}confirm/", follow=True))
    assert Delivery.objects.get().is_redirected


def test_nothing_ticked_is_nothing_done(waiting: Delivery, as_alice: Client) -> None:
    form = {"over": "messages", "what": "ticked", "verb": "remove"}
    assert "Tick messages first" in page(as_alice.post("/queues/bulk/", form, follow=True))
    assert Delivery.objects.exists()
