"""G6, the whole table: whatever a next hop does wrong, in whichever phase, a message ends well or waits, told why.

Each cell has a peer, a connector and a message of its own; all of them leave in one drain. Afterwards the peers mend
their ways, and what waited arrives once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from tenants.secrets import encrypt
from tests import factories
from tests.conftest import Contoso
from tests.transport.delivery.certificates import server_context
from tests.transport.delivery.stub import RESET, SILENCE, Raw, Script, StubSmtp
from tests.transport.workers import WITH_WORKERS, Running, deliver, send
from transport.models import Delivery, MailboxMessage, Queue, TrackingEvent
from transport.queue import connector as connector_module
from transport.routing.reasons import REASONS

pytestmark = WITH_WORKERS
DELIVERED, DEFERRED, BOUNCED = "SEND", "DEFER", "FAIL"
PATIENCE = 2.0  # seconds in any phase: long for an honest peer on a busy machine
LIMIT = 10_000  # characters of a peer's words that may be kept

PHASES = ("connect", "greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "content", "final", "quit")
OPENING = PHASES[:5]
FAULTS: dict[str, Script] = {
    "4xx": "450 4.2.0 Not now \x1b[31m, caf\xe9",
    "5xx": "554 5.7.1 Never \u202etxt.exe",
    "421": "421 4.3.2 Going down",
    "reset": RESET,
    "silence": SILENCE,
    "one byte at a time": Raw(b"250 2.0.0 Ok and more and more and more of it\r\n", delay=0.2),
    "10 MB in a line": Raw(b"250-" + b"x" * 10_000_000),
    "endless reply": Raw(b"250-more\r\n" * 5000),
    "binary": Raw(b"\x00\xff\xfe\x80\r\n\x16\x03\x01\r\n"),
    "two codes in one reply": Raw(b"250-one\r\n550 two\r\n"),
    "half a reply": Raw(b"25", hang_up=True),
}
ANSWERED = ("4xx", "5xx", "421")
# What only one phase knows.
MORE_FINAL: dict[str, Script] = {
    "250 and reset": Raw(b"250 2.0.0 Ok\r\n", hang_up=True),
    "a second reply smuggled in": Raw(b"250 2.0.0 Ok\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go\r\n250 2.0.0 Ok\r\n"),
}


@dataclass
class Cell:
    phase: str
    fault: str
    peer: StubSmtp
    message_id: UUID = field(init=False)

    @property
    def name(self) -> str:
        return f"{self.fault} at {self.phase}"

    @property
    def expected(self) -> str:
        if self.phase == "quit" or self.fault in MORE_FINAL:
            return DELIVERED
        # Who refuses the connection, or our log-in, refuses no message: mail waits for somebody to mend that.
        return BOUNCED if self.fault == "5xx" and self.phase not in OPENING else DEFERRED

    @property
    def copies(self) -> int:
        return 0 if self.expected == BOUNCED else 1


def faults_of(phase: str) -> dict[str, Script]:
    if phase == "connect":
        return {"reset": RESET}
    if phase == "content":  # where it is the peer that reads
        return {name: script for name, script in FAULTS.items() if name != "one byte at a time"}
    return FAULTS | (MORE_FINAL if phase == "final" else {})


def cells(tls: Path) -> Iterator[Cell]:
    context, _ = server_context(tls)
    for phase in PHASES:
        for fault, script in faults_of(phase).items():
            extensions = ["PIPELINING", "SIZE 10000000", "8BITMIME"][phase == "rcpt" :]
            if phase == "starttls":
                extensions.append("STARTTLS")
            if phase == "auth":
                extensions.append("AUTH PLAIN")
            yield Cell(phase, fault, StubSmtp(scripted(phase, script), extensions, context))


def scripted(phase: str, script: Script) -> dict[str, Script]:
    if phase == "content":
        # The peer asks for the content and does so in the middle of it.
        after = script.encode() + b"\r\n" if isinstance(script, str) else getattr(script, "data", b"")
        return {"data": Raw(b"354 Go\r\n" + after, hang_up=script != SILENCE, stall=script == SILENCE)}
    return {phase: script, "helo": script} if phase == "ehlo" else {phase: script}


def furnish(contoso: Contoso, cell: Cell, number: int) -> None:
    """Give a cell its connector, which asks for what the phase needs, and its message."""
    domain = f"cell{number}.example"
    port = 1 if cell.phase == "connect" else cell.peer.endpoint.port
    login: dict[str, Any] = {"auth": "basic", "username": "us", "password_encrypted": encrypt("secret")}
    factories.make_send_connector(
        contoso.tenant,
        domain,
        smart_hosts=[("127.0.0.1", port)],
        tls="required" if cell.phase == "starttls" else "opportunistic",
        **(login if cell.phase == "auth" else {}),
    )
    cell.message_id = send(contoso.alice_mailbox, f"x@{domain}")


def check(cell: Cell) -> None:
    """One outcome, with a reason and what the peer said, bounded and clean, and no claim left behind."""
    last = TrackingEvent.objects.filter(message_id=cell.message_id).exclude(event_id="DSN").order_by("id").last()
    assert last is not None
    assert last.event_id == cell.expected, (cell.name, last.event_id, last.reply)
    waiting = Delivery.objects.filter(message_id=cell.message_id)
    assert [row.state for row in waiting] == (["retry"] if cell.expected == DEFERRED else []), cell.name
    for row in waiting:
        assert row.attempts == 1, cell.name
        assert row.last_error_reason in REASONS, cell.name
        words = f"{row.last_error_text}{row.last_error_peer_text}"
        assert "127.0.0.1" in row.last_error_endpoint, cell.name
        assert len(words) < 2 * LIMIT, cell.name
        assert "\x1b" not in words, cell.name
    if cell.expected == DELIVERED:
        return
    assert last.reason in REASONS, cell.name
    assert last.reply, cell.name
    assert len(last.reply) < LIMIT, cell.name
    assert not set(last.reply) & set("\x00\x1b\u202e"), cell.name
    if cell.fault in ANSWERED:
        told = {"4xx": "Not now \\x1b[31m", "5xx": "Never \\u202etxt", "421": "Going down"}[cell.fault]
        assert told in last.reply, (cell.name, last.reply)


@pytest.mark.slow
def test_g6_every_fault_in_every_phase_ends_well_or_waits_and_nothing_is_lost_or_doubled(
    contoso: Contoso, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = replace(connector_module.TIMEOUTS, opening=20, connect=PATIENCE, greeting=PATIENCE, helo=PATIENCE)
    patient = replace(patient, tls=PATIENCE, auth=PATIENCE, envelope=PATIENCE, final=PATIENCE, quit=0.2)
    table = list(cells(tmp_path))
    with Running(*(cell.peer for cell in table)), monkeypatch.context() as hurry:
        hurry.setattr(connector_module, "TIMEOUTS", patient)
        for number, cell in enumerate(table):
            furnish(contoso, cell, number)
        deliver(120)
        assert not Delivery.objects.filter(state="active").exists()
        for cell in table:
            check(cell)
        assert MailboxMessage.objects.count() == sum(cell.expected == BOUNCED for cell in table)

        hurry.undo()
        for cell in table:
            cell.peer.script.clear()
        Queue.objects.update(next_retry_at=None)
        Delivery.objects.update(next_attempt_at=timezone.now())
        deliver(120)
        assert {row.last_error_reason for row in Delivery.objects.all()} == {"peer.connect_refused"}
        for cell in table:
            if cell.phase != "connect" and cell.fault not in MORE_FINAL:
                assert len(cell.peer.messages) == cell.copies, cell.name
