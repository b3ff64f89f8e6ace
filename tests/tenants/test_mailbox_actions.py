"""Mailboxes and addresses through their actions: one reply address always, nobody's address twice."""

from __future__ import annotations

import pytest

from tenants.actions.actor import SYSTEM
from tenants.actions.mailboxes import AddressInput, change_mailbox, create_mailbox, delete_mailbox, set_reply_address
from tenants.models import EmailAddress, Mailbox
from tests import factories
from tests.conftest import Contoso
from tests.expect import refused

pytestmark = pytest.mark.django_db


def addresses_of(mailbox: Mailbox) -> list[tuple[str, bool]]:
    return sorted((str(row), row.is_primary) for row in EmailAddress.objects.filter(mailbox=mailbox))


def test_the_first_address_is_the_reply_address_where_none_is_marked(contoso: Contoso) -> None:
    inputs = [AddressInput("carol@contoso.example"), AddressInput("c@contoso.example")]
    mailbox = create_mailbox(actor=SYSTEM, tenant=contoso.tenant, display_name="Carol", addresses=inputs)
    assert addresses_of(mailbox) == [("c@contoso.example", False), ("carol@contoso.example", True)]


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ([], "mailbox.no_primary"),
        ([AddressInput("a@contoso.example", True), AddressInput("b@contoso.example", True)], "mailbox.two_primaries"),
        ([AddressInput("carol@elsewhere.example")], "address.domain_not_accepted"),
        ([AddressInput("ca rol@contoso.example")], "address.invalid"),
        ([AddressInput("carol")], "address.invalid"),
        ([AddressInput("ALICE@contoso.example")], "address.taken"),
    ],
)
def test_wrong_addresses_are_refused_with_their_reason(contoso: Contoso, inputs: list[AddressInput], code: str) -> None:
    with refused(code):
        create_mailbox(actor=SYSTEM, tenant=contoso.tenant, display_name="Carol", addresses=inputs)
    assert not Mailbox.objects.filter(display_name="Carol").exists()


def test_the_reply_address_moves_and_the_old_one_stays(contoso: Contoso) -> None:
    set_reply_address(actor=SYSTEM, mailbox=contoso.alice_mailbox, address="alice.a@contoso.example")
    assert addresses_of(contoso.alice_mailbox) == [("alice.a@contoso.example", True), ("alice@contoso.example", False)]


def test_an_address_left_out_of_the_new_list_is_free_again(contoso: Contoso) -> None:
    inputs = [AddressInput("alice.a@contoso.example", True)]
    change_mailbox(actor=SYSTEM, mailbox=contoso.alice_mailbox, addresses=inputs)
    change_mailbox(
        actor=SYSTEM,
        mailbox=contoso.bob_mailbox,
        addresses=[AddressInput("bob@contoso.example", True), AddressInput("alice@contoso.example")],
    )
    assert ("alice@contoso.example", False) in addresses_of(contoso.bob_mailbox)


def test_the_limit_of_mailboxes_is_kept(contoso: Contoso) -> None:
    contoso.tenant.max_mailboxes = 2
    with refused("limits.mailboxes"):
        create_mailbox(
            actor=SYSTEM, tenant=contoso.tenant, display_name="C", addresses=[AddressInput("c@contoso.example")]
        )


def test_a_removed_mailbox_takes_its_addresses_along(contoso: Contoso) -> None:
    delete_mailbox(actor=SYSTEM, mailbox=contoso.bob_mailbox)
    assert not EmailAddress.objects.filter(local_key="bob").exists()


def test_an_internal_name_serves_two_tenants_with_the_same_address() -> None:
    for slug in ("one", "two"):
        domain = factories.make_domain(factories.make_tenant(slug), "exchange.local", verified=False)
        factories.make_mailbox(domain, "ann")
    assert EmailAddress.objects.filter(local_key="ann", domain="exchange.local").count() == 2
