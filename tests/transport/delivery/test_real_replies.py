"""What large mail systems really say, and the class that it means; each class has words and a way out.

The lines are those that Gmail, Outlook and Exchange, Yahoo, Postfix, Exim, Sendmail, Mimecast, Proofpoint and others
answer with, addresses and names changed; `|` stands between the lines of one reply.
"""

from __future__ import annotations

import pytest

from transport.delivery.classify import classify
from transport.delivery.outcome import Outcome, Phase, status_of
from transport.message.reply import Reply
from transport.routing.reasons import REASONS, Side, explain

REPLIES = [
    # Gmail
    ("rcpt", "550-5.1.1 The email account that you tried to reach does not exist. Please try|550-5.1.1 double-checking "
     "the recipient's email address for typos or|550 5.1.1 unnecessary spaces. - gsmtp", "recipient_unknown"),
    ("rcpt", "550 5.2.1 The email account that you tried to reach is disabled. - gsmtp", "mailbox_disabled"),
    ("rcpt", "450-4.2.1 The user you are trying to contact is receiving mail at a rate that|450 4.2.1 prevents "
     "additional messages from being delivered. - gsmtp", "rate_limited"),
    ("rcpt", "452-4.2.2 The recipient's inbox is out of storage space.|452 4.2.2 https://support.google.example",
     "mailbox_full"),
    ("final", "550-5.7.26 This mail has been blocked because the sender is unauthenticated.|550-5.7.26 Gmail requires "
     "all senders to authenticate with either SPF or DKIM.|550-5.7.26 DKIM = did not pass|550 5.7.26 SPF [x.example] "
     "with ip: [192.0.2.1] = did not pass", "authentication_results"),
    ("final", "550-5.7.27 This mail has been blocked because the sender is unauthenticated.|550 5.7.27 SPF [x.example] "
     "with ip: [192.0.2.1] = did not pass", "spf"),
    ("final", "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating|421 4.7.28 from your IP "
     "address.", "rate_limited"),
    ("final", "550-5.7.1 [192.0.2.1 12] Our system has detected that this message is likely|550 5.7.1 unsolicited "
     "mail. To reduce the amount of spam sent to Gmail, this message has been blocked.", "spam"),
    ("final", "550-5.7.1 [192.0.2.1] Gmail has detected that this message is likely suspicious due|550 5.7.1 to the "
     "very low reputation of the sending domain.", "blocklist"),
    ("final", "550-5.7.25 [192.0.2.1] The IP address sending this message does not have a PTR record|550 5.7.25 setup",
     "reverse_dns"),
    ("final", "552-5.7.0 This message was blocked because its content presents a potential|552 5.7.0 security issue.",
     "malware"),
    ("final", "550-5.7.1 [192.0.2.1] Messages missing a valid Message-ID header are not accepted.|550 5.7.1 This "
     "message is not RFC 5322 compliant.", "content"),
    ("final", "552-5.2.3 Your message exceeded Google's message size limits.|552 5.2.3 - gsmtp", "too_large"),
    ("mail", "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail", "rate_limited"),
    ("greeting", "421 4.7.0 Try again later, closing connection. (EHLO) - gsmtp", "busy"),
    ("auth", "535-5.7.8 Username and Password not accepted.|535 5.7.8 https://support.google.example", "auth"),
    ("auth", "534-5.7.9 Application-specific password required.|534 5.7.9 - gsmtp", "auth"),
    ("mail", "530-5.7.0 Authentication Required.|530 5.7.0 - gsmtp", "auth"),
    ("mail", "550 5.7.29 This message isn't being sent over a TLS connection.", "tls"),
    # Outlook, Exchange Online and Exchange Server
    ("rcpt", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient x@x.example not found by SMTP address lookup",
     "recipient_unknown"),
    ("rcpt", "550 5.4.1 Recipient address rejected: Access denied. AS(201806281) [x.prod.outlook.example]",
     "recipient_rejected"),
    ("rcpt", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; Delivery restriction "
     "check failed because the sender was not authenticated when sending to this group", "recipient_rejected"),
    ("mail", "550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus. AS(1410)", "blocklist"),
    ("mail", "550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal from it", "blocklist"),
    ("mail", "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP.", "blocklist"),
    ("mail", "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation.",
     "rate_limited"),
    ("mail", "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719)", "busy"),
    ("greeting", "421 4.3.2 The maximum number of concurrent server connections has exceeded a limit", "rate_limited"),
    ("mail", "421 RP-001 (BAY004) Unfortunately, some messages from 192.0.2.1 weren't sent. Please try again. We have "
     "limits for how many messages can be sent per hour: you exceeded the rate limit", "rate_limited"),
    ("mail", "550 SC-001 (COL004) Unfortunately, messages from 192.0.2.1 weren't sent. Please contact your provider "
     "since part of their network is on our block list (S3150).", "blocklist"),
    ("rcpt", "550 5.7.64 TenantAttribution; Relay Access Denied SMTP", "relay_denied"),
    ("final", "550 5.7.515 Access denied, sending domain X.EXAMPLE does not meet the required authentication level.",
     "authentication_results"),
    ("final", "550 5.7.509 Access denied, sending domain x.example does not pass DMARC verification",
     "authentication_results"),
    ("final", "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuota",
     "mailbox_full"),
    ("final", "554 5.4.14 Hop count exceeded - possible mail loop ATTR34", "loop"),
    ("final", "550 5.1.8 Access denied, bad outbound sender AS(42003)", "sender_rejected"),
    ("final", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", "sender_rejected"),
    ("final", "550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds", "content"),
    ("final", "550 5.7.1 Message rejected as spam by Content Filtering.", "spam"),
    ("mail", "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM", "auth"),
    ("auth", "535 5.7.3 Authentication unsuccessful", "auth"),
    ("auth", "504 5.7.4 Unrecognized authentication type", "auth"),
    ("mail", "452 4.3.1 Insufficient system resources", "busy"),
    ("rcpt", "452 4.5.3 Too many recipients", "too_many_recipients"),
    # Yahoo
    ("mail", "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user "
     "complaints - 4.16.55.1; see https://postmaster.yahoo.example/error-codes", "rate_limited"),
    ("greeting", "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's "
     "list", "blocklist"),
    ("final", "554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahoo.example", "policy"),
    ("final", "554 delivery error: dd This user doesn't have a yahoo.example account (x@yahoo.example) [0]",
     "recipient_unknown"),
    ("final", "554 delivery error: dd Requested mail action aborted: exceeded storage allocation", "mailbox_full"),
    # Postfix and what stands behind it
    ("rcpt", "450 4.2.0 <x@x.example>: Recipient address rejected: Greylisted, see http://grey.example", "greylist"),
    ("rcpt", "550 5.1.1 <x@x.example>: Recipient address rejected: User unknown in virtual mailbox table",
     "recipient_unknown"),
    ("rcpt", "550 5.1.0 <a@x.example>: Sender address rejected: User unknown in virtual mailbox table",
     "sender_rejected"),
    ("rcpt", "553 5.7.1 <a@x.example>: Sender address rejected: not owned by user ann", "sender_rejected"),
    ("rcpt", "454 4.7.1 <x@x.example>: Relay access denied", "relay_denied"),
    ("rcpt", "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname", "helo"),
    ("rcpt", "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]", "reverse_dns"),
    ("greeting", "421 4.7.0 mx.x.example Error: too many connections from 192.0.2.1", "rate_limited"),
    ("mail", "530 5.7.0 Must issue a STARTTLS command first", "tls"),
    ("mail", "552 5.3.4 Message size exceeds fixed limit", "too_large"),
    ("final", "554 5.7.0 Reject, id=01234-05 - INFECTED: Eicar-Test-Signature", "malware"),
    ("final", "554 5.7.1 Spam message rejected", "spam"),
    ("final", "451 4.3.0 Error: queue file write error", "busy"),
    ("starttls", "454 4.7.0 TLS not available due to local problem", "tls"),
    # Exim
    ("rcpt", "550 Unrouteable address", "recipient_unknown"),
    ("rcpt", "550-Verification failed for <a@x.example>|550 Sender verify failed", "sender_rejected"),
    ("rcpt", "451 Could not complete sender verify callout", "sender_rejected"),
    ("rcpt", "550 relay not permitted", "relay_denied"),
    ("rcpt", "550 Administrative prohibition", "policy"),
    ("greeting", "421 Too many concurrent SMTP connections from this IP address; please try again later.",
     "rate_limited"),
    ("mail", "452 space shortage, please try later", "busy"),
    ("final", "550 This message contains a virus (Eicar-Test-Signature).", "malware"),
    ("final", "550 maximum allowed line length is 998 octets, got 1243", "content"),
    ("mail", "554 SMTP synchronization error", "protocol"),
    # Sendmail, qmail
    ("mail", "553 5.1.8 <a@x.example>... Domain of sender address a@x.example does not exist",
     "sender_domain_not_found"),
    ("rcpt", "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", "relay_denied"),
    ("rcpt", "550 sorry, no mailbox here by that name. (#5.1.1 - chkusr)", "recipient_unknown"),
    # Mimecast, Proofpoint, IronPort, Barracuda
    ("rcpt", "550 Invalid Recipient - https://community.mimecast.example/docs/DOC-1369#550", "recipient_unknown"),
    ("rcpt", "451 Internal resources are temporarily unavailable - https://community.mimecast.example", "busy"),
    ("mail", "550 SPF Sender Invalid - envelope rejected", "spf"),
    ("mail", "550 csi.mimecast.example Poor Reputation Sender.", "blocklist"),
    ("final", "554 Email rejected due to security policies - MCSpamSignature.x.y", "spam"),
    ("greeting", "554 Blocked - see https://ipcheck.proofpoint.example/?ip=192.0.2.1", "blocklist"),
    ("final", "550 5.7.0 Local Policy Violation", "policy"),
    ("greeting", "554-mx.x.example|554 Your access to this mail system has been rejected due to the sending MTA's poor "
     "reputation.", "blocklist"),
    ("rcpt", "452 Too many recipients received this hour", "rate_limited"),
    ("final", "554 5.7.1 Message blocked due to spam content in the message", "spam"),
    # Providers in Europe and the United States, and senders' services as smart hosts
    ("greeting", "554-gmx.example (mxgmx017) Nemesis ESMTP Service not available|554-No SMTP service|554 IP address is "
     "block listed.", "blocklist"),
    ("greeting", "554 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help.)", "greeting"),
    ("mail", "421 4.1.0 192.0.2.1 Throttled - try again later", "rate_limited"),
    ("rcpt", "550 5.1.1 Not our Customer", "recipient_unknown"),
    ("final", "554 5.7.1 [HM08] Message rejected due to local policy.", "policy"),
    ("final", "454 Throttling failure: Maximum sending rate exceeded.", "rate_limited"),
    ("final", "554 Message rejected: Email address is not verified. The following identities failed the check: a@x",
     "sender_rejected"),
    ("auth", "451 Authentication failed: Maximum credits exceeded", "rate_limited"),
    # Nothing to go by
    ("final", "554 Transaction failed", "permanent"),
    ("final", "450 Requested action not taken", "temporary"),
    ("rcpt", "450 Requested action not taken", "temporary"),
    ("data", "354", "protocol"),
    ("final", "451 4.7.1 Virus scanner is not running", "busy"),
]  # fmt: skip


def reply_of(line: str) -> Reply:
    return Reply.parse([part.encode() for part in line.split("|")])


@pytest.mark.parametrize(("phase", "line", "label"), REPLIES)
def test_a_real_reply_means(phase: str, line: str, label: str) -> None:
    reply = reply_of(line)
    assert classify(Phase(phase), reply) == f"peer.{label}"
    if reply.code != 354:
        # Whatever the words mean, the code alone says whether to try again.
        expected = Outcome.TRANSIENT if reply.is_transient else Outcome.PERMANENT
        assert status_of(reply, Phase(phase)) is expected


CLASSES = {
    "dns": ["dns.no_such_domain", "dns.timeout", "dns.servfail", "dns.null_mx", "dns.no_mail_host"],
    "connect": ["peer.connect_refused", "peer.connect_timeout", "peer.unreachable", "peer.dropped", "peer.timeout"],
    "tls": ["peer.tls", "peer.tls_unavailable"],
    "greeting": ["peer.greeting"],
    "helo": ["peer.helo"],
    "sender": ["peer.sender_rejected", "peer.sender_domain_not_found", "peer.spf", "peer.authentication_results"],
    "recipient": ["peer.recipient_unknown", "peer.recipient_rejected", "peer.mailbox_disabled", "peer.relay_denied"],
    "mailbox full": ["peer.mailbox_full"],
    "content": ["peer.content", "peer.too_large", "peer.spam", "peer.malware"],
    "policy": ["peer.policy", "peer.blocklist", "peer.reverse_dns"],
    "greylist": ["peer.greylist"],
    "rate": ["peer.rate_limited", "peer.busy", "peer.too_many_recipients"],
    "auth": ["peer.auth"],
    "protocol": ["peer.protocol"],
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_is_explained_and_leads_somewhere(name: str) -> None:
    for code in CLASSES[name]:
        told = explain(code, host="mx.x.example", recipient="x@x.example", sender="a@y.example", domain="x.example")
        assert code in REASONS
        assert told.title
        assert len(told.text) > 40
        # What an administrator here can do has its button; the rest is for the writer, whom the text tells what to do.
        assert told.fixes or told.side in (Side.SENDER, Side.PEER)
