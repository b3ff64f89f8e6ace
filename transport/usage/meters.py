"""The limits that a tenant as a whole can use up, each with where its use is to be found in the tally's statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Shares in per cent: when people are told, and when a limit that fell below is no longer worth telling.
NEAR: Final = 80
OVER: Final = 100
CALM: Final = 75


@dataclass(frozen=True, slots=True)
class Gauge:
    """`used` is SQL over the tally's joins: `l` the load, `sh`, `sd` sent, `rh`, `rd` received, by hour and day."""

    limit_name: str
    used: str
    period: str = ""  # '' for what stays used until somebody makes room


GAUGES: Final = (
    Gauge("max_storage", "l.storage"),
    Gauge("max_queued", "l.queued"),
    Gauge("max_mailboxes", "l.mailboxes"),
    Gauge("max_domains", "l.domains"),
    Gauge("messages_per_hour", "coalesce(sh.messages, 0)", "hour"),
    Gauge("messages_per_day", "coalesce(sd.messages, 0)", "day"),
    Gauge("recipients_per_hour", "coalesce(sh.recipients, 0)", "hour"),
    Gauge("recipients_per_day", "coalesce(sd.recipients, 0)", "day"),
    Gauge("incoming_messages_per_hour", "coalesce(rh.messages, 0)", "hour"),
    Gauge("incoming_messages_per_day", "coalesce(rd.messages, 0)", "day"),
)
STANDING: Final = tuple(gauge.limit_name for gauge in GAUGES if not gauge.period)
