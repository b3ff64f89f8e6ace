from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from typing import Any

import pytest

from transport.dsn.report import (
    Action,
    FailedRecipient,
    Report,
    Side,
    compose_delay,
    compose_failure,
    compose_success,
)
from transport.dsn.text import MESSAGE_IDS
from transport.message.encode import InvalidHeader
from transport.message.header import iter_fields, read_header_block
from transport.message.lines import find_bare_newline
from transport.message.reply import Reply

WHEN = datetime(2025, 11, 25, 4, 4, tzinfo=UTC)
ORIGINAL = b"From: ann@contoso.example\r\nSubject: Hello\r\nMessage-ID: <1@contoso.example>\r\n\r\nHi\r\n"
BOB = FailedRecipient(
    address="bob@fabrikam.example",
    reply=Reply(550, "5.1.1", "No such user\nhere"),
    orcpt="rfc822;bob+2Bx@fabrikam.example",
    remote_mta="mx.fabrikam.example",
    last_attempt_at=WHEN,
    explanation="The mailbox does not exist.",
    fix="Check the address.",
    side=Side.PEER,
)
PLAIN = Report(
    reporting_mta="mx.contoso.example",
    postmaster="postmaster@contoso.example",
    sender="ann@contoso.example",
    message_id="<2@mx.contoso.example>",
    date=WHEN,
    recipients=(BOB,),
    original=ORIGINAL,
    arrival_date=WHEN,
    envelope_id="QQ+2B1",
    timeline_url="https://postroom.example/messages/1/",
)


def parts(content: bytes) -> tuple[EmailMessage, list[Message]]:
    assert find_bare_newline(content) == -1
    assert b"\0" not in content
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    return message, list(message.iter_parts())


def status_groups(content: bytes) -> list[dict[str, str]]:
    groups = parts(content)[1][1].get_payload()
    assert isinstance(groups, list)
    return [dict(group.items()) for group in groups if isinstance(group, Message)]


def human(content: bytes) -> str:
    text = parts(content)[1][0]
    assert isinstance(text, EmailMessage)
    return str(text.get_content())


def test_the_notice_is_addressed_and_marked_as_automatic() -> None:
    message, _ = parts(compose_failure(PLAIN))
    assert message["From"] == "Mail delivery <postmaster@contoso.example>"
    assert message["To"] == "ann@contoso.example"
    assert message["Subject"] == "Undeliverable: Hello"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["In-Reply-To"] == "<1@contoso.example>"


def test_programs_read_the_status() -> None:
    about, recipient = status_groups(compose_failure(PLAIN))
    assert about == {
        "Original-Envelope-Id": "QQ+1",
        "Reporting-MTA": "dns; mx.contoso.example",
        "Arrival-Date": "Tue, 25 Nov 2025 04:04:00 +0000",
    }
    assert recipient == {
        "Original-Recipient": "rfc822; bob+x@fabrikam.example",
        "Final-Recipient": "rfc822; bob@fabrikam.example",
        "Action": "failed",
        "Status": "5.1.1",
        "Remote-MTA": "dns; mx.fabrikam.example",
        "Diagnostic-Code": "smtp; 550 5.1.1 No such user here",
        "Last-Attempt-Date": "Tue, 25 Nov 2025 04:04:00 +0000",
    }


def test_people_read_why_whose_side_what_to_do_and_the_words() -> None:
    text = human(compose_failure(PLAIN))
    for expected in (
        "Why: The mailbox does not exist.",
        "recipient's side",
        "What to do: Check the address.",
        "The server mx.fabrikam.example said:\n    550 5.1.1 No such user here",
        "https://postroom.example/messages/1/",
    ):
        assert expected in text.replace("\r\n", "\n")


def test_every_text_goes_through_the_translation() -> None:
    seen: list[str] = []

    def translate(text: str) -> str:
        seen.append(text)
        return f"訳 {text}"

    message, _ = parts(compose_failure(PLAIN, translate))
    assert message["Subject"] == "訳 Undeliverable: Hello"
    assert set(seen) <= set(MESSAGE_IDS)


def test_a_delay_says_until_when_it_is_tried() -> None:
    recipient = replace(BOB, action=Action.DELAYED, reply=Reply(451, "4.4.0", "later"))
    content = compose_delay(replace(PLAIN, recipients=(recipient,), will_retry_until=WHEN))
    group = status_groups(content)[1]
    assert (group["Action"], group["Status"]) == ("delayed", "4.4.0")
    assert group["Will-Retry-Until"] == "Tue, 25 Nov 2025 04:04:00 +0000"
    assert "We go on trying until" in human(content)


def test_a_success_names_the_people_only() -> None:
    recipient = replace(BOB, action=Action.RELAYED, reply=Reply(250, "2.0.0", "ok"))
    content = compose_success(replace(PLAIN, recipients=(recipient,)))
    assert status_groups(content)[1]["Action"] == "relayed"
    assert "said:" not in human(content)


@pytest.mark.parametrize(
    ("action", "said", "status"),
    [
        (Action.FAILED, "5.1.1", "5.1.1"),
        (Action.FAILED, "4.4.7", "4.4.7"),
        (Action.FAILED, None, "5.0.0"),
        (Action.FAILED, "2.0.0", "5.0.0"),
        (Action.DELAYED, "5.1.1", "4.0.0"),
        (Action.DELAYED, None, "4.0.0"),
        (Action.DELIVERED, None, "2.0.0"),
        (Action.FAILED, "5.x\r\n", "5.0.0"),
    ],
)
def test_there_is_always_a_status_of_the_right_class(action: Action, said: str | None, status: str) -> None:
    content = compose_failure(
        replace(PLAIN, recipients=(replace(BOB, action=action, status=said, reply=Reply(0, None, "")),))
    )
    assert status_groups(content)[1]["Status"] == status


def test_the_original_comes_back_byte_for_byte() -> None:
    content = compose_failure(PLAIN)
    assert parts(content)[1][2].get_content_type() == "message/rfc822"
    assert ORIGINAL in content


EIGHT_BIT = b"Subject: Hello\r\n\r\n" + "Grüße\r\n".encode()


@pytest.mark.parametrize(
    "report",
    [
        replace(PLAIN, headers_only=True),
        replace(PLAIN, original=ORIGINAL + b"body line\r\n" * 20_000),
        replace(PLAIN, original=EIGHT_BIT),
        replace(PLAIN, original=ORIGINAL + b"x" * 2000),
        replace(PLAIN, original=ORIGINAL + b"a\0b"),
        replace(PLAIN, original=b"Subject: Hello\r\n" * 100_000),
        replace(PLAIN, original=b"Subject: Hello" + b"x" * 1_000_000),
    ],
)
def test_what_is_too_long_or_cannot_travel_comes_back_as_header(report: Report) -> None:
    content = compose_failure(report)
    returned = parts(content)[1][2]
    assert content.isascii()
    assert returned.get_content_type() == "text/rfc822-headers"
    assert "Subject: Hello" in str(returned.get_payload(decode=True))
    assert len(content) < 400_000


def test_where_8_bit_may_travel_an_8_bit_original_comes_back_whole() -> None:
    content = compose_failure(replace(PLAIN, original=EIGHT_BIT, allow_8bit=True))
    assert b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + EIGHT_BIT in content


def test_bare_newlines_of_the_original_are_mended() -> None:
    parts(compose_failure(replace(PLAIN, original=b"Subject: a\n\nb\rc\n.\n")))


def test_an_original_that_is_a_notice_itself_cannot_close_the_parts() -> None:
    inner = compose_failure(PLAIN)
    _, found = parts(compose_failure(replace(PLAIN, original=inner)))
    assert [part.get_content_type() for part in found] == ["text/plain", "message/delivery-status", "message/rfc822"]


HOSTILE = [
    "x\r\nX-Evil: 1\r\n\r\nY",
    "x\nX-Evil: 1",
    "x\rX-Evil: 1",
    "\0",
    "\x1b[31m",
    "x\u2028X-Evil: 1",
    "\udc80",
    "é" * 3000,
    "x" * 5000,
]


# Reliability statement 2.4: a notice gets no field and no group from a stranger's words.
@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("place", ["address", "reply", "orcpt", "remote_mta", "explanation", "fix", "status"])
def test_a_recipients_facts_stay_in_their_fields(place: str, hostile: str) -> None:
    values: dict[str, Any] = {"reply": Reply(550, None, hostile), "orcpt": f"rfc822;{hostile}", "status": f"5{hostile}"}
    recipient = replace(BOB, **{place: values.get(place, hostile)})
    content = compose_failure(replace(PLAIN, recipients=(recipient,)))
    assert content.isascii()
    groups = status_groups(content)
    assert len(groups) == 2
    assert "X-Evil" not in groups[1]
    assert not [line for line in content.split(b"\r\n") if line.startswith(b"X-Evil")]


@pytest.mark.parametrize(
    "subject",
    [
        b"=?utf-8?q?a=0ABcc=3A_x=40y?=",
        b"=?utf-8?q?a=0D=0ABcc=3A_x=40y?=",
        b"=?utf-8?b?YQpCY2M6IHhAeQ==?=",
        b"a\rBcc: x@y",
        b"a\0",
    ],
)
def test_the_original_subject_adds_no_field(subject: bytes) -> None:
    content = compose_failure(replace(PLAIN, original=b"Subject: " + subject + b"\r\n\r\n"))
    names = [field.name.lower() for field in iter_fields(read_header_block(content))]
    assert b"bcc" not in names
    assert names.count(b"subject") == 1


@pytest.mark.parametrize("envelope_id", ["a+0D+0AX-Evil: 1", "a\r\nX-Evil: 1", "é"])
def test_the_envelope_id_adds_no_field(envelope_id: str) -> None:
    assert "X-Evil" not in status_groups(compose_failure(replace(PLAIN, envelope_id=envelope_id)))[0]


@pytest.mark.parametrize("message_id", [b"<a b@c>", b"<" + b"a" * 5000 + b"@c>", b"no brackets", b"<\xff@c>"])
def test_an_identifier_that_cannot_be_written_is_left_out(message_id: bytes) -> None:
    message, _ = parts(compose_failure(replace(PLAIN, original=b"Message-ID: " + message_id + b"\r\n\r\n")))
    assert message["In-Reply-To"] is None


@pytest.mark.parametrize("place", ["sender", "postmaster", "message_id"])
def test_our_own_addresses_are_checked_too(place: str) -> None:
    with pytest.raises(InvalidHeader):
        compose_failure(replace(PLAIN, **{place: "<x@y.example\r\nBcc: z@y.example>"}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "final"),
    [
        ("bob@bücher.example", "rfc822; bob@xn--bcher-kva.example"),
        ("анна@почта.example", r"utf-8; \x{430}\x{43D}\x{43D}\x{430}@xn--80a1acny.example"),
    ],
)
def test_international_addresses_are_written_in_ascii(address: str, final: str) -> None:
    groups = status_groups(compose_failure(replace(PLAIN, recipients=(replace(BOB, address=address),))))
    assert groups[1]["Final-Recipient"].startswith(final.split("@")[0])


@pytest.mark.timeout(20)
def test_thousands_of_recipients_are_all_reported_and_some_are_shown() -> None:
    recipients = tuple(replace(BOB, address=f"r{at}@fabrikam.example") for at in range(3000))
    content = compose_failure(replace(PLAIN, recipients=recipients))
    assert content.count(b"Final-Recipient:") == 3000
    assert "2950 more" in human(content)


def test_a_peer_that_spoke_no_smtp_is_quoted_as_such() -> None:
    recipient = replace(BOB, reply=Reply(0, None, "HTTP/1.1 400"), remote_mta=None)
    content = compose_failure(replace(PLAIN, recipients=(recipient,)))
    assert status_groups(content)[1]["Diagnostic-Code"] == "x-postroom; HTTP/1.1 400"
    assert "Our server said:" in human(content)
