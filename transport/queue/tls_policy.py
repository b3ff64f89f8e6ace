"""Which encryption a next hop gets, and why: the connector's level, or what the recipient's domain demands (MTA-STS).

What a domain published is kept in the database until it expires, so that an attacker in between cannot make it go away
(RFC 8461 5.1). Each process remembers for a minute what it found.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from psycopg import AsyncConnection

from transport.delivery.mta_sts import Mode, NoPolicy, StsPolicy, fetch_policy, record_id
from transport.delivery.options import Endpoint, HopOptions, TlsMode, TlsVerify
from transport.delivery.outcome import Outcome, TlsFacts
from transport.dns.failures import DnsFailure
from transport.dns.lookups import lookup_txt
from transport.dns.names import is_address
from transport.dns.resolver import Resolver
from transport.message.reply import Reply
from transport.queue.connector import Connector, allowed_networks, lab_routes
from transport.queue.outcomes import Verdict

logger = logging.getLogger(__name__)

REMEMBERED: Final = 60.0  # seconds
MOST_REMEMBERED: Final = 10_000
REFRESHED_AFTER: Final = timedelta(days=1)  # RFC 8461 3.3 wants policies fetched anew well before they expire
DNS_PATIENCE: Final = 5.0

_READ: Final = """
SELECT record_id, mode, mx, max_age, fetched_at FROM transport_mtastspolicy WHERE domain = %s AND expires_at > now()
"""
_KEEP: Final = """
INSERT INTO transport_mtastspolicy (domain, record_id, mode, mx, max_age, fetched_at, expires_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (domain) DO UPDATE SET record_id = excluded.record_id, mode = excluded.mode, mx = excluded.mx,
  max_age = excluded.max_age, fetched_at = excluded.fetched_at, expires_at = excluded.expires_at
"""

Lend = Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]]
# Of a domain: until when by the monotonic clock, and what was found.
_known: dict[str, tuple[float, StsPolicy | None]] = {}


@dataclass(frozen=True, slots=True)
class Security:
    """What a connection has to keep to: `sts` is the domain's policy, where one counts."""

    connector: Connector
    domain: str
    sts: StsPolicy | None = None
    unnamed: frozenset[str] = field(default_factory=frozenset)  # hosts that the policy does not name

    @property
    def is_enforced(self) -> bool:
        return self.sts is not None and self.sts.mode is Mode.ENFORCE

    def endpoints(self, found: Sequence[Endpoint]) -> list[Endpoint]:
        """Return those that mail may go to."""
        if not self.is_enforced:
            return list(found)
        return [endpoint for endpoint in found if endpoint.host not in self.unnamed]

    def options(self, options: HopOptions) -> HopOptions:
        """Return the connector's wishes with the stricter ones of the domain's policy (RFC 8461 4.2, 5)."""
        if self.sts is None or options.tls.verify is TlsVerify.DOMAIN:
            return options
        if self.is_enforced:
            return replace(options, tls=replace(options.tls, mode=TlsMode.REQUIRED, verify=TlsVerify.DOMAIN))
        # What testing would have refused shows by trying; then mail goes as if there were no policy.
        return replace(options, tls=replace(options.tls, verify=TlsVerify.DOMAIN, fallback=options.tls))

    def told(self, tls: TlsFacts | None = None, host: str = "") -> dict[str, Any]:
        """Return the policy and why, for the tracking log; of a connection, also what testing would have refused."""
        if self.sts is None:
            return {"source": "connector", "level": self.connector.tls}
        told: dict[str, Any] = {"source": "mta-sts", "domain": self.domain, "mode": self.sts.mode.value}
        if self.sts.mode is Mode.TESTING and host:
            is_secure = tls is not None and tls.verified and host not in self.unnamed
            told |= {} if is_secure else {"would_refuse": True}
        return told

    def refusal(self) -> Verdict:
        """Return what it means that the policy names none of the domain's mail hosts."""
        hosts = ", ".join(sorted(self.unnamed))[:300]
        words = Reply(451, "4.7.5", f"The MTA-STS policy of {self.domain} names none of its mail hosts: {hosts}")
        return Verdict(Outcome.TRANSIENT, words, "sts.mx_mismatch", phase="policy")

    def reason(self, code: str) -> str:
        """Say of a failed handshake that the recipient's domain demanded it, not the connector."""
        demanded = {"peer.certificate", "peer.tls", "peer.tls_unavailable"}
        return "sts.not_secure" if self.is_enforced and code in demanded else code


async def security_for(
    connector: Connector, domain: str, endpoints: Sequence[Endpoint], resolver: Resolver, lend: Lend
) -> Security:
    """Return what counts for a domain's mail by this connector; a policy counts by MX alone, and never is a fault."""
    if not follows_sts(connector, domain):
        return Security(connector, domain)
    return secured(connector, domain, endpoints, await _policy(domain, resolver, lend))


def follows_sts(connector: Connector, domain: str) -> bool:
    """Say whether the domain's policy matters: not to smart hosts, nor where the connector never uses TLS."""
    return connector.routing == "dns" and connector.tls != "none" and not is_address(domain)


def secured(connector: Connector, domain: str, endpoints: Sequence[Endpoint], policy: StsPolicy | None) -> Security:
    if policy is None or policy.mode is Mode.NONE:
        return Security(connector, domain)
    unnamed = frozenset(endpoint.host for endpoint in endpoints if not policy.names(endpoint.host))
    return Security(connector, domain, policy, unnamed)


async def published(domain: str, resolver: Resolver) -> StsPolicy | None:
    """Return the policy that a domain publishes now, if any; raises NoPolicy where it only announces one."""
    return await _fetched(domain, resolver) if await _announced(domain, resolver) else None


async def _policy(domain: str, resolver: Resolver, lend: Lend) -> StsPolicy | None:
    until, known = _known.get(domain, (0.0, None))
    if time.monotonic() < until:
        return known
    policy = await _find(domain, resolver, lend)
    if len(_known) >= MOST_REMEMBERED:
        _known.clear()
    _known[domain] = (time.monotonic() + REMEMBERED, policy)
    return policy


def forget_policies() -> None:
    """Drop what this process remembers."""
    _known.clear()


async def _find(domain: str, resolver: Resolver, lend: Lend) -> StsPolicy | None:
    async with lend() as connection:
        cursor = await connection.execute(_READ, [domain])
        row = await cursor.fetchone()
    kept = StsPolicy(Mode(row[1]), tuple(row[2]), row[3]) if row else None
    announced = await _announced(domain, resolver)
    if announced is None:
        return kept
    if row and row[0] == announced and datetime.now(UTC) - row[4] < REFRESHED_AFTER:
        return kept
    try:
        policy = await _fetched(domain, resolver)
    except NoPolicy as error:
        # RFC 8461 3.3: what was fetched before goes on to count; without it mail goes as if there were none.
        logger.info("The MTA-STS policy of %s cannot be had: %s.", domain, error)
        return kept
    at = datetime.now(UTC)
    expires = at + timedelta(seconds=policy.max_age)
    async with lend() as connection:
        await connection.execute(
            _KEEP, [domain, announced, policy.mode.value, list(policy.mx), policy.max_age, at, expires]
        )
    return policy


async def _announced(domain: str, resolver: Resolver) -> str | None:
    """Return the id of the policy that DNS announces; no answer is none."""
    try:
        async with asyncio.timeout(DNS_PATIENCE):
            return record_id(await lookup_txt(f"_mta-sts.{domain}", resolver))
    except (DnsFailure, TimeoutError):
        return None


async def _fetched(domain: str, resolver: Resolver) -> StsPolicy:
    return await fetch_policy(
        domain,
        resolver,
        ca_file=settings.POSTROOM_CA_FILE or None,
        allowed_networks=allowed_networks(tuple(settings.POSTROOM_PRIVATE_NETWORKS)),
        routes=lab_routes(settings.POSTROOM_LAB_ROUTES),
    )
