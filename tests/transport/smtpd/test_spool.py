"""Content on disk: a full disk puts the client off in step (SQ3), and nothing is left behind."""

from __future__ import annotations

import errno
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from tests.conftest import Contoso
from tests.transport.smtpd.conftest import CONTENT, Server
from transport.models import Message
from transport.smtpd.content import Incoming, Spooled, SpoolFailed

pytestmark = pytest.mark.django_db(transaction=True)

LONG = CONTENT + (b"y" * 76 + b"\r\n") * 10_000
EVIL = b"MAIL FROM:<evil@y.example>\r\nRCPT TO:<bob@contoso.example>\r\nDATA\r\n"


def full_disk(**options: Any) -> IO[bytes]:
    return open("/dev/full", "w+b")


def no_file(**options: Any) -> IO[bytes]:
    raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("fault", [full_disk, no_file])
def test_sq3_without_room_on_the_disk_content_is_refused_in_step(
    server: Server, monkeypatch: pytest.MonkeyPatch, fault: Callable[..., IO[bytes]]
) -> None:
    with server.connect() as client:
        client.ehlo()
        monkeypatch.setattr("transport.smtpd.content.tempfile.TemporaryFile", fault)
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(LONG + EVIL) == "452 4.3.1 Insufficient system resources"
        assert client.say("NOOP") == "250 2.0.0 OK"
        client.envelope("x@y.example", "bob@contoso.example")
        client.send(b"BDAT %d LAST\r\n" % len(LONG) + LONG)
        assert client.hear().startswith("452 4.3.1")
        # What is short needs no file.
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(CONTENT).startswith("250 2.6.0")
        monkeypatch.undo()
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(LONG).startswith("250 2.6.0")
    assert Message.objects.count() == 2


def test_a_disk_that_is_full_at_the_last_octet_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transport.smtpd.content.tempfile.TemporaryFile", full_disk)
    incoming = Incoming(1_000_000)
    incoming.add(b"y" * 2_000)
    incoming.to_file()  # stays in the file's own buffer until it is read
    whole = incoming.finish()
    assert isinstance(whole, Spooled)
    with pytest.raises(SpoolFailed):
        whole.read()


def test_what_an_earlier_daemon_left_is_cleared_away_and_nothing_new_is_left(
    alice: Contoso, make_server: Callable[..., Server], settings: Any, tmp_path: Path
) -> None:
    settings.POSTROOM_DATA_DIR = tmp_path / "data"
    spool = tmp_path / "data" / "spool"
    spool.mkdir(parents=True)
    (spool / "postroom-data-left").write_bytes(b"secret")
    server = make_server()
    with server.connect() as client:
        client.ehlo()
        client.envelope("x@y.example", "bob@contoso.example")
        assert client.data(LONG).startswith("250 2.6.0")
    with server.connect() as gone:
        gone.ehlo()
        gone.envelope("x@y.example", "bob@contoso.example")
        gone.say("DATA")
        gone.send(LONG)
    server.wait_until(lambda: not server.daemon.service.crowd.sessions)
    assert list(spool.iterdir()) == []
    assert server.daemon.service.memory.used == 0


def test_content_in_crumbs_takes_no_more_memory_than_it_counts() -> None:
    incoming, octets = Incoming(1_000_000), 100_000
    tracemalloc.start()
    try:
        for _ in range(octets):
            incoming.add(bytearray(b"y"))
        held, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert incoming.in_memory == octets
    assert held < 2 * octets
    assert incoming.finish() == b"y" * octets
