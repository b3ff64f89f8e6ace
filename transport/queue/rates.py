"""How fast queues fill and drain: Exchange's IncomingRate, OutgoingRate and Velocity, over the last minute.

Nothing is counted when mail comes and goes. What came is told by the ids of deliveries, which hold the time; what left
by the tracking log. Call it in a scope.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from tenants.identifiers import first_uuid7_of
from transport.models import DeliveryType
from transport.queue.listing import ListedQueue

SPAN: Final = timedelta(minutes=1)
MOST: Final = 20_000  # events; where there are more, the rates are those of the latest
BACKING_UP: Final = -0.1

_CAME: Final = "SELECT queue_id, count(*) FROM transport_delivery WHERE tenant_id = %s AND id >= %s GROUP BY queue_id"
_LEFT: Final = f"""
SELECT event_id, connector, domain, sum(recipients), coalesce(sum(recipients) FILTER (WHERE is_new), 0)
FROM (
  SELECT event_id, connector, lower(split_part(recipients[1], '@', -1)) AS domain,
         cardinality(recipients) AS recipients, message_id >= %(since)s AS is_new
  FROM transport_trackingevent
  WHERE tenant_id = %(tenant)s AND id >= %(since)s AND event_id IN ('SEND', 'DELIVER', 'FAIL')
  ORDER BY id DESC LIMIT {MOST}
) latest GROUP BY 1, 2, 3
"""  # noqa: S608 - a number of ours
Key = tuple[str, str]  # a connector's name and a domain; the domain is empty where any goes


@dataclass(frozen=True, slots=True)
class Rate:
    """Recipients a second. Velocity is what drains: negative where more comes than goes."""

    incoming: float = 0.0
    outgoing: float = 0.0

    @property
    def velocity(self) -> float:
        return round(self.outgoing - self.incoming, 2)

    @property
    def is_backing_up(self) -> bool:
        """Return whether clearly more comes than goes; of tiny rates velocity says nothing."""
        return self.velocity <= BACKING_UP

    def __bool__(self) -> bool:
        return bool(self.incoming or self.outgoing)


@dataclass(frozen=True, slots=True)
class Rates:
    came: Mapping[UUID, int] = field(default_factory=dict)
    left: Mapping[Key, tuple[int, int]] = field(default_factory=dict)  # in all, and of what came in the same time

    def of(self, queue: ListedQueue) -> Rate:
        """Return what came into a queue and what left it."""
        left, at_once = self.left.get(_key(queue), (0, 0))
        seconds = SPAN.total_seconds()
        return Rate(round((self.came.get(queue.id, 0) + at_once) / seconds, 2), round(left / seconds, 2))


def rates(tenant_id: UUID) -> Rates:
    """Return the rates of a tenant's queues, in two statements."""
    since = first_uuid7_of(datetime.now(UTC) - SPAN)
    with connection.cursor() as cursor:
        cursor.execute(_CAME, [tenant_id, since])
        came = dict(cursor.fetchall())
        cursor.execute(_LEFT, {"tenant": tenant_id, "since": since})
        rows = cursor.fetchall()
    left: dict[Key, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for event_id, connector, domain, count, fresh in rows:
        for key in _keys(event_id, connector, domain):
            before = left[key]
            left[key] = (before[0] + int(count), before[1] + int(fresh))
    return Rates(came, dict(left))


def _keys(event_id: str, connector: str, domain: str) -> list[Key]:
    """Return the kinds of queues that an event is about: a connector's by domain, and by smart hosts."""
    if event_id == "DELIVER":
        return [(DeliveryType.MAILBOX, "")]
    if event_id == "FAIL" and not connector:
        return []  # never came to a next hop, or told of a mailbox
    return [(connector, domain), (connector, "")]


def _key(queue: ListedQueue) -> Key:
    if queue.delivery_type == DeliveryType.MAILBOX:
        return DeliveryType.MAILBOX, ""
    if queue.delivery_type == DeliveryType.UNREACHABLE:
        return DeliveryType.UNREACHABLE, ""
    is_by_domain = queue.delivery_type == DeliveryType.DNS_CONNECTOR
    return queue.connector_name, queue.next_hop_domain if is_by_domain else ""
