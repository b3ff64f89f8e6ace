"""Messages that wait, one entry per message and queue with its recipients, page by page (reference §5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Q

from transport.access import deliveries
from transport.models import Delivery, Message, Queue
from transport.queue.filters import MessageFilters

RECIPIENTS: Final = 2_000  # of one page; a single message has fewer
ALL: Final = MessageFilters()
Key = tuple[UUID, UUID]  # of a message and the queue that it waits in


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message in one queue. Its id names both: `<message>.<queue>`."""

    rows: tuple[Delivery, ...]

    @property
    def id(self) -> str:
        return f"{self.rows[0].message_id}.{self.rows[0].queue_id}"

    @property
    def key(self) -> Key:
        return self.rows[0].message_id, self.rows[0].queue_id

    @property
    def message(self) -> Message:
        return self.rows[0].message

    @property
    def queue(self) -> Queue:
        return self.rows[0].queue


def list_messages(
    tenant_id: UUID, filters: MessageFilters = ALL, *, after: Key | None = None, limit: int = 100
) -> tuple[list[QueuedMessage], bool]:
    """Return the messages with a recipient that fits, newest first, and whether there are more of them."""
    keys = _keys(tenant_id, filters, after, limit + 1)
    entries, is_cut = _read(tenant_id, keys[:limit])
    return entries, is_cut or len(keys) > limit


def _keys(tenant_id: UUID, filters: MessageFilters, after: Key | None, limit: int) -> list[Key]:
    """Return keys alone: what hangs on them is read for the page, not for a hundred thousand that are sorted."""
    rows = filters.matching(tenant_id)
    if after is not None:
        message, queue = after
        rows = rows.filter(Q(message_id__lt=message) | Q(message_id=message, queue_id__lt=queue))
    keys = rows.order_by("-message_id", "-queue_id").values_list("message_id", "queue_id").distinct()
    return list(keys[:limit])


def _read(tenant_id: UUID, keys: Sequence[Key]) -> tuple[list[QueuedMessage], bool]:
    """Read the recipients of these messages; whether some of the messages have to wait for the next page."""
    wanted = deliveries(tenant_id).filter(message_id__in={key[0] for key in keys})
    rows = list(wanted.order_by("-message_id", "-queue_id", "id")[: RECIPIENTS + 1])
    entries = [entry for entry in grouped(rows) if entry.key in {*keys}]
    is_cut = len(rows) > RECIPIENTS
    # The last one may be cut in half.
    return (entries[:-1] if is_cut and len(entries) > 1 else entries), is_cut


def grouped(rows: Sequence[Delivery]) -> list[QueuedMessage]:
    """Return deliveries as the messages that they are of, in their order."""
    groups: dict[Key, list[Delivery]] = {}
    for row in rows:
        groups.setdefault((row.message_id, row.queue_id), []).append(row)
    return [QueuedMessage(tuple(group)) for group in groups.values()]
