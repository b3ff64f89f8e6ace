"""The days of the two big tables: made ahead of time, dropped when they are old (design §12.15).

A day of bodies stays while a delivery refers to one of its messages; the database checks that itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db import OperationalError, connection, transaction

logger = logging.getLogger(__name__)

DAYS_AHEAD: Final = 3
KEPT_DAYS: Final = {"transport_messagebody": 3, "transport_trackingevent": 30}


def ensure_partitions(today: date | None = None) -> list[str]:
    """Make the days that are missing, from today on. Return their names."""
    today = today or datetime.now(UTC).date()
    days = [today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)]
    return [
        _name(table, day)
        for table in KEPT_DAYS
        for day in days
        if _call("SELECT make_day_partition(%s, %s)", table, day)
    ]


def drop_old_partitions(today: date | None = None) -> list[str]:
    """Drop the days that are older than what is kept. Return their names."""
    today = today or datetime.now(UTC).date()
    return [
        _name(table, day)
        for table, kept in KEPT_DAYS.items()
        for day in list(_days_of(table))
        if day < today - timedelta(days=kept) and _call("SELECT drop_day_partition(%s, %s)", table, day)
    ]


def _days_of(table: str) -> Iterator[date]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT day_partitions(%s)", [table])
        yield from (row[0] for row in cursor.fetchall())


def _call(statement: str, table: str, day: date) -> bool:
    """Make or drop one day in its own transaction; where a lock is not to be had, the next round tries again."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [table, day])
            row = cursor.fetchone()
            return bool(row and row[0])
    except OperationalError as error:
        logger.warning("%s waits for the next round: %s", _name(table, day), str(error).strip())
        return False


def _name(table: str, day: date) -> str:
    return f"{table}_{day:%Y%m%d}"
