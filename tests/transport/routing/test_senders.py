"""Who may send as whom, and what a client without the right is told."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from tests.transport.routing.scene import (
    ANN,
    OLD,
    STRANGER,
    domain,
    envelope,
    from_ann,
    ident,
    machine,
    only,
    tenant,
    user,
    verdict,
    world,
)
from transport.routing.envelope import Client, Envelope, Origin, Right, rights_of
from transport.routing.snapshot import DomainType


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("ann@contoso.com", None),
        ("Ann@CONTOSO.com", None),
        ("sales@contoso.com", None),
        ("", None),
        ("<>", None),
        ("off@contoso.com", "sender.not_yours"),
        ("nobody@contoso.com", "sender.not_yours"),
        ("old@exchange.local", "sender.not_yours"),
        ("bob@fabrikam.com", "sender.not_yours"),
        ("carol@gmail.example", "sender.not_yours"),
        ("ann@[192.0.2.1]", "sender.not_yours"),
        ("@fabrikam.com:ann@contoso.com", "sender.bad_address"),
        ("ann@contoso.com,bob@fabrikam.com", "sender.bad_address"),
        ("<ann@contoso.com>bob@fabrikam.com", "sender.bad_address"),
        ("ann@contoso.com\r\n", "sender.bad_address"),
    ],
)
def test_a_log_in_sends_only_as_its_own_addresses(sender: str, expected: str | None) -> None:
    routing = world().route(envelope(sender, "ann@contoso.com", client=user()))

    assert (routing.sender_refusal.reason_code if routing.sender_refusal else None) == expected
    assert verdict(routing) == (expected or "Mailboxes")


def test_the_refusal_of_a_foreign_sender_is_exchanges() -> None:
    refusal = world().route(envelope("bob@fabrikam.com", "x@y.example", client=user())).sender_refusal

    assert refusal is not None
    assert str(refusal.reply) == "550 5.7.60 Client does not have permissions to send as bob@fabrikam.com"


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("noreply@contoso.com", "gmail.example"),
        ("x@deep.sub.contoso.com", "gmail.example"),
        ("old@exchange.local", "sender.domain_not_public"),
        ("bob@fabrikam.com", "sender.not_yours"),
        ("carol@gmail.example", "sender.not_yours"),
        ("", "gmail.example"),
    ],
)
def test_a_key_of_the_tenant_sends_as_any_address_on_its_domains(sender: str, expected: str) -> None:
    client = replace(user(), origin=Origin.API, mailbox_id=None)

    assert verdict(world().route(envelope(sender, "carol@gmail.example", client=client))) == expected


@pytest.mark.parametrize(
    ("sender", "recipient", "expected"),
    [
        ("printer@contoso.com", "carol@gmail.example", "gmail.example"),
        ("printer@contoso.com", "ann@contoso.com", "Mailboxes"),
        ("old@exchange.local", "carol@gmail.example", "relay.denied"),
        ("bob@fabrikam.com", "carol@gmail.example", "relay.denied"),
        ("x@gmail.example", "carol@gmail.example", "relay.denied"),
        ("", "carol@gmail.example", "relay.denied"),
        ("x@gmail.example", "ann@contoso.com", "Mailboxes"),
        ("x@gmail.example", "old@exchange.local", "relay.denied"),
    ],
)
def test_an_address_range_relays_only_under_the_tenants_verified_name(
    sender: str, recipient: str, expected: str
) -> None:
    assert verdict(world().route(envelope(sender, recipient, client=machine()))) == expected


def test_a_machine_without_its_tenants_name_counts_as_a_stranger() -> None:
    routing = world().route(envelope("x@gmail.example", "ann@contoso.com", client=machine()))

    assert routing.messages[0].incoming
    assert any("Counts as a stranger" in line for line in routing.trace.lines())


def test_even_with_the_right_to_any_sender_nobody_takes_another_tenants_name() -> None:
    client = machine("contoso", Right.ACCEPT_ANY_SENDER)

    assert verdict(world().route(envelope("bob@fabrikam.com", "c@gmail.example", client=client))) == "sender.not_yours"
    assert verdict(world().route(envelope("x@other.example", "c@gmail.example", client=client))) == "gmail.example"


def test_without_the_right_to_submit_the_client_must_log_in() -> None:
    refusal = world().route(Envelope("a@b.example", ("ann@contoso.com",), 1, Client(Origin.ANONYMOUS))).sender_refusal

    assert refusal is not None
    assert (refusal.reason_code, str(refusal.reply)) == ("auth.required", "530 5.7.1 Client was not authenticated")


@pytest.mark.parametrize(
    ("rights", "sender", "expected"),
    [
        ({Right.ACCEPT_ANY_SENDER, Right.ACCEPT_AUTHORITATIVE_DOMAIN_SENDER}, "ann@contoso.com", None),
        ({Right.ACCEPT_ANY_SENDER}, "ann@contoso.com", "sender.unauthenticated"),
        ({Right.ACCEPT_ANY_SENDER}, "x@relay.contoso.net", None),
        (set(), "x@relay.contoso.net", "sender.unauthenticated"),
        (set(), "ann@contoso.com", "sender.unauthenticated"),
        (set(), "x@gmail.example", None),
        (set(), "", None),
    ],
)
def test_a_stranger_claims_our_domains_only_with_the_right(
    rights: set[Right], sender: str, expected: str | None
) -> None:
    client = replace(STRANGER, rights=frozenset({Right.SUBMIT, *rights}))
    refusal = world().route(envelope(sender, "ann@contoso.com", client=client)).sender_refusal

    assert (refusal.reason_code if refusal else None) == expected


def test_a_suspended_tenant_cannot_send_and_its_mail_is_put_off() -> None:
    there = world()
    asleep = there.tenants[ident("contoso")]
    there.add(replace(asleep, active=False))

    assert verdict(there.route(from_ann("carol@gmail.example"))) == "tenant.suspended"
    put_off = only(there.route(envelope("x@gmail.example", "ann@contoso.com"))).refusal
    assert put_off is not None
    assert put_off.reason_code == "tenant.receiving_suspended"
    assert put_off.reply.is_transient


def test_a_tenant_that_is_gone_cannot_send() -> None:
    client = replace(user(), tenant_id=uuid4())

    assert verdict(world().route(envelope("ann@contoso.com", "c@gmail.example", client=client))) == "tenant.suspended"


@pytest.mark.parametrize(
    ("authors", "accepted"),
    [
        ((), True),
        (("ann@contoso.com",), True),
        (("ann@contoso.com", "sales@contoso.com"), True),
        (("ann@contoso.com", "bob@fabrikam.com"), False),
        (("bob@fabrikam.com", "ann@contoso.com"), False),
        (("carol@gmail.example",), False),
        (("not an address",), False),
        (("",), False),
    ],
)
def test_the_authors_of_the_header_are_held_to_the_same_rule(authors: tuple[str, ...], accepted: bool) -> None:
    refusal = world().route(replace(from_ann("ann@contoso.com"), authors=authors)).sender_refusal

    assert (refusal is None) is accepted
    assert refusal is None or (refusal.reason_code, refusal.reply.enhanced) == ("sender.author_not_yours", "5.7.60")


def test_a_null_sender_does_not_free_the_author() -> None:
    one = Envelope("", ("carol@gmail.example",), 1, user(), authors=("bob@fabrikam.com",))

    assert verdict(world().route(one)) == "sender.author_not_yours"


def test_an_unverified_claim_on_a_neighbours_domain_gives_no_right_to_its_senders() -> None:
    there = world()
    greedy = tenant("greedy", [domain("greedy.example"), domain("fabrikam.com", verified=False)])
    mailbox = there.add(greedy).mailbox("greedy", "me@greedy.example", "bob@fabrikam.com")

    client = user(mailbox, "greedy")

    assert verdict(there.route(envelope("bob@fabrikam.com", "me@greedy.example", client=client))) == "sender.not_yours"


def test_groups_give_exchanges_rights() -> None:
    assert Right.ACCEPT_ANY_RECIPIENT not in rights_of(["anonymous_users"])
    assert Right.ACCEPT_ANY_RECIPIENT in rights_of(["anonymous_users"], ["accept_any_recipient"])
    assert Right.ACCEPT_ANY_SENDER not in rights_of(["exchange_users"])
    assert rights_of([]) == frozenset()
    with pytest.raises(ValueError, match="nonsense"):
        rights_of(["nonsense"])


def test_the_mailboxes_of_the_scene_differ() -> None:
    assert ANN != OLD
    assert DomainType("internal_relay") is DomainType.INTERNAL_RELAY
