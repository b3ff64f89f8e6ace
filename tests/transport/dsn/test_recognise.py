from __future__ import annotations

from dataclasses import replace

import pytest

from tests.transport.dsn.test_report import BOB, PLAIN
from transport.dsn.recognise import ReportedRecipient, recognise
from transport.dsn.report import compose_failure
from transport.message.reply import Reply

STATUS = b"Reporting-MTA: dns; mx.example\r\n\r\n"


def report(status: bytes) -> bytes:
    return (
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nSorry\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\n" + status + b"\r\n--b--\r\n"
    )


@pytest.mark.parametrize("headers_only", [True, False])
def test_our_own_notice_is_recognised(headers_only: bool) -> None:
    found = recognise(compose_failure(replace(PLAIN, headers_only=headers_only)))
    assert found is not None
    assert (found.reporting_mta, found.original_envelope_id) == ("mx.contoso.example", "QQ+1")
    assert found.original_message_id == "<1@contoso.example>"
    assert found.recipients == (
        ReportedRecipient(
            address="bob@fabrikam.example",
            original_address="bob+x@fabrikam.example",
            action="failed",
            status="5.1.1",
            remote_mta="mx.fabrikam.example",
            reply=Reply(550, "5.1.1", "No such user here"),
        ),
    )


def test_each_recipient_has_its_group() -> None:
    recipients = tuple(replace(BOB, address=f"r{at}@fabrikam.example") for at in range(5))
    found = recognise(compose_failure(replace(PLAIN, recipients=recipients)))
    assert found is not None
    assert [each.address for each in found.recipients] == [each.address for each in recipients]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Subject: Undeliverable\r\n\r\nSorry\r\n",
        b"Content-Type: message/delivery-status\r\n\r\n" + STATUS,
        report(STATUS).replace(b"multipart/report", b"multipart/mixed"),
    ],
)
def test_other_messages_are_no_notices(content: bytes) -> None:
    assert recognise(content) is None


def test_a_notice_in_an_attached_message_does_not_count() -> None:
    inner = compose_failure(PLAIN)
    outer = b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: message/rfc822\r\n\r\n" + inner
    assert recognise(outer + b"\r\n--o--\r\n") is None


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "status",
    [
        b"",
        b"\r\n" * 100_000,
        STATUS + b"Action: failed\r\n\r\n" * 20_000,
        b"Action: " + b"failed " * 100_000,
        STATUS + b"Action: failed\r\nFinal-Recipient: \0\x1b;=?utf-8?q?=0AX?=\r\nDiagnostic-Code: \xff\r\n",
    ],
)
def test_hostile_status_is_read_in_bounded_work(status: bytes) -> None:
    found = recognise(report(status))
    assert found is not None
    assert len(found.recipients) <= 1000
    assert all(each.address.isprintable() for each in found.recipients)
