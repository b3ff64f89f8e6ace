"""The connection under a session: who counts as idle on it."""

from __future__ import annotations

import asyncio

from typing_extensions import override

from transport.smtpd.protocol import Protocol


class Silent(Protocol):
    @override
    async def serve(self) -> None: ...

    @override
    def left(self) -> None: ...


async def test_a_client_that_takes_no_replies_is_idle_though_its_command_is_at_work() -> None:
    connection = Silent(asyncio.get_running_loop())
    connection.is_busy = True
    connection.pause_writing()
    flushing = asyncio.create_task(connection.flush())
    await asyncio.sleep(0)
    assert not connection.is_busy
    connection.resume_writing()
    await flushing
    assert connection.is_busy
