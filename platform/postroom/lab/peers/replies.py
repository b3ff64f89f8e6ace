"""Everything a peer says, in the words of the servers that it plays."""

from __future__ import annotations

SENDER_OK = "250 2.1.0 Ok"
RECIPIENT_OK = "250 2.1.5 Ok"
QUEUED = "250 2.0.0 Ok: queued as {number:08X}"
RELAY_DENIED = "554 5.7.1 <{recipient}>: Relay access denied"
USER_UNKNOWN = "550 5.1.1 <{recipient}>: Recipient address rejected: User unknown in local recipient table"
MAILBOX_FULL = "452 4.2.2 <{recipient}>: Recipient address rejected: Mailbox is full"
MAILBOX_CLOSED = "550 5.2.1 <{recipient}>: Recipient address rejected: Mailbox is disabled"
TOO_MUCH_DATA = "552 5.3.4 Message size exceeds fixed limit"
NO_RECIPIENTS = "554 5.5.1 Error: no valid recipients"
OUT_OF_ORDER = "503 5.5.1 Error: send {before} first"
NO_ARGUMENT = "501 5.5.4 Syntax: DATA"
GO_AHEAD = "354 End data with <CR><LF>.<CR><LF>"
LOCAL_ERROR = "451 4.3.0 Error: queue file write error"

SENDER_DOMAIN_NOT_FOUND = "450 4.1.8 <{sender}>: Sender address rejected: Domain not found"
HELO_NOT_FOUND = "451 4.7.1 <{helo}>: Helo command rejected: Host not found"
HELO_NOT_PTR = "451 4.7.1 <{helo}>: Helo command rejected: Host does not match PTR {pointer} of {client}"
CLIENT_WITHOUT_PTR = "451 4.7.1 Client host rejected: cannot find your reverse hostname, [{client}]"
LOOKUP_FAILED = "451 4.3.0 <{name}>: Temporary lookup failure"
GREYLISTED = "451 4.7.1 Greylisted, try again in {seconds} seconds"
