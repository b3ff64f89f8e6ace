"""Reasons about the content and the size of a message (RFC 5321, RFC 3463)."""

from __future__ import annotations

from typing import Final

from transport.message.reply import Reply
from transport.routing.reasons.reason import Reason, Side
from transport.routing.wording import gettext_noop as _

REASONS: Final = (
    Reason(
        "message.too_large",
        Side.SENDER,
        _("The message is too large"),
        _(
            "It has {size} bytes, and at most {limit} are taken here: by the receive connector, or by the plan of the "
            "organisation. It was refused before it was stored. Send large files by a link."
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
        _("The message breaks the format of RFC 5322 in a way that cannot be passed on safely. {why}"),
        reply=Reply(550, "5.6.0", "Message content is malformed"),
    ),
    Reason(
        "message.nul",
        Side.SENDER,
        _("The message holds a NUL character"),
        _("Mail must not hold NUL (RFC 5322 4), and some servers cut it off there. The program has to be corrected."),
        reply=Reply(550, "5.6.0", "Message contains a NUL character"),
    ),
    Reason(
        "message.bad_sender",
        Side.SENDER,
        _("The sender's address cannot be sent"),
        _("The address {sender} breaks the rules of RFC 5321, so no server would take it."),
        reply=Reply(553, "5.1.7", "Invalid sender address"),
    ),
    Reason(
        "message.bad_recipient",
        Side.SENDER,
        _("The recipient's address cannot be sent"),
        _("The address {recipient} breaks the rules of RFC 5321, so no server would take it. The sender is told."),
        reply=Reply(553, "5.1.3", "Invalid recipient address"),
    ),
    Reason(
        "recipients.too_many",
        Side.SENDER,
        _("Too many recipients in one message"),
        _(
            "At most {limit} recipients are taken in one message, by the receive connector or by the organisation's "
            "plan; those beyond were put off, the others stand. A mail server sends the rest by itself; a program "
            "should split its list."
        ),
        reply=Reply(452, "4.5.3", "Too many recipients"),
    ),
)
