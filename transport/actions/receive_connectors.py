"""Receive connectors: the operator's listeners, and a tenant's relay permissions (reference §4, design §12.14)."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import ssl
from contextlib import suppress
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
from tenants.secrets import random_password
from tenants.versioning import Picture, Restoration, VersionedType, register
from tenants.wakeups import configuration_changed, platform_changed
from transport.actions.bounds import RECEIVE, check_bounds
from transport.authentication.scram import make_verifier
from transport.message.address import InvalidAddress, parse_address
from transport.models import ReceiveConnector
from transport.routing.envelope import PermissionGroup, Right
from transport.routing.ranges import AddressRange, InvalidRange
from transport.routing.receive import undecidable_overlaps
from transport.routing.relay import RelayEntry, undecidable_relays
from transport.smtpd.connectors import listening_entry, own_ports

OWN_PORTS = {"smtp", "submission", "submissions"}
AUTH_MECHANISMS = {"tls", "basic_auth", "basic_auth_require_tls", "external_authoritative"}
# Partners are those who show a certificate, which no listener asks for yet.
PERMISSION_GROUPS = {group.value for group in PermissionGroup} - {PermissionGroup.PARTNERS.value}
RIGHTS = {right.value for right in Right}
TENANTS_FIELDS = {
    *("name", "comment", "enabled", "remote_ranges", "senders", "certificate_fingerprints"),
    *("max_message_size", "message_rate_limit"),
}
MOST_SENDERS = 100
MOST_CERTIFICATES = 50
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
    "max_local_hop_count",
    "max_recipients_per_message",
    "max_inbound_connections",
    "max_inbound_connections_per_source",
    "max_inbound_connections_percentage_per_source",
    "max_protocol_errors",
    "max_logon_failures",
    "connection_timeout",
    "connection_inactivity_timeout",
    "tarpit_interval",
    "message_rate_source",
    "require_ehlo_domain",
    "eight_bit_mime_enabled",
    "chunking_enabled",
    "delivery_status_notification_enabled",
    "pipelining_enabled",
    "enhanced_status_codes_enabled",
    "size_enabled",
    "protocol_logging_level",
}


@transaction.atomic
def create_receive_connector(
    *, actor: Actor, tenant: Tenant | None, name: str, pk: UUID | None = None, **fields: Any
) -> ReceiveConnector:
    """Create a listener (no tenant; operators only) or a tenant's relay permission, not yet approved.

    `pk` is the id of one that comes back.
    """
    connector = ReceiveConnector(id=pk or uuid7(), tenant=tenant, bindings=["smtp"])
    if tenant is not None:
        connector.remote_ranges = []
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
def renew_relay_password(*, actor: Actor, connector: ReceiveConnector) -> str:
    """Give a relay permission a log-in of its own, or a new password for it; return the password, which is not kept."""
    _refuse_listener(connector)
    before = snapshot(connector)
    password = random_password()
    connector.user_name = connector.user_name or f"relay-{random_password(10).lower()}"
    connector.verifier = make_verifier(password)
    connector.save(update_fields=["user_name", "verifier"])
    _audit_log_in(actor, connector, "receive_connector.renew_password", before)
    return password


@transaction.atomic
def withdraw_relay_password(*, actor: Actor, connector: ReceiveConnector) -> ReceiveConnector:
    """Take the log-in away again; what remains are the address ranges."""
    _refuse_listener(connector)
    before = snapshot(connector)
    connector.user_name, connector.verifier = None, ""
    connector.save(update_fields=["user_name", "verifier"])
    _audit_log_in(actor, connector, "receive_connector.withdraw_password", before)
    return connector


def _refuse_listener(connector: ReceiveConnector) -> None:
    if connector.tenant_id is None:
        raise Problem("receive_connector.listener_has_no_password")


def _audit_log_in(actor: Actor, connector: ReceiveConnector, action: str, before: dict[str, Any]) -> None:
    after = snapshot(connector)
    audit(actor=actor, tenant=connector.tenant_id, action=action, obj=connector, before=before, after=after)
    _changed(connector)


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
    _check_choices(connector)
    if connector.tenant_id is None:
        connector.certificate_fingerprints = []
        _check_listener(connector)
    else:
        connector.senders = list(dict.fromkeys(_sender(text) for text in connector.senders))
        found = [fingerprint_of(text) for text in connector.certificate_fingerprints]
        connector.certificate_fingerprints = list(dict.fromkeys(found))
        _check_relay(connector)
    table = {
        "receive_connector_name_once_per_tenant": Problem("connector.name_taken", field="name", name=connector.name),
        "receive_connector_total_exceeds_idle": Problem(
            "receive_connector.timeouts", field="connection_inactivity_timeout"
        ),
    }
    with constraint_problems(table):
        connector.save()


def _check_choices(connector: ReceiveConnector) -> None:
    for field, known in (
        ("auth_mechanisms", AUTH_MECHANISMS),
        ("permission_groups", PERMISSION_GROUPS),
        ("permissions", RIGHTS),
    ):
        if unknown := set(getattr(connector, field)) - known:
            raise Problem("connector.invalid_choice", field=field, value=", ".join(sorted(unknown)))


def _check_listener(connector: ReceiveConnector) -> None:
    """Refuse what cannot be meant, and ranges that leave it open which listener a client meets (reference §4)."""
    if not connector.bindings or not connector.remote_ranges:
        raise Problem("receive_connector.no_range", field="remote_ranges")
    mechanisms, groups = set(connector.auth_mechanisms), set(connector.permission_groups)
    if "basic_auth_require_tls" in mechanisms and "tls" not in mechanisms:
        raise Problem("receive_connector.mechanism_needs", field="auth_mechanisms", what="basic_auth_require_tls")
    if "external_authoritative" in mechanisms:
        if mechanisms - {"external_authoritative", "tls"}:
            raise Problem("receive_connector.mechanism_alone", field="auth_mechanisms")
        if "exchange_servers" not in groups:
            raise Problem("receive_connector.mechanism_needs_group", field="permission_groups")
    if connector.enabled:
        _check_overlaps(connector)


def _check_overlaps(connector: ReceiveConnector) -> None:
    ports = own_ports()
    entry = listening_entry(connector, ports)
    # One by one: what others have among themselves is not this one's fault.
    for other in ReceiveConnector.objects.filter(tenant__isnull=True, enabled=True).exclude(pk=connector.pk):
        for overlap in undecidable_overlaps([entry, listening_entry(other, ports)]):
            raise Problem("receive_connector.overlap", field="remote_ranges", **overlap.facts)


def _check_relay(connector: ReceiveConnector) -> None:
    if len(connector.senders) > MOST_SENDERS:
        raise Problem("receive_connector.too_many_senders", field="senders", most=MOST_SENDERS)
    if len(connector.certificate_fingerprints) > MOST_CERTIFICATES:
        raise Problem(
            "receive_connector.too_many_certificates", field="certificate_fingerprints", most=MOST_CERTIFICATES
        )
    if not connector.enabled:
        return
    entry = _relay_entry(connector)
    others = ReceiveConnector.objects.filter(tenant=connector.tenant_id, enabled=True).exclude(pk=connector.pk)
    for other in others:
        if (facts := undecidable_relays(entry, _relay_entry(other))) is not None:
            raise Problem("receive_connector.relay_overlap", field="remote_ranges", **facts)


def _relay_entry(row: ReceiveConnector) -> RelayEntry:
    ranges = tuple(AddressRange.parse(text) for text in row.remote_ranges)
    known = tuple(row.certificate_fingerprints)
    return RelayEntry(row.id, row.tenant_id, row.name, ranges, tuple(row.senders), fingerprints=known)


def _sender(text: str) -> str:
    """Return the stored form of a sender: an address, or a domain for all of its addresses."""
    typed = text.strip().removeprefix("@")
    if "@" not in typed:
        return domain_name(typed, field="senders")
    try:
        return parse_address(typed).key
    except InvalidAddress:
        raise Problem("receive_connector.invalid_sender", field="senders", sender=text[:320]) from None


def fingerprint_of(text: str) -> str:
    """Return the stored form of what names a certificate: its SHA-256, its public key's, or itself in PEM."""
    typed = text.strip()
    if "BEGIN CERTIFICATE" in typed:
        with suppress(ValueError):
            return hashlib.sha256(ssl.PEM_cert_to_DER_cert(typed)).hexdigest()
    typed = re.sub(r"[:\s]", "", typed.lower().removeprefix("sha256"))
    if not re.fullmatch(r"[0-9a-f]{64}", typed):
        raise Problem(
            "receive_connector.invalid_fingerprint", field="certificate_fingerprints", fingerprint=text.strip()[:100]
        )
    return typed


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
    if current is None and picture.get("user_name"):
        notes.append(gettext("It gets no log-in back: give it a new one."))
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
