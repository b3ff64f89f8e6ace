"""Claiming deliveries: batch by batch, each under a lease.

A lease is a promise to record an outcome before it runs out; whoever dies holding one loses it (leases.py).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any, Final
from uuid import UUID, uuid4

from psycopg import AsyncConnection

from transport.routing.retry import EXCHANGE_CLOCK, InvalidRetrySchedule, RetryClock
from transport.tracking.events import Subject

LEASE: Final = timedelta(seconds=45)
LOW_SHARE: Final = 20  # Exchange sends 20 of normal priority for one of low


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """One recipient under our lease."""

    id: UUID
    recipient: str
    original_recipient: str
    notify: str
    mailbox_id: UUID | None
    attempts: int
    crashes: int
    config_version: int
    created_at: datetime
    expires_at: datetime
    queue_id: UUID
    pending: str = ""
    was: str = ""  # its state before it was claimed
    holder: UUID | None = None  # the suspended domain, mailbox or person that holds it (holds.py)
    redirected: bool = False  # an administrator sent it this way: routing leaves it there (reroute.py)


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message with those of its recipients that were claimed together."""

    id: UUID
    tenant_id: UUID
    sender: str
    internet_message_id: str
    from_header: str
    subject: str
    size: int
    origin: str
    incoming: bool
    client_address: str | None
    mailbox_id: UUID | None
    is_8bit: bool
    smtputf8: bool
    auto_submitted: bool
    envid: str
    ret: str
    received_at: datetime
    require_tls: bool
    deliveries: tuple[ClaimedDelivery, ...]

    @property
    def story(self) -> Subject:
        """What the tracking log repeats of the message."""
        return Subject(
            self.id, self.tenant_id, self.internet_message_id, self.sender, self.subject, self.size, self.incoming
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch under one lease. `config_version` and `retry_schedule` are the tenant's at the time of the claim."""

    lease_id: UUID
    messages: tuple[ClaimedMessage, ...]
    config_version: int = 0
    retry_schedule: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.messages

    @property
    def delivery_ids(self) -> list[UUID]:
        return [delivery.id for message in self.messages for delivery in message.deliveries]

    @property
    def clock(self) -> RetryClock:
        return clock_of(self.retry_schedule)

    @property
    def is_outdated(self) -> bool:
        """Whether the configuration changed after some of it was routed (design §12.6)."""
        return any(
            delivery.config_version < self.config_version
            for message in self.messages
            for delivery in message.deliveries
        )


@lru_cache(maxsize=256)
def clock_of(schedule: str) -> RetryClock:
    """Return a tenant's retry clock; one that cannot be read must not stop its mail."""
    try:
        return RetryClock.parse(schedule)
    except InvalidRetrySchedule:
        return EXCHANGE_CLOCK


# Which suspension holds a delivery: of its recipient's or its sender's domain, of either's mailbox, of the person who
# sent it. Look-ups by key, and in an index that is nearly empty.
_HOLDER: Final = """coalesce(
    (SELECT a.id FROM tenants_accepteddomain a
     WHERE a.tenant_id = d.tenant_id AND a.suspended_at IS NOT NULL AND EXISTS (
       SELECT 1 FROM (VALUES (d.recipient), (CASE WHEN NOT m.incoming THEN m.sender END)) AS party (address)
       WHERE lower(substring(address from '[^@]*$')) = a.domain
         OR (a.match_subdomains AND lower(address) LIKE '%%.' || a.domain))
     LIMIT 1),
    (SELECT b.id FROM tenants_mailbox b
     WHERE (b.id = d.mailbox_id OR (b.id = m.mailbox_id AND NOT m.incoming)) AND NOT b.enabled LIMIT 1),
    (SELECT u.id FROM tenants_mailbox b JOIN tenants_user u ON u.id = b.user_id
     WHERE b.id = m.mailbox_id AND NOT m.incoming AND NOT u.is_active)
  )"""
_READ: Final = f"""
SELECT d.id, d.recipient, d.original_recipient, d.notify, d.mailbox_id, d.attempts, d.crashes, d.config_version,
  d.created_at, d.expires_at, d.queue_id, d.pending, d.was, {_HOLDER}, coalesce(d.redirected_to = d.queue_id, false),
  m.id, m.tenant_id, m.sender, m.internet_message_id, m.from_header, m.subject, m.size, m.origin, m.incoming,
  host(m.client_address), m.mailbox_id, m.is_8bit, m.smtputf8, m.auto_submitted, m.envid, m.ret, m.received_at,
  m.require_tls, t.config_version, t.retry_schedule
FROM claimed d
JOIN transport_message m ON m.id = d.message_id
JOIN tenants_tenant t ON t.id = d.tenant_id
ORDER BY m.id, d.id
"""  # noqa: S608
# What is claimed, and what marks it as ours. A lease protects what stays `unreachable` as well as what is `active`; but
# only what is active goes back to its queue's work when the lease runs out.
_CLAIM: Final = f"""
WITH due AS (
  SELECT id, state AS was FROM transport_delivery
  WHERE {{due}}
  LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), claimed AS (
  UPDATE transport_delivery d SET {{change}} FROM due WHERE d.id = due.id RETURNING d.*, due.was
)
{_READ}
"""  # noqa: S608
_LEASE: Final = "lease_id = %(lease)s, lease_until = now() + %(term)s"
_ACTIVE: Final = f"state = 'active', {_LEASE}"
# What an administrator decided while a turn goes on holds for its next batch. A message that is to be removed waits for
# the sweep, which sees to it.
_IS_WANTED: Final = """pending = '' AND NOT EXISTS (
      SELECT 1 FROM transport_queue q JOIN tenants_tenant t ON t.id = q.tenant_id
      WHERE q.id = %(queue)s AND (q.suspended OR t.status <> 'active'))"""
_IS_FRESH: Final = f"""queue_id = %(queue)s AND state IN ('ready', 'retry') AND next_attempt_at <= now() AND crashes = 0
    AND {_IS_WANTED}"""
# Normal before low, but so many of low first; what normal leaves of the batch goes to low, too. Each part is read, and
# locked, row by row and only as far as the batch has room.
_FRESH: Final = f"""
WITH reserved AS (
  SELECT id, state AS was FROM transport_delivery
  WHERE {_IS_FRESH} AND priority > 0 ORDER BY priority, next_attempt_at, id
  LIMIT %(reserved)s FOR UPDATE SKIP LOCKED
), normal AS (
  SELECT id, state AS was FROM transport_delivery
  WHERE {_IS_FRESH} AND priority = 0 ORDER BY next_attempt_at, id
  LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), low AS (
  SELECT id, state AS was FROM transport_delivery
  WHERE {_IS_FRESH} AND priority > 0 AND id <> ALL (ARRAY(SELECT id FROM reserved))
  ORDER BY priority, next_attempt_at, id
  LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), due AS MATERIALIZED (
  SELECT * FROM reserved UNION ALL SELECT * FROM normal UNION ALL SELECT * FROM low LIMIT %(limit)s
), claimed AS (
  UPDATE transport_delivery d SET {_ACTIVE} FROM due WHERE d.id = due.id RETURNING d.*, due.was
)
{_READ}
"""  # noqa: S608
_SUSPECT: Final = _CLAIM.format(
    change=_ACTIVE,
    due=f"""queue_id = %(queue)s AND state IN ('ready', 'retry') AND next_attempt_at <= now() AND crashes > 0
    AND {_IS_WANTED} ORDER BY priority, next_attempt_at, id""",
)
_OUTDATED: Final = _CLAIM.format(
    change=_ACTIVE,
    due="""queue_id = %(queue)s AND state IN ('ready', 'retry') AND config_version < %(version)s
  ORDER BY priority, next_attempt_at, id""",
)
_UNREACHABLE: Final = _CLAIM.format(
    change=_LEASE,
    due="""tenant_id = %(tenant)s AND config_version < %(version)s AND state = 'unreachable'
    AND (lease_until IS NULL OR lease_until < now())
  ORDER BY config_version, id""",
)
# What a suspension holds gets its time back. Whether to remove it, an administrator may still decide.
_IS_NOT_HELD: Final = """(pending <> '' OR (NOT (state = 'held' AND held_by IS NOT NULL) AND tenant_id <> ALL (ARRAY(
      SELECT id FROM tenants_tenant WHERE status <> 'active' OR expiry_paused_until > now()))))"""
_EXPIRED: Final = _CLAIM.format(
    change=_ACTIVE,
    due=f"""expires_at <= now() AND state NOT IN ('active', 'poison') AND {_IS_NOT_HELD}
    ORDER BY expires_at, id""",
)
_DELAYED: Final = _CLAIM.format(
    change="delay_notice_at = NULL",
    due=f"delay_notice_at <= now() AND state <> 'poison' AND {_IS_NOT_HELD} ORDER BY delay_notice_at, id",
)
# The first delivery of each of a tenant's queues, as a sample; nothing is claimed.
_FIRST_OUTDATED: Final = f"""
WITH claimed AS (
  SELECT first.* FROM transport_queue q
  CROSS JOIN LATERAL (
    SELECT d.*, d.state AS was FROM transport_delivery d
    WHERE d.queue_id = q.id AND d.state IN ('ready', 'retry') ORDER BY d.priority, d.next_attempt_at, d.id LIMIT 1
  ) AS first
  WHERE q.tenant_id = %(tenant)s AND q.connector_id IS NOT NULL AND first.config_version < %(version)s
  ORDER BY q.id LIMIT %(limit)s
)
{_READ}
"""  # noqa: S608
_DELIVERY_COLUMNS: Final = 15
_MESSAGE_COLUMNS: Final = 18


async def claim(connection: AsyncConnection[Any], queue_id: UUID, limit: int, lease_id: UUID | None = None) -> Claim:
    """Claim the oldest due deliveries of a queue, normal before low, which gets one in LOW_SHARE all the same.

    What took a worker down before is claimed last, and alone. One statement, which is one transaction on an
    autocommitting connection. A caller that names the lease can give it back even if it never hears what was claimed.
    """
    batch = await _claim(connection, _FRESH, limit, lease_id, queue=queue_id, reserved=_reserved(limit))
    return batch if batch.messages else await _claim(connection, _SUSPECT, 1, lease_id, queue=queue_id)


def _reserved(limit: int) -> int:
    """Return how many places of a batch are for low priority: over many batches one in LOW_SHARE."""
    whole, rest = divmod(limit, LOW_SHARE)
    return whole + (rest > random.randrange(LOW_SHARE))  # noqa: S311 - chance spares a count over workers


async def claim_outdated(connection: AsyncConnection[Any], queue_id: UUID, version: int, limit: int) -> Claim:
    """Claim what waits in a queue and was routed by an older configuration, due or not."""
    return await _claim(connection, _OUTDATED, limit, queue=queue_id, version=version)


async def claim_unreachable(connection: AsyncConnection[Any], tenant_id: UUID, version: int, limit: int) -> Claim:
    """Claim a tenant's unreachable deliveries that an older configuration routed; they stay unreachable meanwhile."""
    return await _claim(connection, _UNREACHABLE, limit, tenant=tenant_id, version=version)


async def claim_expired(connection: AsyncConnection[Any], limit: int) -> Claim:
    """Claim what has expired in whichever queue: poison never does, and what is in flight has its chance."""
    return await _claim(connection, _EXPIRED, limit)


async def first_outdated(connection: AsyncConnection[Any], tenant_id: UUID, version: int, limit: int) -> Claim:
    """Return a sample of each of a tenant's queues that an older configuration filled, without claiming it."""
    return await _claim(connection, _FIRST_OUTDATED, limit, tenant=tenant_id, version=version)


async def take_delayed(connection: AsyncConnection[Any], limit: int) -> Claim:
    """Take what has waited so long that its sender should hear, once; no lease, so within a transaction."""
    return await _claim(connection, _DELAYED, limit)


async def _claim(
    connection: AsyncConnection[Any], statement: str, limit: int, lease_id: UUID | None = None, **where: object
) -> Claim:
    lease_id = lease_id or uuid4()
    cursor = await connection.execute(statement, {"limit": limit, "lease": lease_id, "term": LEASE, **where})
    rows = await cursor.fetchall()
    if not rows:
        return Claim(lease_id, ())
    return Claim(lease_id, _messages(rows), *rows[0][-2:])


def _messages(rows: Sequence[tuple[Any, ...]]) -> tuple[ClaimedMessage, ...]:
    """Gather the recipients of each message; the rows come message by message."""
    end = _DELIVERY_COLUMNS + _MESSAGE_COLUMNS
    messages = []
    for _, group in groupby(rows, key=lambda row: row[_DELIVERY_COLUMNS]):
        parts = list(group)
        deliveries = tuple(ClaimedDelivery(*part[:_DELIVERY_COLUMNS]) for part in parts)
        messages.append(ClaimedMessage(*(*parts[0][_DELIVERY_COLUMNS:end], deliveries)))
    return tuple(messages)


async def load_bodies(connection: AsyncConnection[Any], message_ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """Return the bytes of messages; one whose body is gone is missing from the answer."""
    cursor = await connection.execute(
        "SELECT id, content FROM transport_messagebody WHERE id = ANY(%s)", [list(message_ids)], binary=True
    )
    return {row[0]: bytes(row[1]) for row in await cursor.fetchall()}
