"""Accepted domains: adding, changing, verifying, removing (reference §1)."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, ProtectedError
from django.utils import timezone

from tenants.actions.actor import Actor
from tenants.actions.audit import audit, snapshot
from tenants.models import AcceptedDomain, Tenant
from tenants.names import domain_name, printable_name
from tenants.problems import Problem, constraint_problems
from tenants.wakeups import configuration_changed


@transaction.atomic
def create_accepted_domain(
    *,
    actor: Actor,
    tenant: Tenant,
    domain: str,
    name: str = "",
    type: str = AcceptedDomain.Type.AUTHORITATIVE,
    match_subdomains: bool = False,
    is_default: bool | None = None,
) -> AcceptedDomain:
    """Add a domain, unverified. The first one becomes the default."""
    ascii_name = domain_name(domain)
    name = printable_name(name)
    if AcceptedDomain.objects.filter(tenant=tenant).count() >= tenant.max_domains:
        raise Problem("limits.domains", limit=tenant.max_domains)
    first = not AcceptedDomain.objects.filter(tenant=tenant, is_default=True).exists()
    if is_default and not first:
        _no_default(tenant)
    with constraint_problems(_problems(ascii_name, name or ascii_name)):
        row = AcceptedDomain.objects.create(
            tenant=tenant,
            name=(name or ascii_name)[:64],
            domain=ascii_name,
            type=type,
            match_subdomains=match_subdomains,
            is_default=first if is_default is None else (is_default or first),
            verification_token=secrets.token_hex(16),
        )
    audit(actor=actor, tenant=tenant, action="accepted_domain.create", obj=row, after=snapshot(row))
    configuration_changed(tenant.pk)
    return row


@transaction.atomic
def change_accepted_domain(*, actor: Actor, domain: AcceptedDomain, **changes: Any) -> AcceptedDomain:
    """Change name, type, match_subdomains or is_default. The domain itself never changes (reference §1)."""
    before = snapshot(domain)
    if changes.get("is_default") is False and domain.is_default:
        raise Problem("domain.default_needed", field="is_default", domain=domain.domain)
    for field, value in changes.items():
        if field not in {"name", "type", "match_subdomains", "is_default"}:
            raise Problem("domain.immutable", field=field, domain=domain.domain)
        setattr(domain, field, printable_name(value) if field == "name" else value)
    if changes.get("is_default"):
        _no_default(domain.tenant)
    with constraint_problems(_problems(domain.domain, domain.name)):
        domain.save(update_fields=[*changes])
    audit(
        actor=actor,
        tenant=domain.tenant_id,
        action="accepted_domain.change",
        obj=domain,
        before=before,
        after=snapshot(domain),
    )
    configuration_changed(domain.tenant_id)
    return domain


@transaction.atomic
def delete_accepted_domain(*, actor: Actor, domain: AcceptedDomain) -> None:
    """Remove a domain that no address uses and that is not the default."""
    before = snapshot(domain)
    if domain.is_default and AcceptedDomain.objects.filter(tenant_id=domain.tenant_id).exclude(pk=domain.pk).exists():
        raise Problem("domain.default_needed", domain=domain.domain)
    count = domain.addresses.count()
    if count:
        raise Problem("domain.in_use", domain=domain.domain, addresses=count)
    try:
        audit(actor=actor, tenant=domain.tenant_id, action="accepted_domain.delete", obj=domain, before=before)
        tenant_id = domain.tenant_id
        domain.delete()
    except ProtectedError:
        raise Problem("domain.in_use", domain=domain.domain, addresses=1) from None
    configuration_changed(tenant_id)


@transaction.atomic
def record_dns_findings(
    *, actor: Actor, domain: AcceptedDomain, findings: dict[str, Any], proof_seen: bool
) -> AcceptedDomain:
    """Keep what public DNS says of a domain; where the proof of ownership was seen, the domain is verified.

    The look-up itself happens outside, with no transaction open. A verified domain stays verified when
    the record goes away later: mail must not stop because somebody tidied a zone.
    """
    before = {"verified": domain.is_verified, "resolvable": domain.dns_findings.get("resolvable")}
    domain.dns_findings = findings
    domain.dns_checked_at = timezone.now()
    newly = proof_seen and not domain.is_verified
    if newly:
        domain.verified_at = domain.dns_checked_at
    with constraint_problems(_problems(domain.domain, domain.name)):
        domain.save(update_fields=["dns_findings", "dns_checked_at", "verified_at"])
    after = {"verified": domain.is_verified, "resolvable": findings.get("resolvable")}
    if after != before:
        action = "accepted_domain.verify" if newly else "accepted_domain.dns"
        audit(actor=actor, tenant=domain.tenant_id, action=action, obj=domain, before=before, after=after)
        configuration_changed(domain.tenant_id)
    return domain


def _no_default(tenant: Tenant) -> None:
    AcceptedDomain.objects.filter(tenant=tenant, is_default=True).update(is_default=False)


def _problems(domain: str, name: str) -> dict[str, Problem]:
    return {
        "accepted_domain_once_per_tenant": Problem("domain.exists", field="domain", domain=domain),
        "accepted_domain_name_once_per_tenant": Problem("domain.name_exists", field="name", name=name),
        "verified_domain_has_one_owner": Problem("domain.taken", field="domain", domain=domain),
        "accepted_domain_is_a_label": Problem("domain.invalid", field="domain", domain=domain, why=""),
        "accepted_domain_type_known": Problem("domain.invalid_type", field="type"),
    }


def domain_for_address(tenant_id: UUID, domain: str) -> AcceptedDomain | None:
    """Return the accepted domain that an address's domain falls under: exact first, then the nearest parent."""
    parents = [domain]
    while "." in parents[-1]:
        parents.append(parents[-1].partition(".")[2])
    rows = AcceptedDomain.objects.filter(tenant_id=tenant_id, domain__in=parents).order_by(F("domain"))
    usable = [row for row in rows if row.domain == domain or row.match_subdomains]
    return max(usable, key=lambda row: len(row.domain), default=None)
