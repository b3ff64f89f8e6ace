"""The count of one subject in the hour and the day that run: plain numbers, no database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from transport.usage.windows import day_of_hour


class Key(NamedTuple):
    """Whose count, and of what: the subject is a mailbox, or the tenant itself for its total."""

    tenant_id: UUID
    subject_id: UUID
    direction: str

    @classmethod
    def of_tenant(cls, tenant_id: UUID, direction: str) -> Key:
        return cls(tenant_id, tenant_id, direction)


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
