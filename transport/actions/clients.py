"""What a client would be allowed to do: its receive connector, its rights and limits, and why. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import connection

from tenants.access import mailbox_of_address
from tenants.models import EmailAddress, Mailbox, Tenant
from tenants.scope import mail_flow
from transport.message.address import Address, InvalidAddress, parse_path
from transport.models import ReceiveConnector
from transport.queue.snapshots import decide_now
from transport.routing.admission import SENDER_OK, admit_sender
from transport.routing.envelope import Client, Door, Origin
from transport.routing.reasons import reply_for
from transport.routing.receive import Binding
from transport.routing.relay import Holding
from transport.routing.trace import Considered, StepKind, Trace, Verdict
from transport.routing.wording import gettext_noop as _
from transport.smtpd.connectors import FIELDS, Connector, ConnectorTable, own_ports, read_connectors
from transport.smtpd.standing import relaying_client

_QUERY: Final = f"""
SELECT {", ".join(FIELDS)} FROM transport_receiveconnector
WHERE enabled AND (tenant_id IS NULL OR (
  (approved_at IS NOT NULL OR user_name IS NOT NULL OR certificate_fingerprints <> '{{{{}}}}') {{of_tenant}}))
ORDER BY name, id
"""  # noqa: S608 - built from constants
# The limits that a client meets, by the names of Exchange and the attribute of the connector at work.
LIMITS: Final = {
    "max_message_size": "max_message_size",
    "max_header_size": "max_header_size",
    "max_recipients_per_message": "max_recipients",
    "max_hop_count": "max_hop_count",
    "max_local_hop_count": "max_local_hop_count",
    "message_rate_limit": "message_rate_limit",
    "max_inbound_connections": "max_connections",
    "max_inbound_connections_per_source": "max_connections_per_source",
    "max_inbound_connections_percentage_per_source": "percentage_per_source",
    "max_protocol_errors": "max_protocol_errors",
    "max_logon_failures": "max_logon_failures",
}


@dataclass(frozen=True, slots=True)
class Arriving:
    """A client as it would stand at MAIL, where there is a listener for it."""

    client: Client | None
    listener: Connector | None
    relay: Connector | None
    considered: tuple[Considered, ...]
    problem: str = ""  # the reason code where it gets no further


@dataclass(frozen=True, slots=True)
class ClientTest:
    """The answer: `verdict` is relays, delivers (to mailboxes here alone), log_in (has to), or refused."""

    verdict: str
    listener: str
    permission: str
    origin: str
    rights: tuple[str, ...]
    limits: Mapping[str, int | None]
    tls: str
    reply: str
    reason_code: str
    facts: Mapping[str, Any]
    trace: Trace

    def to_json(self) -> dict[str, Any]:
        """Return the answer for programs."""
        names = ("verdict", "listener", "permission", "origin", "tls", "reply", "reason_code")
        told = {name: getattr(self, name) for name in names}
        return told | {"rights": list(self.rights), "limits": dict(self.limits), "trace": self.trace.to_json()}


def listening_ports() -> list[Binding]:
    """Return where the platform listens, its own ports first: a public fact."""
    table = _table(None, of_tenants=False)
    own = [binding for binding in own_ports().values() if binding in _bindings(table)]
    return list(dict.fromkeys([*own, *_bindings(table)]))


def public_listeners() -> list[Connector]:
    """Return the enabled listeners that serve the whole of IPv4 or IPv6; others are between operator and client."""
    found = _table(None, of_tenants=False).listening.values()
    return [one for one in found if any(held.size >= 2**32 and not held.first for held in one.ranges)]


def try_client(
    *, tenant: Tenant | None, address: str, port: int | None, user: str = "", sender: str = "", certificate: str = ""
) -> ClientTest:
    """Say what a client would be let do. `user` logged in; a tenant's own only, and its own relay permissions.

    `certificate` is the fingerprint of the one that it shows.

    Without a tenant an operator asks, of all. Addresses are checked by the caller; Problem comes from nobody.
    """
    arriving = arrive(
        tenant=tenant, address=address, port=port, user=user, sender=sender or None, certificate=certificate
    )
    return judge(arriving, tenant, sender)


def judge(arriving: Arriving, tenant: Tenant | None, sender: str) -> ClientTest:
    """Say what a client that has arrived would be let do, as `tenant` may know it; None: as an operator may."""
    trace = _trace_of(arriving)
    listener = arriving.listener
    if listener is None or arriving.client is None:
        return _answer("refused", arriving, trace, arriving.problem)
    client = arriving.client
    admission = decide_now(partial(_admitted, client, sender)) if sender else None
    if admission is not None:
        told = admission.trace if tenant is None else admission.trace.for_tenant(tenant.pk, unowned=True)
        trace.extend(told, StepKind.SENDER)
        if admission.refusal is not None:
            refusal = admission.refusal
            return _answer("refused", arriving, trace, refusal.reason_code, refusal.reply.wire(), refusal.facts)
    rights = {right.value for right in client.rights}
    if "submit" not in rights:
        return _answer("log_in", arriving, trace, "auth.required")
    relays = client.tenant_id is not None and "accept_any_recipient" in rights
    return _answer("relays" if relays else "delivers", arriving, trace)


def arrive(
    *,
    tenant: Tenant | None,
    address: str,
    port: int | None,
    user: str = "",
    sender: str | None = None,
    certificate: str = "",
) -> Arriving:
    """Choose the listener and, for a log-in or by the address, who the client is for this sender."""
    table = _table(tenant.pk if tenant else None)
    local = _local(table, port)
    choice = table.choose(local, address)
    considered = choice.told.considered if tenant is None else choice.told.on_this_port
    listener = choice.connector
    if listener is None:
        return Arriving(None, None, None, considered, "session.no_connector")
    door = choice.door if tenant is None else Door(listener.name, considered)
    if user:
        return _logged_in(_LogIn(tenant, listener, address, user, sender, door, considered), table)
    stranger = Client(Origin.ANONYMOUS, None, None, listener.name, address, listener.anonymous_rights, door)
    shown = frozenset({certificate} if certificate and listener.offers_tls else ())
    client = _relaying(stranger, table.relaying(listener, address, shown), sender)
    relay = table.relays.get(client.relay_id) if client.relay_id is not None else None
    return Arriving(client, listener, relay, considered)


def _relaying(stranger: Client, holdings: list[Holding], sender: str | None) -> Client:
    if not holdings:
        return stranger
    return decide_now(partial(relaying_client, stranger, holdings, _parsed(sender or "")))


@dataclass(frozen=True, slots=True)
class _LogIn:
    """Somebody who logs in at a listener, and what the answer needs to know."""

    tenant: Tenant | None
    listener: Connector
    address: str
    user: str
    sender: str | None
    door: Door
    considered: tuple[Considered, ...]

    def arriving(self, client: Client | None, relay: Connector | None = None, problem: str = "") -> Arriving:
        return Arriving(client, self.listener, relay, self.considered, problem)


def _logged_in(asked: _LogIn, table: ConnectorTable) -> Arriving:
    listener = asked.listener
    if not listener.offers_auth:
        return asked.arriving(None, problem="receive_connector.no_log_in_here")
    if "@" not in asked.user:
        return _logged_in_as_machine(asked, table)
    mailbox = mailbox_of_log_in(asked.tenant, asked.user)
    if mailbox is None:
        return asked.arriving(None, problem="auth.failed")
    name, rights = listener.name, listener.user_rights
    return asked.arriving(
        Client(Origin.SUBMISSION, mailbox.tenant_id, mailbox.pk, name, asked.address, rights, asked.door)
    )


def _logged_in_as_machine(asked: _LogIn, table: ConnectorTable) -> Arriving:
    rows = ReceiveConnector.objects.filter(user_name=asked.user.strip().lower(), enabled=True)
    row = (rows.filter(tenant=asked.tenant) if asked.tenant is not None else rows).first()
    relay = table.relays.get(row.pk) if row is not None else None
    if relay is None:
        return asked.arriving(None, problem="auth.failed")
    rights = relay.anonymous_rights
    client = Client(Origin.RELAY, relay.tenant_id, None, relay.name, asked.address, rights, asked.door, relay.id)
    if asked.sender:
        client = _relaying(client, [Holding(relay.relay_entry, None)], asked.sender)
        if client.origin is not Origin.RELAY:
            return asked.arriving(None, relay, "relay.not_as_this_sender")
    return asked.arriving(client, relay)


def mailbox_of_log_in(tenant: Tenant | None, user: str) -> Mailbox | None:
    """Return the mailbox that a log-in by address opens: one of the tenant's, or, for an operator, anybody's."""
    if tenant is not None:
        return mailbox_of_address(tenant.pk, user)
    local, _at, domain = user.strip().lower().rpartition("@")
    row = EmailAddress.objects.filter(domain=domain, local_key=local).select_related("mailbox").first()
    return row.mailbox if row is not None else None


def _admitted(client: Client, sender: str, snapshot: Any) -> Any:
    return admit_sender(client, sender, snapshot)


def _parsed(sender: str) -> Address | None:
    try:
        return parse_path(f"<{sender}>", smtputf8=True)
    except InvalidAddress:
        return None


def _table(tenant_id: UUID | None, *, of_tenants: bool = True) -> ConnectorTable:
    """Read the listeners and the relay permissions of one tenant, or of all."""
    of_tenant = "AND tenant_id = %s" if tenant_id is not None else ("" if of_tenants else "AND false")
    with mail_flow(), connection.cursor() as cursor:
        cursor.execute(_QUERY.format(of_tenant=of_tenant), [tenant_id] if tenant_id is not None else None)
        return read_connectors(cursor.fetchall())


def _bindings(table: ConnectorTable) -> list[Binding]:
    found = [table.binding(text) for one in table.listening.values() for text in one.bindings]
    return sorted(set(found), key=lambda one: (one.port, str(one.address)))


def _local(table: ConnectorTable, port: int | None) -> tuple[str, int]:
    own = own_ports()
    wanted = own["smtp"].port if port is None else port
    at = next((one for one in [*own.values(), *_bindings(table)] if one.port == wanted), None)
    return str(at.address if at is not None else own["smtp"].address), wanted


def _trace_of(arriving: Arriving) -> Trace:
    trace, listener = Trace(), arriving.listener
    if listener is None:
        template = _("No enabled receive connector covers this client on this binding.")
        trace.add(StepKind.CLIENT, "–", Verdict.REFUSED, template, {}, lambda: arriving.considered, arriving.problem)
        return trace
    template = _("This receive connector takes the client.")
    trace.add(StepKind.CLIENT, listener.name, Verdict.CHOSEN, template, {}, lambda: arriving.considered)
    door = arriving.client.door if arriving.client is not None else None
    for considered in (door.relays if door is not None else {}).values():
        won = any(one.verdict == "won" for one in considered)
        template = (
            _("A relay permission counts.") if won else _("No relay permission counts for this client and sender.")
        )
        verdict = Verdict.CHOSEN if won else Verdict.WARNING
        trace.add(StepKind.CLIENT, considered[0].name, verdict, template, {}, _keeping(considered))
    return trace


def _keeping(considered: tuple[Considered, ...]) -> Callable[[], tuple[Considered, ...]]:
    return lambda: considered


def _answer(
    verdict: str,
    arriving: Arriving,
    trace: Trace,
    reason: str = "",
    reply: str = "",
    facts: Mapping[str, Any] | None = None,
) -> ClientTest:
    listener, relay, client = arriving.listener, arriving.relay, arriving.client
    if reason and not reply:
        reply = _reply(reason)
    return ClientTest(
        verdict=verdict,
        listener=listener.name if listener is not None else "",
        permission=relay.name if relay is not None else "",
        origin=client.origin.value if client is not None else "",
        rights=tuple(sorted(right.value for right in client.rights)) if client is not None else (),
        limits=_limits(listener, relay),
        tls=_tls(listener),
        reply=reply or (SENDER_OK.wire() if client is not None else ""),
        reason_code=reason,
        facts={"connector": listener.name if listener is not None else "", **(facts or {})},
        trace=trace,
    )


def _reply(reason: str) -> str:
    return reply_for(reason, sender="", connector="").wire() if reason != "receive_connector.no_log_in_here" else ""


def _limits(listener: Connector | None, relay: Connector | None) -> dict[str, int | None]:
    if listener is None:
        return {}
    limits: dict[str, int | None] = {name: getattr(listener, attribute) for name, attribute in LIMITS.items()}
    if relay is not None:
        limits["max_message_size"] = min(listener.max_message_size, relay.max_message_size)
        rates = [one.message_rate_limit for one in (listener, relay) if one.message_rate_limit is not None]
        limits["message_rate_limit"] = min(rates) if rates else None
    return limits


def _tls(listener: Connector | None) -> str:
    if listener is None:
        return ""
    if listener.implicit_tls:
        return "implicit"
    if listener.require_tls:
        return "required"
    return "offered" if listener.offers_tls else "none"
