"""Debian's Exim: it offers and uses TLS, SMTPUTF8, DSN and CHUNKING, and keeps no right of root's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from typing_extensions import override

from tests.system.foreign import FIRST_ID, ForeignServer, accounts
from tests.system.postfix import make_certificate

DOMAIN = "exim.example"
# Debian's build takes its configuration from /etc/exim4/exim4.conf and runs as this user, whatever that says.
USER, USER_ID = "Debian-exim", FIRST_ID

CONFIGURATION = r"""
primary_hostname = mx.{domain}
qualify_domain = {domain}
local_interfaces = {address}.{port}
spool_directory = /var/spool/exim4
log_file_path = {log}/%s
log_selector = +smtp_confirmation +tls_cipher
keep_environment =
host_lookup =
tls_advertise_hosts = *
tls_certificate = {certificate}
tls_privatekey = {key}
smtputf8_advertise_hosts = *
chunking_advertise_hosts = *
dsn_advertise_hosts = *
accept_8bitmime = true
deliver_drop_privilege
acl_smtp_rcpt = to_anybody

begin acl
to_anybody:
  deny   sender_domains = contoso.example
         message = 550 5.1.7 Exim asked your server about this sender
         !verify = sender/callout=20s
  accept domains = {domain}
         local_parts = {users}
  accept domains = {domain}
         local_parts = vanishing
  deny   domains = {domain}
         message = {unknown}
  accept hosts = 127.0.0.0/8

begin routers
vanishing:
  driver = redirect
  domains = {domain}
  local_parts = vanishing
  allow_fail
  data = :fail: gone since it was accepted
here:
  driver = accept
  domains = {domain}
  transport = maildir
elsewhere:
  driver = manualroute
  route_list = * "{relay}"
  self = send
  transport = onward

begin transports
maildir:
  driver = appendfile
  directory = {maildir}
  maildir_format
onward:
  driver = smtp
  port = {relay_port}
  interface = {address}
  allow_localhost
  hosts_require_tls = *
  hosts_try_chunking = *

begin retry
* * F,1h,1s
"""


class Exim(ForeignServer):
    domain = DOMAIN
    users = ("carol", "dörte")
    unknown = "550 5.1.1 Exim knows no such person"

    @property
    def _key(self) -> Path:
        return self.folder / "etc" / "key.pem"

    @property
    def _certificate(self) -> Path:
        return self.folder / "etc" / "certificate.pem"

    @property
    def _log(self) -> Path:
        return self.folder / "var" / "log"

    @property
    @override
    def log(self) -> str:
        return super().log + "".join(path.read_text(errors="replace") for path in sorted(self._log.glob("*")))

    @override
    def configuration(self) -> Mapping[str, str]:
        settings = {
            "domain": DOMAIN,
            "address": self.address,
            "port": self.port,
            "key": self._key,
            "certificate": self._certificate,
            "unknown": self.unknown,
            "users": ":".join(self.users),
            "relay": self.relay[0],
            "relay_port": self.relay[1],
            "maildir": self.maildir,
            "log": self._log,
        }
        return {"exim4/exim4.conf": CONFIGURATION.format(**settings), **accounts(**{USER: USER_ID})}

    @override
    def prepare(self) -> None:
        make_certificate(f"mx.{DOMAIN}", self._key, self._certificate)
        self._key.chmod(0o644)  # worth nothing after the test
        self.folder_for(USER_ID, "var", "spool", "exim4")
        self.folder_for(USER_ID, "var", "log")
        self.folder_for(USER_ID, "run", "exim4")

    @override
    def command(self) -> Sequence[str]:
        as_user = ["setpriv", f"--reuid={USER_ID}", f"--regid={USER_ID}", "--clear-groups"]
        return [*as_user, "/usr/sbin/exim4", "-bdf", "-q1m"]
