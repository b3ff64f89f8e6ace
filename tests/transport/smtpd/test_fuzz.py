"""Whatever is sent in whatever state, the daemon answers in the protocol's form, keeps its memory and lives on.

Seeded and bounded: the same examples each time (reliability, mox's four states; and content by DATA and BDAT).
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Contoso
from tests.transport.smtpd.conftest import CONTENT
from tests.transport.smtpd.process import MEBIBYTE, DaemonProcess
from transport.models import Message, ReceiveConnector

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

REPLY = re.compile(rb"[2-5][0-9]{2}[ -][\x20-\x7e]*\r\n")
ENHANCED = re.compile(rb"([45])[0-9]{2}[ -]\1\.[0-9]\.[0-9]{1,2} ")  # RFC 2034 3, of the same class
STATES = [
    b"",
    b"EHLO c\r\n",
    b"EHLO c\r\nMAIL FROM:<x@y.example>\r\n",
    b"EHLO c\r\nMAIL FROM:<x@y.example> SMTPUTF8 BODY=8BITMIME\r\nRCPT TO:<bob@contoso.example>\r\n",
    b"EHLO c\r\nMAIL FROM:<x@y.example>\r\nRCPT TO:<bob@contoso.example>\r\nDATA\r\n",
    b"EHLO c\r\nMAIL FROM:<x@y.example>\r\nRCPT TO:<bob@contoso.example>\r\nBDAT 10\r\na: b\r\n\r\nHi",
]
VERBS = [
    *(b"EHLO", b"HELO", b"MAIL FROM:", b"RCPT TO:", b"DATA", b"BDAT", b"RSET", b"NOOP", b"VRFY", b"EXPN", b"HELP"),
    *(b"AUTH PLAIN", b"AUTH LOGIN", b"AUTH SCRAM-SHA-256", b"STARTTLS", b"QUIT", b"XCLIENT", b"PROXY TCP4", b""),
]
ARGUMENTS = [
    *(
        b"",
        b"c",
        b"<x@y.example>",
        b"<bob@contoso.example>",
        b"<>",
        b"<@a:b@c>",
        b'<"a b"@y.example>',
        b"5 LAST",
        b"0 LAST",
    ),
    *(b"99999999999999999999 LAST", b"-1", b"SIZE=9", b"RET=FULL", b"ENVID=a+2", b"NOTIFY=NEVER", b"ORCPT=rfc822;x"),
    *(
        "<ж@ж.example>".encode(),
        b"=",
        b"*",
        b"AGEAYg==",
        b"n,,n=a,r=b",
        b"<a@[127.0.0.1]>",
        b"\0",
        b"\xff",
        b"x" * 3_000,
    ),
]
ENDS = [b"\r\n", b"\n", b"\r", b"\r\n.\r\n", b"\n.\n", b"\r\n.\r", b".\r\n", b""]

commands = st.builds(
    lambda verb, words, end: b" ".join([verb, *words]) + end,
    st.sampled_from(VERBS),
    st.lists(st.sampled_from(ARGUMENTS) | st.binary(max_size=20), max_size=3),
    st.sampled_from(ENDS),
)
noise = st.binary(max_size=200) | st.builds(
    lambda block, times: block * times, st.binary(min_size=1, max_size=8), st.integers(1, 5_000)
)
dialogues = st.tuples(st.sampled_from(STATES), st.lists(commands | noise | st.just(CONTENT + b".\r\n"), max_size=12))


@pytest.fixture
def daemon(alice: Contoso, connectors: dict[str, ReceiveConnector], tmp_path: Path) -> Iterator[DaemonProcess]:
    with DaemonProcess(tmp_path) as running:
        yield running


def converse(daemon: DaemonProcess, pieces: list[bytes]) -> bytes:
    """Send everything, close our side, and return all that was answered."""
    with socket.create_connection(("127.0.0.1", daemon.ports["smtp"]), timeout=10) as client:
        with suppress(OSError):
            for piece in pieces:
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
        heard = b""
        with suppress(ConnectionError):
            while block := client.recv(65_536):
                heard += block
    return heard


def test_whatever_is_sent_the_daemon_survives_and_answers_in_form(daemon: DaemonProcess) -> None:
    accepted = 0
    before = daemon.peak

    @settings(max_examples=300, derandomize=True, database=None, deadline=None, suppress_health_check=[*HealthCheck])
    @given(dialogue=dialogues)
    def examples(dialogue: tuple[bytes, list[bytes]]) -> None:
        nonlocal accepted
        state, pieces = dialogue
        heard = converse(daemon, [state, *pieces])
        in_clear = heard.partition(b"220 2.0.0 Ready to start TLS\r\n")[0]
        for line in in_clear.splitlines(keepends=True):
            assert len(line) <= 512
            # What comes back after a connection was cut may end anywhere.
            assert REPLY.fullmatch(line) or not line.endswith(b"\n"), line
            if line[:1] in b"45" and line.endswith(b"\n"):
                assert ENHANCED.match(line), line
        accepted += heard.count(b"250 2.6.0 ")

    examples()
    with daemon.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        started = time.monotonic()
        assert client.data(CONTENT).startswith("250 2.6.0")
        assert time.monotonic() - started < 5
    assert accepted > 0, "no example was a whole message, so that content was never reached"
    assert Message.objects.count() >= accepted + 1
    assert daemon.peak - before < 64 * MEBIBYTE
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.output
