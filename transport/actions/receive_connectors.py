"""Receive connectors: the operator's listeners, and a tenant's relay permissions (reference §4, design §12.14)."""

from __future__ import annotations

import ipaddress
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from tenants.actions.actor import Actor
from tenants.actions.audit import audit, snapshot
from tenants.identifiers import uuid7
from tenants.models import Tenant
from tenants.names import domain_name, printable_name
from tenants.problems import Problem, constraint_problems
from tenants.versioning import Picture, Restoration, VersionedType, register
from tenants.wakeups import configuration_changed, platform_changed
from transport.actions.bounds import RECEIVE, check_bounds
from transport.models import ReceiveConnector
from transport.routing.envelope import PermissionGroup, Right
from transport.routing.ranges import AddressRange, InvalidRange

OWN_PORTS = {"smtp", "submission", "submissions"}
AUTH_MECHANISMS = {"tls", "basic_auth", "basic_auth_require_tls"}
PERMISSION_GROUPS = {group.value for group in PermissionGroup}
RIGHTS = {right.value for right in Right}
TENANTS_FIELDS = {"name", "comment", "enabled", "remote_ranges", "max_message_size"}
OPERATORS_FIELDS = TENANTS_FIELDS | {
    "bindings",
    "auth_mechanisms",
    "permission_groups",
    "permissions",
    "fqdn",
    "banner",
    "implicit_tls",
    "require_tls",
    "max_header_size",
    "max_hop_count",
    "max_recipients_per_message",
    "max_inbound_connections",
    "max_inbound_connections_per_source",
    "max_protocol_errors",
    "max_logon_failures",
    "connection_timeout",
    "connection_inactivity_timeout",
    "tarpit_interval",
    "message_rate_limit",
    "message_rate_source",
}


@transaction.atomic
def create_receive_connector(
    *, actor: Actor, tenant: Tenant | None, name: str, pk: UUID | None = None, **fields: Any
) -> ReceiveConnector:
    """Create a listener (no tenant; operators only) or a tenant's relay permission, not yet approved.

    `pk` is the id of one that comes back.
    """
    connector = ReceiveConnector(id=pk or uuid7(), tenant=tenant, bindings=["smtp"])
    if tenant is not None and "remote_ranges" not in fields:
        raise Problem("receive_connector.no_range", field="remote_ranges")
    _write(actor, connector, {"name": name, **fields})
    audit(actor=actor, tenant=tenant, action="receive_connector.create", obj=connector, after=snapshot(connector))
    _changed(connector)
    return connector


@transaction.atomic
def change_receive_connector(*, actor: Actor, connector: ReceiveConnector, **fields: Any) -> ReceiveConnector:
    """Change a connector. New ranges of a tenant's wait for an operator's approval again."""
    before = snapshot(connector)
    _write(actor, connector, fields)
    after = snapshot(connector)
    audit(
        actor=actor,
        tenant=connector.tenant_id,
        action="receive_connector.change",
        obj=connector,
        before=before,
        after=after,
    )
    _changed(connector)
    return connector


@transaction.atomic
def approve_receive_connector(*, actor: Actor, connector: ReceiveConnector) -> ReceiveConnector:
    """Let a tenant's ranges count. Only an operator's face calls this."""
    before = snapshot(connector)
    connector.approved_at = timezone.now()
    connector.save(update_fields=["approved_at"])
    audit(
        actor=actor,
        tenant=connector.tenant_id,
        action="receive_connector.approve",
        obj=connector,
        before=before,
        after=snapshot(connector),
    )
    _changed(connector)
    return connector


@transaction.atomic
def delete_receive_connector(*, actor: Actor, connector: ReceiveConnector) -> None:
    audit(
        actor=actor,
        tenant=connector.tenant_id,
        action="receive_connector.delete",
        obj=connector,
        before=snapshot(connector),
    )
    _changed(connector)
    connector.delete()


@transaction.atomic
def ensure_default_receive_connectors(*, actor: Actor) -> None:
    """Make the listeners that a fresh platform has: relay-in, submission, submission with TLS at once."""
    if ReceiveConnector.objects.filter(tenant__isnull=True).exists():
        return
    create_receive_connector(
        actor=actor,
        tenant=None,
        name="Default Frontend",
        bindings=["smtp"],
        auth_mechanisms=["tls"],
        permission_groups=["anonymous_users"],
    )
    client: dict[str, Any] = {
        "auth_mechanisms": ["tls", "basic_auth_require_tls"],
        "permission_groups": ["exchange_users"],
    }
    create_receive_connector(actor=actor, tenant=None, name="Client Frontend", bindings=["submission"], **client)
    create_receive_connector(
        actor=actor, tenant=None, name="Client Frontend TLS", bindings=["submissions"], implicit_tls=True, **client
    )


def _fields_of(actor: Actor) -> set[str]:
    return OPERATORS_FIELDS if actor.has_operators_rights else TENANTS_FIELDS


def _write(actor: Actor, connector: ReceiveConnector, fields: dict[str, Any]) -> None:
    allowed, ranges = _fields_of(actor), list(connector.remote_ranges)
    for name, value in fields.items():
        if name not in allowed:
            raise Problem("api.unknown_field", field=name, name=name)
        setattr(connector, name, value)
    connector.name = printable_name(connector.name)
    connector.comment = printable_name(connector.comment, field="comment")
    if not connector.name:
        raise Problem("connector.no_name", field="name")
    connector.fqdn = domain_name(connector.fqdn, field="fqdn") if connector.fqdn else ""
    if connector.banner and not (connector.banner.isascii() and connector.banner.isprintable()):
        raise Problem("receive_connector.invalid_banner", field="banner")
    check_bounds(connector, RECEIVE)
    connector.bindings = [_binding(text) for text in connector.bindings]
    connector.remote_ranges = [_range(connector, text) for text in connector.remote_ranges]
    if connector.tenant_id and connector.remote_ranges != ranges and not actor.has_operators_rights:
        connector.approved_at = None
    for field, known in (
        ("auth_mechanisms", AUTH_MECHANISMS),
        ("permission_groups", PERMISSION_GROUPS),
        ("permissions", RIGHTS),
    ):
        if unknown := set(getattr(connector, field)) - known:
            raise Problem("connector.invalid_choice", field=field, value=", ".join(sorted(unknown)))
    if not connector.bindings or not connector.remote_ranges:
        raise Problem("receive_connector.no_range", field="remote_ranges")
    table = {
        "receive_connector_name_once_per_tenant": Problem("connector.name_taken", field="name", name=connector.name),
        "receive_connector_total_exceeds_idle": Problem(
            "receive_connector.timeouts", field="connection_inactivity_timeout"
        ),
    }
    with constraint_problems(table):
        connector.save()


def _binding(text: str) -> str:
    """Return the stored form of a binding: one of the platform's own ports, or address:port."""
    typed = text.strip()
    if typed in OWN_PORTS:
        return typed
    host, _, port = typed.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
        if not 1 <= int(port) <= 65535:
            raise ValueError
    except ValueError:
        raise Problem("receive_connector.invalid_binding", field="bindings", binding=text) from None
    return f"[{address}]:{int(port)}" if address.version == 6 else f"{address}:{int(port)}"


def _range(connector: ReceiveConnector, text: str) -> str:
    """Return the stored form of a remote range; a tenant's may not be wider than its neighbours like."""
    try:
        remote = AddressRange.parse(text)
    except InvalidRange as error:
        raise Problem("receive_connector.invalid_range", field="remote_ranges", range=text, why=str(error)) from None
    if connector.tenant_id and remote.is_too_wide_for_tenant:
        widest = "/24" if remote.version == 4 else "/64"
        raise Problem("receive_connector.range_too_wide", field="remote_ranges", range=text, widest=widest)
    return str(remote)


def _changed(connector: ReceiveConnector) -> None:
    platform_changed()
    if connector.tenant_id:
        configuration_changed(connector.tenant_id)


def _restore(asked: Restoration) -> ReceiveConnector:
    allowed = _fields_of(asked.actor)
    changes = {name: value for name, value in asked.changes.items() if name in allowed}
    if asked.current is None:
        return create_receive_connector(actor=asked.actor, tenant=asked.tenant, pk=asked.object_id, **changes)
    if not changes:
        raise Problem("version.operators_settings", number=asked.number)
    return change_receive_connector(actor=asked.actor, connector=asked.current, **changes)


def _notes(current: ReceiveConnector | None, picture: Picture, actor: Actor) -> list[str]:
    notes = []
    if current is None or list(current.remote_ranges) != picture["remote_ranges"]:
        notes.append(gettext("The address ranges wait for the operator's approval again."))
    if OPERATORS_FIELDS - _fields_of(actor):
        notes.append(gettext("What only the operator sets stays as it is, whatever the version says."))
    return notes


register(
    VersionedType(
        ReceiveConnector,
        ("name", "remote_ranges", *sorted(OPERATORS_FIELDS - {"name", "remote_ranges"})),
        picture=snapshot,
        restore=_restore,
        notes=_notes,
    )
)
