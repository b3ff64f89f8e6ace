"""Opening connections: failover, greeting, EHLO and HELO, loops, and what is said when nothing works."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

import pytest

from tests.transport.delivery.stub import RESET, SILENCE, Raw, Script, StubSmtp
from transport.delivery.failure import HopFailure
from transport.delivery.hop import open_connection
from transport.delivery.options import Endpoint, HopOptions
from transport.delivery.outcome import Outcome, OutgoingMessage, Phase
from transport.message.reply import Reply


def closed_port() -> Endpoint:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return Endpoint("closed.example", "127.0.0.1", sock.getsockname()[1])


async def failure_of(options: HopOptions, *endpoints: Endpoint) -> HopFailure:
    with pytest.raises(HopFailure) as failure:
        async with asyncio.timeout(5):
            await open_connection(endpoints, options)
    return failure.value


async def test_the_second_endpoint_is_tried_after_the_first(options: HopOptions, message: OutgoingMessage) -> None:
    async with StubSmtp() as stub, await open_connection([closed_port(), stub.endpoint], options) as connection:
        [outcome] = await connection.send(message)
    assert (outcome.status, outcome.endpoint) == (Outcome.DELIVERED, str(stub.endpoint))


async def test_a_closed_port_is_told_in_exchanges_words(options: HopOptions) -> None:
    endpoint = closed_port()
    failure = await failure_of(options, endpoint)
    assert str(failure.reply) == (
        '451 4.4.0 Primary target IP address responded with: "421 4.2.1 Unable to connect: connection refused." '
        "Attempted failover to alternate host, but that did not succeed. Either there are no alternate hosts, or "
        f"delivery failed to all alternate hosts. The last endpoint attempted was {endpoint}"
    )
    assert (failure.reason_code, failure.phase, failure.peer_reply) == ("peer.connect_refused", Phase.CONNECT, None)
    assert not failure.permanent


async def test_the_peers_own_words_are_kept_apart(options: HopOptions) -> None:
    async with StubSmtp({"ehlo": "550 5.7.1 Your name is bad", "helo": "550 5.7.1 Your name is bad"}) as stub:
        failure = await failure_of(options, stub.endpoint, closed_port())
    assert failure.peer_reply == Reply(550, "5.7.1", "Your name is bad")
    assert 'responded with: "550 5.7.1 Your name is bad."' in failure.reply.text
    assert failure.phase is Phase.HELO
    assert failure.endpoint is not None
    assert failure.endpoint.host == "closed.example"
    assert [attempt.reason_code for attempt in failure.attempts] == ["peer.helo", "peer.connect_refused"]
    assert "550 5.7.1 Your name is bad" in [line.text for line in failure.attempts[0].transcript]
    assert "QUIT" in stub.commands


TROUBLES: list[tuple[Script, str]] = [
    ("421 4.3.2 Busy", "peer.busy"),
    (RESET, "peer.dropped"),
    (SILENCE, "peer.timeout"),
    (Raw(b"2" + b"x" * 100_000), "peer.protocol"),
    (Raw(b"220 slow and never ready\r\n", delay=0.05), "peer.timeout"),
    (Raw(b"", hang_up=True), "peer.dropped"),
]


@pytest.mark.parametrize("phase", ["greeting", "ehlo"])
@pytest.mark.parametrize(("trouble", "reason"), TROUBLES, ids=["421", "reset", "silence", "long", "slow", "closed"])
async def test_g6_trouble_before_mail_is_transient(
    options: HopOptions, phase: str, trouble: Script, reason: str
) -> None:
    async with StubSmtp({phase: trouble}) as stub:
        failure = await failure_of(options, stub.endpoint)
    assert failure.phase.value == phase.replace("ehlo", "helo")
    assert (failure.reason_code, failure.reply.code, failure.permanent) == (reason, 451, False)


async def test_a_554_greeting_is_not_the_end_of_the_message(options: HopOptions) -> None:
    async with StubSmtp({"greeting": "554 5.7.1 No service for you"}) as stub:
        failure = await failure_of(options, stub.endpoint)
    assert (failure.permanent, failure.phase) == (False, Phase.GREETING)


async def test_a_peer_without_ehlo_is_asked_with_helo(options: HopOptions, message: OutgoingMessage) -> None:
    stub = StubSmtp({"ehlo": "502 5.5.1 What?"})
    async with stub, await open_connection([stub.endpoint], options) as connection:
        [outcome] = await connection.send(message)
    assert outcome.status is Outcome.DELIVERED
    assert stub.messages[0].mail == "MAIL FROM:<ann@contoso.example>"


async def test_helo_can_be_forced(options: HopOptions) -> None:
    async with StubSmtp() as stub, await open_connection([stub.endpoint], replace(options, force_helo=True)):
        assert stub.commands == ["HELO client.example"]


async def test_an_overlong_list_of_endpoints_is_cut_short(options: HopOptions) -> None:
    failure = await failure_of(options, *[closed_port()] * 30)
    assert len(failure.attempts) == options.max_endpoints


async def test_no_endpoint_at_all_is_a_failure_too(options: HopOptions) -> None:
    failure = await failure_of(options)
    assert (failure.reason_code, failure.permanent) == ("hop.no_endpoint", False)


async def test_all_endpoints_together_have_one_time_limit(options: HopOptions) -> None:
    async with StubSmtp({"greeting": SILENCE}) as stub:
        short = replace(options, timeouts=replace(options.timeouts, greeting=10, opening=0.2))
        failure = await failure_of(short, stub.endpoint, stub.endpoint)
    assert [attempt.reason_code for attempt in failure.attempts] == ["peer.timeout"]


@pytest.mark.parametrize(
    ("address", "enhanced", "reason"),
    [
        ("127.0.0.1", "5.4.6", "hop.loops_to_us"),
        ("0.0.0.0", "5.4.6", "hop.loops_to_us"),
        ("10.0.0.1", "5.4.4", "hop.forbidden_address"),
        ("169.254.169.254", "5.4.4", "hop.forbidden_address"),
        ("localhost", "5.4.4", "hop.forbidden_address"),
    ],
)
async def test_2_15_an_address_that_is_not_public_is_never_connected_to(
    options: HopOptions, address: str, enhanced: str, reason: str
) -> None:
    failure = await failure_of(replace(options, allowed_networks=()), Endpoint("mx.example", address))
    assert (failure.permanent, failure.reply.enhanced, failure.reason_code) == (True, enhanced, reason)


async def test_a_forbidden_endpoint_beside_one_that_is_down_is_only_transient(options: HopOptions) -> None:
    failure = await failure_of(options, Endpoint("mx.example", "10.0.0.1"), closed_port())
    assert not failure.permanent


async def test_a_route_leads_to_loopback_without_allowing_it(options: HopOptions, message: OutgoingMessage) -> None:
    async with StubSmtp() as stub:
        routes = {("192.0.2.25", 25): (stub.endpoint.address, stub.endpoint.port)}
        routed = replace(options, allowed_networks=(), routes=routes)
        async with await open_connection([Endpoint("mx.example", "192.0.2.25")], routed) as connection:
            [outcome] = await connection.send(message)
    assert (outcome.status, outcome.endpoint) == (Outcome.DELIVERED, "192.0.2.25:25")


async def test_a_peer_with_our_own_name_is_a_loop(options: HopOptions) -> None:
    async with StubSmtp() as stub:
        failure = await failure_of(replace(options, own_names=frozenset({"mx.example"})), stub.endpoint)
    assert (failure.permanent, failure.reply.enhanced) == (True, "5.4.6")


async def test_a_source_address_that_is_not_ours_is_said_to_be_so(options: HopOptions) -> None:
    failure = await failure_of(replace(options, source_address="192.0.2.200"), closed_port())
    assert failure.reason_code == "hop.source_unavailable"


@pytest.mark.parametrize("name", ["", "a b", "a\r\nMAIL", "ü.example", "x" * 300])
def test_a_helo_name_that_would_break_the_dialogue_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="helo_name"):
        HopOptions(name)
