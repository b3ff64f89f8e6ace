"""Redirecting what waits (Exchange's Redirect-Message): to another send connector, or to a server; and back.

What is being sent at the moment ends as it will. Mail to mailboxes stays here. Taking a redirection back routes the
mail again, as if there had been none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from tenants.actions.actor import Actor
from tenants.actions.audit import audit
from tenants.models import Tenant
from tenants.problems import Problem
from tenants.wakeups import wake_on_commit
from transport.actions.queue import MOST_MOVED
from transport.actions.send_connectors import smart_host_name
from transport.models import Delivery, DeliveryType, EventId, Message, Queue, queue_id_for
from transport.queue.configuration import own_endpoints
from transport.queue.redirected import hop_by, hop_to_host, host_and_port
from transport.queue.snapshots import decide_now
from transport.queue.steering import about, by_message, route_again_on_commit
from transport.routing.connectors import obstacle_of
from transport.routing.result import NextHop
from transport.routing.snapshot import ConnectorEntry, Need, Snapshot
from transport.tracking.events import TrackingRow, insert_events

_State = Delivery.State
MOVABLE = (_State.READY, _State.RETRY, _State.UNREACHABLE, _State.SUSPENDED)
_NO_ERROR: Mapping[str, object] = {
    "last_error_code": None,
    "last_error_enhanced": "",
    "last_error_text": "",
    "last_error_reason": "",
    "last_error_peer_text": "",
    "last_error_phase": "",
    "last_error_endpoint": "",
    "last_error_at": None,
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where mail is redirected to: a send connector of the tenant's, or one server."""

    connector: ConnectorEntry | None = None
    host: str = ""
    port: int = 25

    @property
    def name(self) -> str:
        return self.connector.name if self.connector else hop_to_host(self.host, self.port).domain

    def hop(self, recipient: str) -> NextHop:
        return hop_by(self.connector, recipient) if self.connector else hop_to_host(self.host, self.port)

    def takes(self, size: int) -> bool:
        return self.connector is None or self.connector.takes(size)

    def to_json(self) -> dict[str, object]:
        if self.connector:
            return {"send_connector": str(self.connector.id), "name": self.name}
        return {"smart_host": self.name}


def find_target(*, tenant_id: UUID, connector_id: UUID | None = None, smart_host: str = "") -> Target:
    """Return a target that mail can be redirected to, or raise the Problem that says why not; give just one of both.

    `smart_host` is a name or an address, with `:port` where it is not 25.
    """
    if (connector_id is None) == (not smart_host.strip()):
        raise Problem("queue.redirect_target", field="smart_host")
    if connector_id is None:
        return _server(smart_host)
    connector, obstacle = decide_now(lambda snapshot: _connector(snapshot, tenant_id, connector_id))
    if connector is None:
        raise Problem("queue.redirect_unknown", field="send_connector")
    if not connector.enabled:
        raise Problem("queue.redirect_disabled", field="send_connector", connector=connector.name)
    if obstacle:
        raise Problem("queue.redirect_loop", field="send_connector", target=connector.name)
    return Target(connector)


@transaction.atomic
def redirect_message(*, actor: Actor, message: Message, target: Target, queue: Queue | None = None) -> int:
    """Send a message another way, from one queue or from all. Return how many of its recipients that moves."""
    rows = Delivery.objects.filter(tenant_id=message.tenant_id, message=message)
    moved = _move(message.tenant_id, rows.filter(queue=queue) if queue else rows, target)
    after = {"queue": queue.next_hop_domain if queue else None, "recipients": len(moved), **target.to_json()}
    audit(actor=actor, tenant=message.tenant_id, action="message.redirect", obj=message, after=after)
    return _some(moved)


@transaction.atomic
def redirect_queue(*, actor: Actor, queue: Queue, target: Target) -> int:
    """Send what waits in a queue another way, the oldest 10,000 recipients at most. Return how many that moves."""
    rows = Delivery.objects.filter(tenant_id=queue.tenant_id, queue=queue)
    moved = _move(queue.tenant_id, rows, target)
    after = {"recipients": len(moved), **target.to_json()}
    audit(actor=actor, tenant=queue.tenant_id, action="queue.redirect", obj=queue, after=after)
    return _some(moved)


@transaction.atomic
def redirect_deliveries(*, actor: Actor, tenant_id: UUID, ids: Sequence[UUID], target: Target) -> list[UUID]:
    """Send these another way: a part of a bulk operation. Return those that were moved."""
    moved = _move(tenant_id, Delivery.objects.filter(tenant_id=tenant_id, pk__in=ids), target)
    if moved:
        after = {"recipients": len(moved), **target.to_json()}
        audit(actor=actor, tenant=tenant_id, action="messages.redirect", after=after)
    return [row.pk for row in moved]


@transaction.atomic
def undo_redirect(*, actor: Actor, message: Message, queue: Queue | None = None) -> int:
    """Take a redirection back: routing decides again. Return how many recipients that concerns."""
    rows = Delivery.objects.filter(tenant_id=message.tenant_id, message=message)
    back = _take_back(rows.filter(queue=queue) if queue else rows)
    after = {"queue": queue.next_hop_domain if queue else None, "recipients": len(back)}
    audit(actor=actor, tenant=message.tenant_id, action="message.undo_redirect", obj=message, after=after)
    return len(back)


@transaction.atomic
def undo_redirect_of_queue(*, actor: Actor, queue: Queue) -> int:
    """Take back the redirection of all that was redirected into a queue. Return how many recipients that concerns."""
    back = _take_back(Delivery.objects.filter(tenant_id=queue.tenant_id, queue=queue))
    after = {"recipients": len(back)}
    audit(actor=actor, tenant=queue.tenant_id, action="queue.undo_redirect", obj=queue, after=after)
    return len(back)


@transaction.atomic
def undo_redirect_of_deliveries(*, actor: Actor, tenant_id: UUID, ids: Sequence[UUID]) -> list[UUID]:
    """Take back the redirection of these: a part of a bulk operation. Return those that it concerns."""
    back = _take_back(Delivery.objects.filter(tenant_id=tenant_id, pk__in=ids))
    if back:
        audit(actor=actor, tenant=tenant_id, action="messages.undo_redirect", after={"recipients": len(back)})
    return [row.pk for row in back]


def _server(text: str) -> Target:
    try:
        host, port = host_and_port(text)
    except ValueError:
        raise Problem("connector.invalid_port", field="smart_host", port=text.rpartition(":")[2]) from None
    if not 1 <= port <= 65535:
        raise Problem("connector.invalid_port", field="smart_host", port=port)
    try:
        name = smart_host_name(host)
    except Problem as problem:
        raise Problem(problem.code, field="smart_host", **problem.facts) from None
    hostname = settings.POSTROOM_HOSTNAME.lower()
    if (name, port) in own_endpoints(hostname) or (name == hostname and port == 25):
        raise Problem("queue.redirect_loop", field="smart_host", target=name)
    return Target(host=name, port=port)


def _connector(
    snapshot: Snapshot, tenant_id: UUID, connector_id: UUID
) -> tuple[ConnectorEntry | None, str | None] | Need:
    if tenant_id not in snapshot.tenants:
        return Need(tenants=frozenset({tenant_id}))
    tenant = snapshot.tenants[tenant_id]
    connectors = tenant.connectors if tenant else ()
    found = next((one for one in connectors if one.id == connector_id), None)
    return found, obstacle_of(found, snapshot) if found else None


def _some(moved: Sequence[Delivery]) -> int:
    if not moved:
        raise Problem("queue.nothing_to_redirect")
    return len(moved)


def _locked(rows: QuerySet[Delivery]) -> list[Delivery]:
    """Lock the oldest of these in the order of their ids, as everybody does."""
    related = rows.select_related("message", "queue").select_for_update(of=("self",))
    return list(related.order_by("id")[:MOST_MOVED])


def _move(tenant_id: UUID, rows: QuerySet[Delivery], target: Target) -> list[Delivery]:
    groups: dict[UUID, tuple[NextHop, list[Delivery]]] = {}
    for row in _locked(rows.filter(state__in=MOVABLE).exclude(queue__delivery_type=DeliveryType.MAILBOX)):
        hop = target.hop(row.recipient)
        queue_id = queue_id_for(tenant_id, hop.delivery_type.value, hop.domain, hop.connector_id)
        is_leaving = bool(row.pending) and row.pending != Delivery.Pending.SUSPEND
        if target.takes(row.message.size) and not is_leaving and not (row.redirected_to == row.queue_id == queue_id):
            groups.setdefault(queue_id, (hop, []))[1].append(row)
    version = Tenant.objects.values_list("config_version", flat=True).get(pk=tenant_id)
    _make_queues(tenant_id, {queue_id: hop for queue_id, (hop, _) in groups.items()})
    for queue_id, (_, group) in groups.items():
        _put(group, queue_id, version)
    moved = [row for _, group in groups.values() for row in group]
    insert_events([row for hop, group in groups.values() for row in _told(group, hop, target)])
    if moved:
        wake_on_commit("transport.deliver")
    return moved


def _make_queues(tenant_id: UUID, hops: Mapping[UUID, NextHop]) -> None:
    queues = [
        Queue(
            id=queue_id,
            tenant_id=tenant_id,
            delivery_type=hop.delivery_type.value,
            next_hop_domain=hop.domain,
            connector_id=hop.connector_id,
        )
        for queue_id, hop in sorted(hops.items())
    ]
    Queue.objects.bulk_create(queues, ignore_conflicts=True)


def _put(rows: Sequence[Delivery], queue_id: UUID, version: int) -> None:
    """Put rows into the queue; a lease that somebody holds on an unreachable one, to route it again, is void."""
    now = timezone.now()
    change = {
        **_NO_ERROR,
        "queue_id": queue_id,
        "redirected_to": queue_id,
        "config_version": version,
        "attempts": 0,
        "next_attempt_at": now,
        "lease_id": None,
        "lease_until": None,
    }
    suspended = [row.pk for row in rows if row.state == _State.SUSPENDED]
    others = [row.pk for row in rows if row.state != _State.SUSPENDED]
    Delivery.objects.filter(pk__in=suspended).update(**change)
    Delivery.objects.filter(pk__in=others).update(**change, state=_State.READY)


def _take_back(rows: QuerySet[Delivery]) -> list[Delivery]:
    found = [row for row in _locked(rows.filter(redirected_to__isnull=False)) if row.is_redirected]
    if not found:
        return []
    ids = [row.pk for row in found]
    Delivery.objects.filter(pk__in=ids).update(redirected_to=None, config_version=0, next_attempt_at=timezone.now())
    Queue.objects.filter(pk__in={row.queue_id for row in found}).update(next_retry_at=None)
    events = [
        about(message, EventId.REDIRECT, group, None, "queue.redirect_undone") for message, group in by_message(found)
    ]
    insert_events(events)
    route_again_on_commit(found)
    return found


def _told(rows: Sequence[Delivery], hop: NextHop, target: Target) -> Iterable[TrackingRow]:
    for message, group in by_message(rows):
        detail: dict[str, object] = {
            "from": group[0].queue.next_hop_domain,
            "target": target.name,
            "next_hop_domain": hop.domain,
            "delivery_type": hop.delivery_type.value,
            "connector_id": str(hop.connector_id or ""),
        }
        yield about(message, EventId.REDIRECT, group, detail, "queue.redirected")
