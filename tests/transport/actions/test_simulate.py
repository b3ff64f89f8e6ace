"""What a simulation tells: everything of one's own organisation, of another one what a stranger is told at RCPT."""

from __future__ import annotations

from typing import Any

import pytest

from tenants.models import Tenant
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from transport.actions.simulate import simulate

pytestmark = pytest.mark.django_db


@pytest.fixture
def fabrikam(db: None) -> Tenant:
    """A neighbour with a mailbox, a disabled and a full one, and a relay domain behind its own smart host."""
    tenant = factories.make_tenant("fabrikam")
    domain = factories.make_domain(tenant, "fabrikam.example")
    factories.make_mailbox(domain, "secret-primary", aliases=["carol"], display_name="Secret Carol")
    factories.make_mailbox(domain, "off", enabled=False, display_name="Secret Off")
    factories.make_mailbox(domain, "full", quota=1, used_bytes=2, display_name="Secret Full")
    factories.make_domain(tenant, "relay.example", type="internal_relay")
    hub = [("secret-hub.example", 25)]
    factories.make_send_connector(
        tenant, "relay.example", name="Secret connector", smart_hosts=hub, max_message_size=10_000
    )
    return tenant


def told(contoso: Contoso, sender: str, recipient: str, **more: Any) -> tuple[str, str]:
    """Return the verdict, and all that the answer says."""
    with scope(contoso.tenant):
        result = simulate(tenant=contoso.tenant, sender=sender, recipient=recipient, **more)
    (outcome,) = result.outcomes
    return outcome.verdict, f"{result.to_json()} {outcome.facts}"


@pytest.mark.parametrize("sender", ["alice@contoso.example", "stranger@elsewhere.example", ""])
@pytest.mark.parametrize(
    ("recipient", "size", "verdict"),
    [
        ("carol@fabrikam.example", 1, "handed_over"),
        ("off@fabrikam.example", 1, "refused"),
        ("full@fabrikam.example", 1, "refused"),
        ("nobody@fabrikam.example", 1, "refused"),
        ("any@relay.example", 1, "handed_over"),
        ("any@relay.example", 100_000, "refused"),
    ],
)
def test_a_neighbours_mailboxes_and_connectors_are_not_told(
    contoso: Contoso, fabrikam: Tenant, sender: str, recipient: str, size: int, verdict: str
) -> None:
    found, answer = told(contoso, sender, recipient, size=size)
    assert found == verdict
    assert "secret" not in answer.lower()


def test_ones_own_mailbox_and_connectors_are_told(contoso: Contoso) -> None:
    factories.make_send_connector(contoso.tenant, "*", name="Internet")
    assert "alice@contoso.example" in told(contoso, "stranger@elsewhere.example", "alice@contoso.example")[1]
    assert "Internet" in told(contoso, "alice@contoso.example", "x@elsewhere.example")[1]


def test_a_strangers_attempt_to_relay_is_explained(contoso: Contoso) -> None:
    verdict, answer = told(contoso, "stranger@elsewhere.example", "x@elsewhere.example")
    assert verdict == "refused"
    assert "Unable to relay" in answer.partition("'trace'")[2]


def test_from_a_clients_address_the_sender_is_a_stranger(contoso: Contoso) -> None:
    verdict, answer = told(contoso, "alice@contoso.example", "x@elsewhere.example", client_address="192.0.2.7")
    assert (verdict, "relay.denied" in answer) == ("refused", True)


def test_an_operator_is_told_all(fabrikam: Tenant) -> None:
    result = simulate(tenant=None, sender="", recipient="carol@fabrikam.example")
    assert "Secret Carol" in str(result.to_json())
