"""LMTP to a mail store (RFC 2033): LHLO, and an answer of its own for each recipient."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.transport.delivery.conftest import outgoing
from tests.transport.delivery.stub import RESET, Script, StubSmtp
from transport.delivery.failure import HopFailure
from transport.delivery.hop import open_connection
from transport.delivery.options import HopOptions
from transport.delivery.outcome import Outcome

D, T, P = Outcome.DELIVERED, Outcome.TRANSIENT, Outcome.PERMANENT


@pytest.fixture
def lmtp(options: HopOptions) -> HopOptions:
    return replace(options, lmtp=True, own_names=frozenset({"mx.example"}))


def answers(table: dict[str, str]) -> Script:
    return lambda line: next((reply for word, reply in table.items() if word in line), "250 2.0.0 Kept")


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
async def test_each_recipient_gets_its_own_answer(lmtp: HopOptions, extensions: tuple[str, ...]) -> None:
    final = answers({"full": "452 4.2.2 Full", "gone": "550 5.2.1 Gone"})
    stub = StubSmtp({"final": final, "rcpt": answers({"nobody": "550 5.1.1 Unknown"})}, extensions, lmtp=True)
    names = ["ann", "full", "nobody", "gone", "bob"]
    message = outgoing(*(f"{name}@store.example" for name in names))
    async with stub, await open_connection([stub.endpoint], lmtp) as connection:
        outcomes = await connection.send(message)
        assert [outcome.status for outcome in outcomes] == [D, T, P, P, D]
        assert [outcome.reply.text for outcome in outcomes][1:4] == ["Full", "Unknown", "Gone"]
        again = await connection.send(outgoing("ann@store.example"))
        assert [outcome.status for outcome in again] == [D]
    assert [len(message.rcpts) for message in stub.messages] == [2, 1]
    assert stub.commands[0] == "LHLO client.example"


async def test_many_messages_keep_step_with_their_answers(lmtp: HopOptions) -> None:
    stub = StubSmtp({"final": answers({"full": "452 4.2.2 Full"})}, ("PIPELINING",), lmtp=True)
    messages = [outgoing("ann@store.example", "full@store.example") for _ in range(5)]
    async with stub, await open_connection([stub.endpoint], lmtp) as connection:
        told = [[one.status for one in outcomes] async for _, outcomes in connection.send_all(messages)]
    assert told == [[D, T]] * 5


async def test_answers_that_came_before_a_loss_count(lmtp: HopOptions) -> None:
    stub = StubSmtp({"final": lambda line: RESET if "bob" in line else "250 2.0.0 Kept"}, lmtp=True)
    message = outgoing("ann@store.example", "bob@store.example", "carl@store.example")
    async with stub, await open_connection([stub.endpoint], lmtp) as connection:
        outcomes = await connection.send(message)
        assert not connection.is_usable
    assert [outcome.status for outcome in outcomes[1:]] == [T, T]
    assert outcomes[0].status in (D, T)  # a reset may overtake the answer


async def test_smtp_is_no_lmtp(lmtp: HopOptions, options: HopOptions) -> None:
    async with StubSmtp() as smtp, StubSmtp(lmtp=True) as store:
        for endpoint, wishes in ((smtp.endpoint, lmtp), (store.endpoint, options)):
            with pytest.raises(HopFailure, match=r"500 5\.5\.2 What"):
                await open_connection([endpoint], wishes)
