"""`manage.py queues`: the queue viewer in the terminal."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tenants.models import AuditEvent
from tests import factories
from tests.conftest import Contoso
from tests.transport.workers import send
from transport.models import Delivery, Queue

pytestmark = pytest.mark.django_db


def run(*arguments: str, tenant: str | None = "contoso") -> str:
    out = StringIO()
    call_command("queues", *arguments, *(["--tenant", tenant] if tenant else []), stdout=out, stderr=StringIO())
    return out.getvalue()


def told(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


@pytest.fixture
def waiting(contoso: Contoso) -> str:
    """Two messages in two queues; the id of the one that is unreachable."""
    factories.make_send_connector(contoso.tenant, "one.example", name="Partners")
    send(contoso.alice_mailbox, "a@one.example")
    return str(send(contoso.alice_mailbox, "b@elsewhere.net"))


def test_lists_are_narrowed(waiting: str) -> None:
    assert [row["next_hop_domain"] for row in told("--status", "unreachable")] == ["Unreachable Domain"]
    assert [row["identity"] for row in told("--next-hop", "one*")] == [r"Partners\one.example"]
    assert told("--next-hop", "one*")[0]["incoming"] > 0
    (message,) = told("--recipient", "@elsewhere.net")
    assert (message["message_id"], message["recipients"][0]["reason"]) == (waiting, "route.no_connector")
    assert len(told("--messages")) == 2
    assert "b@elsewhere.net" in run("--messages", "--state", "unreachable")
    assert run("--older-than", "1h") == "Nothing found.\n"


def test_what_the_filters_find_is_steered(waiting: str) -> None:
    assert run("suspend", "--status", "unreachable") == "Suspend: 1 queues changed, 0 left as they were.\n"
    assert [queue.next_hop_domain for queue in Queue.objects.filter(suspended=True)] == ["Unreachable Domain"]
    run("resume", "--status", "suspended")
    run("suspend", "--recipient", "a@one.example", "--dry-run")
    assert not Delivery.objects.filter(state="suspended").exists()
    run("suspend", "--message", waiting)
    assert [str(row.message_id) for row in Delivery.objects.filter(state="suspended")] == [waiting]
    run("resume", "--messages", "--state", "suspended")
    assert not Delivery.objects.filter(state="suspended").exists()
    for verb in ("retry", "resubmit"):
        assert "1 recipients changed" in run(verb, "--message", waiting)
    assert {event.actor_name for event in AuditEvent.objects.filter(action__startswith="bulk_operation")} == {
        "manage.py queues"
    }


def test_messages_are_redirected_and_come_back(contoso: Contoso, waiting: str) -> None:
    assert "1 recipients changed" in run("redirect", "--message", waiting, "--to", "Partners")
    assert Delivery.objects.get(message_id=waiting).queue.next_hop_domain == "elsewhere.net"
    assert "1 recipients changed" in run("redirect", "--message", waiting, "--to", "relay.example:2525")
    assert Delivery.objects.get(message_id=waiting).queue.next_hop_domain == "relay.example:2525"
    run("undo-redirect", "--redirected", "yes")
    assert not Delivery.objects.get(message_id=waiting).is_redirected


def test_messages_are_removed_and_exported(waiting: str, tmp_path: Path) -> None:
    run("export", "--message", waiting, "--output", str(tmp_path / "letter.eml"))
    assert b"Subject: Hi\r\n" in (tmp_path / "letter.eml").read_bytes()
    run("remove", "--message", waiting, "--with-ndr")
    assert Delivery.objects.get(message_id=waiting).pending == "remove_with_ndr"
    run("remove", "--next-hop", "one.example")
    assert not Delivery.objects.exclude(message_id=waiting).exists()


@pytest.mark.parametrize(
    ("arguments", "tenant", "words"),
    [
        (["retry", "--status", "retry"], None, "--tenant is needed"),
        (["remove"], "contoso", "give a filter"),
        (["redirect", "--next-hop", "*"], "contoso", "one of the two"),
        (["redirect", "--next-hop", "*", "--to", "10.0.0.1"], "contoso", "connector.forbidden_address"),
        (["--older-than", "soon"], "contoso", "queue.bad_filter"),
        (["--messages", "--min-messages", "1"], "contoso", "for queues"),
        (["export", "--message", "7"], "contoso", "Say which"),
        (["suspend", "--message", "7"], "contoso", "no id"),
    ],
)
def test_what_makes_no_sense_is_refused(contoso: Contoso, arguments: list[str], tenant: str | None, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run(*arguments, tenant=tenant)
