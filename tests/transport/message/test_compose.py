from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest

from transport.message.address import Address
from transport.message.compose import Attachment, ComposedMessage, InvalidHeader, compose
from transport.message.encode import new_boundary
from transport.message.header import iter_fields, read_header_block
from transport.message.lines import find_bare_newline
from transport.message.mailbox import Mailbox, MailboxList, parse_mailboxes

ANN = Mailbox(Address("ann", "contoso.example"), "Ann")
BOB = Mailbox(Address("bob", "fabrikam.example"))
PLAIN = ComposedMessage(from_=ANN, to=(BOB,), subject="Hello", text="Hi\n")
WHEN = datetime(2025, 11, 25, 4, 4, tzinfo=UTC)


def composed(message: ComposedMessage) -> bytes:
    content = compose(message, message_id="<1@contoso.example>", date=WHEN)
    assert find_bare_newline(content) == -1
    assert b"\0" not in content
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    return content


def reread(message: ComposedMessage) -> EmailMessage:
    content = composed(message)
    assert content.isascii()
    return email.message_from_bytes(content, policy=email.policy.default)


def with_name(name: str) -> ComposedMessage:
    return replace(PLAIN, from_=Mailbox(ANN.address, name))


def test_a_plain_message_is_plain() -> None:
    assert composed(PLAIN) == (
        b"Date: Tue, 25 Nov 2025 04:04:00 +0000\r\n"
        b"From: Ann <ann@contoso.example>\r\n"
        b"To: bob@fabrikam.example\r\n"
        b"Subject: Hello\r\n"
        b"Message-ID: <1@contoso.example>\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
        b"Hi\r\n"
    )


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "Grüße",
        "あ" * 300,
        "a: " * 400 + "b",
        "x" * 3000,
        "=?utf-8?q?not=20a_word?=",
        "a  b",
        "😀" * 50,
        "a " * 200 + "é",
    ],
)
def test_any_subject_comes_back_as_it_was(subject: str) -> None:
    assert reread(replace(PLAIN, subject=subject))["Subject"] == subject.strip()


@pytest.mark.parametrize(
    "name", ["Ann Example", "Example, Ann", 'A "B" \\ C', "アン" * 40, "ceo@b.example", "=?x?q?y?=", "A" * 300]
)
def test_any_display_name_comes_back_as_it_was(name: str) -> None:
    field = next(field for field in iter_fields(composed(with_name(name))) if field.name == b"From")
    found = parse_mailboxes(field.value.decode())
    assert found == MailboxList((Mailbox(ANN.address, name),), is_malformed=False)


@pytest.mark.parametrize(
    "text", ["", "a", "Grüße\n", "あいう\n" * 50, "x" * 5000, ".\n..\nFrom me \n", "a\rb\r\nc\n", "é \t\n= \n"]
)
def test_any_text_comes_back_as_it_was(text: str) -> None:
    body = reread(replace(PLAIN, text=text)).get_content()
    assert body.replace("\r\n", "\n").rstrip("\n") == text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def test_nul_and_lone_surrogates_do_not_get_into_the_body() -> None:
    assert composed(replace(PLAIN, text="a\0b\udc80")).endswith(b"\r\n\r\nab?\r\n")


def test_text_html_and_attachments_nest_as_readers_expect() -> None:
    files = (
        Attachment("Ümläut.pdf", "application/pdf", b"\0\xff" * 1000),
        Attachment("x" * 200 + ".é", "message/rfc822", b""),
    )
    message = reread(replace(PLAIN, html="<b>Hi</b>", attachments=files))
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "application/pdf",
        "application/octet-stream",
    ]
    pdf, other = message.iter_attachments()
    assert (pdf.get_filename(), pdf.get_content()) == ("Ümläut.pdf", b"\0\xff" * 1000)
    assert other.get_filename() == "x" * 200 + ".é"


def test_bcc_is_never_written() -> None:
    assert b"bob" not in composed(ComposedMessage(from_=ANN, bcc=(BOB,), text="x"))


def test_threads_are_kept() -> None:
    message = reread(replace(PLAIN, in_reply_to="<a@x>", references=tuple(f"<{at}@x>" for at in range(200))))
    assert message["In-Reply-To"] == "<a@x>"
    assert len(message["References"].split()) == 50


def test_an_international_domain_is_written_as_a_label() -> None:
    message = replace(PLAIN, to=(Mailbox(Address("bob", "bücher.example")),))
    assert b"To: bob@xn--bcher-kva.example\r\n" in composed(message)


def test_an_international_local_part_makes_a_utf8_header() -> None:
    message = replace(PLAIN, to=(Mailbox(Address("анна", "почта.example")),))
    assert "To: анна@почта.example\r\n".encode() in composed(message)


BREAKS = ["x\r\nBcc: y@z", "x\nBcc: y@z", "x\rBcc: y@z", "x\0", "x\x85Bcc: y", "x\u2028Bcc: y", "x\x0b", "x\ud800"]


# Reliability statement 2.4: no value that a program or a person gives can start a field.
@pytest.mark.parametrize("hostile", BREAKS)
@pytest.mark.parametrize(
    "place", ["subject", "in_reply_to", "references", "headers", "auto_submitted", "from_", "attachments"]
)
def test_control_characters_in_a_header_are_refused(place: str, hostile: str) -> None:
    values: dict[str, Any] = {
        "references": (hostile,),
        "headers": {"X-Tag": hostile},
        "from_": Mailbox(ANN.address, hostile),
        "attachments": (Attachment(hostile, "text/plain", b""),),
    }
    with pytest.raises(InvalidHeader):
        composed(replace(PLAIN, **{place: values.get(place, hostile)}))


@pytest.mark.parametrize("hostile", BREAKS)
def test_an_address_made_without_the_parser_cannot_break_out_either(hostile: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        composed(replace(PLAIN, to=(Mailbox(Address("bob", f"x.example{hostile}")),)))
    with pytest.raises(InvalidHeader):
        composed(replace(PLAIN, to=(Mailbox(Address(hostile, "x.example")),)))


@pytest.mark.parametrize(
    "name", ["Bcc", "from", "Content-Type", "Received", "X Y", "X:Y", "X\r\nBcc", "", "DKIM-Signature", "X" * 100, "Ü"]
)
def test_reserved_and_malformed_field_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidHeader):
        composed(replace(PLAIN, headers={name: "x"}))


# CVE-2024-6923: the encoded form of a newline stays an encoded form.
def test_an_encoded_newline_stays_encoded() -> None:
    content = composed(replace(PLAIN, subject="=?utf-8?q?a=0ABcc=3A_x=40y?="))
    names = [field.name for field in iter_fields(read_header_block(content))]
    assert b"Bcc" not in names
    assert b"=0ABcc" not in content


@pytest.mark.parametrize("kind", ["text/html\r\nX: y", "multipart/mixed", "text/html; charset=x", "", "x"])
def test_an_odd_media_type_becomes_octet_stream(kind: str) -> None:
    content = composed(replace(PLAIN, attachments=(Attachment("a", kind, b""),)))
    assert b"Content-Type: application/octet-stream\r\n" in content


def test_a_boundary_avoids_the_content() -> None:
    boundary = new_boundary([b"anything"])
    assert boundary.encode() not in b"anything"
    assert new_boundary([boundary.encode()]) != boundary


@pytest.mark.timeout(20)
def test_a_large_message_takes_linear_work() -> None:
    attachment = Attachment("big", "application/zip", b"\0" * 10_000_000)
    content = composed(replace(PLAIN, subject="あ" * 10_000, text="é" * 1_000_000, attachments=(attachment,)))
    assert len(content) > 13_000_000
