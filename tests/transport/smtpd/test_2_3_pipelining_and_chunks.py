"""Commands and chunks in one go: each has its one answer, no content is run as a command (reliability 2.3)."""

from __future__ import annotations

import pytest

from tests.transport.smtpd.conftest import CONTENT, Client, Server
from transport.models import Message, MessageBody
from transport.smtpd import session

pytestmark = pytest.mark.django_db(transaction=True)

ENVELOPE = b"MAIL FROM:<x@y.example>\r\nRCPT TO:<bob@contoso.example>\r\n"
# What an attacker would like to see run, were the octets of a chunk taken for commands.
EVIL = b"MAIL FROM:<evil@y.example>\r\nRCPT TO:<bob@contoso.example>\r\nDATA\r\nSubject: evil\r\n\r\n.\r\n"


def hear(client: Client, count: int) -> list[str]:
    return [client.hear()[:3] for _ in range(count)]


def body_of(message: Message) -> bytes:
    """Return the content as it is stored, without the trace header of ours."""
    stored = bytes(MessageBody.objects.get(pk=message.pk).content)
    return stored[stored.index(b"+0000\r\n") + 7 :]


def test_a_pipelined_transaction_is_answered_in_order(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        client.send(
            b"MAIL FROM:<x@y.example>\r\nRCPT TO:<nobody@contoso.example>\r\nRCPT TO:<bob@contoso.example>\r\nDATA\r\n"
        )
        assert [client.hear()[:3] for _ in range(4)] == ["250", "550", "250", "354"]
        client.send(CONTENT + b".\r\nMAIL FROM:<x@y.example>\r\nQUIT\r\n")
        assert [client.hear()[:3] for _ in range(3)] == ["250", "250", "221"]
        assert client.hear() == ""


def test_commands_after_the_end_of_data_are_commands_and_before_it_content(server: Server) -> None:
    with server.connect() as client:
        client.send(b"EHLO c\r\n" + ENVELOPE + b"DATA\r\n" + CONTENT + b"RSET\r\n.\r\nRSET\r\nNOOP\r\nQUIT\r\n")
        assert hear(client, 8) == ["250", "250", "250", "354", "250", "250", "250", "221"]
        assert client.hear() == ""
    assert body_of(Message.objects.get()) == CONTENT + b"RSET\r\n"


def test_after_a_refused_data_its_content_is_answered_as_the_commands_it_is(server: Server) -> None:
    """RFC 2920 3.1: who did not wait for 354 has not sent content, and no message comes of it."""
    with server.connect() as client:
        client.ehlo()
        client.send(b"MAIL FROM:<x@y.example>\r\nRCPT TO:<nobody@contoso.example>\r\nDATA\r\nNOOP\r\n.\r\n")
        assert hear(client, 5) == ["250", "550", "503", "250", "500"]
    assert not Message.objects.exists()


def test_5000_commands_in_one_write_are_answered_up_to_the_limit(server: Server) -> None:
    with server.connect() as client:
        client.send(b"RSET\r\n" * 5_000)
        assert hear(client, 101) == ["250"] * 100 + ["421"]
        assert client.hear() == ""


def test_chunks_make_up_a_message_byte_for_byte(server: Server) -> None:
    first, second = CONTENT[:40], CONTENT[40:] + b".\r\n..\r\nEnd\r\n"
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.send(b"BDAT 40\r\n" + first)
        assert client.hear() == "250 2.0.0 40 octets received"
        client.send(b"BDAT 0\r\nbdat %d last\r\n" % len(second) + second)
        assert client.hear() == "250 2.0.0 0 octets received"
        assert client.hear().startswith("250 2.6.0 <1@y.example>")
        assert client.say("BDAT 0 LAST").startswith("503 5.5.1")
    assert body_of(Message.objects.get()) == first + second


def test_a_whole_transaction_with_its_chunks_goes_in_one_write(server: Server) -> None:
    chunk = b"BDAT %d LAST\r\n" % len(CONTENT) + CONTENT
    with server.connect() as client:
        client.send(b"EHLO c\r\n" + (ENVELOPE + chunk) * 3 + b"QUIT\r\n")
        assert hear(client, 11) == ["250"] * 10 + ["221"]
    assert Message.objects.count() == 3


def test_bdat_0_last_ends_the_message(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.send(b"BDAT %d\r\n" % len(CONTENT) + CONTENT + b"BDAT 0 LAST\r\n")
        assert hear(client, 2) == ["250", "250"]
    assert body_of(Message.objects.get()) == CONTENT


@pytest.mark.parametrize("argument", ["", "-1", "-1 LAST", "x", "66 FIRST", "66 LAST LAST", "0x10", "+5", "9" * 21])
def test_where_the_size_of_a_chunk_is_unknown_the_connection_ends(server: Server, argument: str) -> None:
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.send(f"BDAT {argument}\r\n".encode() + EVIL)
        assert client.hear().startswith("501 5.5.4")
        assert client.hear() == ""
    assert not Message.objects.exists()


@pytest.mark.parametrize("size", [36 * 1024 * 1024 + 9_000_000, 99_999_999_999_999_999_999])
def test_a_chunk_far_above_the_limit_is_not_waited_for(server: Server, size: int) -> None:
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.send(f"BDAT {size}\r\n".encode() + EVIL)
        assert client.hear().startswith("552 5.3.4")
        assert client.hear() == ""


@pytest.mark.parametrize("before", [b"", b"EHLO c\r\n", b"EHLO c\r\nMAIL FROM:<x@y.example>\r\n"])
def test_a_chunk_out_of_order_is_swallowed(server: Server, before: bytes) -> None:
    with server.connect() as client:
        client.send(before)
        hear(client, before.count(b"\n"))
        client.send(b"BDAT %d LAST\r\n" % len(EVIL) + EVIL + b"NOOP\r\n")
        assert client.hear().startswith("503 5.5.1")
        assert client.hear() == "250 2.0.0 OK"
    assert not Message.objects.exists()


def test_once_chunks_have_begun_nothing_but_chunks_and_rset_is_in_order(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.send(b"BDAT 6\r\na: b\r\n")
        assert client.hear().startswith("250")
        for command in ("DATA", "RCPT TO:<alice@contoso.example>", "MAIL FROM:<z@y.example>"):
            assert client.say(command).startswith("503 5.5.1"), command
        client.say("RSET")
        client.envelope("x@y.example", "bob@contoso.example")
        client.send(b"BDAT %d LAST\r\n" % len(CONTENT) + CONTENT)
        assert client.hear().startswith("250 2.6.0")
    assert body_of(Message.objects.get()) == CONTENT


def test_a_bare_newline_in_a_chunk_is_refused_as_in_data(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.send(b"BDAT 9 LAST\r\na: b\n\nc\r\n")
        assert client.hear().startswith("550 5.6.11")
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(CONTENT).startswith("250")


def test_a_chunk_may_come_in_pieces_and_long_ones_go_by_a_file(server: Server) -> None:
    content = CONTENT + (b"." + b"z" * 76 + b"\r\n") * 20_000
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.send(b"BDAT %d\r\n" % (len(content) - 10) + content[:1000])
        client.send(content[1000:-10])
        assert client.hear().startswith("250 2.0.0")
        client.send(b"BDAT 10 LAST\r\n" + content[-10:])
        assert client.hear().startswith("250 2.6.0")
    assert body_of(Message.objects.get()) == content


def test_empty_chunks_do_not_go_on_for_ever(server: Server) -> None:
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.send(b"BDAT 0\r\n" * 2_000)
        replies = iter(client.hear, "")
        assert [reply[:3] for reply in replies][-1] == "421"


def test_content_in_crumbs_does_not_keep_us_busy_for_ever(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MAX_TINY_CHUNKS", 50)
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.send(b"".join(b"BDAT 1\r\n%c" % octet for octet in CONTENT[:-1]))
        replies = [client.hear() for _ in range(51)]
    assert replies[:50] == ["250 2.0.0 1 octets received"] * 50
    assert replies[50].startswith("421 4.7.0")


def test_who_sends_large_chunks_may_send_any_number(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MAX_TINY_CHUNKS", 5)
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        client.send(b"BDAT %d\r\n" % len(CONTENT) + CONTENT + (b"BDAT 64\r\n" + b"y" * 62 + b"\r\n") * 30)
        assert {client.hear()[:3] for _ in range(31)} == {"250"}
        assert client.say("BDAT 0 LAST").startswith("250 2.6.0")
