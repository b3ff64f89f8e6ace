"""What to look for in a tenant's queues and in the messages in them: the same for console, API and command line.

Values are kept as they were typed, so that an address, a form and a bulk operation can repeat them. Call it in a scope.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from typing import Any, Final, Self
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.utils import timezone
from typing_extensions import override

from tenants.problems import Problem
from transport.models import Delivery, DeliveryType, Queue
from transport.routing.reasons import REASONS

NONE: Final = "none"  # as a reason: no error at all
UNREACHABLE: Final = "unreachable"  # as a queue's status: Exchange shows it as Ready
QUEUE_STATES: Final = (*Queue.Status.values, UNREACHABLE)
_AGE: Final = re.compile(r"(\d{1,6}) ?(s|m|min|h|d)?")
_SIZE: Final = re.compile(r"(\d{1,9}) ?([kmg]?)b?", re.IGNORECASE)
_SECONDS: Final = {"s": 1, "": 60, "m": 60, "min": 60, "h": 3600, "d": 86400}
_BYTES: Final = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class _Filters:
    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Return the filters that are named in a form, a query or an operation; raise the Problem of a bad one."""
        names = [each.name for each in fields(cls)]
        found = cls(**{name: str(given.get(name) or "").strip() for name in names})
        found.check()
        return found

    def to_json(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if value}

    def __bool__(self) -> bool:
        return bool(self.to_json())

    def check(self) -> None:
        """Raise the Problem of the first value that makes no sense."""
        for name, value in self.to_json().items():
            if len(value) > LONGEST or "\0" in value:
                raise _bad(name, value)


@dataclass(frozen=True, slots=True)
class QueueFilters(_Filters):
    """Which queues; empty means any. `next_hop` is exact, or a beginning where it ends in `*`."""

    next_hop: str = ""
    status: str = ""
    delivery_type: str = ""
    reason: str = ""  # of the last error; `none`: without one
    min_messages: str = ""
    older_than: str = ""  # of the oldest message: 90s, 15m, 2h, 3d

    @override
    def check(self) -> None:
        super(QueueFilters, self).check()
        _one_of("status", self.status, QUEUE_STATES)
        _one_of("delivery_type", self.delivery_type, DeliveryType.values)
        _one_of("reason", self.reason, (NONE, *REASONS))
        _ = self.count, age("older_than", self.older_than)

    @property
    def count(self) -> int | None:
        if not self.min_messages:
            return None
        if not self.min_messages.isdecimal() or len(self.min_messages) > 9:
            raise _bad("min_messages", self.min_messages)
        return int(self.min_messages)

    @property
    def age(self) -> timedelta | None:
        return age("older_than", self.older_than)


@dataclass(frozen=True, slots=True)
class MessageFilters(_Filters):
    """Which recipients of which messages; empty means any.

    `sender` and `recipient` are an address, a beginning that ends in `*`, or a domain with its `@`; `<>` is the sender
    of notices. `subject` finds a part of it. Sizes are bytes, or 500k, 2M; ages 90s, 15m, 2h, 3d.
    """

    queue: str = ""
    sender: str = ""
    recipient: str = ""
    subject: str = ""
    state: str = ""
    reason: str = ""
    min_size: str = ""
    max_size: str = ""
    older_than: str = ""
    redirected: str = ""  # yes: those that an administrator redirected

    @override
    def check(self) -> None:
        super(MessageFilters, self).check()
        _one_of("state", self.state, Delivery.State.values)
        _one_of("reason", self.reason, (NONE, *REASONS))
        _one_of("redirected", self.redirected, ("yes",))
        _ = size("min_size", self.min_size), size("max_size", self.max_size), age("older_than", self.older_than)
        _ = self.queue_id

    @property
    def queue_id(self) -> UUID | None:
        if not self.queue:
            return None
        try:
            return UUID(self.queue)
        except ValueError:
            raise _bad("queue", self.queue) from None

    def matching(self, tenant_id: UUID) -> QuerySet[Delivery]:
        """Return the tenant's deliveries that fit, without an order."""
        rows = Delivery.objects.filter(tenant_id=tenant_id)
        if self.queue_id:
            rows = rows.filter(queue_id=self.queue_id)
        if self.state:
            rows = rows.filter(state=self.state)
        if older := age("older_than", self.older_than):
            rows = rows.filter(created_at__lte=timezone.now() - older)
        rows = rows.filter(_address("message__sender", self.sender), _address("recipient", self.recipient))
        if self.subject:
            rows = rows.filter(message__subject__icontains=self.subject)
        if least := size("min_size", self.min_size):
            rows = rows.filter(message__size__gte=least)
        if self.max_size:
            rows = rows.filter(message__size__lte=size("max_size", self.max_size))
        return self._with_reason(self._redirected(rows))

    def _redirected(self, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
        if not self.redirected:
            return rows
        return rows.filter(redirected_to__isnull=False, redirected_to=F("queue_id"))

    def _with_reason(self, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
        """Narrow to those that wait for this reason: their own last error's, or else their queue's."""
        if not self.reason:
            return rows
        code = "" if self.reason == NONE else self.reason
        queues_error = Q(last_error_reason="", queue__last_error_reason=code)
        return rows.filter(queues_error if not code else Q(last_error_reason=code) | queues_error)


def age(name: str, text: str) -> timedelta | None:
    """Read an age such as `90s`, `15m`, `2h`, `3d`; a number alone is minutes."""
    if not text:
        return None
    found = _AGE.fullmatch(text.lower())
    if found is None:
        raise _bad(name, text)
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2] or ""])


def size(name: str, text: str) -> int | None:
    """Read a size such as `2000`, `500k`, `2M`."""
    if not text:
        return None
    found = _SIZE.fullmatch(text)
    if found is None:
        raise _bad(name, text)
    return int(found[1]) * _BYTES[found[2].lower()]


def _address(field: str, text: str) -> Q:
    if not text:
        return Q()
    if text == "<>":
        return Q(**{field: ""})
    if text.startswith("@"):
        return Q(**{f"{field}__iendswith": text})
    if text.endswith("*"):
        return Q(**{f"{field}__istartswith": text[:-1]})
    return Q(**{f"{field}__iexact": text})


def _one_of(name: str, value: str, known: Any) -> None:
    if value and value not in known:
        raise _bad(name, value)


def _bad(name: str, value: str) -> Problem:
    return Problem("queue.bad_filter", field=name, name=name, value=value[:80].replace("\0", ""))
