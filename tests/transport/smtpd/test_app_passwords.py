"""App passwords at the submission port: each lets its program in, at the same cost, until it is revoked."""

from __future__ import annotations

import pytest

from tenants.actions.actor import SYSTEM
from tenants.actions.app_passwords import revoke_app_password
from tenants.models import AppPassword
from tests import factories
from tests.conftest import Contoso
from tests.platform_process import eventually
from tests.transport.smtpd.conftest import PASSWORD, Server
from transport.authentication import scram

pytestmark = pytest.mark.django_db(transaction=True)
ALICE = "alice@contoso.example"
IN, OUT = "235 2.7.0 Authentication successful", "535 5.7.8"


def log_in(server: Server, password: str, address: str = ALICE) -> str:
    with server.connect("submissions") as client:
        client.ehlo()
        return client.log_in(address, password)


def test_a_program_logs_in_with_its_own_password_beside_the_mailboxs(server: Server, alice: Contoso) -> None:
    phone, laptop = (factories.make_app_password(alice.alice_mailbox, name)[1] for name in ("Phone", "Laptop"))
    assert [log_in(server, text) for text in (phone.text, laptop.text.upper(), PASSWORD)] == [IN] * 3
    assert log_in(server, phone.text, "bob@contoso.example").startswith(OUT)
    assert log_in(server, phone.text[:-1] + ("a" if phone.text[-1] != "a" else "b")).startswith(OUT)


def test_a_mailbox_without_a_password_of_its_own_has_its_programs(server: Server, alice: Contoso) -> None:
    made = factories.make_app_password(alice.bob_mailbox)[1]
    assert log_in(server, made.text, "bob@contoso.example") == IN
    assert log_in(server, "", "bob@contoso.example").startswith(OUT)


def test_a_revoked_one_is_refused_at_once_and_the_session_it_opened_goes_on(server: Server, alice: Contoso) -> None:
    row, made = factories.make_app_password(alice.alice_mailbox)
    other = factories.make_app_password(alice.alice_mailbox)[1]
    with server.connect("submissions") as standing:
        standing.ehlo()
        assert standing.log_in(ALICE, made.text) == IN
        revoke_app_password(actor=SYSTEM, app_password=row)
        assert log_in(server, made.text).startswith(OUT)
        assert log_in(server, other.text) == IN
        assert all(reply.startswith("250") for reply in standing.envelope(ALICE, "bob@contoso.example"))


def test_last_use_is_told_with_the_address(server: Server, alice: Contoso) -> None:
    row, made = factories.make_app_password(alice.alice_mailbox)
    log_in(server, made.text)
    used = eventually(lambda: AppPassword.objects.filter(pk=row.pk, last_used_at__isnull=False).first())
    assert used.last_used_address == "127.0.0.1"


def test_a_log_in_costs_one_check_however_many_there_are_and_whoever_asks(
    server: Server, alice: Contoso, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [factories.make_app_password(alice.alice_mailbox)[1] for _ in range(5)]
    checks: list[str] = []
    derive = scram._keys

    def counted(password: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
        checks.append(password)
        return derive(password, salt, iterations)

    monkeypatch.setattr(scram, "_keys", counted)
    tries = [(made[3].text, ALICE), ("a" * 30, ALICE), ("wrong", ALICE), (made[0].text, "nobody@contoso.example")]
    for password, address in tries:
        checks.clear()
        log_in(server, password, address)
        assert len(checks) == 1, (password, address)
