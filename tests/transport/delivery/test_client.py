"""Sending over an established connection (RFC 5321, 2920, 1870, 6152, 6531, 3461; statements G6 and G7)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.transport.delivery.conftest import outgoing
from tests.transport.delivery.stub import RESET, SILENCE, Raw, Script, StubSmtp
from transport.delivery.hop import open_connection
from transport.delivery.options import HopOptions
from transport.delivery.outcome import Outcome, OutgoingMessage, OutgoingRecipient, Phase, RecipientOutcome
from transport.message.reply import Reply

PLAIN = ("SIZE 10000000",)
PIPELINED = ("PIPELINING", "SIZE 10000000", "8BITMIME")
both_ways = pytest.mark.parametrize("extensions", [PLAIN, PIPELINED], ids=["step by step", "pipelined"])


async def send(stub: StubSmtp, options: HopOptions, *messages: OutgoingMessage) -> list[RecipientOutcome]:
    outcomes = []
    async with await open_connection([stub.endpoint], options) as connection:
        for message in messages:
            outcomes += await connection.send(message)
    return outcomes


@both_ways
async def test_a_message_arrives_as_it_is(
    options: HopOptions, message: OutgoingMessage, extensions: tuple[str, ...]
) -> None:
    async with StubSmtp(extensions=extensions) as stub:
        [outcome] = await send(stub, options, message)
    assert outcome == RecipientOutcome(
        "bob@fabrikam.example",
        Outcome.DELIVERED,
        Reply(250, "2.0.0", "Queued as 123"),
        Phase.FINAL,
        "peer.accepted",
        "mx.example",
        str(stub.endpoint),
        octets=len(message.content) + (0 if "CHUNKING" in extensions else len(b".\r\n")),
    )
    assert stub.messages[0].content == message.content
    assert stub.commands[-1] == "QUIT"


@both_ways
async def test_many_messages_use_one_connection_without_rset(
    options: HopOptions, message: OutgoingMessage, extensions: tuple[str, ...]
) -> None:
    async with StubSmtp(extensions=extensions) as stub:
        outcomes = await send(stub, options, *[message] * 5)
    assert [outcome.status for outcome in outcomes] == [Outcome.DELIVERED] * 5
    assert (len(stub.messages), stub.connections) == (5, 1)
    assert "RSET" not in stub.commands


async def test_a_group_goes_out_in_one_write_with_data_last(options: HopOptions) -> None:
    async with StubSmtp() as stub, await open_connection([stub.endpoint], options) as connection:
        await connection.send(outgoing("bob@a.example", "eve@a.example"))
        sent = [line.text for line in connection.transcript if line.direction == ">"]
    assert [text.split(":")[0] for text in sent] == [
        "EHLO client.example",
        "MAIL FROM",
        "RCPT TO",
        "RCPT TO",
        "DATA",
        "(21 bytes of content)",
    ]


def by_address(command: str) -> str:
    if "bad" in command:
        return "550 5.1.1 No such user"
    return "450 4.2.0 Greylisted" if "late" in command else "250 2.1.5 Ok"


@both_ways
async def test_g7_each_recipient_gets_its_own_verdict(options: HopOptions, extensions: tuple[str, ...]) -> None:
    recipients = ["a@x.example", "bad1@x.example", "b@x.example", "late@x.example", "bad2@x.example", "c@x.example"]
    async with StubSmtp({"rcpt": by_address}, extensions) as stub:
        outcomes = await send(stub, options, outgoing(*recipients))
    assert [outcome.key for outcome in outcomes] == recipients
    assert [(outcome.status, outcome.phase) for outcome in outcomes] == [
        (Outcome.DELIVERED, Phase.FINAL),
        (Outcome.PERMANENT, Phase.RCPT),
        (Outcome.DELIVERED, Phase.FINAL),
        (Outcome.TRANSIENT, Phase.RCPT),
        (Outcome.PERMANENT, Phase.RCPT),
        (Outcome.DELIVERED, Phase.FINAL),
    ]
    assert outcomes[3].reason_code == "peer.greylist"
    assert len(stub.messages) == 1
    assert len(stub.messages[0].rcpts) == 3


@both_ways
async def test_the_next_message_is_well_after_all_recipients_were_refused(
    options: HopOptions, message: OutgoingMessage, extensions: tuple[str, ...]
) -> None:
    async with StubSmtp({"rcpt": by_address}, extensions) as stub:
        outcomes = await send(stub, options, outgoing("bad@x.example"), message)
    assert [outcome.status for outcome in outcomes] == [Outcome.PERMANENT, Outcome.DELIVERED]
    assert stub.commands.count("RSET") == 1
    assert len(stub.messages) == 1


async def test_rfc_2920_a_peer_that_wants_content_for_nobody_gets_an_empty_one(
    options: HopOptions, message: OutgoingMessage
) -> None:
    async with StubSmtp({"rcpt": by_address, "data": "354 Go"}) as stub:
        outcomes = await send(stub, options, outgoing("bad@x.example"), message)
    assert [outcome.status for outcome in outcomes] == [Outcome.PERMANENT, Outcome.DELIVERED]
    assert [received.content for received in stub.messages] == [b"", message.content]


PHASES = ["mail", "rcpt", "data", "final"]


@both_ways
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(
    ("reply", "status"),
    [("451 4.3.0 Not now, café", Outcome.TRANSIENT), ("554 5.7.1 Go away", Outcome.PERMANENT)],
)
async def test_g6_refused_at_each_phase(
    options: HopOptions,
    message: OutgoingMessage,
    extensions: tuple[str, ...],
    phase: str,
    reply: str,
    status: Outcome,
) -> None:
    async with StubSmtp({phase: reply}, extensions) as stub:
        [outcome] = await send(stub, options, message)
    assert (outcome.status, outcome.phase.value, outcome.reply.wire()) == (status, phase, reply)
    assert stub.messages == []


TROUBLES: list[tuple[Script, str]] = [
    (RESET, "peer.dropped"),
    (SILENCE, "peer.timeout"),
    (Raw(b"250 2.0.0 Ok and more and more and more\r\n", delay=0.05), "peer.timeout"),
    (Raw(b"250-" + b"x" * 10_000_000), "peer.protocol"),
    (Raw(b"250-more\r\n" * 200), "peer.protocol"),
    (Raw(b"250-one\r\n550 two\r\n"), "peer.protocol"),
    (Raw(b"\x00\xff\xfe\x80\r\n\x16\x03\x01\r\n"), "peer.protocol"),
    (Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "peer.protocol"),
    (Raw(b"25", hang_up=True), "peer.dropped"),
    ("421 4.3.2 Shutting down", "peer.busy"),
]
TROUBLE_NAMES = ["reset", "silence", "slow", "long line", "long reply", "two codes", "binary", "http", "half", "421"]


@both_ways
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(("trouble", "reason"), TROUBLES, ids=TROUBLE_NAMES)
async def test_g6_trouble_at_each_phase_is_transient_and_ends_the_connection(
    options: HopOptions,
    message: OutgoingMessage,
    extensions: tuple[str, ...],
    phase: str,
    trouble: Script,
    reason: str,
) -> None:
    async with StubSmtp({phase: trouble}, extensions) as stub:
        connection = await open_connection([stub.endpoint], options)
        async with connection, asyncio.timeout(5):
            [outcome] = await connection.send(message)
            assert not connection.is_usable
            [next_outcome] = await connection.send(message)
    assert (outcome.status, outcome.phase.value, outcome.reason_code) == (Outcome.TRANSIENT, phase, reason)
    assert outcome.reply.is_transient
    assert next_outcome.status is Outcome.TRANSIENT


async def test_a_loss_after_the_final_dot_says_that_the_message_may_have_arrived(
    options: HopOptions, message: OutgoingMessage
) -> None:
    async with StubSmtp({"final": RESET}) as stub:
        [outcome] = await send(stub, options, message)
    assert (outcome.phase, outcome.reason_code) == (Phase.FINAL, "peer.dropped")
    assert "after the message was sent" in outcome.reply.text


async def test_g6_a_250_followed_by_a_reset_is_a_delivery(options: HopOptions, message: OutgoingMessage) -> None:
    async with StubSmtp({"final": Raw(b"250 2.0.0 Ok\r\n", hang_up=True)}) as stub:
        [outcome] = await send(stub, options, message)
    assert outcome.status is Outcome.DELIVERED


async def test_a_recipient_refused_before_the_loss_stays_refused(options: HopOptions) -> None:
    async with StubSmtp({"rcpt": by_address, "data": RESET}) as stub:
        outcomes = await send(stub, options, outgoing("a@x.example", "bad@x.example"))
    assert [(outcome.status, outcome.phase) for outcome in outcomes] == [
        (Outcome.TRANSIENT, Phase.DATA),
        (Outcome.PERMANENT, Phase.RCPT),
    ]


async def test_a_421_between_two_messages_is_not_taken_for_a_reply(
    options: HopOptions, message: OutgoingMessage
) -> None:
    async with StubSmtp({"final": Raw(b"250 2.0.0 Ok\r\n421 4.4.2 Idle too long\r\n", hang_up=True)}) as stub:
        outcomes = await send(stub, options, message, message)
    assert [outcome.status for outcome in outcomes] == [Outcome.DELIVERED, Outcome.TRANSIENT]
    assert outcomes[1].reply.text in ("Idle too long", "The connection to the next hop was lost before this message")
    assert len(stub.commands) == 4


async def test_replies_nobody_asked_for_never_answer_the_next_message(
    options: HopOptions, message: OutgoingMessage
) -> None:
    async with StubSmtp({"final": Raw(b"250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n")}) as stub:
        outcomes = await send(stub, options, message, message)
    assert [outcome.status for outcome in outcomes] == [Outcome.DELIVERED, Outcome.TRANSIENT]
    assert outcomes[1].reason_code == "peer.protocol"


@pytest.mark.parametrize("code", ["250 Ok", "334 Ok"])
async def test_a_wrong_answer_to_data_is_no_delivery(options: HopOptions, message: OutgoingMessage, code: str) -> None:
    async with StubSmtp({"data": code}) as stub:
        [outcome] = await send(stub, options, message)
    assert (outcome.status, outcome.reason_code) == (Outcome.TRANSIENT, "peer.protocol")


async def test_552_at_rcpt_is_too_many_recipients_unless_the_mailbox_is_full(options: HopOptions) -> None:
    def full(command: str) -> str:
        return "552 5.2.2 Mailbox full" if "full" in command else "552 Too many recipients"

    async with StubSmtp({"rcpt": full}) as stub:
        outcomes = await send(stub, options, outgoing("a@x.example", "full@x.example"))
    assert [outcome.status for outcome in outcomes] == [Outcome.TRANSIENT, Outcome.PERMANENT]


@pytest.mark.parametrize(
    ("changes", "extensions", "enhanced"),
    [
        ({"content": b"x" * 1001}, ("SIZE 1000",), "5.3.4"),
        ({"content": b"a\0b\r\n"}, (), "5.6.0"),
        ({"smtputf8": True}, (), "5.6.7"),
        ({"sender": "añn@contoso.example"}, (), "5.6.7"),
        ({"sender": "a> SIZE=1"}, (), "5.1.7"),
        ({"sender": "a\r\nRSET"}, (), "5.1.7"),
    ],
)
async def test_what_the_peer_cannot_take_is_refused_here(
    options: HopOptions,
    message: OutgoingMessage,
    changes: dict[str, object],
    extensions: tuple[str, ...],
    enhanced: str,
) -> None:
    async with StubSmtp(extensions=extensions) as stub:
        [refused, delivered] = await send(stub, options, replace(message, **changes), message)  # type: ignore[arg-type]
    assert (refused.status, refused.reply.enhanced) == (Outcome.PERMANENT, enhanced)
    assert delivered.status is Outcome.DELIVERED
    assert len(stub.messages) == 1


async def test_an_unsendable_recipient_does_not_stop_the_others(options: HopOptions) -> None:
    recipients = ["a@x.example", "b\r\nRCPT TO:<x>@x.example", "ü@x.example", "c@bücher.example", '"a b"@x.example']
    async with StubSmtp() as stub:
        outcomes = await send(stub, options, outgoing(*recipients))
    assert [outcome.status for outcome in outcomes] == [
        Outcome.DELIVERED,
        Outcome.PERMANENT,
        Outcome.PERMANENT,
        Outcome.DELIVERED,
        Outcome.DELIVERED,
    ]
    assert stub.messages[0].rcpts == [
        "RCPT TO:<a@x.example>",
        "RCPT TO:<c@xn--bcher-kva.example>",
        'RCPT TO:<"a b"@x.example>',
    ]


async def test_8bit_content_goes_as_it_is_or_not_at_all(options: HopOptions, message: OutgoingMessage) -> None:
    eight_bit = replace(message, content="Grüße\r\n".encode(), body_8bit=True)
    async with StubSmtp(extensions=PLAIN) as stub:
        [as_it_is] = await send(stub, options, eight_bit)
        [refused] = await send(stub, replace(options, refuse_8bit_to_7bit=True), eight_bit)
    assert as_it_is.status is Outcome.DELIVERED
    assert refused.reply.enhanced == "5.6.3"


async def test_parameters_are_given_to_peers_that_know_them(options: HopOptions) -> None:
    message = OutgoingMessage(
        "m",
        "",
        (OutgoingRecipient("r", "ü@x.example", "FAILURE,DELAY", "utf-8;x"),),
        b"x\r\n",
        True,
        True,
        "e1",
        "HDRS",
    )
    async with StubSmtp(extensions=(*PIPELINED, "SMTPUTF8", "DSN")) as stub:
        await send(stub, options, message)
    assert stub.messages[0].mail == "MAIL FROM:<> SIZE=3 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=e1"
    assert stub.messages[0].rcpts == ["RCPT TO:<ü@x.example> NOTIFY=FAILURE,DELAY ORCPT=utf-8;x"]


# Reliability 2.1, outward: what some server takes for the end of a message, be it only by cutting a long line.
ENDINGS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\n.\r",
    b"\r.\r",
    b"\r.\n",
    b"\r.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\n\n.\n\n",
    b"\r\n.\r\n",
    *(
        b"\r\n" + beside + b".\r\n"
        for beside in (b" ", b"\t", b"\b", b"\xc2\x85", b"\xe2\x80\xa8", b"\x85", b"\v", b"\f")
    ),
    *(b"\r\n." + beside + b"\r\n" for beside in (b" ", b"\t", b"\b", b"\x85", b"\v", b"\f")),
    *(b"x" * length + b".\r\n" for length in (510, 998, 1000, 2046, 4096, 131_072)),
]


@pytest.mark.parametrize("extensions", [PIPELINED, (*PIPELINED, "CHUNKING")], ids=["dots", "chunks"])
@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: repr(ending[-8:]))
async def test_2_1_nothing_smuggles_a_second_message_out(
    options: HopOptions, message: OutgoingMessage, ending: bytes, extensions: tuple[str, ...]
) -> None:
    smuggled = b"Subject: x\r\n\r\na" + ending + b"MAIL FROM:<x@y>\r\nRCPT TO:<z@y>\r\nDATA\r\n\r\nb\r\n.\r\n"
    async with StubSmtp(extensions=extensions) as stub:
        outcomes = await send(stub, options, replace(message, content=smuggled), message)
    assert [outcome.status for outcome in outcomes] == [Outcome.DELIVERED] * 2
    assert len(stub.messages) == 2
    wire = bytes(stub.wire)
    assert wire.count(b"\r\n") == wire.count(b"\r") == wire.count(b"\n")


@pytest.mark.parametrize("extensions", [PIPELINED, (*PIPELINED, "CHUNKING")], ids=["dots", "chunks"])
async def test_a_verdict_on_content_that_was_not_sent_is_none(
    options: HopOptions, message: OutgoingMessage, extensions: tuple[str, ...]
) -> None:
    early = {"data": Raw(b"354 Go\r\n250 2.0.0 Taken\r\n"), "rcpt": Raw(b"250 2.1.5 Ok\r\n250 2.0.0 Taken\r\n")}
    phase = "rcpt" if "CHUNKING" in extensions else "data"
    async with StubSmtp({phase: early[phase]}, extensions) as stub:
        [outcome] = await send(stub, options, message)
    assert (outcome.status, outcome.reason_code) == (Outcome.TRANSIENT, "peer.protocol")


async def test_a_large_message_arrives_whole(options: HopOptions, message: OutgoingMessage) -> None:
    content = (b"." + b"x" * 70 + b"\r\n") * 8_000
    async with StubSmtp() as stub:
        [outcome] = await send(
            stub, replace(options, timeouts=replace(options.timeouts, final=5)), replace(message, content=content)
        )
    assert outcome.status is Outcome.DELIVERED
    assert stub.messages[0].content == content.replace(b"\r\n.", b"\r\n..").replace(b".", b"..", 1)


async def test_a_peer_that_answers_and_hangs_up_in_the_middle_of_content_is_heard(
    options: HopOptions, message: OutgoingMessage
) -> None:
    script: dict[str, Script] = {"data": Raw(b"354 Go\r\n552 5.3.4 Too big after all\r\n", hang_up=True)}
    async with StubSmtp(script, ("PIPELINING",)) as stub:
        [outcome] = await send(stub, options, replace(message, content=b"x" * 70_000_000))
    assert (outcome.status, outcome.reply.enhanced) == (Outcome.PERMANENT, "5.3.4")


async def test_a_peer_that_stops_reading_content_is_given_up(options: HopOptions, message: OutgoingMessage) -> None:
    async with StubSmtp({"data": Raw(b"354 Go\r\n", stall=True)}, ("PIPELINING",)) as stub:
        connection = await open_connection([stub.endpoint], options)
        async with connection, asyncio.timeout(5):
            [outcome] = await connection.send(replace(message, content=b"x" * 30_000_000))
    assert (outcome.status, outcome.phase, outcome.reason_code) == (Outcome.TRANSIENT, Phase.DATA, "peer.timeout")


async def test_a_cancelled_send_leaves_no_usable_connection(options: HopOptions, message: OutgoingMessage) -> None:
    async with StubSmtp({"final": SILENCE}) as stub:
        connection = await open_connection([stub.endpoint], replace(options))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await connection.send(message)
        assert not connection.is_usable
        await connection.quit()


def numbered(count: int) -> list[OutgoingMessage]:
    return [replace(outgoing("bob@a.example"), key=number) for number in range(count)]


@both_ways
async def test_send_all_delivers_each_message_once_and_in_order(
    options: HopOptions, extensions: tuple[str, ...]
) -> None:
    messages = [replace(message, content=f"Subject: {message.key}\r\n".encode()) for message in numbered(20)]
    messages[7] = replace(messages[7], content=b"a\0b")
    async with StubSmtp(extensions=extensions) as stub, await open_connection([stub.endpoint], options) as connection:
        seen = [(message.key, outcome.status) async for message, [outcome] in connection.send_all(messages)]
    statuses = {7: Outcome.PERMANENT}
    assert seen == [(number, statuses.get(number, Outcome.DELIVERED)) for number in range(20)]
    assert [received.content for received in stub.messages] == [
        message.content for message in messages if message.key != 7
    ]


async def test_an_envelope_sent_ahead_survives_refusals_before_it(options: HopOptions) -> None:
    def refuse_some(command: str) -> str:
        return "550 5.1.1 No" if "bad" in command else "250 Ok"

    replies = iter(["550 5.6.0 Not this", "250 Ok", "250 Ok"])
    messages = [outgoing("a@x.example"), outgoing("bad@x.example"), outgoing("a@x.example"), outgoing("c@x.example")]
    stub = StubSmtp({"rcpt": refuse_some, "final": lambda _: next(replies)})
    async with stub, await open_connection([stub.endpoint], options) as connection:
        outcomes = [outcome async for _, [outcome] in connection.send_all(messages)]
    assert [(outcome.status, outcome.phase) for outcome in outcomes] == [
        (Outcome.PERMANENT, Phase.FINAL),
        (Outcome.PERMANENT, Phase.RCPT),
        (Outcome.DELIVERED, Phase.FINAL),
        (Outcome.DELIVERED, Phase.FINAL),
    ]
    assert [received.rcpts for received in stub.messages] == [["RCPT TO:<a@x.example>"], ["RCPT TO:<c@x.example>"]]


@pytest.mark.parametrize("trouble", [RESET, SILENCE, "421 4.3.2 Enough", Raw(b"nonsense\r\n")])
async def test_an_envelope_sent_ahead_into_trouble_is_transient(options: HopOptions, trouble: Script) -> None:
    async with StubSmtp({"final": trouble}) as stub, await open_connection([stub.endpoint], options) as connection:
        outcomes = [outcome async for _, [outcome] in connection.send_all(numbered(3))]
    assert [(outcome.status, outcome.phase) for outcome in outcomes] == [
        (Outcome.TRANSIENT, Phase.FINAL),
        (Outcome.TRANSIENT, Phase.MAIL),
        (Outcome.TRANSIENT, Phase.MAIL),
    ]


async def test_leaving_send_all_early_sends_nothing_more(options: HopOptions) -> None:
    async with StubSmtp() as stub, await open_connection([stub.endpoint], options) as connection:
        sending = connection.send_all(numbered(5))
        async for _ in sending:
            break
        await sending.aclose()
        assert not connection.is_usable
    assert len(stub.messages) == 1
