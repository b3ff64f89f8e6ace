"""One scripted name server for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.transport.dns.stub import StubDns


@pytest_asyncio.fixture
async def dns_stub() -> AsyncIterator[StubDns]:
    async with StubDns() as stub:
        yield stub
