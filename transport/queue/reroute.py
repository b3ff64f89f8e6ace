"""Routing again what an older configuration routed (design §12.6): by the same function, with the same trace.

What waited as unreachable moves to a queue, what waited for a connector that is gone moves elsewhere, and what
nobody takes any more comes back to its sender. All of it is told in the tracking log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection

from transport.delivery.outcome import Outcome
from transport.message.header import digest
from transport.models import EventId, Source, queue_id_for
from transport.queue.claim import Claim, ClaimedDelivery, ClaimedMessage, load_bodies
from transport.queue.columns import Column, booleans, integers, register_columns, texts, uuids
from transport.queue.configuration import Configuration
from transport.queue.intake import Accepted, Arrival, RecipientOptions, accept, astore
from transport.queue.notices import prepare_notices
from transport.queue.outcomes import Report, Result, Verdict
from transport.queue.record import write_reports
from transport.queue.redirected import Ways, hop_of, ways_of
from transport.queue.snapshots import aroute
from transport.routing.envelope import Client, Envelope, Origin, Right, anonymous_client
from transport.routing.result import UNREACHABLE_HOP, DeliveryType, NextHop, Refusal, RoutedRecipient, Routing
from transport.tracking.events import TrackingRow, ainsert_events, event

_MAKE_QUEUES: Final = """
INSERT INTO transport_queue (id, tenant_id, delivery_type, next_hop_domain, connector_id, last_error_reason, suspended,
  retry_count, created_at, last_error_enhanced, last_error_text, last_error_peer_text, last_error_phase,
  last_error_endpoint)
SELECT id, tenant_id, delivery_type, domain, connector_id, reason, false, 0, now(), '', '', '', '', ''
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::text[])
  AS q (id, tenant_id, delivery_type, domain, connector_id, reason)
ORDER BY id
ON CONFLICT DO NOTHING
"""
_MOVE: Final = """
WITH mine AS (
  SELECT r.* FROM transport_delivery d
  JOIN unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::text[], %s::text[], %s::bigint[],
    %s::boolean[])
    AS r (id, lease_id, queue_id, recipient, mailbox_id, state, reason, version, redirected)
    ON r.id = d.id AND r.lease_id = d.lease_id
  ORDER BY d.id FOR UPDATE OF d
)
UPDATE transport_delivery d SET
  queue_id = mine.queue_id, recipient = mine.recipient, mailbox_id = mine.mailbox_id, config_version = mine.version,
  state = CASE WHEN d.pending = 'suspend' THEN 'suspended' ELSE mine.state END,
  pending = CASE WHEN d.pending = 'suspend' THEN '' ELSE d.pending END,
  redirected_to = CASE WHEN mine.redirected THEN mine.queue_id END,
  attempts = 0, next_attempt_at = now(), lease_id = NULL, lease_until = NULL,
  last_error_code = NULL, last_error_enhanced = '', last_error_text = '', last_error_reason = mine.reason,
  last_error_peer_text = '', last_error_phase = '', last_error_endpoint = '', last_error_at = NULL
FROM mine WHERE d.id = mine.id
RETURNING d.id
"""
_STAY: Final = """
UPDATE transport_delivery SET config_version = %s WHERE id = ANY(%s) AND lease_id = %s
"""
_LEAVE: Final = """
DELETE FROM transport_delivery WHERE id = ANY(%s) AND lease_id = %s RETURNING id
"""
_MOVE_COLUMNS: Final[tuple[Callable[[Sequence[Any]], Column], ...]] = (
    *(uuids, uuids, uuids, texts, uuids, texts, texts, integers, booleans),
)


class LeaseLost(RuntimeError):
    """Somebody else took part of what we were moving; nothing of it is written, and it is tried again."""


@dataclass(frozen=True, slots=True)
class _Move:
    """A delivery that belongs into another queue, or waits as unreachable for another reason."""

    delivery: ClaimedDelivery
    routed: RoutedRecipient
    hop: NextHop
    queue_id: UUID
    redirected: bool = False

    @property
    def is_unreachable(self) -> bool:
        return self.hop.delivery_type is DeliveryType.UNREACHABLE


@dataclass(slots=True)
class _Plan:
    """What routing again says of one message."""

    message: ClaimedMessage
    version: int
    anew: bool = False
    staying: list[ClaimedDelivery] = field(default_factory=list)
    moves: list[_Move] = field(default_factory=list)
    refused: list[Result] = field(default_factory=list)
    leaving: list[ClaimedDelivery] = field(default_factory=list)
    handed_over: tuple[Accepted, ...] = ()


async def reroute_claim(connection: AsyncConnection[Any], claim: Claim, *, anew: bool = False) -> Claim:
    """Route a claim's messages again and write what changed. Return what may be worked on where it is.

    With `anew` everything is placed anew, also where it was: for deliveries whose queue is gone.
    """
    configuration = Configuration()
    ways = {} if anew else await ways_of(connection, claim)
    plans = [await _plan(connection, configuration, message, ways, anew) for message in claim.messages]
    reports = [_report(plan, claim) for plan in plans if plan.refused]
    notices = await prepare_notices(connection, reports)
    async with connection.transaction():
        await write_reports(connection, reports, notices)
        await _write_moves(connection, claim, plans)
        await _write_handovers(connection, claim, plans)
        for version in {plan.version for plan in plans}:
            staying = [delivery.id for plan in plans if plan.version == version for delivery in plan.staying]
            await connection.execute(_STAY, [version, staying, claim.lease_id])
    return _remaining(claim, plans)


async def route_again(
    connection: AsyncConnection[Any], configuration: Configuration, message: ClaimedMessage
) -> Routing:
    """Ask where the recipients of an accepted message go now; what its sender may do was settled then."""
    recipients = tuple(dict.fromkeys(delivery.recipient for delivery in message.deliveries))
    envelope = Envelope(message.sender, recipients, message.size, _client(message), rerouting=True)
    return await aroute(connection, configuration, envelope)


def queue_of(message: ClaimedMessage, hop: NextHop) -> UUID:
    return queue_id_for(message.tenant_id, hop.delivery_type.value, hop.domain, hop.connector_id)


def _client(message: ClaimedMessage) -> Client:
    if message.incoming:
        return anonymous_client()
    return Client(Origin(message.origin), message.tenant_id, message.mailbox_id, rights=frozenset(Right))


async def _plan(
    connection: AsyncConnection[Any], configuration: Configuration, message: ClaimedMessage, ways: Ways, anew: bool
) -> _Plan:
    routing = await route_again(connection, configuration, message)
    own = [part for part in routing.messages if part.tenant_id == message.tenant_id]
    by_recipient = {one.original: one for part in own for one in part.recipients}
    by_recipient |= {one.original: one for one in routing.merged if one.original not in by_recipient}
    refused = {one.original: one for one in routing.refused}
    terms = configuration.terms.get(message.tenant_id)
    plan = _Plan(message, terms.config_version if terms else 0, anew)
    for delivery in message.deliveries:
        hop = hop_of(delivery, ways, configuration.snapshot, message.tenant_id, message.size)
        if hop is not None:
            _place_redirected(plan, delivery, hop)
        else:
            _place(plan, delivery, by_recipient.get(delivery.recipient), refused.get(delivery.recipient))
    if plan.leaving:
        plan.handed_over = await _handed_over(connection, configuration, plan, routing)
    return plan


def _place(
    plan: _Plan, delivery: ClaimedDelivery, routed: RoutedRecipient | None, refused: RoutedRecipient | None
) -> None:
    """Decide what becomes of one delivery: refused, another tenant's now, elsewhere, or where it is."""
    if refused is not None and refused.refusal is not None:
        _place_refused(plan, delivery, refused, refused.refusal)
    elif routed is None or routed.next_hop is None:
        plan.leaving.append(delivery)
    else:
        move = _Move(delivery, routed, routed.next_hop, queue_of(plan.message, routed.next_hop))
        stays = move.queue_id == delivery.queue_id and not move.is_unreachable and not plan.anew
        plan.staying.append(delivery) if stays else plan.moves.append(move)


def _place_redirected(plan: _Plan, delivery: ClaimedDelivery, hop: NextHop) -> None:
    """Leave it where an administrator sent it, or where that connector leads to by now."""
    routed = RoutedRecipient(delivery.recipient, delivery.recipient, hop)
    move = _Move(delivery, routed, hop, queue_of(plan.message, hop), redirected=True)
    plan.staying.append(delivery) if move.queue_id == delivery.queue_id else plan.moves.append(move)


def _place_refused(plan: _Plan, delivery: ClaimedDelivery, routed: RoutedRecipient, why: Refusal) -> None:
    """A refusal for good goes back to the sender; with any other it waits as unreachable, for that reason."""
    if why.reply.is_permanent:
        plan.refused.append(Result(delivery, Verdict(Outcome.PERMANENT, why.reply, why.reason_code, Source.ROUTING)))
        return
    waiting = replace(routed, reason_code=why.reason_code, mailbox_id=None)
    plan.moves.append(_Move(delivery, waiting, UNREACHABLE_HOP, queue_of(plan.message, UNREACHABLE_HOP)))


async def _handed_over(
    connection: AsyncConnection[Any], configuration: Configuration, plan: _Plan, routing: Routing
) -> tuple[Accepted, ...]:
    """Make the messages of other tenants whose domains the recipients are in now (design §12.4)."""
    message = plan.message
    foreign = tuple(part for part in routing.messages if part.tenant_id != message.tenant_id)
    bodies = await load_bodies(connection, [message.id])
    content = bodies.get(message.id)
    if content is None:
        plan.staying += plan.leaving
        plan.leaving.clear()
        return ()
    options = {
        delivery.recipient: RecipientOptions(delivery.notify, delivery.original_recipient) for delivery in plan.leaving
    }
    arrival = Arrival(
        sender=message.sender,
        client=_client(message),
        received_at=datetime.now(UTC),
        recipients=options,
        is_8bit=message.is_8bit,
        smtputf8=message.smtputf8,
        envid=message.envid,
        ret=message.ret,
    )
    parts = accept(arrival, content, digest(content), replace(routing, messages=foreign), configuration.terms)
    return tuple(part for part in parts if part.message.tenant_id != message.tenant_id)


def _report(plan: _Plan, claim: Claim) -> Report:
    return Report(plan.message, claim.lease_id, tuple(plan.refused), datetime.now(UTC))


async def _write_moves(connection: AsyncConnection[Any], claim: Claim, plans: Sequence[_Plan]) -> None:
    rows = [(plan, move) for plan in plans for move in plan.moves]
    if not rows:
        return
    async with connection.cursor() as cursor:
        register_columns(cursor.adapters)
        await cursor.execute(_MAKE_QUEUES, _queue_columns(rows))
        values = zip(*(_move_row(claim, plan, move) for plan, move in rows), strict=True)
        columns = [encode(column) for encode, column in zip(_MOVE_COLUMNS, values, strict=True)]
        await cursor.execute(_MOVE, columns)
        moved = {row[0] for row in await cursor.fetchall()}
    events = [row for plan in plans for row in _move_events(plan, moved)]
    await ainsert_events(connection, events)


def _queue_columns(rows: Iterable[tuple[_Plan, _Move]]) -> list[Column]:
    queues = {
        move.queue_id: (
            move.queue_id,
            plan.message.tenant_id,
            move.hop.delivery_type.value,
            move.hop.domain,
            move.hop.connector_id,
            move.routed.reason_code or "",
        )
        for plan, move in rows
    }
    encoders = (uuids, uuids, texts, texts, uuids, texts)
    make: list[tuple[Callable[[Sequence[Any]], Column], Sequence[Any]]] = list(
        zip(encoders, zip(*queues.values(), strict=True), strict=True)
    )
    return [encode(values) for encode, values in make]


def _move_row(claim: Claim, plan: _Plan, move: _Move) -> tuple[Any, ...]:
    return (
        move.delivery.id,
        claim.lease_id,
        move.queue_id,
        move.routed.address,
        move.routed.mailbox_id,
        "unreachable" if move.is_unreachable else "ready",
        move.routed.reason_code or "",
        plan.version,
        move.redirected,
    )


def _move_events(plan: _Plan, moved: set[UUID]) -> Iterator[TrackingRow]:
    """Tell of moves, one event for each queue that recipients moved to; staying unreachable is no news."""
    groups: dict[UUID, list[_Move]] = {}
    for move in plan.moves:
        if move.delivery.id in moved and move.queue_id != move.delivery.queue_id:
            groups.setdefault(move.queue_id, []).append(move)
    for moves in groups.values():
        hop = moves[0].hop
        recipients = [move.routed.address for move in moves]
        detail = {
            "next_hop_domain": hop.domain,
            "delivery_type": hop.delivery_type.value,
            "connector_id": str(hop.connector_id or ""),
        }
        story = plan.message.story
        yield event(story, EventId.RESUBMIT, Source.ROUTING, recipients, detail=detail)
        if moves[0].is_unreachable:
            yield event(story, EventId.DEFER, Source.ROUTING, recipients, reason=moves[0].routed.reason_code or "")


async def _write_handovers(connection: AsyncConnection[Any], claim: Claim, plans: Sequence[_Plan]) -> None:
    events: list[TrackingRow] = []
    accepted: list[Accepted] = []
    for plan in plans:
        if not plan.leaving:
            continue
        ids = [delivery.id for delivery in plan.leaving]
        cursor = await connection.execute(_LEAVE, [ids, claim.lease_id])
        left = len(await cursor.fetchall())
        if not left:
            continue
        if left < len(ids):
            raise LeaseLost
        accepted += plan.handed_over
        for part in plan.handed_over:
            recipients = [row.recipient for row in part.deliveries]
            events.append(
                event(plan.message.story, EventId.TRANSFER, Source.ROUTING, recipients, reference=str(part.id))
            )
    await ainsert_events(connection, events)
    await astore(connection, accepted)


def _remaining(claim: Claim, plans: Sequence[_Plan]) -> Claim:
    messages = tuple(replace(plan.message, deliveries=tuple(plan.staying)) for plan in plans if plan.staying)
    return replace(claim, messages=messages)
