"""Numbers and times of a connector within what makes sense: the database holds more than the mail flow can use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.db.models import Model

from tenants.problems import Problem

Bounds = Mapping[str, tuple[Any, Any]]

_MESSAGE: Final = (1, 2**40)
_MANY: Final = (1, 1_000_000)
_A_DAY: Final = (timedelta(seconds=1), timedelta(days=1))

SEND: Final[Bounds] = {
    "max_message_size": _MESSAGE,
    "max_messages_per_connection": _MANY,
    "max_connections_per_host": (1, 20),  # the platform's own limit (transport/queue/slots.py)
    "connect_timeout": (timedelta(seconds=1), timedelta(minutes=5)),
    "connection_inactivity_timeout": _A_DAY,
}
# The ranges of Exchange 2013 (reference §4); 0 stands for “never” and “off” where Exchange has it so.
RECEIVE: Final[Bounds] = {
    "max_message_size": (64 * 1024, 2 * 1024**3),
    "max_header_size": (1, 2**24),
    "max_hop_count": (1, 500),
    "max_local_hop_count": (0, 50),
    "max_recipients_per_message": (1, 512_000),
    "max_inbound_connections": _MANY,
    "max_inbound_connections_per_source": (1, 10_000),
    "max_inbound_connections_percentage_per_source": (1, 100),
    "max_protocol_errors": (0, 10_000),
    "max_logon_failures": (0, 10_000),
    "connection_timeout": _A_DAY,
    "connection_inactivity_timeout": _A_DAY,
    "message_rate_limit": _MANY,
    "tarpit_interval": (timedelta(0), timedelta(minutes=10)),
}


def check_bounds(row: Model, bounds: Bounds) -> None:
    """Raise Problem("connector.out_of_range") for the first field out of its range; None is no limit."""
    for field, (low, high) in bounds.items():
        value = getattr(row, field)
        if value is not None and not low <= value <= high:
            raise Problem("connector.out_of_range", field=field, value=str(value)[:40], low=low, high=high)
