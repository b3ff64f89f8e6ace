"""Reasons about recipients and tenants: who is not here, who cannot take mail, and who may not relay."""

from __future__ import annotations

from typing import Final

from transport.message.reply import Reply
from transport.routing.reasons.reason import ADD_DOMAIN, ENABLE_MAILBOX, RAISE_QUOTA, Reason, Side
from transport.routing.wording import gettext_noop as _

REASONS: Final = (
    Reason(
        "relay.denied",
        Side.TENANT,
        _("Unable to relay to {domain}"),
        _(
            "Mail for {recipient} came from a client that may only write to accepted domains, and {domain} is not "
            "one, or is not verified yet. If its mail belongs here, add and verify it as an accepted domain; if the "
            "client is one of yours, let it log in."
        ),
        fixes=(ADD_DOMAIN,),
        reply=Reply(550, "5.7.1", "Unable to relay"),
    ),
    Reason(
        "recipient.bad_address",
        Side.SENDER,
        _("The recipient's address is malformed"),
        _("The address {recipient} breaks the rules of RFC 5321. {why} The sender has to correct it."),
        reply=Reply(501, "5.1.3", "Invalid recipient address"),
    ),
    Reason(
        "recipient.unknown",
        Side.SENDER,
        _("There is no {recipient}"),
        _(
            "{domain} is an authoritative domain here and no mailbox has the address {recipient}. The sender was told "
            "at once and most likely mistyped it; otherwise add the address to a mailbox."
        ),
        reply=Reply(550, "5.1.1", "User unknown"),
    ),
    Reason(
        "recipient.disabled",
        Side.TENANT,
        _("The mailbox of {recipient} is disabled"),
        _(
            "{recipient} belongs to the mailbox “{mailbox}”, which an administrator switched off, so mail for it is "
            "refused and the sender told. Enable the mailbox to receive again."
        ),
        fixes=(ENABLE_MAILBOX,),
        reply=Reply(550, "5.2.1", "Mailbox disabled, not accepting messages"),
    ),
    Reason(
        "mailbox.full",
        Side.TENANT,
        _("The mailbox of {recipient} is full"),
        _(
            "The mailbox “{mailbox}” has used up its quota. Senders are asked to try again later and give up after "
            "some days. Delete or archive mail, or raise the quota."
        ),
        fixes=(RAISE_QUOTA,),
        reply=Reply(452, "4.2.2", "Mailbox full"),
    ),
    Reason(
        "tenant.suspended",
        Side.TENANT,
        _("The organisation is suspended"),
        _(
            "The operator suspended this organisation, so nothing can be sent in its name. What already waits is held "
            "and leaves when the suspension ends. Sign in to the console to read the reason, or ask the operator."
        ),
        reply=Reply(550, "5.7.1", "This organisation is suspended and cannot send mail"),
    ),
    Reason(
        "tenant.receiving_suspended",
        Side.TENANT,
        _("The organisation of {recipient} is suspended"),
        _(
            "Mail for a suspended organisation is put off, not refused: the sending servers keep it for some days, so "
            "that nothing is lost if the suspension is short."
        ),
        reply=Reply(450, "4.2.1", "Mailbox temporarily not accepting messages"),
    ),
    Reason(
        "tenant.receiving_refused",
        Side.TENANT,
        _("The organisation of {recipient} is suspended and refuses mail"),
        _("The operator suspended this organisation and chose that senders are told at once. Nothing was taken in."),
        reply=Reply(550, "5.2.1", "Mailbox disabled, not accepting messages"),
    ),
    Reason(
        "domain.receiving_suspended",
        Side.TENANT,
        _("The domain of {recipient} is suspended"),
        _(
            "The operator suspended {domain}. Mail for it is put off, not refused: the sending servers keep it for "
            "some days, so that nothing is lost if the suspension is short."
        ),
        reply=Reply(450, "4.2.1", "Mailbox temporarily not accepting messages"),
    ),
    Reason(
        "domain.receiving_refused",
        Side.TENANT,
        _("The domain of {recipient} is suspended and refuses mail"),
        _("The operator suspended {domain} and chose that senders are told at once. Nothing was taken in."),
        reply=Reply(550, "5.2.1", "Mailbox disabled, not accepting messages"),
    ),
    Reason(
        "domain.sending_suspended",
        Side.TENANT,
        _("{domain} is suspended, so {sender} cannot send"),
        _(
            "The operator suspended the domain {domain}. Nothing is sent in its name; what already waits is held and "
            "leaves when the suspension ends. The domain's page says why. Other domains of the organisation go on."
        ),
        reply=Reply(550, "5.7.1", "The domain {domain} is suspended and cannot send mail"),
    ),
    Reason(
        "mailbox.sending_disabled",
        Side.TENANT,
        _("The mailbox of {sender} is disabled"),
        _(
            "An administrator disabled the mailbox “{mailbox}”, so nothing can be sent from it; what already waits is "
            "held and leaves when the mailbox is enabled again."
        ),
        fixes=(ENABLE_MAILBOX,),
        reply=Reply(550, "5.7.1", "This mailbox is disabled and cannot send mail"),
    ),
    Reason(
        "user.sending_suspended",
        Side.TENANT,
        _("The person who has {sender} is suspended"),
        _(
            "The operator suspended the user of this mailbox, so nothing can be sent from it. Mail for it is taken in "
            "as before. What was sent and still waits is held until the suspension ends."
        ),
        reply=Reply(550, "5.7.1", "The user of this mailbox is suspended and cannot send mail"),
    ),
    Reason(
        "recipient.put_off",
        Side.TENANT,
        _("The mailbox of {recipient} is disabled for a while"),
        _(
            "{recipient} belongs to the mailbox “{mailbox}”, which an administrator switched off for a while. Senders "
            "are asked to try again later; most servers do so for some days."
        ),
        fixes=(ENABLE_MAILBOX,),
        reply=Reply(450, "4.2.1", "Mailbox temporarily disabled, try again later"),
    ),
    Reason(
        "tenant.rate",
        Side.TENANT,
        _("The organisation has reached its sending limit"),
        _(
            "{limit} recipients are allowed in this period, and they are used up. What goes beyond is put off. Wait, "
            "or ask the operator for a higher limit; if you did not send that much, look for a stolen password."
        ),
        reply=Reply(451, "4.7.1", "Sending limit reached, try again later"),
    ),
)
