"""Against guessing: wrong tries are counted per (account, network) in the database, and the wait for the next grows.

The account alone never locks, so a stranger elsewhere shuts nobody out; only who knows the password already (second
factors) is counted by account too. Known and unknown accounts are counted alike.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from django.db import connection
from django.utils import timezone

from tenants.models import Guesses

FORGET_AFTER: Final = timedelta(days=1)
SHORTEST, LONGEST = 15, 15 * 60  # seconds


@dataclass(frozen=True, slots=True)
class Limit:
    """How many wrong tries are free; each one after that doubles the wait, from 15 s to 15 min."""

    purpose: str
    free: int

    def key(self, *parts: str) -> str:
        return hashlib.sha256("\0".join((self.purpose, *parts)).encode()).hexdigest()


PASSWORD: Final = Limit("password", 5)  # account, network
CODE: Final = Limit("code", 5)  # account, network
CODE_ANYWHERE: Final = Limit("code-anywhere", 30)  # account
RESET: Final = Limit("reset", 3)  # account
RESET_FROM: Final = Limit("reset-from", 20)  # network

# One statement, so that tries at the same moment wait for each other and none goes uncounted.
_TAKE: Final = """
INSERT INTO tenants_guesses AS g (key, failures, last_at) VALUES (%(key)s, 1, %(now)s)
ON CONFLICT (key) DO UPDATE SET last_at = %(now)s,
  failures = CASE WHEN g.last_at < %(forget)s THEN 1 ELSE g.failures + 1 END
WHERE g.failures < %(free)s
   OR g.last_at + make_interval(secs => least(%(longest)s, %(shortest)s * power(2, least(g.failures - %(free)s, 20))))
      <= %(now)s
"""


def take(limit: Limit, *parts: str, now: datetime | None = None) -> int:
    """Count a try before it is made. Return 0 when it may be made, else the seconds to wait (it is not counted)."""
    moment = now or timezone.now()
    key = limit.key(*parts)
    facts: dict[str, str | int | datetime] = {
        "key": key,
        "now": moment,
        "forget": moment - FORGET_AFTER,
        "free": limit.free,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, facts | {"shortest": SHORTEST, "longest": LONGEST})
        if cursor.rowcount:
            return 0
    row = Guesses.objects.filter(key=key).first()
    return 0 if row is None else max(1, ceil((row.last_at + wait_after(limit, row.failures) - moment).total_seconds()))


def wait_after(limit: Limit, failures: int) -> timedelta:
    """Return how long the next try has to wait after so many wrong ones."""
    beyond = failures - limit.free
    return timedelta(seconds=min(LONGEST, SHORTEST * 2 ** min(beyond, 20)) if beyond >= 0 else 0)


def forgive(limit: Limit, *parts: str) -> None:
    """Forget the tries: the right one was among them."""
    Guesses.objects.filter(key=limit.key(*parts)).delete()


def first_use(purpose: str, *parts: str, now: datetime | None = None) -> bool:
    """Return whether this has not been used yet, and remember that it has; whichever process is asked."""
    key = Limit(f"used-{purpose}", 0).key(*parts)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tenants_guesses (key, failures, last_at) VALUES (%s, 0, %s) ON CONFLICT DO NOTHING",
            [key, now or timezone.now()],
        )
        return bool(cursor.rowcount)


def network_of(address: str | None) -> str:
    """Return whom an address belongs to for counting: an IPv6 customer has a whole /64."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    if isinstance(ip, ipaddress.IPv4Address) or mapped:
        return str(mapped or ip)
    return str(ipaddress.ip_network((ip, 64), strict=False))
