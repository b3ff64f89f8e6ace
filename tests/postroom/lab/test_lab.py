"""The lab as a whole: echo through DNS and routes, starting and stopping, the thread, the command."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from postroom.lab.config import LabCannotStart, LabConfig
from postroom.lab.lab import Lab, LabThread
from postroom.lab.peers import echo
from postroom.lab.peers.peer import Peer
from postroom.lab.sites import PeerSite
from tests.postroom.lab.client import MESSAGE, send

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
async def platform(lab: Lab) -> AsyncIterator[Peer]:
    """Stand in for the platform where MX of contoso.example leads."""
    site = PeerSite(key="platform", host="mail.contoso.example", domains=("contoso.example",), octet=1, offset=8)
    platform = Peer(site, (lab.config.platform_address, lab.config.smtp_port), lab.network)
    await platform.start()
    yield platform
    await platform.stop()


async def test_echo_answers_through_the_senders_mx(lab: Lab, platform: Peer) -> None:
    await send(lab.echo.endpoint, ["echo@fabrikam.example"])
    (answer,) = await platform.wait_for()
    assert (answer.sender, answer.recipients) == ("echo@fabrikam.example", ("ann@contoso.example",))
    assert (answer.helo, answer.client) == ("mx.fabrikam.example", lab.echo.endpoint[0])
    assert b"\r\nSubject: Re: Hello\r\n" in answer.content
    assert b"\r\n> How are you?\r\n" in answer.content


async def test_echo_tries_again_when_the_platform_is_away(
    lab: Lab, platform: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(echo, "SECONDS_BETWEEN_TRIES", (0.01,) * 1000)
    await platform.stop()
    await send(lab.echo.endpoint, ["echo@fabrikam.example"])
    await platform.start()
    assert await platform.wait_for()


async def test_echo_answers_nothing_that_could_go_in_circles(lab: Lab, platform: Peer) -> None:
    automatic = b"Auto-Submitted: auto-replied\r\n" + MESSAGE
    await send(lab.echo.endpoint, ["echo@fabrikam.example"], content=automatic)
    await send(lab.echo.endpoint, ["echo@fabrikam.example"], sender="")
    await send(lab.echo.endpoint, ["echo@fabrikam.example"], sender="echo@fabrikam.example")
    await send(lab.echo.endpoint, ["bob@fabrikam.example"])
    await send(lab.echo.endpoint, ["echo+last@proseware.example"])
    (answer,) = await platform.wait_for()
    assert answer.sender == "echo@proseware.example"


async def test_the_platforms_port_may_be_told_later(lab: Lab) -> None:
    lab.place_platform(4025)
    assert await lab.network.endpoints("contoso.example") == [("127.0.0.1", 4025)]


async def test_a_taken_address_is_named_and_nothing_stays_behind(lab: Lab) -> None:
    with pytest.raises(LabCannotStart, match=rf"listen on 127.0.0.1:{lab.config.base_port}: .*POSTROOM_LAB_BASE_PORT"):
        await Lab(lab.config).start()


async def test_a_lab_that_failed_to_start_can_start_later(config: LabConfig) -> None:
    taken = await asyncio.start_server(lambda reader, writer: None, *config.endpoint_of(Lab(config).slow.site))
    lab = Lab(config)
    with pytest.raises(LabCannotStart):
        await lab.start()
    taken.close()
    await taken.wait_closed()
    async with lab:
        assert (await send(lab.echo.endpoint, ["bob@fabrikam.example"]))[0] == 250


async def test_two_labs_run_side_by_side(lab: Lab) -> None:
    async with Lab(LabConfig.free()) as other:
        assert (await send(other.echo.endpoint, ["bob@fabrikam.example"]))[0] == 250
    assert not lab.echo.received


def test_a_lab_runs_in_a_thread(config: LabConfig) -> None:
    with LabThread(config) as thread:
        asyncio.run(send(thread.lab.echo.endpoint, ["bob@fabrikam.example"]))
        (message,) = thread.wait_for("echo")
        assert message.content == MESSAGE
        with pytest.raises(LabCannotStart):
            LabThread(config).start()
    thread.stop()


@pytest.mark.slow
def test_the_command_runs_until_told_to_stop(tmp_path: Path) -> None:
    config = LabConfig.free()
    environment = {
        "PATH": os.environ["PATH"],
        "POSTROOM_DATA_DIR": str(tmp_path),
        "POSTROOM_LAB_BASE_PORT": str(config.base_port),
    }
    command = [sys.executable, str(ROOT / "manage.py"), "lab", "--slow-seconds", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = list(itertools.takewhile(lambda line: line != "The lab is ready.\n", process.stdout))
        assert f"DNS on {config.dns_server_text}\n" in lines
        assert asyncio.run(send(config.endpoint_of(Lab(config).slow.site), ["heidi@wingtip.example"]))[0] == 250
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
