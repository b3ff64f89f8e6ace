"""Reasons of the receiving side: log-in, senders, the limits of a session and of a message (RFC 5321, RFC 3463)."""

from __future__ import annotations

from typing import Final

from transport.message.reply import Reply
from transport.routing.reasons.reason import EDIT_MAILBOX, SET_REPLY_ADDRESS, VERIFY_DOMAIN, Reason, Side
from transport.routing.wording import gettext_noop as _

AUTHENTICATION: Final = (
    Reason(
        "auth.required",
        Side.SENDER,
        _("The client did not log in"),
        _(
            "This listener takes mail only from clients that log in, so that nobody sends in another's name. "
            "Set a user name and a password in the mail program, or give the receive connector a permission group."
        ),
        reply=Reply(530, "5.7.1", "Client was not authenticated"),
    ),
    Reason(
        "auth.failed",
        Side.SENDER,
        _("User name or password is wrong"),
        _(
            "The log-in failed; the reply is the same for an unknown name, so that nobody can probe for mailboxes. "
            "Check the password in the mail program; if it is forgotten, set a new one for the mailbox."
        ),
        reply=Reply(535, "5.7.8", "Authentication credentials invalid"),
    ),
    Reason(
        "auth.tls_required",
        Side.SENDER,
        _("Log-in is possible only over TLS"),
        _(
            "The client wanted to log in, or to send, on a connection that is not encrypted, where passwords can be "
            "read on the way. Switch the mail program to STARTTLS on port 587 or to TLS on port 465."
        ),
        reply=Reply(530, "5.7.0", "Must issue a STARTTLS command first"),
    ),
    Reason(
        "auth.too_many_failures",
        Side.SENDER,
        _("Too many failed log-ins"),
        _(
            "The client failed to log in several times and was cut off for a while; this slows down the guessing of "
            "passwords. Correct the stored password, then try again in some minutes."
        ),
        reply=Reply(421, "4.7.0", "Too many failed log-ins, closing connection"),
    ),
    Reason(
        "auth.unavailable",
        Side.OURS,
        _("Log-in could not be checked"),
        _("The check itself failed, which says nothing about the password. The client may try again in a minute."),
        reply=Reply(454, "4.7.0", "Temporary authentication failure"),
    ),
)

SENDERS: Final = (
    Reason(
        "sender.bad_address",
        Side.SENDER,
        _("The sender's address is malformed"),
        _("The address in MAIL FROM breaks the rules of RFC 5321: {problem} Correct it in the program that sends."),
        reply=Reply(501, "5.1.7", "Invalid sender address"),
    ),
    Reason(
        "sender.not_yours",
        Side.SENDER,
        _("The log-in may not send as {sender}"),
        _(
            "{sender} is not one of the addresses of the mailbox that logged in. Without this check any customer "
            "could write in another's name. Send from one of the mailbox's own addresses, or add the address to it."
        ),
        fixes=(EDIT_MAILBOX,),
        reply=Reply(550, "5.7.60", "Client does not have permissions to send as {sender}"),
    ),
    Reason(
        "sender.author_not_yours",
        Side.SENDER,
        _("The log-in may not write as {sender}"),
        _(
            "The From line names {sender}, which is not one of the addresses of the mailbox that logged in. Readers "
            "see this line, so it is held to the same rule as the envelope. Use one of the mailbox's own addresses."
        ),
        fixes=(EDIT_MAILBOX,),
        reply=Reply(550, "5.7.60", "Client does not have permissions to send as {sender} (header From)"),
    ),
    Reason(
        "sender.domain_not_public",
        Side.TENANT,
        _("{sender} cannot be used on the Internet"),
        _(
            "The mail to {recipient} leaves for the outside, but its sender is on {domain}, which is not verified or "
            "not found in public DNS. Nobody outside could answer it, and many servers refuse it with “Sender "
            "address rejected: Domain not found”. Give the mailbox a reply address on a verified domain."
        ),
        fixes=(SET_REPLY_ADDRESS, VERIFY_DOMAIN),
        reply=Reply(
            550,
            "5.7.1",
            "Sender {sender} cannot be used on the Internet: {domain} is not a verified public domain; "
            "set a reply address on a verified domain",
        ),
    ),
    Reason(
        "sender.unauthenticated",
        Side.SENDER,
        _("{sender} may not be used without logging in"),
        _(
            "The sender is on a domain of this platform, but the client did not log in, and the receive connector "
            "{connector} does not let strangers use such senders. Let the program log in, or use another sender."
        ),
        reply=Reply(550, "5.7.1", "Client does not have permissions to send as this sender"),
    ),
    Reason(
        "sender.denied",
        Side.SENDER,
        _("The sender is blocked"),
        _("The sender {sender} is on a block list of this system. If that is a mistake, take it off the list."),
        reply=Reply(554, "5.1.0", "Sender denied"),
    ),
)

MESSAGES: Final = (
    Reason(
        "message.too_large",
        Side.SENDER,
        _("The message is too large"),
        _(
            "It has {size} bytes, and the receive connector takes at most {limit}. It was refused before it was "
            "stored. Send large files by a link, or raise the connector's limit."
        ),
        reply=Reply(552, "5.3.4", "Message size exceeds fixed maximum message size"),
    ),
    Reason(
        "message.bare_newline",
        Side.SENDER,
        _("The message has a bare CR or LF"),
        _(
            "Lines must end in CR LF; a lone CR or LF lets an attacker smuggle a second message past a server that "
            "reads it otherwise. The program that wrote the message has to be corrected or updated."
        ),
        reply=Reply(550, "5.6.11", "Invalid characters: bare CR or LF (RFC 5321 2.3.8)"),
    ),
    Reason(
        "message.too_many_hops",
        Side.TENANT,
        _("The message goes round in a circle"),
        _(
            "It already passed {hops} servers and {limit} are allowed, so two systems most likely send it to each "
            "other. Look at its Received lines: a forwarding, or a connector whose smart host leads back, is the cause."
        ),
        reply=Reply(554, "5.4.6", "Hop count exceeded - possible mail loop"),
    ),
    Reason(
        "message.header_too_large",
        Side.SENDER,
        _("The message's header is too large"),
        _(
            "The header lines take {size} bytes and {limit} are allowed. Honest mail needs a tenth of that; a program "
            "that puts data into header lines, or a long list of recipients, is the usual cause."
        ),
        reply=Reply(552, "5.3.4", "Header size exceeds fixed maximum size"),
    ),
    Reason(
        "message.multiple_from",
        Side.SENDER,
        _("The message has more than one From line"),
        _(
            "RFC 5322 allows one. With two, a check may see one author and the reader the other, which is how mail is "
            "forged. The program that wrote the message has to be corrected."
        ),
        reply=Reply(550, "5.7.1", "Message has more than one From header field (RFC 5322 3.6)"),
    ),
    Reason(
        "message.no_from",
        Side.SENDER,
        _("The message has no usable From line"),
        _("RFC 5322 asks for exactly one author line with an address. The program that wrote it has to be corrected."),
        reply=Reply(550, "5.6.0", "Message has no valid From header field (RFC 5322 3.6)"),
    ),
    Reason(
        "message.malformed",
        Side.SENDER,
        _("The message is malformed"),
        _("The message breaks the format of RFC 5322 in a way that cannot be passed on safely: {problem}"),
        reply=Reply(550, "5.6.0", "Message content is malformed"),
    ),
    Reason(
        "message.eight_bit",
        Side.PEER,
        _("The next server takes only 7-bit mail"),
        _(
            "The message holds 8-bit text and {host} does not offer 8BITMIME; rewriting it would change what was "
            "signed. Send it with another encoding, or have the peer's server updated."
        ),
        reply=Reply(554, "5.6.3", "Conversion required but not supported"),
    ),
    Reason(
        "message.smtputf8",
        Side.PEER,
        _("The next server does not know international addresses"),
        _(
            "An address or a header of the message is not ASCII and {host} does not offer SMTPUTF8. Use addresses "
            "in ASCII for this recipient."
        ),
        reply=Reply(553, "5.6.7", "Non-ASCII addresses not permitted for that sender/recipient"),
    ),
    Reason(
        "recipients.too_many",
        Side.SENDER,
        _("Too many recipients in one message"),
        _(
            "The receive connector takes {limit} recipients in one message; those beyond it were put off, the others "
            "stand. A mail server sends the rest by itself; a program should split its list."
        ),
        reply=Reply(452, "4.5.3", "Too many recipients"),
    ),
)

SESSIONS: Final = (
    Reason(
        "session.too_many_errors",
        Side.SENDER,
        _("Too many errors in one session"),
        _(
            "The client sent {limit} commands that were wrong or refused and was cut off, as one that guesses would "
            "be. The protocol log shows the commands; a list of dead addresses is the usual cause."
        ),
        reply=Reply(421, "4.7.0", "Too many errors on this connection, closing transmission channel"),
    ),
    Reason(
        "session.timeout",
        Side.NETWORK,
        _("The client fell silent"),
        _(
            "Nothing came for the time allowed, so the connection was closed to make room. A server tries again by "
            "itself; a slow line or a firewall that forgets connections is the usual cause."
        ),
        reply=Reply(421, "4.4.2", "Timeout waiting for client input, closing connection"),
    ),
    Reason(
        "session.too_long",
        Side.NETWORK,
        _("The session took too long"),
        _("The connection was open for longer than the receive connector allows. The client may connect again."),
        reply=Reply(421, "4.4.2", "Connection time limit exceeded, closing connection"),
    ),
    Reason(
        "session.too_many_connections",
        Side.SENDER,
        _("Too many connections from one address"),
        _(
            "{address} already has {limit} connections open, and no one client may take them all. A server waits and "
            "tries again by itself; a program should open fewer connections."
        ),
        reply=Reply(421, "4.7.0", "Too many concurrent connections from your address"),
    ),
    Reason(
        "session.rate",
        Side.SENDER,
        _("Too many messages in a short time"),
        _("The client sends faster than its limit of {limit} messages. What was put off may be sent again later."),
        reply=Reply(451, "4.7.0", "Message rate limit exceeded, try again later"),
    ),
    Reason(
        "session.no_connector",
        Side.OURS,
        _("No receive connector takes this client"),
        _(
            "The client at {address} came in on {local}, where no enabled receive connector covers its address. An "
            "operator can widen a connector's remote ranges or add one."
        ),
        reply=Reply(421, "4.3.2", "Service not available, closing transmission channel"),
    ),
    Reason(
        "session.protocol",
        Side.SENDER,
        _("The client does not keep to the protocol"),
        _("The client sent something that RFC 5321 does not allow at this point: {problem}"),
        reply=Reply(503, "5.5.1", "Bad sequence of commands"),
    ),
    Reason(
        "session.early_talker",
        Side.SENDER,
        _("The client spoke before it was its turn"),
        _("Data came before the greeting or inside STARTTLS, as in attempts to inject commands. Nothing was taken."),
        reply=Reply(554, "5.5.1", "Protocol error: data before its turn"),
    ),
    Reason(
        "system.unavailable",
        Side.OURS,
        _("We cannot take mail at the moment"),
        _(
            "A part of this system, usually the database, does not answer. Nothing was lost: the sending server keeps "
            "the message and tries again. The operator finds the cause on the health page."
        ),
        reply=Reply(451, "4.3.0", "Temporary system problem, try again later"),
    ),
    Reason(
        "system.busy",
        Side.OURS,
        _("We are short of resources"),
        _(
            "Disk, memory or connections run short, so new mail is put off before there is harm. The sending server "
            "tries again by itself. The operator should look at disk space first."
        ),
        reply=Reply(452, "4.3.1", "Insufficient system resources"),
    ),
    Reason(
        "system.shutting_down",
        Side.OURS,
        _("The server is being restarted"),
        _("The connection was closed for a restart. The client may connect again in some seconds."),
        reply=Reply(421, "4.3.2", "Service shutting down, closing transmission channel"),
    ),
)

REASONS: Final = AUTHENTICATION + SENDERS + MESSAGES + SESSIONS
