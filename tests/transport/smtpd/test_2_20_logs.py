"""What clients say forges no line of the log, and what they keep secret stands nowhere (reliability 2.20)."""

from __future__ import annotations

import logging
from base64 import b64encode

import pytest
from django.db import connection

from tests.conftest import Contoso
from tests.transport.smtpd.conftest import Server
from transport.authentication.scram import make_verifier

pytestmark = pytest.mark.django_db(transaction=True)

CANARY = "canary-5f1e-in-the-mine"


def test_no_log_line_is_forged(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    forged = "INFO forged: everything is fine"
    with server.connect() as client:
        for raw in (
            *(f"EHLO x\r{forged}", f"EHLO x\n{forged}", f"EHLO \x1b[2J{forged}", "EHLO " + "x" * 1_900),
            *(f'MAIL FROM:<"\r\n{forged}"@y.example>', "MAIL FROM:<\x1b]0;x\x07@y.example>"),
        ):
            client.send(raw.encode() + b"\r\n")
    with server.connect() as client:
        client.say("EHLO " + "x" * 1_900)
        client.say(f"MAIL FROM:<{'y' * 60}@z.example>")
        client.say("RCPT TO:<z@elsewhere.example>")
        client.send(b"NOOP " + b"x" * 1_000_000 + b"\r\n")
        client.hear()
    for record in caplog.records:
        text = record.getMessage()
        assert text.isprintable(), text[:200]
        assert len(text) < 3_000
        assert not text.startswith("INFO forged")


def test_a_password_is_neither_logged_nor_kept(
    alice: Contoso, server: Server, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    alice.alice_mailbox.verifier = make_verifier(CANARY)
    alice.alice_mailbox.save()
    encoded = b64encode(CANARY.encode()).decode()
    with server.connect("submissions") as client:
        client.ehlo()
        assert client.log_in("alice@contoso.example", CANARY + "x").startswith("535")
        assert client.log_in(f"{CANARY}@contoso.example", CANARY).startswith("535")
    with server.connect("submissions") as client:
        client.ehlo()
        client.say("AUTH LOGIN " + b64encode(b"alice@contoso.example").decode())
        assert client.say(encoded).startswith("235")
        client.envelope("alice@contoso.example", "bob@contoso.example", "z@elsewhere.example")
        assert client.data(b"From: alice@contoso.example\r\n\r\nHi\r\n").startswith("250")
    with server.connect("submissions") as client:
        client.ehlo()
        client.say(f"AUTH {encoded}")
        client.say(f"AUTH PLAIN {encoded} {encoded}")
        client.say(f"{encoded}")
    for secret in (CANARY, encoded, b64encode(f"\0alice@contoso.example\0{CANARY}".encode()).decode()):
        assert secret not in caplog.text
        assert secret not in capfd.readouterr().err
        assert tables_with(secret) == []


def tables_with(secret: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname IN ('public', 'pgmq')")
        tables = [name for (name,) in cursor.fetchall()]
        found = []
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', [f"%{secret}%"])  # noqa: S608
            if cursor.fetchone() != (0,):
                found.append(table)
    return found
