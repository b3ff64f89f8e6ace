"""Send connectors: creating, changing, removing. What waited for one moves by itself (invariant 7)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext

from tenants.actions.actor import Actor
from tenants.actions.audit import audit, snapshot
from tenants.identifiers import uuid7
from tenants.models import Tenant
from tenants.names import domain_name, printable_name
from tenants.problems import Problem, constraint_problems
from tenants.secrets import encrypt
from tenants.versioning import Picture, Restoration, VersionedType, register
from tenants.wakeups import configuration_changed
from transport.actions.bounds import SEND, check_bounds
from transport.actions.loops import is_our_listener
from transport.actions.queue import hurry_queues_of
from transport.delivery.error_policies import MOST as MOST_POLICIES
from transport.delivery.error_policies import ErrorPolicy, InvalidErrorPolicy
from transport.delivery.ssrf import is_forbidden_address
from transport.dns.names import is_address
from transport.models import AddressSpace, SendConnector, SmartHost
from transport.queue.connector import allowed_networks
from transport.routing.spaces import AddressSpace as RoutingSpace
from transport.routing.spaces import InvalidAddressSpace

CHANGEABLE = {
    "name",
    "comment",
    "enabled",
    "usage",
    "routing",
    "port",
    "fqdn",
    "source_address",
    "protocol",
    "tls",
    "tls_domain",
    "auth",
    "username",
    "max_message_size",
    "max_messages_per_connection",
    "max_connections_per_host",
    "connect_timeout",
    "connection_inactivity_timeout",
    "error_policies",
}


@dataclass(frozen=True, slots=True)
class SpaceInput:
    pattern: str
    cost: int = 1


@dataclass(frozen=True, slots=True)
class HostInput:
    host: str
    port: int | None = None


@transaction.atomic
def create_send_connector(
    *,
    actor: Actor,
    tenant: Tenant,
    name: str,
    address_spaces: Sequence[SpaceInput],
    smart_hosts: Sequence[HostInput] = (),
    password: str | None = None,
    pk: UUID | None = None,
    **fields: Any,
) -> SendConnector:
    """Create a connector with its address spaces and smart hosts. `pk` is the id of one that comes back."""
    connector = SendConnector(id=pk or uuid7(), tenant=tenant)
    _write(connector, {"name": name, **fields}, address_spaces, smart_hosts, password)
    audit(actor=actor, tenant=tenant, action="send_connector.create", obj=connector, after=picture(connector))
    configuration_changed(tenant.pk)
    return connector


@transaction.atomic
def change_send_connector(
    *,
    actor: Actor,
    connector: SendConnector,
    address_spaces: Sequence[SpaceInput] | None = None,
    smart_hosts: Sequence[HostInput] | None = None,
    password: str | None = None,
    **fields: Any,
) -> SendConnector:
    """Change a connector; the lists, where given, are the whole new lists. Queued mail is routed again."""
    before = picture(connector)
    _write(connector, fields, address_spaces, smart_hosts, password)
    after = picture(connector) | ({"password": "changed"} if password is not None else {})
    audit(
        actor=actor,
        tenant=connector.tenant_id,
        action="send_connector.change",
        obj=connector,
        before=before,
        after=after,
    )
    configuration_changed(connector.tenant_id)
    hurry_queues_of(connector.pk)
    return connector


@transaction.atomic
def delete_send_connector(*, actor: Actor, connector: SendConnector) -> None:
    """Remove a connector. What it had queued is routed again, and waits as unreachable where nothing else fits."""
    audit(
        actor=actor,
        tenant=connector.tenant_id,
        action="send_connector.delete",
        obj=connector,
        before=picture(connector),
    )
    tenant_id = connector.tenant_id
    connector.delete()
    configuration_changed(tenant_id)


def create_internet_connector(*, actor: Actor, tenant: Tenant, fqdn: str = "") -> SendConnector:
    """Create the connector that most tenants want: “Internet”, every address, cost 1, by MX. The fix of story A."""
    return create_send_connector(
        actor=actor,
        tenant=tenant,
        name="Internet",
        usage=SendConnector.Usage.INTERNET,
        routing=SendConnector.Routing.DNS,
        address_spaces=[SpaceInput("*", 1)],
        fqdn=fqdn,
    )


def address_space(space: SpaceInput) -> RoutingSpace:
    """Return the stored form of an address space, or raise the Problem that says what is wrong with it."""
    try:
        return RoutingSpace.parse(space.pattern.strip().removeprefix("SMTP:"), space.cost)
    except InvalidAddressSpace as error:
        raise Problem(error.reason_code, field="address_spaces", why=error.reason, **error.facts) from None


def smart_host_name(text: str) -> str:
    """Return the stored form of a smart host: a name as A-label, or an address without brackets.

    An address that no tenant may make us connect to is refused here, so that it is told at once; what a name leads
    to shows at each connection, and is checked there again.
    """
    typed = text.strip()
    try:
        address = str(ipaddress.ip_address(typed.strip("[]")))
    except ValueError:
        return domain_name(typed, field="smart_hosts")
    if is_forbidden_address(address, allowed_networks(tuple(settings.POSTROOM_PRIVATE_NETWORKS))):
        raise Problem("connector.forbidden_address", field="smart_hosts", host=address)
    return address


def _write(
    connector: SendConnector,
    fields: dict[str, Any],
    spaces: Sequence[SpaceInput] | None,
    hosts: Sequence[HostInput] | None,
    password: str | None,
) -> None:
    for name, value in fields.items():
        if name not in CHANGEABLE:
            raise Problem("api.unknown_field", field=name, name=name)
        setattr(connector, name, value)
    if password is not None:
        connector.password_encrypted = encrypt(password) if password else None
    connector.fqdn = domain_name(connector.fqdn, field="fqdn") if connector.fqdn else ""
    connector.tls_domain = domain_name(connector.tls_domain, field="tls_domain") if connector.tls_domain else ""
    connector.error_policies = _error_policies(connector.error_policies)
    connector.name = printable_name(connector.name)
    connector.comment = printable_name(connector.comment, field="comment")
    if not connector.name:
        raise Problem("connector.no_name", field="name")
    check_bounds(connector, SEND)
    with constraint_problems(_problems(connector)):
        connector.save()
    if spaces is not None:
        _write_spaces(connector, spaces)
    if hosts is not None:
        _write_hosts(connector, hosts)
    _check_whole(connector)


def _refuse_loops(connector: SendConnector) -> None:
    """Refuse a smart host that is a listener of ours: what goes there would come in again."""
    for row in connector.smart_hosts.all():
        port = row.port or connector.port
        if is_our_listener(row.host, port):
            raise Problem("connector.loop", field="smart_hosts", host=f"{row.host}:{port}")


def _write_spaces(connector: SendConnector, spaces: Sequence[SpaceInput]) -> None:
    if not spaces:
        raise Problem("connector.no_space", field="address_spaces")
    parsed: dict[str, RoutingSpace] = {}
    for space in map(address_space, spaces):
        if space.pattern in parsed:
            raise Problem("connector.space_twice", field="address_spaces", pattern=space.pattern)
        parsed[space.pattern] = space
    connector.address_spaces.all().delete()
    AddressSpace.objects.bulk_create(
        AddressSpace(tenant_id=connector.tenant_id, connector=connector, pattern=space.pattern, cost=space.cost)
        for space in parsed.values()
    )


def _write_hosts(connector: SendConnector, hosts: Sequence[HostInput]) -> None:
    for host in hosts:
        if host.port is not None and not 1 <= host.port <= 65535:
            raise Problem("connector.invalid_port", field="smart_hosts", port=host.port)
    names = [(smart_host_name(host.host), host.port) for host in hosts]
    connector.smart_hosts.all().delete()
    SmartHost.objects.bulk_create(
        SmartHost(tenant_id=connector.tenant_id, connector=connector, position=position, host=name, port=port)
        for position, (name, port) in enumerate(names)
    )


def _error_policies(texts: Sequence[str]) -> list[str]:
    """Return the stored form of error policies, or raise the Problem that names the one that is none."""
    if len(texts) > MOST_POLICIES:
        raise Problem("connector.too_many_error_policies", field="error_policies", most=MOST_POLICIES)
    kept: dict[str, None] = {}
    for text in texts:
        try:
            kept[str(ErrorPolicy.parse(text))] = None
        except InvalidErrorPolicy:
            shown = printable_name(text[:60], field="error_policies")
            raise Problem("connector.invalid_error_policy", field="error_policies", policy=shown) from None
    return list(kept)


def _check_whole(connector: SendConnector) -> None:
    """Check what no single field says."""
    if connector.routing == SendConnector.Routing.SMART_HOSTS:
        _refuse_loops(connector)
    if connector.routing == SendConnector.Routing.SMART_HOSTS and not connector.smart_hosts.exists():
        raise Problem("connector.no_smart_host", field="smart_hosts")
    needs_secret = connector.auth != SendConnector.Auth.NONE
    if needs_secret and not connector.password_encrypted:
        raise Problem("connector.no_password", field="password")
    if connector.auth == SendConnector.Auth.BASIC_REQUIRE_TLS and connector.tls == SendConnector.Tls.NONE:
        raise Problem("connector.auth_needs_tls", field="tls")
    _check_name_of_certificate(connector)
    if connector.protocol == SendConnector.Protocol.LMTP:
        _check_lmtp(connector)


def _check_name_of_certificate(connector: SendConnector) -> None:
    """An address has no name that a certificate could be checked against."""
    if connector.tls != SendConnector.Tls.DOMAIN or connector.tls_domain:
        return
    if connector.routing == SendConnector.Routing.SMART_HOSTS:
        for host in connector.smart_hosts.all():
            if is_address(host.host):
                raise Problem("connector.no_tls_domain", field="tls_domain", host=host.host)


def _check_lmtp(connector: SendConnector) -> None:
    """RFC 2033 5: LMTP leads to a mail store, is no way over the Internet, and never spoken on port 25."""
    if connector.routing != SendConnector.Routing.SMART_HOSTS:
        raise Problem("connector.lmtp_needs_smart_host", field="protocol")
    if any((host.port or connector.port) == 25 for host in connector.smart_hosts.all()):
        raise Problem("connector.lmtp_port", field="port")


def picture(connector: SendConnector) -> dict[str, Any]:
    """Return a connector with all that hangs on it, for the audit log and its versions."""
    spaces = AddressSpace.objects.filter(connector=connector)
    hosts = SmartHost.objects.filter(connector=connector)
    return snapshot(
        connector,
        address_spaces=[{"pattern": row.pattern, "cost": row.cost} for row in spaces],
        smart_hosts=[{"host": row.host, "port": row.port} for row in hosts],
        has_password=bool(connector.password_encrypted),
    )


def _problems(connector: SendConnector) -> dict[str, Problem]:
    return {
        "send_connector_name_once_per_tenant": Problem("connector.name_taken", field="name", name=connector.name),
        "send_connector_port_range": Problem("connector.invalid_port", field="port", port=connector.port),
        "send_connector_routing_known": Problem("connector.invalid_choice", field="routing", value=connector.routing),
        "send_connector_tls_known": Problem("connector.invalid_choice", field="tls", value=connector.tls),
        "send_connector_protocol_known": Problem(
            "connector.invalid_choice", field="protocol", value=connector.protocol
        ),
        "send_connector_auth_has_user_name": Problem("connector.no_user_name", field="username"),
    }


def _restore(asked: Restoration) -> SendConnector:
    changes = dict(asked.changes)
    if "address_spaces" in changes:
        changes["address_spaces"] = [SpaceInput(one["pattern"], one["cost"]) for one in changes["address_spaces"]]
    if "smart_hosts" in changes:
        changes["smart_hosts"] = [HostInput(one["host"], one["port"]) for one in changes["smart_hosts"]]
    if asked.secret:
        changes["password"] = asked.secret
    if asked.current is None:
        return create_send_connector(actor=asked.actor, tenant=asked.tenant, pk=asked.object_id, **changes)
    return change_send_connector(actor=asked.actor, connector=asked.current, **changes)


def _notes(current: SendConnector | None, picture: Picture, actor: Actor) -> list[str]:
    if current is None:
        lost = gettext("The password for the smart host was not kept: give it again.")
        return [lost] if picture["auth"] != SendConnector.Auth.NONE else []
    return [gettext("The password stays as it is now.")] if current.password_encrypted else []


register(
    VersionedType(
        SendConnector,
        ("name", "address_spaces", "smart_hosts", *sorted(CHANGEABLE - {"name"}), "has_password"),
        picture=picture,
        restore=_restore,
        notes=_notes,
        takes_secret=True,
        told_only=frozenset({"has_password"}),
    )
)
