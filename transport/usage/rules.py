"""Whether a limit lets a message through: pure, the same for the daemon, the API and the console."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tenants.limits import Limits
from transport.routing.refusals import refuse
from transport.routing.result import Refusal
from transport.usage.count import Count
from transport.usage.windows import day_of_hour, day_start, hour_start

# Of the queue's limit, what mail from strangers may fill. The rest is kept for the tenant's own sending.
STRANGERS_SHARE: Final = 80
# Seconds after which it makes sense to try again where nobody knows when there will be room.
SOME_TIME: Final = 300


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that is in the way: its reason, its figure, and when it makes sense to come again."""

    reason_code: str
    limit_name: str
    allowed: int
    retry_at: datetime | None = None

    def refusal(self, **facts: Any) -> Refusal:
        """Return it as routing's refusals are: with the registry's reply, and the facts for its words."""
        what, _, period = self.limit_name.removeprefix("mailbox_").removeprefix("incoming_").rpartition("_per_")
        known: dict[str, Any] = {"limit": self.allowed, "limit_name": self.limit_name}
        if self.retry_at is not None:
            known |= {"what": what, "period": period, "until": f"{self.retry_at:%H:%M} UTC"}
            known["retry_at"] = self.retry_at.isoformat()
        return refuse(self.reason_code, **known, **facts)


def sending_excess(
    limits: Limits, tenant: Count, mailbox: Count | None, *, messages: int = 1, recipients: int = 0
) -> Excess | None:
    """Return what forbids a tenant, or its mailbox, to send so much more now; None where nothing does."""
    if mailbox is not None:
        found = _excess(
            "mailbox.rate",
            "mailbox_",
            mailbox,
            messages,
            recipients,
            (limits.mailbox_messages_per_hour, limits.mailbox_messages_per_day),
            (limits.mailbox_recipients_per_hour, limits.mailbox_recipients_per_day),
        )
        if found is not None:
            return found
    return _excess(
        "tenant.rate",
        "",
        tenant,
        messages,
        recipients,
        (limits.messages_per_hour, limits.messages_per_day),
        (limits.recipients_per_hour, limits.recipients_per_day),
    )


def incoming_excess(limits: Limits, received: Count) -> Excess | None:
    """Return what forbids a tenant to receive one more message from outside now."""
    allowed = (limits.incoming_messages_per_hour, limits.incoming_messages_per_day)
    return _excess("tenant.incoming_rate", "incoming_", received, 1, 0, allowed, None)


def _excess(
    reason: str,
    prefix: str,
    count: Count,
    messages: int,
    recipients: int,
    of_messages: tuple[int, int],
    of_recipients: tuple[int, int] | None,
) -> Excess | None:
    if (
        count.hour_messages + messages <= of_messages[0]
        and count.day_messages + messages <= of_messages[1]
        and (
            of_recipients is None
            or (
                count.hour_recipients + recipients <= of_recipients[0]
                and count.day_recipients + recipients <= of_recipients[1]
            )
        )
    ):
        return None
    for what, hourly, daily, more, allowed in (
        ("messages", count.hour_messages, count.day_messages, messages, of_messages),
        ("recipients", count.hour_recipients, count.day_recipients, recipients, of_recipients),
    ):
        if allowed is None or not more:
            continue
        # The day's limit is told first: coming again in an hour would be in vain.
        if daily + more > allowed[1]:
            again = day_start(day_of_hour(count.hour) + 1)
            return Excess(reason, f"{prefix}{what}_per_day", allowed[1], again)
        if hourly + more > allowed[0]:
            return Excess(reason, f"{prefix}{what}_per_hour", allowed[0], hour_start(count.hour + 1))
    return None


def queue_excess(limits: Limits, queued: int, *, from_outside: bool) -> Excess | None:
    """Return what forbids one more recipient to wait; mail from outside may fill a part of the queue only."""
    allowed = limits.max_queued * STRANGERS_SHARE // 100 if from_outside else limits.max_queued
    return Excess("tenant.queue_full", "max_queued", limits.max_queued) if queued >= allowed else None


def storage_excess(limits: Limits, stored: int) -> Excess | None:
    """Return what forbids one more letter in the tenant's mailboxes."""
    return Excess("tenant.storage_full", "max_storage", limits.max_storage) if stored >= limits.max_storage else None
