"""What a page may say of a destination's connections (destinations.py), asked for by Django's connection."""

from __future__ import annotations

from django.db import connection

from transport.queue.destinations import INITIAL
from transport.queue.slots import PER_HOST


def allowed_now(endpoint: str) -> int:
    """Return how many connections the platform may have at a time to `address:port`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT connections FROM destination_allowance(%s)", [endpoint])
        row = cursor.fetchone()
    return min(int(row[0]) if row else INITIAL, PER_HOST)
