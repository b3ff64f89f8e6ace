"""The protocol log: what was said is readable, by operators whole, by tenants as far as it is theirs; secrets never."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from typing_extensions import override

from tenants.identifiers import uuid7
from tenants.models import Tenant
from tests import factories
from tests.conftest import Contoso
from tests.transport.smtpd.conftest import CONTENT, PASSWORD, Server
from transport.message.reply import Reply
from transport.models import Message, ProtocolTranscript, ReceiveConnector
from transport.queue.housekeeping import housekeep
from transport.smtpd import dialogue, ledger

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def logged(connectors: dict[str, ReceiveConnector], server: Server) -> Server:
    """A daemon whose listeners all keep a protocol log."""
    ReceiveConnector.objects.update(protocol_logging_level="verbose")
    server.reload()
    return server


def texts(rows: list[ProtocolTranscript]) -> list[str]:
    return [f"{who}: {text}" for row in rows for _at, who, text in row.lines]


def whole(server: Server, has: str = "connection ended") -> list[str]:
    """Return all lines of the operators' copy, once these words are there."""

    def rows() -> list[ProtocolTranscript]:
        return list(ProtocolTranscript.objects.filter(tenant=None).order_by("id"))

    server.wait_until(lambda: has in "\n".join(texts(rows())))
    return texts(rows())


def of_tenant(server: Server, tenant: Tenant) -> list[ProtocolTranscript]:
    def rows() -> list[ProtocolTranscript]:
        return list(ProtocolTranscript.objects.filter(tenant=tenant).order_by("id"))

    server.wait_until(rows)
    return rows()


def test_both_sides_are_told_with_time_and_session(logged: Server) -> None:
    with logged.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.data(CONTENT)
        client.say("QUIT")
    lines = whole(logged)
    assert lines[:2] == [f"S: {client.greeting}", "C: EHLO client.example"]
    for line in ("C: MAIL FROM:<x@y.example>", "S: 250 2.1.5 Recipient OK", "C: DATA", "C: QUIT"):
        assert line in lines
    rows = ProtocolTranscript.objects.all()
    assert len({row.session_id for row in rows}) == 1
    assert {(row.connector, row.client_address) for row in rows} == {("Default", "127.0.0.1")}
    assert all(0 <= at < 60_000 for row in rows for at, _who, _text in row.lines)


def test_a_connector_without_the_log_keeps_none(logged: Server, connectors: dict[str, ReceiveConnector]) -> None:
    ReceiveConnector.objects.filter(pk=connectors["smtp"].pk).update(protocol_logging_level="none")
    logged.reload()
    with logged.connect() as client:
        client.say("EHLO silent.example")
    with logged.connect("submission") as client:
        client.say("EHLO heard.example")
    assert "C: EHLO silent.example" not in whole(logged, "heard.example")


def test_a_tenant_sees_its_own_transactions_and_no_others_recipients(alice: Contoso, logged: Server) -> None:
    other = factories.make_tenant("fabrikam")
    factories.make_mailbox(factories.make_domain(other, "fabrikam.example"), "dora")
    with logged.connect() as client:
        client.say("EHLO client.example")
        client.envelope("x@y.example", "bob@contoso.example", "dora@fabrikam.example", "nobody@fabrikam.example")
        client.data(CONTENT)
        client.envelope("second@y.example", "dora@fabrikam.example")
        client.data(CONTENT)
    (mine,) = of_tenant(logged, alice.tenant)
    told = "\n".join(texts([mine]))
    message = Message.objects.get(tenant=alice.tenant)
    assert mine.message_id == message.pk
    assert "C: RCPT TO:<bob@contoso.example>" in told
    assert f"InternalId={message.pk}" in told
    assert "fabrikam" not in told
    assert "second@y.example" not in told
    assert "EHLO" not in told
    logged.wait_until(lambda: ProtocolTranscript.objects.filter(tenant=other).count() == 2)
    theirs = of_tenant(logged, other)
    assert "contoso" not in "\n".join(texts(theirs)).replace("mail.contoso.example", "")
    assert str(message.pk) not in str([row.lines for row in theirs])
    assert {row.session_id for row in theirs} == {mine.session_id}


def test_whom_a_users_mail_goes_to_elsewhere_here_hears_nothing_of_the_session(alice: Contoso, logged: Server) -> None:
    other = factories.make_tenant("fabrikam")
    factories.make_mailbox(factories.make_domain(other, "fabrikam.example"), "dora")
    with logged.connect("submission") as client:
        client.start_tls()
        client.log_in("alice@contoso.example")
        client.envelope("alice@contoso.example", "dora@fabrikam.example")
        assert client.data(CONTENT.replace(b"x@y.example", b"alice@contoso.example")).startswith("250")
    (mine,) = of_tenant(logged, alice.tenant)
    assert "C: RCPT TO:<dora@fabrikam.example>" in texts([mine])
    assert not ProtocolTranscript.objects.filter(tenant=other).exists()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_neither_log_ins_nor_content_are_ever_in_it(logged: Server, mechanism: str) -> None:
    secret = b64encode(f"\0alice@contoso.example\0{PASSWORD}".encode()).decode()
    user, password = (b64encode(text.encode()).decode() for text in ("alice@contoso.example", PASSWORD))
    with logged.connect("submission") as client:
        client.start_tls()
        if mechanism == "PLAIN":
            assert client.say(f"AUTH PLAIN {secret}").startswith("235")
        else:
            client.say("AUTH LOGIN")
            client.say(user)
            assert client.say(password).startswith("235")
        client.envelope("alice@contoso.example", "bob@contoso.example")
        client.data(CONTENT.replace(b"x@y.example", b"alice@contoso.example") + b"The secret recipe\r\n")
        # Content that got out of step, and a password typed in the wrong place, are no commands.
        for stray in (
            "The secret recipe",
            "Help me with the secret recipe",
            "Mail the secret recipe",
            secret,
            password,
        ):
            client.say(stray)
        client.send(b"BDAT 17 LAST\r\nsecret recipe \r\n\r\n")
        client.hear()
    told = "\n".join(whole(logged))
    assert f"C: AUTH {mechanism} ****" in told
    assert "C: MAIL ****" in told
    for hidden in (secret, password, "secret recipe", "Hello", "Subject"):
        assert hidden not in told


def test_a_session_that_does_not_end_fills_nothing(logged: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue, "MAX_LINES", 50)
    with logged.connect() as client:
        for _ in range(8):
            client.ehlo()
            client.envelope("x@y.example", "bob@contoso.example")
            assert client.data(CONTENT).startswith("250")
    whole(logged)
    rows = ProtocolTranscript.objects.filter(tenant=None)
    assert sum(len(row.lines) for row in rows) <= 51
    assert rows.latest("id").left_out > 0


def test_no_mail_waits_for_the_log_and_too_much_is_left_out(logged: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MAX_CHARACTERS", 10)
    with logged.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(CONTENT).startswith("250")
    logged.wait_until(lambda: not logged.daemon.service.crowd.sessions)
    assert not ProtocolTranscript.objects.exists()


def test_old_pieces_and_too_many_are_tidied_up(
    alice: Contoso, logged: Server, monkeypatch: pytest.MonkeyPatch, make_piece: Callable[[str], UUID]
) -> None:
    old, new = make_piece("01900000-0000-7000-8000-000000000000"), make_piece("")
    logged.stop()
    housekeep()
    assert list(ProtocolTranscript.objects.values_list("id", flat=True)) == [new]
    assert old != new


@pytest.fixture
def make_piece() -> Callable[[str], UUID]:
    def make(pk: str) -> UUID:
        connector = factories.make_receive_connector()
        fields = {"id": UUID(pk)} if pk else {}
        row = ProtocolTranscript.objects.create(
            session_id=connector.pk, at="2026-01-01T00:00Z", connector_id=connector.pk, lines=[], **fields
        )
        return row.pk

    return make


def test_a_recipient_that_was_left_out_gives_nobody_anothers_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs, pieces = uuid7(), uuid7(), Pieces()
    listener: Any = SimpleNamespace(id=uuid7(), name="Default")
    said = dialogue.Dialogue(pieces, listener, "192.0.2.1", "127.0.0.1:25", 0.0)
    said.heard(b"MAIL FROM:<x@y.example>", 0.0, in_transaction=False)
    said.heard(b"RCPT TO:<dora@fabrikam.example>", 0.0, in_transaction=True)
    said.belongs_to(theirs)
    monkeypatch.setattr(dialogue, "MAX_CHARACTERS", 0)
    said.heard(b"RCPT TO:<bob@contoso.example>", 0.0, in_transaction=True)
    said.belongs_to(ours)
    said.carried({ours: uuid7(), theirs: uuid7()}, None)
    said.said(Reply(250, "2.6.0", "Queued"), 0.0)
    said.close(0.0)
    told = {piece.tenant_id: piece for piece in pieces.kept}
    assert [text for _at, _who, text in told[ours].lines] == ["MAIL FROM:<x@y.example>"]
    assert [text for _at, _who, text in told[theirs].lines][1:] == ["RCPT TO:<dora@fabrikam.example>"]
    assert [piece.left_out for piece in pieces.kept if piece.tenant_id is None] == [2, 0]


class Pieces(ledger.Ledger):
    """A ledger that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[ledger.Piece] = []

    @override
    def add(self, piece: ledger.Piece) -> None:
        self.kept.append(piece)
