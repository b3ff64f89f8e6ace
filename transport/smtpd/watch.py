"""Keeps the daemon's configuration true: told by NOTIFY, and asking each second in case a notice was lost (§12.6)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

import psycopg

from transport.queue.database import connect_flow
from transport.smtpd.connectors import QUERY, ConnectorTable, read_connectors
from transport.smtpd.link import shut
from transport.smtpd.service import Service

logger = logging.getLogger(__name__)

CHANNEL: Final = "postroom_config"
PLATFORM: Final = "platform"
_VERSIONS: Final = """
SELECT (SELECT count(*) FROM tenants_tenant), (SELECT sum(config_version) FROM tenants_tenant),
  (SELECT count(*) FROM tenants_plan), (SELECT sum(version) FROM tenants_plan),
  (SELECT id FROM tenants_plan WHERE is_default)
"""
POLL: Final = 1.0
PATIENCE: Final = 10.0  # seconds without a round, each of which takes little more than POLL
# Enabled, full, its name: a mailbox can change without its tenant's configuration changing.
ADDRESSES_STAY: Final = 5
CONNECTORS_STAY: Final = 30


class Watch:
    def __init__(self, service: Service, apply: Callable[[ConnectorTable], Awaitable[None]]) -> None:
        self._service = service
        self._apply = apply
        self._versions: tuple[Any, ...] | None = None
        self._rounds = 0
        self.loaded = asyncio.Event()

    async def run(self) -> None:
        """Watch, and begin anew with each connection: what was told in between is not known."""
        while True:
            try:
                await self._guard(await connect_flow("postroom smtpd watch"))
            except (psycopg.Error, TimeoutError) as error:
                logger.debug("The watch lost its connection: %s", error)
                await asyncio.sleep(POLL)
            except Exception:
                logger.exception("The watch over the configuration stumbled")
                await asyncio.sleep(POLL)

    async def _guard(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Watch until the connection ends; give it up where it hangs, or we would go on by what was true before."""
        self._rounds = 0
        task = asyncio.ensure_future(self._watch(connection))
        try:
            while not task.done():
                before = self._rounds
                await asyncio.wait({task}, timeout=PATIENCE)
                if not task.done() and self._rounds == before:
                    raise TimeoutError("no answer in time")
            task.result()
        finally:
            await shut(connection, {task})

    async def _watch(self, connection: psycopg.AsyncConnection[Any]) -> None:
        await connection.execute(f"LISTEN {CHANNEL}")
        self._versions = await self._read_versions(connection)
        self._service.configuration.forget_all()
        await self._load_connectors(connection)
        while True:
            payloads = {notice.payload async for notice in connection.notifies(timeout=POLL, stop_after=1)}
            self._take_notices(payloads)
            has_missed = await self._find_missed_changes(connection) and not payloads
            self._rounds += 1
            if has_missed or PLATFORM in payloads or self._rounds % CONNECTORS_STAY == 0:
                await self._load_connectors(connection)
            if self._rounds % ADDRESSES_STAY == 0:
                self._service.configuration.forget_addresses()

    def _take_notices(self, payloads: set[str]) -> None:
        for payload in payloads - {PLATFORM}:
            try:
                self._service.configuration.forget_tenant(UUID(payload))
            except ValueError:
                logger.warning("A notice of changed configuration names no tenant: %r", payload)

    async def _find_missed_changes(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        """Compare the sum of all versions, which only grow, with the one before; if it grew, forget what is old."""
        versions = await self._read_versions(connection)
        before, self._versions = self._versions, versions
        if before == versions:
            return False
        configuration = self._service.configuration
        if before is not None and versions is not None and before[2:] != versions[2:]:
            # A plan counts for many tenants, whose own versions stay.
            configuration.forget_all()
        known = {tenant_id: tenant.version for tenant_id, tenant in configuration.tenants.items() if tenant is not None}
        cursor = await connection.execute(
            "SELECT id, config_version FROM tenants_tenant WHERE id = ANY(%s)", (list(known),)
        )
        current = dict(await cursor.fetchall())
        for tenant_id, version in known.items():
            if current.get(tenant_id) != version:
                configuration.forget_tenant(tenant_id)
        # A domain may have gone to a tenant that we do not know yet.
        configuration.forget_owners()
        return True

    async def _read_versions(self, connection: psycopg.AsyncConnection[Any]) -> tuple[Any, ...] | None:
        cursor = await connection.execute(_VERSIONS)
        return await cursor.fetchone()

    async def _load_connectors(self, connection: psycopg.AsyncConnection[Any]) -> None:
        cursor = await connection.execute(QUERY)
        self._service.table = read_connectors(await cursor.fetchall(), self._service.ports)
        await self._apply(self._service.table)
        self.loaded.set()
