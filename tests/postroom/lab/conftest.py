"""A lab on free ports with a records folder, and a way to talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import dns.asyncquery
import dns.message
import pytest

from postroom.lab.config import LabConfig
from postroom.lab.lab import Lab


@pytest.fixture
def config(tmp_path: Path) -> LabConfig:
    return LabConfig.free(records_folder=tmp_path / "records", greylist_seconds=0.2, slow_seconds=0.05)


@pytest.fixture
async def lab(config: LabConfig) -> AsyncIterator[Lab]:
    async with Lab(config) as lab:
        yield lab


async def ask(lab: Lab, name: str, rdtype: str, *, tcp: bool = False) -> dns.message.Message:
    host, port = lab.config.dns_server
    query = dns.message.make_query(name, rdtype)
    answer = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
    return await answer(query, host, timeout=2, port=port)


async def values(lab: Lab, name: str, rdtype: str) -> list[str]:
    return [rdata.to_text() for rrset in (await ask(lab, name, rdtype)).answer for rdata in rrset]
