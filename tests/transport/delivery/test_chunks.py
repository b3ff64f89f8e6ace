"""Content in a chunk where the peer offers CHUNKING (RFC 3030), and DATA again where that offer is not kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.transport.delivery.conftest import outgoing
from tests.transport.delivery.stub import RESET, SILENCE, Raw, Script, StubSmtp
from transport.delivery.hop import open_connection
from transport.delivery.options import HopOptions
from transport.delivery.outcome import Outcome, OutgoingMessage, Phase, RecipientOutcome

OFFERS = ("PIPELINING", "SIZE 10000000", "8BITMIME", "CHUNKING")
both_ways = pytest.mark.parametrize("extensions", [OFFERS, OFFERS[1:]], ids=["pipelined", "step by step"])


async def send(stub: StubSmtp, options: HopOptions, *messages: OutgoingMessage) -> list[RecipientOutcome]:
    async with await open_connection([stub.endpoint], options) as connection:
        return [outcome async for _, outcomes in connection.send_all(messages) for outcome in outcomes]


def refuse_bad(command: str) -> str:
    return "550 5.1.1 No" if "<bad" in command else "250 2.1.5 Ok"


@both_ways
async def test_content_goes_as_it_is_with_no_dot_doubled(
    options: HopOptions, message: OutgoingMessage, extensions: tuple[str, ...]
) -> None:
    content = b"Subject: x\r\n\r\n.\r\n..\r\n.hidden\r\nlast line"
    async with StubSmtp(extensions=extensions) as stub:
        [outcome] = await send(stub, options, replace(message, content=content))
    assert outcome.status is Outcome.DELIVERED
    assert stub.messages[0].content == content + b"\r\n"
    assert stub.messages[0].mail.endswith(f"SIZE={len(content) + 2}")
    assert "DATA" not in stub.commands


@both_ways
async def test_many_messages_arrive_once_and_in_order_over_one_connection(
    options: HopOptions, extensions: tuple[str, ...]
) -> None:
    messages = [replace(outgoing("b@x.example"), key=n, content=f"Subject: {n}\r\n".encode()) for n in range(20)]
    async with StubSmtp(extensions=extensions) as stub:
        outcomes = await send(stub, options, *messages)
    assert {outcome.status for outcome in outcomes} == {Outcome.DELIVERED}
    assert [received.content for received in stub.messages] == [message.content for message in messages]
    assert stub.connections == 1


@both_ways
async def test_nothing_is_sent_where_nobody_is_accepted_and_the_next_message_is_well(
    options: HopOptions, message: OutgoingMessage, extensions: tuple[str, ...]
) -> None:
    async with StubSmtp({"rcpt": refuse_bad}, extensions) as stub:
        outcomes = await send(stub, options, outgoing("bad@x.example"), outgoing("a@x.example", "bad@x.example"))
    assert [(outcome.status, outcome.phase) for outcome in outcomes] == [
        (Outcome.PERMANENT, Phase.RCPT),
        (Outcome.DELIVERED, Phase.FINAL),
        (Outcome.PERMANENT, Phase.RCPT),
    ]
    assert sum(command.startswith("BDAT") for command in stub.commands) == 1


@both_ways
@pytest.mark.parametrize(("reply", "status"), [("452 4.3.1 Full", "transient"), ("554 5.7.1 No", "permanent")])
async def test_what_the_peer_says_of_the_content_holds(
    options: HopOptions, message: OutgoingMessage, extensions: tuple[str, ...], reply: str, status: str
) -> None:
    async with StubSmtp({"final": reply}, extensions) as stub:
        outcomes = await send(stub, options, message, message)
    assert [(outcome.status.value, outcome.reply.wire()) for outcome in outcomes] == [(status, reply)] * 2


async def test_a_large_message_goes_in_one_chunk(options: HopOptions, message: OutgoingMessage) -> None:
    content = (b"." + b"x" * 70 + b"\r\n") * 8_000
    patient = replace(options, timeouts=replace(options.timeouts, final=10, block=10))
    async with StubSmtp(extensions=OFFERS) as stub:
        [outcome] = await send(stub, patient, replace(message, content=content))
    assert outcome.status is Outcome.DELIVERED
    assert stub.messages[0].content == content


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("500 5.5.2 What?", "peer.chunking"),
        ("503 5.5.1 DATA first", "peer.chunking"),
        (RESET, "peer.dropped"),
        (SILENCE, "peer.timeout"),
        (Raw(b"250-one\r\n550 two\r\n"), "peer.protocol"),
    ],
)
async def test_a_peer_that_does_not_know_what_it_offers_gets_data_the_next_time(
    options: HopOptions, message: OutgoingMessage, trouble: Script, reason: str
) -> None:
    """Whatever went wrong: a device on the way may cut the connection at a command that it does not know."""
    async with StubSmtp({"bdat": trouble}, OFFERS) as stub:
        [first] = await send(stub, options, message)
        assert (first.status, first.reason_code) == (Outcome.TRANSIENT, reason)
        [second] = await send(stub, options, message)
    assert second.status is Outcome.DELIVERED
    assert [received.content for received in stub.messages] == [message.content]
    assert stub.commands[-2:] == ["DATA", "QUIT"]


async def test_chunks_can_be_switched_off(options: HopOptions, message: OutgoingMessage) -> None:
    async with StubSmtp(extensions=OFFERS) as stub:
        await send(stub, replace(options, chunking=False), message)
    assert "DATA" in stub.commands
