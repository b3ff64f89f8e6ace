"""Reasons about senders: what a client may not use as its own (RFC 5321, RFC 3463)."""

from __future__ import annotations

from typing import Final

from transport.message.reply import Reply
from transport.routing.reasons.reason import EDIT_MAILBOX, SET_REPLY_ADDRESS, VERIFY_DOMAIN, Reason, Side
from transport.routing.wording import gettext_noop as _

REASONS: Final = (
    Reason(
        "sender.bad_address",
        Side.SENDER,
        _("The sender's address is malformed"),
        _("The address in MAIL FROM breaks the rules of RFC 5321. {why} Correct it in the program that sends."),
        reply=Reply(501, "5.1.7", "Invalid sender address"),
    ),
    Reason(
        "sender.not_yours",
        Side.SENDER,
        _("The log-in may not send as {sender}"),
        _(
            "{sender} is not one of the addresses of the mailbox that logged in. Without this check any customer "
            "could write in another's name. Send from one of the mailbox's own addresses, or let an administrator "
            "grant Send As on the mailbox that has this address."
        ),
        fixes=(EDIT_MAILBOX,),
        reply=Reply(550, "5.7.60", "Client does not have permissions to send as {sender}"),
    ),
    Reason(
        "relay.not_as_this_sender",
        Side.SENDER,
        _("The log-in of this machine may not send as this sender"),
        _(
            "The machine logged in with a relay permission of its organisation, which lets it send only as the senders "
            "that it names, on verified domains of the organisation. Use one of them, or add the sender to the "
            "permission."
        ),
        reply=Reply(550, "5.7.60", "Client does not have permissions to send as this sender"),
    ),
    Reason(
        "sender.author_not_yours",
        Side.SENDER,
        _("The log-in may not write as {sender}"),
        _(
            "The From line names {sender}, which is not one of the addresses of the mailbox that logged in. Readers "
            "see this line, so it is held to the same rule as the envelope. Use one of the mailbox's own addresses, or "
            "one of a mailbox that this one may send as."
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
