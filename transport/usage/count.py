"""The count of one subject in the hour and the day that run: plain numbers, no database."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from typing_extensions import override

from transport.usage.windows import day_of_hour


class Key:
    """Whose count, and of what: the subject is a mailbox, or the tenant itself for its total.

    Each message asks for several, so the hash is taken once: that of a UUID is slow.
    """

    __slots__ = ("_hash", "direction", "subject_id", "tenant_id")

    def __init__(self, tenant_id: UUID, subject_id: UUID, direction: str) -> None:
        self.tenant_id, self.subject_id, self.direction = tenant_id, subject_id, direction
        self._hash = hash((tenant_id, subject_id, direction))

    @classmethod
    def of_tenant(cls, tenant_id: UUID, direction: str) -> Key:
        return _known_key(tenant_id, tenant_id, direction)

    @classmethod
    def of_mailbox(cls, tenant_id: UUID, mailbox_id: UUID, direction: str) -> Key:
        return _known_key(tenant_id, mailbox_id, direction)

    @override
    def __hash__(self) -> int:
        return self._hash

    @override
    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Key) and (self.tenant_id, self.subject_id, self.direction) == (
            other.tenant_id,
            other.subject_id,
            other.direction,
        )

    @override
    def __repr__(self) -> str:
        return f"Key({self.tenant_id}, {self.subject_id}, {self.direction})"


@lru_cache(maxsize=16_384)
def _known_key(tenant_id: UUID, subject_id: UUID, direction: str) -> Key:
    return Key(tenant_id, subject_id, direction)


@dataclass(slots=True)
class Count:
    """How much in `hour`, and in the day that it belongs to. Other hours count as empty."""

    hour: int
    hour_messages: int = 0
    hour_recipients: int = 0
    day_messages: int = 0
    day_recipients: int = 0

    def turn(self, hour: int) -> None:
        """Go on to a later hour: what ran out counts no more."""
        if hour == self.hour:
            return
        self.hour_messages = self.hour_recipients = 0
        if day_of_hour(hour) != day_of_hour(self.hour):
            self.day_messages = self.day_recipients = 0
        self.hour = hour

    def add(self, messages: int, recipients: int) -> None:
        self.hour_messages += messages
        self.hour_recipients += recipients
        self.day_messages += messages
        self.day_recipients += recipients


@dataclass(slots=True)
class Sum:
    """What is to be added to one subject's numbers of one hour."""

    messages: int = 0
    recipients: int = 0
    size: int = 0
    refused: int = 0

    def add(self, other: Sum) -> None:
        self.messages += other.messages
        self.recipients += other.recipients
        self.size += other.size
        self.refused += other.refused
