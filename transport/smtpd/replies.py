"""Every reply that routing does not decide (RFC 5321 4.2, RFC 3463). Those with a reason come from its registry."""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from uuid import UUID

from transport.message.reply import Reply
from transport.routing.reasons import reply_for

OK: Final = Reply(250, "2.0.0", "OK")
RESET: Final = Reply(250, "2.0.0", "Resetting")
BYE: Final = Reply(221, "2.0.0", "Service closing transmission channel")
READY_FOR_TLS: Final = Reply(220, "2.0.0", "Ready to start TLS")
START_DATA: Final = Reply(354, None, "Start mail input; end with <CRLF>.<CRLF>")
CANNOT_VERIFY: Final = Reply(252, "2.1.5", "Cannot VRFY user, but will take message for this user and attempt delivery")
HELP: Final = Reply(214, "2.0.0", "Commands: EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT STARTTLS AUTH VRFY HELP")
AUTHENTICATED: Final = Reply(235, "2.7.0", "Authentication successful")

UNKNOWN_COMMAND: Final = Reply(500, "5.5.1", "Unrecognized command")
BAD_LINE_END: Final = Reply(500, "5.5.2", "Syntax error: command lines end with CRLF (RFC 5321 2.3.8)")
BAD_CHARACTERS: Final = Reply(500, "5.5.2", "Syntax error: control characters or invalid UTF-8")
LINE_TOO_LONG: Final = Reply(500, "5.5.2", "Line too long")
NOT_IMPLEMENTED: Final = Reply(502, "5.5.1", "Command not implemented")
EHLO_FIRST: Final = Reply(503, "5.5.1", "Send hello first")
MAIL_FIRST: Final = Reply(503, "5.5.1", "Need MAIL before")
RCPT_FIRST: Final = Reply(503, "5.5.1", "No valid recipients")
NESTED_MAIL: Final = Reply(503, "5.5.1", "Sender already specified")
DATA_AFTER_BDAT: Final = Reply(503, "5.5.1", "BDAT has begun, and DATA does not go with it")
RCPT_AFTER_BDAT: Final = Reply(503, "5.5.1", "BDAT has begun, and the recipients are settled")
ALREADY_TLS: Final = Reply(503, "5.5.1", "TLS is already active")
ALREADY_AUTHENTICATED: Final = Reply(503, "5.5.1", "Already authenticated")
AUTH_IN_MAIL: Final = Reply(503, "5.5.1", "AUTH is not permitted during a mail transaction")
NO_CHUNKING_HERE: Final = Reply(502, "5.5.1", "CHUNKING is not offered here")
NO_TLS_HERE: Final = Reply(502, "5.5.1", "STARTTLS is not offered here")
NO_AUTH_HERE: Final = Reply(502, "5.5.1", "AUTH is not offered here")
TLS_BEFORE_AUTH: Final = Reply(538, "5.7.11", "Encryption required for requested authentication mechanism")
UNKNOWN_MECHANISM: Final = Reply(504, "5.7.4", "Unrecognized authentication type")
AUTH_ABORTED: Final = Reply(501, "5.7.0", "Authentication aborted")
AUTH_UNDECODABLE: Final = Reply(501, "5.5.2", "Cannot decode the response")

EHLO_SYNTAX: Final = Reply(501, "5.5.4", "Syntax: EHLO hostname")
EHLO_DOMAIN: Final = Reply(501, "5.5.4", "Invalid domain name: EHLO takes the full name of the client")
HELO_SYNTAX: Final = Reply(501, "5.5.4", "Syntax: HELO hostname")
MAIL_SYNTAX: Final = Reply(501, "5.5.4", "Syntax: MAIL FROM:<address> [parameters]")
RCPT_SYNTAX: Final = Reply(501, "5.5.4", "Syntax: RCPT TO:<address> [parameters]")
NULL_RECIPIENT: Final = Reply(501, "5.1.3", "A recipient cannot be empty")
NO_ARGUMENT: Final = Reply(501, "5.5.4", "This command takes no argument")
VRFY_SYNTAX: Final = Reply(501, "5.5.4", "Syntax: VRFY address")
BDAT_SYNTAX: Final = Reply(501, "5.5.4", "Syntax: BDAT size [LAST]")
AUTH_SYNTAX: Final = Reply(501, "5.5.4", "Syntax: AUTH mechanism [initial response]")
BAD_PARAMETER: Final = Reply(501, "5.5.4", "Invalid parameter")
UNKNOWN_PARAMETER: Final = Reply(555, "5.5.4", "Unsupported parameter")

XCLIENT_SYNTAX: Final = Reply(501, "5.5.4", "Syntax: XCLIENT attribute=value ...")
XCLIENT_IN_MAIL: Final = Reply(503, "5.5.1", "XCLIENT is not permitted during a mail transaction")
XCLIENT_REFUSED: Final = Reply(550, "5.7.0", "XCLIENT is for listed hosts only")

AUTH_REQUIRED: Final = reply_for("auth.required")
AUTH_FAILED: Final = reply_for("auth.failed")
AUTH_UNAVAILABLE: Final = reply_for("auth.unavailable")
TOO_MANY_LOG_ONS: Final = reply_for("auth.too_many_failures")
TLS_REQUIRED: Final = reply_for("auth.tls_required")
TOO_MANY_ERRORS: Final = reply_for("session.too_many_errors")
TOO_MANY_CONNECTIONS: Final = reply_for("session.too_many_connections")
NOT_AS_THIS_SENDER: Final = reply_for("relay.not_as_this_sender")
TOO_FAST: Final = reply_for("session.rate")
NO_PLACE: Final = reply_for("session.no_place")
IDLE_TOO_LONG: Final = reply_for("session.timeout")
SESSION_TOO_LONG: Final = reply_for("session.too_long")
NO_CONNECTOR: Final = reply_for("session.no_connector")
UNAVAILABLE: Final = reply_for("system.unavailable")
BUSY: Final = reply_for("system.busy")
SHUTTING_DOWN: Final = reply_for("system.shutting_down")
TOO_MANY_RECIPIENTS: Final = reply_for("recipients.too_many")
MESSAGE_TOO_LARGE: Final = reply_for("message.too_large")
HEADER_TOO_LARGE: Final = reply_for("message.header_too_large")
BARE_NEWLINE: Final = reply_for("message.bare_newline")
NUL_CHARACTER: Final = reply_for("message.nul")
TOO_MANY_HOPS: Final = reply_for("message.too_many_hops")


def chunk_received(size: int) -> Reply:
    return Reply(250, "2.0.0", f"{size} octets received")


def queued(message_id: str, internal_id: UUID) -> Reply:
    """Return Exchange's answer to a message that is committed."""
    shown = message_id.encode("ascii", "backslashreplace")[:MAX_SHOWN_ID].decode()
    return Reply(250, "2.6.0", f"{shown} [InternalId={internal_id}] Queued mail for delivery")


MAX_SHOWN_ID: Final = 320  # RFC 5321 4.5.3.1.5: a reply line has at most 512 octets
_QUOTES: Final = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'"})


@lru_cache(maxsize=512)
def wire(reply: Reply) -> bytes:
    """Return the reply as it goes out: in ASCII (RFC 5321 4.2.1), which every client can read."""
    text = reply.wire()
    if not text.isascii():
        text = text.translate(_QUOTES)
    return text.encode("ascii", "backslashreplace") + b"\r\n"
