"""Labels for what peers say, with real peers' words."""

from __future__ import annotations

import pytest

from transport.delivery.classify import classify
from transport.delivery.outcome import Phase
from transport.message.reply import Reply


@pytest.mark.parametrize(
    ("phase", "line", "label"),
    [
        (Phase.RCPT, "450 4.1.8 <a@x.local>: Sender address rejected: Domain not found", "sender_domain_not_found"),
        (Phase.RCPT, "550 <a@exchange.local>: Sender address rejected: Domain not found", "sender_domain_not_found"),
        (Phase.MAIL, "553 5.1.8 Domain of sender address a@x does not exist", "sender_domain_not_found"),
        (Phase.RCPT, "450 4.7.1 <srv.exchange.local>: Helo command rejected: Host not found", "helo"),
        (Phase.HELO, "501 5.5.4 Invalid domain name", "helo"),
        (Phase.HELO, "550 Access denied", "helo"),
        (Phase.HELO, "550 5.7.1 Your name is not that of your address", "helo"),
        (Phase.RCPT, "450 4.2.0 <b@x>: Recipient address rejected: Greylisted, see http://postgrey", "greylist"),
        (Phase.RCPT, "451 4.7.1 Greylisting in action, please come back later", "greylist"),
        (Phase.RCPT, "451 4.3.0 Graylisted", "greylist"),
        (Phase.RCPT, "550 5.1.1 <b@x>: Recipient address rejected: User unknown", "recipient_unknown"),
        (Phase.RCPT, "550 No such user here", "recipient_unknown"),
        (Phase.RCPT, "550 5.7.1 Unable to relay", "relay_denied"),
        (Phase.RCPT, "554 5.7.1 <b@x>: Relay access denied", "relay_denied"),
        (Phase.RCPT, "552 5.2.2 The email account that you tried to reach is over quota", "mailbox_full"),
        (Phase.RCPT, "452 4.2.2 Mailbox full", "mailbox_full"),
        (Phase.RCPT, "550 5.2.1 Mailbox disabled", "mailbox_disabled"),
        (Phase.RCPT, "452 4.5.3 Too many recipients", "too_many_recipients"),
        (Phase.RCPT, "452 Try less", "too_many_recipients"),
        (Phase.RCPT, "554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org", "blocklist"),
        (Phase.GREETING, "554 5.7.1 You are not allowed to connect", "policy"),
        (Phase.GREETING, "554 No SMTP service here", "greeting"),
        (Phase.GREETING, "421 4.7.0 Try again later", "busy"),
        (Phase.GREETING, "421 4.7.28 Our system has detected an unusual rate of mail", "rate_limited"),
        (Phase.MAIL, "530 5.7.0 Must issue a STARTTLS command first", "tls"),
        (Phase.MAIL, "530 5.7.1 Client was not authenticated", "auth"),
        (Phase.MAIL, "550 5.7.23 SPF validation failed", "spf"),
        (Phase.MAIL, "550 5.7.25 The IP address sending this message does not have a PTR record", "reverse_dns"),
        (Phase.RCPT, "450 4.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]", "reverse_dns"),
        (Phase.MAIL, "552 5.3.4 Message too big", "too_large"),
        (Phase.FINAL, "552 Too much", "too_large"),
        (Phase.FINAL, "550 5.6.0 Bad content", "content"),
        (Phase.FINAL, "554 5.7.1 Message rejected", "policy"),
        (Phase.FINAL, "550 5.7.26 Unauthenticated email is not accepted", "authentication_results"),
        (Phase.FINAL, "554 5.4.6 Too many hops", "loop"),
        (Phase.DATA, "503 5.5.1 Bad sequence", "protocol"),
        (Phase.AUTH, "535 5.7.8 Bad credentials", "auth"),
        (Phase.AUTH, "454 4.7.0 Temporary failure", "auth"),
        (Phase.STARTTLS, "454 4.7.0 TLS not available", "tls"),
        (Phase.MAIL, "451 4.3.0 Local problem", "busy"),
        (Phase.DATA, "334 what", "protocol"),
        (Phase.FINAL, "250 2.0.0 Ok", "accepted"),
    ],
)  # fmt: skip
def test_label(phase: Phase, line: str, label: str) -> None:
    assert classify(phase, Reply.parse([line.encode()])) == f"peer.{label}"


def test_long_hostile_text_takes_no_time() -> None:
    assert classify(Phase.RCPT, Reply(550, None, "sender domain " * 200_000)) == "peer.recipient_unknown"
