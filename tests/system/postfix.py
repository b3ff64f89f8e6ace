"""A private instance of Debian's Postfix on loopback: configuration, queue and log in a folder of its own.

It takes mail for `postfix.example` into a maildir, and hands everything else to its relay host. Postfix starts as
root only, so where we are not root it is started by `sudo -n`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

DOMAIN = "postfix.example"
START_SECONDS = 20.0
DELIVERER = 65534  # nobody
PROGRAMS = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"

MASTER = """\
{address}:{port} inet n - n - {smtpd_limit} smtpd
pickup    unix  n - n 60    1 pickup
cleanup   unix  n - n -     0 cleanup
qmgr      unix  n - n 300   1 qmgr
rewrite   unix  - - n -     - trivial-rewrite
bounce    unix  - - n -     0 bounce
defer     unix  - - n -     0 bounce
trace     unix  - - n -     0 bounce
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n -     - proxymap
smtp      unix  - - n -     - smtp
relay     unix  - - n -     - smtp
showq     unix  n - n -     - showq
error     unix  - - n -     - error
retry     unix  - - n -     - error
discard   unix  - - n -     - discard
virtual   unix  - n n -     - virtual
lmtp      unix  - - n -     - lmtp
anvil     unix  - - n -     1 anvil
scache    unix  - - n -     1 scache
tlsmgr    unix  - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
"""


class PostfixFailed(Exception):
    """Postfix did not start; the message ends with its log."""


class Postfix:
    """Start with `with`; `settings` go into main.cf over our own."""

    def __init__(
        self, *, address: str = "127.0.0.1", settings: Mapping[str, str] | None = None, smtpd_limit: int = 100
    ) -> None:
        self.address = address
        self.port = free_port(address)
        self.folder = Path(tempfile.mkdtemp(prefix="postroom-postfix-"))
        self.config = self.folder / "config"
        self.maildir = self.folder / "mail" / "inbox"
        self._settings = dict(settings or {})
        self._smtpd_limit = smtpd_limit

    def __enter__(self) -> Self:
        try:
            self._write()
            self._postfix("start")
            self._wait_for_greeting()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        subprocess.run(self._command("stop"), capture_output=True, check=False, timeout=60)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.exists():  # what Postfix wrote is root's
            subprocess.run([*as_root(), "rm", "-rf", str(self.folder)], check=False, timeout=60)

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def master_pid(self) -> int:
        """Return the process that all others of it come from."""
        command = [*as_root(), "cat", str(self.folder / "queue" / "pid" / "master.pid")]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def received(self) -> list[bytes]:
        """Return the messages in the maildir, oldest first."""
        files = (self.maildir / "new").glob("*")
        return [path.read_bytes() for path in sorted(files, key=lambda path: path.stat().st_mtime_ns)]

    def set(self, **settings: str) -> None:
        """Change settings while it runs."""
        changes = [f"{name}={value}" for name, value in settings.items()]
        subprocess.run([*as_root(), "postconf", "-c", str(self.config), "-e", *changes], check=True, env=environment())
        self._postfix("reload")

    def flush(self) -> None:
        """Try at once what is deferred."""
        self._postfix("flush")

    def queued(self) -> int:
        """Return how many messages wait in any of the queues."""
        queues = ("incoming", "active", "deferred", "hold")
        return sum(1 for name in queues for path in (self.folder / "queue" / name).rglob("*") if path.is_file())

    def empty(self) -> None:
        """Drop what waits in the queues."""
        subprocess.run(
            [*as_root(), "postsuper", "-c", str(self.config), "-d", "ALL"],
            check=True,
            capture_output=True,
            env=environment(),
        )

    def release(self) -> None:
        """Let go what is on hold, and try it at once."""
        command = [*as_root(), "postsuper", "-c", str(self.config), "-H", "ALL"]
        subprocess.run(command, check=True, capture_output=True, env=environment())
        self.flush()

    def _write(self) -> None:
        self.folder.chmod(0o755)
        for name in ("config", "queue", "data", "mail"):
            (self.folder / name).mkdir()
        (self.folder / "mail").chmod(0o777)
        lines = [f"{name} = {value}" for name, value in (self._defaults() | self._settings).items()]
        (self.config / "main.cf").write_text("\n".join(lines) + "\n")
        master = MASTER.format(address=self.address, port=self.port, smtpd_limit=self._smtpd_limit)
        (self.config / "master.cf").write_text(master)
        self._make_certificate()
        subprocess.run([*as_root(), "chown", "postfix", str(self.folder / "data")], check=True)
        subprocess.run([*as_root(), "chown", "-R", "root", str(self.config), str(self.folder / "queue")], check=True)

    def _defaults(self) -> dict[str, str]:
        return {
            "compatibility_level": "3.6",
            "myhostname": f"mx.{DOMAIN}",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "inet_interfaces": "all",  # any other value must be an interface's own address; master.cf binds one
            "inet_protocols": "ipv4",
            "queue_directory": str(self.folder / "queue"),
            "data_directory": str(self.folder / "data"),
            "maillog_file": str(self.folder / "log"),
            "maillog_file_prefixes": str(self.folder),
            "alias_maps": "",
            "local_recipient_maps": "",
            "virtual_mailbox_domains": DOMAIN,
            "virtual_mailbox_base": str(self.folder / "mail"),
            "virtual_mailbox_maps": "static:inbox/",
            "virtual_uid_maps": f"static:{DELIVERER}",
            "virtual_gid_maps": f"static:{DELIVERER}",
            "smtp_bind_address": self.address,
            "smtp_dns_support_level": "disabled",
            "smtpd_client_connection_count_limit": "0",
            "smtpd_tls_security_level": "may",
            "smtpd_tls_chain_files": str(self.config / "key-and-certificate.pem"),
            "smtpd_tls_loglevel": "1",
            "smtp_tls_security_level": "may",
            "smtp_tls_loglevel": "1",
        }

    def _make_certificate(self) -> None:
        key, certificate = self.config / "key.pem", self.config / "certificate.pem"
        make_certificate(f"mx.{DOMAIN}", key, certificate)
        chain = self.config / "key-and-certificate.pem"
        chain.write_text(key.read_text() + certificate.read_text())
        chain.chmod(0o600)

    def _wait_for_greeting(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not greets(self.address, self.port):
            if time.monotonic() > deadline:
                raise PostfixFailed(self.log[-2000:])
            time.sleep(0.05)

    def _postfix(self, verb: str) -> None:
        done = subprocess.run(self._command(verb), capture_output=True, text=True, env=environment(), timeout=60)
        if done.returncode:
            raise PostfixFailed(f"postfix {verb}: {done.stderr}\n{self.log[-2000:]}")

    def _command(self, verb: str) -> list[str]:
        return [*as_root(), "postfix", "-c", str(self.config), verb]


def as_root() -> Sequence[str]:
    return [] if os.geteuid() == 0 else ["sudo", "-n"]


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": PROGRAMS}


def free_port(address: str) -> int:
    with socket.socket() as candidate:
        candidate.bind((address, 0))
        port: int = candidate.getsockname()[1]
        return port


def greets(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=5) as connection:
            greeting = connection.recv(512)
            connection.sendall(b"QUIT\r\n")
            return greeting.startswith(b"220")
    except OSError:
        return False


def make_certificate(name: str, key: Path, certificate: Path) -> None:
    """Write a new key and a certificate of its own for two days."""
    subprocess.run(
        [
            *["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
            *["-days", "2", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)],
        ],
        check=True,
        capture_output=True,
    )
