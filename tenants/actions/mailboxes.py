"""Mailboxes and their addresses; exactly one is primary, the reply address (reference §2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from tenants.actions.actor import Actor
from tenants.actions.app_passwords import revoke_app_passwords_made_by
from tenants.actions.audit import audit, snapshot
from tenants.actions.domains import domain_for_address
from tenants.actions.tenants import set_membership
from tenants.identifiers import uuid7
from tenants.limits import limits_of, plan_name
from tenants.models import EmailAddress, Mailbox, Membership, SuspensionMode, Tenant, User
from tenants.names import local_key, printable_name, split_mailbox_address
from tenants.problems import Problem, constraint_problems
from tenants.versioning import Picture, Restoration, VersionedType, register
from tenants.wakeups import RELEASE_TASK, configuration_changed, hold, wake_on_commit

MAX_QUOTA = 2**50
FACTS = ("suspended_at", "suspended_by", "suspension_reason", "suspension_mode")


@dataclass(frozen=True, slots=True)
class AddressInput:
    address: str
    is_primary: bool = False


@transaction.atomic
def create_mailbox(
    *,
    actor: Actor,
    tenant: Tenant,
    display_name: str,
    addresses: Sequence[AddressInput],
    verifier: str = "",
    quota: int | None = None,
    enabled: bool = True,
    user: User | None = None,
    pk: UUID | None = None,
    suspension_reason: str = "",
    suspension_mode: str = "",
) -> Mailbox:
    """Create a mailbox with its addresses. `verifier` is a SCRAM verifier, never a password.

    `pk` is the id of one that comes back.
    """
    hold(tenant)
    if Mailbox.objects.filter(tenant=tenant).count() >= (limit := limits_of(tenant).max_mailboxes):
        raise Problem("limits.mailboxes", field="display_name", limit=limit, plan=plan_name(tenant))
    mailbox = Mailbox(id=pk or uuid7(), tenant=tenant, display_name=display_name, verifier=verifier, user=user)
    mailbox.enabled = enabled
    if quota is not None:
        mailbox.quota = quota
    said = {"enabled": enabled, "suspension_reason": suspension_reason, "suspension_mode": suspension_mode}
    for field, value in _suspension(actor, mailbox, said).items():
        setattr(mailbox, field, value)
    _check(mailbox)
    mailbox.save()
    _write_addresses(mailbox, addresses)
    audit(actor=actor, tenant=tenant, action="mailbox.create", obj=mailbox, after=_picture(mailbox))
    configuration_changed(tenant.pk)
    return mailbox


@transaction.atomic
def change_mailbox(
    *, actor: Actor, mailbox: Mailbox, addresses: Sequence[AddressInput] | None = None, **changes: Any
) -> Mailbox:
    """Change a mailbox; `addresses`, where given, is the whole new list."""
    before = _picture(mailbox)
    changes |= _suspension(actor, mailbox, changes)
    for field, value in changes.items():
        if field not in {"display_name", "enabled", "quota", "verifier", "user", *FACTS}:
            raise Problem("api.unknown_field", field=field, name=field)
        setattr(mailbox, field, value)
    _check(mailbox)
    if changes:
        mailbox.save(update_fields=[*changes])
    if addresses is not None:
        _write_addresses(mailbox, addresses)
    after = _picture(mailbox) | ({"password": "changed"} if "verifier" in changes else {})
    audit(actor=actor, tenant=mailbox.tenant_id, action="mailbox.change", obj=mailbox, before=before, after=after)
    configuration_changed(mailbox.tenant_id)
    if changes.get("enabled"):
        wake_on_commit(RELEASE_TASK)
    return mailbox


def _suspension(actor: Actor, mailbox: Mailbox, changes: dict[str, Any]) -> dict[str, Any]:
    """Return the facts that go with `enabled` being changed: a reason and a mode may come with it, and need not."""
    if changes.get("enabled", mailbox.enabled):
        unwanted = dict.fromkeys({"suspension_reason", "suspension_mode"} & changes.keys(), "")
        return unwanted if mailbox.enabled else {"suspended_at": None, **dict.fromkeys(FACTS[1:], "")}
    reason = printable_name(changes.get("suspension_reason", mailbox.suspension_reason), field="suspension_reason")
    mode = changes.get("suspension_mode", mailbox.suspension_mode) or SuspensionMode.PERMANENT
    if mode not in SuspensionMode.values:
        known = ", ".join(SuspensionMode.values)
        raise Problem("suspension.invalid_mode", field="suspension_mode", mode=str(mode)[:32], known=known)
    return {
        "suspended_at": mailbox.suspended_at or timezone.now(),
        "suspended_by": mailbox.suspended_by or actor.name,
        "suspension_reason": reason[:500],
        "suspension_mode": mode,
    }


@transaction.atomic
def set_reply_address(*, actor: Actor, mailbox: Mailbox, address: str) -> Mailbox:
    """Make an address the mailbox's reply address, adding it if it is new: the fix of story B."""
    local, domain = split_mailbox_address(address)
    wanted = (local_key(local), domain)
    rows = list(mailbox.addresses.all())
    inputs = [AddressInput(str(row), (row.local_key, row.domain) == wanted) for row in rows]
    if not any(item.is_primary for item in inputs):
        inputs.append(AddressInput(address, is_primary=True))
    return change_mailbox(actor=actor, mailbox=mailbox, addresses=inputs)


@transaction.atomic
def delete_mailbox(*, actor: Actor, mailbox: Mailbox) -> None:
    """Remove a mailbox with its addresses and letters. Mail on its way to it is routed again, and bounces."""
    audit(actor=actor, tenant=mailbox.tenant_id, action="mailbox.delete", obj=mailbox, before=_picture(mailbox))
    release_log_in(actor=actor, mailbox=mailbox)
    tenant_id = mailbox.tenant_id
    mailbox.delete()
    configuration_changed(tenant_id)


def release_log_in(*, actor: Actor, mailbox: Mailbox) -> None:
    """Before a mailbox is taken from its user: end their app passwords, and a membership for nothing but this."""
    if mailbox.user is None:
        return
    revoke_app_passwords_made_by(actor=actor, mailbox=mailbox, user=mailbox.user)
    if Mailbox.objects.filter(user=mailbox.user_id).exclude(pk=mailbox.pk).exists():
        return
    mine = Membership.objects.filter(tenant_id=mailbox.tenant_id, user=mailbox.user_id)
    if mine.filter(role=Membership.Role.MAILBOX_USER).exists():
        set_membership(actor=actor, tenant=mailbox.tenant, user=mailbox.user, role=None)


def _check(mailbox: Mailbox) -> None:
    mailbox.display_name = printable_name(mailbox.display_name, field="display_name")
    if not mailbox.display_name:
        raise Problem("mailbox.no_name", field="display_name")
    if not 0 < mailbox.quota <= MAX_QUOTA:
        why = gettext("It goes from 1 byte to {limit} bytes.").format(limit=MAX_QUOTA)
        raise Problem("mailbox.invalid_quota", field="quota", quota=mailbox.quota, why=why)


def _write_addresses(mailbox: Mailbox, inputs: Sequence[AddressInput]) -> None:
    """Make the rows what the list says, keeping those that stay."""
    wanted = _wanted_addresses(mailbox.tenant_id, inputs)
    kept = {(row.domain, row.local_key): row for row in EmailAddress.objects.filter(mailbox=mailbox)}
    EmailAddress.objects.filter(pk__in=[row.pk for key, row in kept.items() if key not in wanted]).delete()
    # Two primaries at once would break the partial index: take the mark away first, then give it.
    EmailAddress.objects.filter(mailbox=mailbox, is_primary=True).update(is_primary=False)
    table = {
        "mailbox_has_reply_address": Problem("mailbox.no_primary", field="addresses"),
        "one_reply_address_per_mailbox": Problem("mailbox.two_primaries", field="addresses"),
    }
    with constraint_problems(table, deferred=True):
        for key, fields in wanted.items():
            taken = Problem("address.taken", field="addresses", address=f"{fields['local_part']}@{key[0]}")
            with constraint_problems({"address_is_unique": taken}):
                row = kept.get(key) or EmailAddress(tenant_id=mailbox.tenant_id, mailbox=mailbox)
                for name, value in fields.items():
                    setattr(row, name, value)
                row.save()
    mailbox._prefetched_objects_cache = {}  # type: ignore[attr-defined]  # what was prefetched is old now


def _wanted_addresses(tenant_id: UUID, inputs: Sequence[AddressInput]) -> dict[tuple[str, str], dict[str, Any]]:
    if not inputs:
        raise Problem("mailbox.no_primary", field="addresses")
    primaries = sum(item.is_primary for item in inputs)
    if primaries > 1:
        raise Problem("mailbox.two_primaries", field="addresses")
    wanted: dict[tuple[str, str], dict[str, Any]] = {}
    for position, item in enumerate(inputs):
        local, domain = split_mailbox_address(item.address, field="addresses")
        accepted = domain_for_address(tenant_id, domain)
        if accepted is None:
            raise Problem("address.domain_not_accepted", field="addresses", address=item.address, domain=domain)
        wanted[domain, local_key(local)] = {
            "accepted_domain": accepted,
            "domain": domain,
            "local_part": local,
            "local_key": local_key(local),
            "is_primary": item.is_primary if primaries else position == 0,
        }
    return dict(sorted(wanted.items(), key=lambda entry: entry[1]["is_primary"]))


def _picture(mailbox: Mailbox) -> dict[str, Any]:
    rows = EmailAddress.objects.filter(mailbox=mailbox)
    return snapshot(mailbox, addresses=[{"address": str(row), "is_primary": row.is_primary} for row in rows])


def _restore(asked: Restoration) -> Mailbox:
    changes = dict(asked.changes)
    if "addresses" in changes:
        changes["addresses"] = [AddressInput(one["address"], one["is_primary"]) for one in changes["addresses"]]
    if asked.current is None:
        return create_mailbox(actor=asked.actor, tenant=asked.tenant, pk=asked.object_id, **changes)
    return change_mailbox(actor=asked.actor, mailbox=asked.current, **changes)


def _notes(current: Mailbox | None, picture: Picture, actor: Actor) -> list[str]:
    if current is not None:
        return [gettext("Letters, passwords and the log-in stay as they are.")]
    return [
        gettext("The mailbox comes back empty: its letters went with it."),
        gettext("It has no password and no log-in until you set them."),
    ]


register(
    VersionedType(
        Mailbox,
        ("display_name", "addresses", "enabled", "quota"),
        picture=_picture,
        restore=_restore,
        notes=_notes,
    )
)
