"""Reasons about a session on the receiving side: log-in, limits, our own outages (RFC 5321, RFC 3463)."""

from __future__ import annotations

from typing import Final

from transport.message.reply import Reply
from transport.routing.reasons.reason import Reason, Side
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
        "session.no_place",
        Side.OURS,
        _("All connections are taken"),
        _(
            "The receive connector has as many connections open as it may, and none became free in {seconds} seconds. "
            "A server tries again by itself. If this lasts, an operator looks who holds them, or allows more."
        ),
        reply=Reply(421, "4.3.2", "All connections are in use, try again later"),
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
        _("The client sent something that RFC 5321 does not allow at this point. {why}"),
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

REASONS: Final = AUTHENTICATION + SESSIONS
