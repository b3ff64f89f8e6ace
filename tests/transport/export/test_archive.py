"""An export holds the whole organisation: every letter byte for byte, the configuration, and no secret."""

from __future__ import annotations

import io
import json
import mailbox
import tracemalloc
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tenants.models import Mailbox, SendAsGrant
from tests import factories
from tests.conftest import Contoso
from transport.authentication.scram import make_verifier
from transport.export import archive as module
from transport.export.archive import archive
from transport.export.configuration import configuration_json
from transport.export.mbox import entry, unquoted
from transport.models import MailboxMessage, SendConnector

pytestmark = pytest.mark.django_db

LETTERS = [
    b"Subject: plain\r\n\r\nHello\r\n",
    b"Subject: quoting\r\n\r\nFrom here on\r\n>From there\r\n>>From both\r\n From not\r\n\r\nFrom \r\n\r\n",
    b"Subject: bytes\r\nContent-Type: text/plain; charset=latin-1\r\n\r\n\xe4\xf6\xfc \x00\xff\r\n\r\n\r\n",
    b"From: first@line.example\r\n\r\n\r\n",
    "Subject: 日本語\r\n\r\n本文\r\n".encode(),
]


def unpacked(contoso: Contoso) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(archive(contoso.tenant.pk))))


def letters_in(path: Path) -> list[bytes]:
    """Return the letters of an mbox as Python's own reader finds them, with mboxrd's quoting undone."""
    box = mailbox.mbox(path, create=False)
    try:
        return [unquoted(box.get_bytes(key)) for key in box.keys()]  # noqa: SIM118 - it is no dictionary
    finally:
        box.close()


def test_another_program_reads_every_letter_byte_for_byte(
    contoso: Contoso, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LETTERS", 2)
    monkeypatch.setattr(module, "LETTER_BYTES", 40)
    for content in LETTERS:
        factories.make_letter(contoso.alice_mailbox, content, sender="a b@x.example")
    factories.make_letter(contoso.bob_mailbox, LETTERS[0], sender="")
    unpacked(contoso).extractall(tmp_path)
    assert letters_in(tmp_path / "mail" / "alice@contoso.example.mbox") == LETTERS
    assert letters_in(tmp_path / "mail" / "bob@contoso.example.mbox") == LETTERS[:1]
    listed = (tmp_path / "mail" / "alice@contoso.example.folders.tsv").read_text().splitlines()
    assert [line.split("\t")[1:3] for line in listed] == [["inbox", "unread"]] * len(LETTERS)


def test_an_empty_mailbox_has_an_empty_file(contoso: Contoso) -> None:
    assert unpacked(contoso).read("mail/bob@contoso.example.mbox") == b""


def test_the_configuration_is_whole_and_says_its_format(contoso: Contoso) -> None:
    factories.make_send_connector(contoso.tenant, "*", name="Internet", smart_hosts=[("relay.example", 25)])
    SendAsGrant.objects.create(tenant=contoso.tenant, mailbox=contoso.bob_mailbox, grantee=contoso.alice_mailbox)
    told = json.loads(unpacked(contoso).read("organisation.json"))
    assert (told["format"], told["version"], told["organisation"]["slug"]) == ("postroom-organisation", 1, "contoso")
    assert [row["domain"] for row in told["accepted_domains"]] == ["contoso.example"]
    assert [row["addresses"][0]["address"] for row in told["mailboxes"]] == [
        "alice@contoso.example",
        "bob@contoso.example",
    ]
    assert told["send_connectors"][0]["smart_hosts"] == [{"host": "relay.example", "port": 25}]
    assert {row["email"]: row["role"] for row in told["members"]}["alice@contoso.example"] == "owner"
    assert len(told["send_as_grants"]) == 1


def test_no_secret_and_nothing_of_others_is_in_it(contoso: Contoso) -> None:
    other = factories.make_mailbox(factories.make_domain(factories.make_tenant("fabrikam")), "eve")
    factories.make_letter(other, b"Subject: x\r\n\r\nfabrikam-canary\r\n")
    Mailbox.objects.filter(pk=contoso.bob_mailbox.pk).update(verifier=make_verifier("canary-password"))
    connector = factories.make_send_connector(contoso.tenant, auth="basic", username="u")
    SendConnector.objects.filter(pk=connector.pk).update(password_encrypted=b"canary-cipher")
    files = unpacked(contoso)
    content = b"".join(files.read(name) for name in files.namelist())
    for secret in (b"canary", b"SCRAM-SHA-256$", b"token-", b"fabrikam", b"verification_token", b"digest"):
        assert secret not in content, secret


def test_memory_stays_bounded_whatever_the_mailbox(contoso: Contoso) -> None:
    for _ in range(60):
        factories.make_letter(contoso.alice_mailbox, b"Subject: big\r\n\r\n" + b"x" * 998 * 1000 + b"\r\n")
    assert MailboxMessage.objects.count() == 60
    tracemalloc.start()
    largest = max(len(part) for part in archive(contoso.tenant.pk))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert largest < 4 * 1024 * 1024
    assert peak < 32 * 1024 * 1024


def test_each_batch_has_a_transaction_of_its_own(contoso: Contoso) -> None:
    """A reader that takes hours must hold nothing open: between two parts another tenant's scope can be entered."""
    for part in configuration_json(contoso.tenant.pk):
        assert part
        assert Mailbox.objects.count() == 2  # with the test's own eyes, not the tenant's


@pytest.mark.parametrize("content", LETTERS)
def test_quoting_comes_undone(content: bytes) -> None:
    text = entry(content, "", datetime(2026, 11, 5, 8, 1, 2, tzinfo=UTC))
    first, _, rest = text.partition(b"\n")
    assert first == b"From MAILER-DAEMON Thu Nov  5 08:01:02 2026"
    assert unquoted(rest.removesuffix(b"\n")) == content
