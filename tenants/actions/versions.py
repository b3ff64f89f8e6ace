"""Versions of configuration objects: kept with every audited change, and reverted to through the ordinary actions.

They are rows of their own rather than read out of the audit log: a version is whole and can be restored, numbered,
compared by time with an index, and thinned out after a year, while the log keeps every word for good.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Model

from tenants.actions.actor import Actor
from tenants.identifiers import uuid7_at
from tenants.models import AuditEvent, ConfigurationVersion, Tenant
from tenants.problems import Problem
from tenants.versioning import VERSIONED, Picture, Restoration, VersionedType, changes_between, model_values, pick

FOUND = "configuration.found"  # the action of a version that was there before anybody kept versions


def keep_version(event: AuditEvent, obj: Model) -> None:
    """Write the version that an audited change made, where the object is of a kind that keeps them and differs.

    The tenant's row is locked, so that two changes at once do not take one number: its configuration version goes up
    with each of them anyway. NO KEY lets mail in meanwhile, which refers to the tenant.
    """
    kind = VERSIONED.get(event.object_type)
    if kind is None or event.tenant_id is None:
        return
    locked = Tenant.objects.select_for_update(no_key=True).filter(pk=event.tenant_id)
    config_version = locked.values_list("config_version", flat=True).get()
    same = {"tenant_id": event.tenant_id, "object_type": event.object_type, "object_id": obj.pk}
    last = ConfigurationVersion.objects.filter(**same).order_by("-number").first()
    if last is None:
        last = _first_known(kind, event, obj, same)
    picture = None if event.action.endswith(".delete") else kind.settings(obj)
    if last is not None and last.picture == picture:
        return
    _write(
        same,
        at=event.at,
        number=last.number + 1 if last else 1,
        object_name=event.object_name,
        actor_kind=event.actor_kind,
        actor_id=event.actor_id,
        actor_name=event.actor_name,
        action=event.action,
        reverted_to=event.reverted_to,
        picture=picture,
        config_version=config_version + 1,
        event_id=event.pk,
    )


def _first_known(
    kind: VersionedType, event: AuditEvent, obj: Model, same: dict[str, Any]
) -> ConfigurationVersion | None:
    """Keep how an object was that is older than its versions, as of its making; None where this event makes it."""
    before, after = (pick(values or {}, kind.fields) for values in (event.before, event.after))
    if event.before is None and len(after) == len(kind.fields):
        return None
    # An event that tells only a part, as of a suspension, changed no setting.
    before = before if len(before) == len(kind.fields) else kind.settings(obj)
    return _write(
        same,
        at=getattr(obj, "created_at", event.at),
        number=1,
        object_name=event.object_name,
        actor_kind="system",
        actor_name="Postroom",
        action=FOUND,
        picture=before,
        config_version=1,
    )


def _write(same: dict[str, Any], *, at: datetime, **fields: Any) -> ConfigurationVersion:
    version_id = uuid7_at(int(at.timestamp() * 1000))
    return ConfigurationVersion.objects.create(id=version_id, at=at, **same, **fields)


@transaction.atomic
def revert_to_version(*, actor: Actor, version: ConfigurationVersion, secret: str | None = None) -> Model:
    """Bring an object back to a version, by the action that any change goes through. Return the object.

    One that was removed comes back under its old id. Secrets stay as they are; `secret` is a password that goes with
    the object, needed where it is gone with the object. Raises the action's Problem where it refuses.
    """
    kind = kind_of(version)
    if version.picture is None:
        raise Problem("version.of_removal", number=version.number)
    tenant = Tenant.objects.get(pk=version.tenant_id)
    current = current_object(version, lock=True)
    changes = pending_changes(version, current)
    if current is not None and not changes:
        raise Problem("version.nothing_to_revert", number=version.number)
    return kind.restore(
        Restoration(
            replace(actor, reverting=(str(version.object_id), version.number)),
            tenant,
            current,
            version.object_id,
            version.number,
            version.picture,
            model_values(kind.model, changes),
            secret,
        )
    )


def kind_of(version: ConfigurationVersion) -> VersionedType:
    """Return the kind of object that a version is of."""
    kind = VERSIONED.get(version.object_type)
    if kind is None:
        raise Problem("version.unknown_kind", kind=version.object_type)
    return kind


def current_object(version: ConfigurationVersion, *, lock: bool = False) -> Model | None:
    """Return the object of a version as it is now; None where it is gone."""
    kind = kind_of(version)
    rows = kind.model._default_manager.filter(pk=version.object_id).filter(**{kind.tenant_field: version.tenant_id})
    return (rows.select_for_update(of=("self",), no_key=True) if lock else rows).first()


def pending_changes(version: ConfigurationVersion, current: Model | None) -> Picture:
    """Return what a revert to this version would set: all of it where the object is gone."""
    kind = kind_of(version)
    wanted = {name: value for name, value in (version.picture or {}).items() if name not in kind.told_only}
    if current is None:
        return wanted
    present = kind.settings(current)
    return {change.field: wanted[change.field] for change in changes_between(present, wanted) if change.field in wanted}
