"""Accepted domains through their actions: what an administrator may do, and what is refused with which reason."""

from __future__ import annotations

import pytest

from tenants.actions.actor import SYSTEM
from tenants.actions.domains import (
    change_accepted_domain,
    create_accepted_domain,
    delete_accepted_domain,
    record_dns_findings,
)
from tenants.models import AcceptedDomain, AuditEvent
from tests import factories
from tests.conftest import Contoso
from tests.expect import refused

pytestmark = pytest.mark.django_db


def test_the_first_domain_becomes_the_default() -> None:
    tenant = factories.make_tenant()
    first = create_accepted_domain(actor=SYSTEM, tenant=tenant, domain="one.example")
    second = create_accepted_domain(actor=SYSTEM, tenant=tenant, domain="two.example")
    assert (first.is_default, second.is_default) == (True, False)


def test_making_another_the_default_takes_the_mark_from_the_first() -> None:
    tenant = factories.make_tenant()
    first = create_accepted_domain(actor=SYSTEM, tenant=tenant, domain="one.example")
    second = create_accepted_domain(actor=SYSTEM, tenant=tenant, domain="two.example")
    change_accepted_domain(actor=SYSTEM, domain=second, is_default=True)
    first.refresh_from_db()
    assert not first.is_default


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("CONTOSO.Example.", "contoso.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("exchange.local", "exchange.local"),
    ],
)
def test_a_domain_is_kept_as_its_a_label(typed: str, kept: str) -> None:
    assert create_accepted_domain(actor=SYSTEM, tenant=factories.make_tenant(), domain=typed).domain == kept


@pytest.mark.parametrize(
    "typed", ["", "a b.example", "-a.example", "a..example", "a@b.example", "x" * 64 + ".example", "*.a"]
)
def test_nonsense_is_refused_as_an_invalid_domain(typed: str) -> None:
    with refused("domain.invalid"):
        create_accepted_domain(actor=SYSTEM, tenant=factories.make_tenant(), domain=typed)


def test_two_tenants_may_both_have_an_internal_name() -> None:
    for slug in ("one", "two"):
        create_accepted_domain(actor=SYSTEM, tenant=factories.make_tenant(slug), domain="exchange.local")
    assert AcceptedDomain.objects.filter(domain="exchange.local").count() == 2


def test_a_verified_domain_has_one_owner(contoso: Contoso) -> None:
    claim = create_accepted_domain(actor=SYSTEM, tenant=factories.make_tenant("thief"), domain="contoso.example")
    with refused("domain.taken"):
        record_dns_findings(actor=SYSTEM, domain=claim, findings={"resolvable": True}, proof_seen=True)


def test_verification_raises_the_configuration_version_and_is_audited() -> None:
    tenant = factories.make_tenant()
    domain = create_accepted_domain(actor=SYSTEM, tenant=tenant, domain="one.example")
    tenant.refresh_from_db()
    before = tenant.config_version
    record_dns_findings(actor=SYSTEM, domain=domain, findings={"resolvable": True}, proof_seen=True)
    tenant.refresh_from_db()
    assert domain.is_verified
    assert tenant.config_version > before
    assert AuditEvent.objects.filter(action="accepted_domain.verify", object_id=str(domain.pk)).exists()


def test_a_domain_with_addresses_cannot_be_removed(contoso: Contoso) -> None:
    domain = AcceptedDomain.objects.get(domain="contoso.example")
    with refused("domain.in_use"):
        delete_accepted_domain(actor=SYSTEM, domain=domain)


def test_the_domain_itself_never_changes(contoso: Contoso) -> None:
    with refused("domain.immutable"):
        change_accepted_domain(actor=SYSTEM, domain=AcceptedDomain.objects.get(), domain_name="other.example")
