"""Making tenants and changing their settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext

from tenants.actions.actor import Actor
from tenants.actions.audit import audit, snapshot
from tenants.limits import HIGHEST, NAMES
from tenants.models import Membership, Plan, Tenant, User
from tenants.names import printable_name
from tenants.permissions import Permission
from tenants.problems import Problem, constraint_problems
from tenants.versioning import Picture, Restoration, VersionedType, register
from tenants.wakeups import configuration_changed

CHANGEABLE = {
    "name",
    "language",
    "time_zone",
    "require_second_factor",
    "retry_schedule",
    "message_expiration_timeout",
    "delay_notification_timeout",
}
MIN_EXPIRY, MAX_EXPIRY = timedelta(seconds=5), timedelta(days=90)
USER_FIELDS = ("name", "language", "is_operator")
OPERATORS_ONLY = frozenset(NAMES) | {"plan"}


@transaction.atomic
def create_tenant(
    *,
    actor: Actor,
    slug: str,
    name: str = "",
    owner_email: str = "",
    owner_password: str | None = None,
    **limits: Any,
) -> Tenant:
    """Create a tenant, with its first owner where an e-mail address is given."""
    if slugify(slug) != slug or not slug:
        raise Problem("tenant.invalid_slug", field="slug", slug=slug[:63])
    tenant = Tenant(slug=slug, name=name or slug, **limits)
    _check(tenant)
    with constraint_problems({"tenants_tenant_slug_key": Problem("tenant.slug_taken", field="slug", slug=slug)}):
        tenant.save()
    if owner_email:
        owner = make_user(actor=actor, email=owner_email, password=owner_password, tenant=tenant)
        Membership.objects.create(tenant=tenant, user=owner, role=Membership.Role.OWNER)
    audit(actor=actor, tenant=tenant, action="tenant.create", obj=tenant, after=snapshot(tenant, owner=owner_email))
    return tenant


def make_user(
    *,
    actor: Actor,
    email: str,
    password: str | None,
    name: str = "",
    is_operator: bool = False,
    tenant: Tenant | None = None,
) -> User:
    """Return the user with this e-mail address, made if there is none. A known one keeps its password.

    The audit log of `tenant` has it, where it is made for one: a tenant's session may write to no other.
    """
    known = User.objects.filter(email=email.strip().lower()).first()
    if known:
        return known
    if password is not None:
        check_password_strength(password)
    user = User.objects.create_user(email, password, name=name, is_operator=is_operator)
    after = {"email": user.email, "operator": is_operator}
    audit(actor=actor, tenant=tenant, action="user.create", obj=user, after=after)
    return user


def check_password_strength(password: str) -> None:
    """Raise Problem("user.weak_password") for one that is too short or too common."""
    try:
        validate_password(password)
    except ValidationError as error:
        raise Problem("user.weak_password", field="password", why=" ".join(error.messages)) from None


@transaction.atomic
def change_tenant(*, actor: Actor, tenant: Tenant, **changes: Any) -> Tenant:
    """Change settings of a tenant; which ones, the caller's face decides (CHANGEABLE, OPERATORS_ONLY)."""
    before = snapshot(tenant)
    for field, value in changes.items():
        if field not in CHANGEABLE | OPERATORS_ONLY:
            raise Problem("api.unknown_field", field=field, name=field)
        setattr(tenant, field, value)
    _check(tenant)
    tenant.save(update_fields=[*changes])
    audit(actor=actor, tenant=tenant, action="tenant.change", obj=tenant, before=before, after=snapshot(tenant))
    configuration_changed(tenant.pk)
    return tenant


def _check(tenant: Tenant) -> None:
    tenant.name = printable_name(tenant.name)
    known = dict(settings.LANGUAGES)
    if tenant.language not in known:
        raise Problem("tenant.invalid_language", field="language", language=tenant.language, known=", ".join(known))
    if tenant.time_zone not in available_timezones():
        raise Problem("tenant.invalid_time_zone", field="time_zone", time_zone=tenant.time_zone)
    if not MIN_EXPIRY <= tenant.message_expiration_timeout <= MAX_EXPIRY:
        raise Problem("tenant.invalid_expiry", field="message_expiration_timeout")
    if tenant.delay_notification_timeout <= timedelta(0):
        raise Problem("tenant.invalid_delay_notice", field="delay_notification_timeout")
    if tenant.delay_notification_timeout >= tenant.message_expiration_timeout:
        raise Problem("tenant.delay_after_expiry", field="delay_notification_timeout")
    check_limits(tenant)


def check_limits(row: Tenant | Plan) -> None:
    """Raise Problem("tenant.invalid_limit") for the first limit out of its reach; None is the plan's."""
    for field, high in HIGHEST.items():
        value = getattr(row, field)
        if value is not None and not 0 <= value <= high:
            raise Problem("tenant.invalid_limit", field=field, value=value, high=high)


@transaction.atomic
def set_user(
    *, actor: Actor, user: User, password: str | None = None, tenant: Tenant | None = None, **changes: Any
) -> User:
    """Change a user's name, language, rights or password; `tenant` is whose audit log has it, None the operators'."""
    before = {name: getattr(user, name) for name in USER_FIELDS}
    for field, value in changes.items():
        if field not in USER_FIELDS:
            raise Problem("api.unknown_field", field=field, name=field)
        setattr(user, field, value)
    if password:
        check_password_strength(password)
        user.set_password(password)
    user.save()
    after = {name: getattr(user, name) for name in USER_FIELDS} | ({"password": "changed"} if password else {})
    audit(actor=actor, tenant=tenant, action="user.change", obj=user, before=before, after=after)
    return user


@transaction.atomic
def set_membership(*, actor: Actor, tenant: Tenant, user: User, role: str | None) -> Membership | None:
    """Give a user a role in a tenant, or take it away with None. The last owner stays."""
    row = Membership.objects.filter(tenant=tenant, user=user).first()
    if row is not None and row.role == Membership.Role.OWNER and role != Membership.Role.OWNER:
        check_other_owner(row)
    before = {"role": row.role} if row else None
    if role is None:
        if row is not None:
            audit(actor=actor, tenant=tenant, action="membership.delete", obj=row, before=before)
            row.delete()
        return None
    row = row or Membership(tenant=tenant, user=user)
    row.role = role
    row.save()
    audit(actor=actor, tenant=tenant, action="membership.set", obj=row, before=before, after={"role": role})
    return row


def _restore(asked: Restoration) -> Tenant:
    return change_tenant(actor=asked.actor, tenant=asked.current, **asked.changes)


def _notes(current: Tenant | None, picture: Picture, actor: Actor) -> list[str]:
    return [gettext("Limits and status are the operator's, and stay as they are.")]


register(
    VersionedType(
        Tenant,
        tuple(sorted(CHANGEABLE)),
        picture=snapshot,
        restore=_restore,
        notes=_notes,
        permission=Permission.MANAGE_TENANT,
        tenant_field="pk",
    )
)


def check_other_owner(owner: Membership) -> None:
    """Raise Problem("user.last_owner") where nobody but this owner could act for the organisation.

    All owners are locked, so that two cannot go, or be suspended, at once and leave nobody.
    """
    rows = Membership.objects.filter(tenant_id=owner.tenant_id, role=Membership.Role.OWNER)
    owners = list(rows.select_related("user").order_by("pk").select_for_update(of=("self",)))
    if not any(row.pk != owner.pk and not row.is_suspended and row.user.is_active for row in owners):
        raise Problem("user.last_owner", field="role")
