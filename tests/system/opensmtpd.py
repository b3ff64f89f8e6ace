"""Debian's OpenSMTPD: with DSN and 8BITMIME, without SMTPUTF8, PIPELINING and CHUNKING.

It sends over TLS, but offers none: in Debian 12 it cannot use any key of its own with the OpenSSL that it is built with
("missing private key" in every handshake).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from typing_extensions import override

from tests.system.foreign import FIRST_ID, ForeignServer, accounts

DOMAIN = "opensmtpd.example"
USER_ID, QUEUE_ID, MAIL_ID = FIRST_ID + 1, FIRST_ID + 2, FIRST_ID + 3

CONFIGURATION = """\
table people {{ {people} }}
listen on {address} port {port} hostname mx.{domain}
action "here" maildir "{maildir}" virtual <people>
action "onward" relay host "smtp+tls://{relay}:{relay_port}" tls no-verify src {address} helo mx.{domain}
match from any for domain {domain} action "here"
match from any for any action "onward"
"""


class OpenSmtpd(ForeignServer):
    domain = DOMAIN
    users = ("carol",)
    unknown = "524 5.2.4 Mailing list expansion problem: <nobody@opensmtpd.example>"

    @override
    def configuration(self) -> Mapping[str, str]:
        settings = {
            "domain": DOMAIN,
            "address": self.address,
            "port": self.port,
            "people": ", ".join(f'"{user}@{DOMAIN}" = "mailkeeper"' for user in self.users),
            "relay": self.relay[0],
            "relay_port": self.relay[1],
            "maildir": self.maildir,
        }
        names = {"opensmtpd": USER_ID, "opensmtpq": QUEUE_ID, "mailkeeper": MAIL_ID}
        return {"smtpd.conf": CONFIGURATION.format(**settings), **accounts(**names)}

    @override
    def prepare(self) -> None:
        self.folder_for(0, "var", "lib", "opensmtpd", "empty")
        self.folder_for(0, "var", "spool", "smtpd", mode=0o711)

    @override
    def command(self) -> Sequence[str]:
        return ["/usr/sbin/smtpd", "-d", "-v"]
