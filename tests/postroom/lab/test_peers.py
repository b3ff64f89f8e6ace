from __future__ import annotations

import asyncio

import pytest

from postroom.lab import records
from postroom.lab.config import LabConfig
from postroom.lab.lab import Lab
from postroom.lab.network import Network
from postroom.lab.peers.greylist import GreylistPeer
from postroom.lab.peers.peer import Attempt
from postroom.lab.peers.session import MAX_SIZE
from postroom.lab.sites import GREYLIST
from tests.postroom.lab.client import MESSAGE, send

NAME = "mail.contoso.example"


@pytest.mark.parametrize(
    ("recipient", "reply"),
    [
        ("bob@fabrikam.example", (250, "2.0.0 Ok: queued as 00000001")),
        ("BOB+x@Fabrikam.Example", (250, "2.0.0 Ok: queued as 00000001")),
        ("postmaster@fabrikam.example", (250, "2.0.0 Ok: queued as 00000001")),
        (
            "nobody@fabrikam.example",
            (
                550,
                "5.1.1 <nobody@fabrikam.example>: Recipient address rejected: User unknown in local recipient table",
            ),
        ),
        ("full@fabrikam.example", (452, "4.2.2 <full@fabrikam.example>: Recipient address rejected: Mailbox is full")),
        ("bob@contoso.example", (554, "5.7.1 <bob@contoso.example>: Relay access denied")),
    ],
)
async def test_a_peer_takes_mail_for_its_own_people_only(lab: Lab, recipient: str, reply: tuple[int, str]) -> None:
    assert await send(lab.echo.endpoint, [recipient]) == reply
    assert len(lab.echo.received) == (reply[0] == 250)
    assert len(lab.echo.refused) == (reply[0] != 250)


async def test_a_message_is_kept_byte_for_byte_with_its_envelope(lab: Lab) -> None:
    content = b"Subject: x\r\n\r\n.dot\r\n..\r\n" + b"long " * 1000 + b"\r\n\xff\x00\r\n"
    await send(lab.echo.endpoint, ["carol@fabrikam.example", "nobody@fabrikam.example"], sender="", content=content)
    (message,) = await lab.echo.wait_for()
    assert message.content == content
    assert (message.sender, message.recipients) == ("", ("carol@fabrikam.example",))
    assert (message.client, message.helo) == ("127.0.0.1", NAME)


async def test_waiting_for_what_never_comes_ends(lab: Lab) -> None:
    with pytest.raises(TimeoutError):
        await lab.echo.wait_for(timeout=0.01)


async def test_too_large_a_message_is_refused_and_the_session_goes_on(lab: Lab) -> None:
    reader, writer = await asyncio.open_connection(*lab.echo.endpoint)
    start = b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<bob@fabrikam.example>\r\nDATA\r\n"
    writer.write(start + b"x" * (MAX_SIZE + 1) + b"\r\n.\r\nNOOP\r\nQUIT\r\n")
    replies = (await reader.read()).decode().splitlines()
    assert replies[-3:] == ["552 5.3.4 Message size exceeds fixed limit", "250 OK", "221 Bye"]
    writer.close()
    await writer.wait_closed()


async def test_pipelined_commands_are_answered_one_by_one(lab: Lab) -> None:
    reader, writer = await asyncio.open_connection(*lab.echo.endpoint)
    start = b"EHLO x\r\nMAIL FROM:<a@b.example> SIZE=10 BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<nobody@fabrikam.example>\r\n"
    writer.write(start + b"DATA\r\nQUIT\r\n")
    text = (await reader.read()).decode()
    assert "250-PIPELINING\r\n" in text
    assert [line[:3] for line in text.splitlines()[-4:]] == ["250", "550", "554", "221"]
    writer.close()
    await writer.wait_closed()


async def test_strict_accepts_a_client_who_is_who_it_says(lab: Lab) -> None:
    assert (await send(lab.strict.endpoint, ["erin@strict.example"]))[0] == 250
    assert (await send(lab.strict.endpoint, ["erin@woodgrove.example"], sender=""))[0] == 250


@pytest.mark.parametrize(
    ("sender", "helo", "reply"),
    [
        ("ann@exchange.local", NAME, (450, "4.1.8 <ann@exchange.local>: Sender address rejected: Domain not found")),
        ("ann@none.example", NAME, (450, "4.1.8 <ann@none.example>: Sender address rejected: Domain not found")),
        ("ann@gmail.com", NAME, (451, "4.3.0 <gmail.com>: Temporary lookup failure")),
        (
            "ann@contoso.example",
            "srv1.exchange.local",
            (451, "4.7.1 <srv1.exchange.local>: Helo command rejected: Host not found"),
        ),
        (
            "ann@contoso.example",
            "mx.fabrikam.example",
            (
                451,
                "4.7.1 <mx.fabrikam.example>: Helo command rejected: "
                "Host does not match PTR mail.contoso.example of 127.0.0.1",
            ),
        ),
    ],
)
async def test_strict_refuses_in_postfix_words(lab: Lab, sender: str, helo: str, reply: tuple[int, str]) -> None:
    assert await send(lab.strict.endpoint, ["erin@strict.example"], sender=sender, helo=helo) == reply


async def test_strict_wants_a_reverse_name(lab: Lab) -> None:
    assert lab.config.records_folder is not None
    records.publish(lab.config.records_folder, "1.0.0.127.in-addr.arpa", "PTR", [])
    reply = await send(lab.strict.endpoint, ["erin@strict.example"])
    assert reply == (451, "4.7.1 Client host rejected: cannot find your reverse hostname, [127.0.0.1]")


async def test_greylisting_lets_each_triple_in_after_its_time() -> None:
    now = [100.0]
    config = LabConfig.free()
    peer = GreylistPeer(GREYLIST, config.endpoint_of(GREYLIST), Network(config), 5.0, clock=lambda: now[0])
    first = Attempt("127.0.0.1", "x", "ann@contoso.example", "grace@tailspin.example")
    other = Attempt("127.0.0.1", "x", "bob@contoso.example", "grace@tailspin.example")
    assert await peer.check_patience(first) == "451 4.7.1 Greylisted, try again in 5 seconds"
    now[0] += 3.5
    assert await peer.check_patience(first) == "451 4.7.1 Greylisted, try again in 2 seconds"
    now[0] += 1.5
    assert await peer.check_patience(first) is None
    assert await peer.check_patience(other) == "451 4.7.1 Greylisted, try again in 5 seconds"


async def test_greylisting_is_seen_by_a_client(lab: Lab) -> None:
    first = await send(lab.greylist.endpoint, ["grace@tailspin.example"])
    assert first == (451, "4.7.1 Greylisted, try again in 1 seconds")
    async with asyncio.timeout(5):
        while (await send(lab.greylist.endpoint, ["grace@tailspin.example"]))[0] != 250:
            pass


async def test_slow_takes_its_time_before_each_reply(lab: Lab) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert (await send(lab.slow.endpoint, ["heidi@wingtip.example"]))[0] == 250
    assert loop.time() - started >= 5 * lab.slow.seconds


async def test_down_refuses_the_connection(lab: Lab) -> None:
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*lab.down.endpoint)


async def test_a_fault_in_a_session_is_told_as_temporary(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab.echo, "check_relay", None)
    assert await send(lab.echo.endpoint, ["bob@fabrikam.example"]) == (451, "4.3.0 Error: queue file write error")


async def test_stopping_cuts_open_sessions(config: LabConfig) -> None:
    lab = Lab(config)
    await lab.start()
    reader, writer = await asyncio.open_connection(*lab.echo.endpoint)
    await reader.readline()
    await lab.stop()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_many_clients_at_once_are_served(lab: Lab) -> None:
    replies = await asyncio.gather(*(send(lab.echo.endpoint, ["bob@fabrikam.example"]) for _ in range(30)))
    assert {code for code, _ in replies} == {250}
    assert [message.content for message in lab.echo.received] == [MESSAGE] * 30
