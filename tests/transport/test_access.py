"""What a tenant is told of mail that was refused for want of an accepted domain (design §12.12)."""

from __future__ import annotations

import pytest
from django.utils import timezone

from tenants.models import Tenant
from tenants.scope import scope
from tests import factories
from tests.conftest import Contoso
from transport.access import RelayRefusals, relay_refusals
from transport.models import RelayRefusal

pytestmark = pytest.mark.django_db


def refuse(domain: str) -> None:
    RelayRefusal.objects.create(
        domain=domain, count=3, at=timezone.now(), sender="writer@elsewhere.example", recipient=f"reader@{domain}"
    )


def seen_by(tenant: Tenant) -> dict[str, RelayRefusals]:
    with scope(tenant):
        return {row.domain: row for row in relay_refusals()}


def test_a_claim_alone_shows_how_often_and_not_who_wrote_to_whom(contoso: Contoso) -> None:
    claimant = factories.make_tenant("fabrikam")
    factories.make_domain(claimant, "woodgrove.example", verified=False)
    refuse("woodgrove.example")
    row = seen_by(claimant)["woodgrove.example"]
    assert (row.refused, row.sender, row.recipient) == (3, "", "")
    assert seen_by(contoso.tenant) == {}


def test_a_domain_related_to_a_verified_one_is_told_in_full(contoso: Contoso) -> None:
    factories.make_tenant("fabrikam")
    refuse("mail.contoso.example")
    assert seen_by(contoso.tenant)["mail.contoso.example"].sender == "writer@elsewhere.example"


def test_the_only_tenant_is_told_in_full_and_the_platforms_own_does_not_count(contoso: Contoso) -> None:
    factories.make_tenant("platform", is_platform=True)
    refuse("woodgrove.example")
    assert seen_by(contoso.tenant)["woodgrove.example"].recipient == "reader@woodgrove.example"
