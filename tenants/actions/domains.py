"""Accepted domains: adding, changing, verifying, removing (reference §1)."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, ProtectedError
from django.utils import timezone
from django.utils.translation import gettext

from tenants.actions.actor import Actor
from tenants.actions.audit import audit, snapshot
from tenants.identifiers import uuid7
from tenants.limits import limits_of, plan_name
from tenants.models import AcceptedDomain, Tenant
from tenants.names import domain_name, printable_name
from tenants.problems import Problem, constraint_problems
from tenants.versioning import Picture, Restoration, VersionedType, register
from tenants.wakeups import configuration_changed, hold


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
    pk: UUID | None = None,
) -> AcceptedDomain:
    """Add a domain, unverified. The first one becomes the default. `pk` is the id of one that comes back."""
    ascii_name = domain_name(domain)
    name = printable_name(name)
    hold(tenant)
    if AcceptedDomain.objects.filter(tenant=tenant).count() >= (limit := limits_of(tenant).max_domains):
        raise Problem("limits.domains", field="domain", limit=limit, plan=plan_name(tenant))
    first = not AcceptedDomain.objects.filter(tenant=tenant, is_default=True).exists()
    former = _no_default(tenant) if is_default and not first else None
    with constraint_problems(_problems(ascii_name, name or ascii_name)):
        row = AcceptedDomain.objects.create(
            pk=pk or uuid7(),
            tenant=tenant,
            name=(name or ascii_name)[:64],
            domain=ascii_name,
            type=type,
            match_subdomains=match_subdomains,
            is_default=first if is_default is None else (is_default or first),
            verification_token=secrets.token_hex(16),
        )
    audit(actor=actor, tenant=tenant, action="accepted_domain.create", obj=row, after=snapshot(row))
    _audit_former_default(actor, former)
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
    former = _no_default(domain.tenant, but=domain) if changes.get("is_default") else None
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
    _audit_former_default(actor, former)
    configuration_changed(domain.tenant_id)
    return domain


@transaction.atomic
def delete_accepted_domain(*, actor: Actor, domain: AcceptedDomain) -> None:
    """Remove a domain that no address uses and that is not the default."""
    before = snapshot(domain)
    if domain.is_suspended:
        # Or it would come back as a new one, and send.
        raise Problem("domain.suspended", domain=domain.domain, why=domain.suspension_reason)
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


def _no_default(tenant: Tenant, but: AcceptedDomain | None = None) -> AcceptedDomain | None:
    """Take the mark from the domain that is the default, unless it is `but`. Return it as it was."""
    row = AcceptedDomain.objects.filter(tenant=tenant, is_default=True).first()
    if row is None or row == but:
        return None
    AcceptedDomain.objects.filter(pk=row.pk).update(is_default=False)
    return row


def _audit_former_default(actor: Actor, row: AcceptedDomain | None) -> None:
    """Tell that another domain is the default now, in the history of the one that was."""
    if row is None:
        return
    before, row.is_default = snapshot(row), False
    audit(
        actor=actor,
        tenant=row.tenant_id,
        action="accepted_domain.change",
        obj=row,
        before=before,
        after=snapshot(row),
    )


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


def _restore(asked: Restoration) -> AcceptedDomain:
    changes = dict(asked.changes)
    if not changes.get("is_default"):
        # One domain has to be the default, so the mark is given to another and never just taken away.
        changes.pop("is_default", None)
    if asked.current is None:
        return create_accepted_domain(actor=asked.actor, tenant=asked.tenant, pk=asked.object_id, **changes)
    if not changes:
        raise Problem("domain.default_needed", field="is_default", domain=asked.current.domain)
    return change_accepted_domain(actor=asked.actor, domain=asked.current, **changes)


def _notes(current: AcceptedDomain | None, picture: Picture, actor: Actor) -> list[str]:
    notes = []
    if current is None:
        notes.append(gettext("The domain has to be verified again, with a new record."))
    elif current.is_default and not picture["is_default"]:
        notes.append(gettext("It stays the default domain. To change that, make another one the default."))
    return notes


register(
    VersionedType(
        AcceptedDomain,
        ("name", "domain", "type", "match_subdomains", "is_default"),
        picture=snapshot,
        restore=_restore,
        notes=_notes,
    )
)
