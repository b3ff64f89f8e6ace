"""Reasons about recipients and tenants: who is not here, who cannot take mail, and who may not relay."""

from __future__ import annotations

from typing import Final

from transport.message.reply import Reply
from transport.routing.reasons.reason import ADD_DOMAIN, ENABLE_MAILBOX, RAISE_QUOTA, RELEASE_ADDRESS, Reason, Side
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
        "recipient.suppressed",
        Side.SENDER,
        _("Earlier mail to {recipient} came back"),
        _(
            "The mail system of {domain} reported that nobody is at {recipient}, so the address is on your suppression "
            "list for some days: mail that comes back again and again harms the standing of your domain. Check the "
            "spelling. If you know that the address works now, release it and send again."
        ),
        fixes=(RELEASE_ADDRESS,),
        reply=Reply(550, "5.1.1", "Earlier mail to this address came back; it is on your suppression list"),
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
            "{limit} {what} per {period} are allowed to the organisation, and they are used up until {until}. What "
            "goes beyond is put off, and mail programs try again by themselves. Ask the operator of the platform for a "
            "higher limit; if you did not send that much, look for a stolen password."
        ),
        reply=Reply(450, "4.7.1", "Sending limit of {limit} {what} per {period} reached, try again after {until}"),
    ),
    Reason(
        "mailbox.rate",
        Side.TENANT,
        _("The mailbox has reached its sending limit"),
        _(
            "{limit} {what} per {period} are allowed to each mailbox of the organisation, and this one has used them "
            "up until {until}. What goes beyond is put off. Send a large mailing in portions; if its owner did not "
            "send that much, change the password: somebody else has it."
        ),
        reply=Reply(
            450, "4.7.1", "Sending limit of this mailbox, {limit} {what} per {period}, reached; try again after {until}"
        ),
    ),
    Reason(
        "tenant.incoming_rate",
        Side.TENANT,
        _("The organisation of {recipient} receives too much at once"),
        _(
            "{limit} {what} per {period} from outside are allowed to the organisation, and they are used up until "
            "{until}. The sending servers keep what goes beyond and bring it later. Its own sending goes on. Ask the "
            "operator of the platform for a higher limit if this mail is wanted."
        ),
        reply=Reply(450, "4.2.1", "The recipient's organisation receives too much mail now, try again after {until}"),
    ),
    Reason(
        "tenant.queue_full",
        Side.TENANT,
        _("Too much mail of the organisation waits"),
        _(
            "{limit} recipients may wait for their next hops, and so many do: the queue takes more as soon as it gets "
            "shorter. Look into the queues for what does not get away, and mend or remove it."
        ),
        reply=Reply(452, "4.3.1", "Too much mail of this organisation is waiting, try again later"),
    ),
    Reason(
        "tenant.storage_full",
        Side.TENANT,
        _("The organisation's storage is full"),
        _(
            "The mailboxes of the organisation hold the {limit} bytes that are allowed to it, so none of them takes "
            "more. Senders are asked to try again later. Delete mail, or ask the operator of the platform for more."
        ),
        reply=Reply(452, "4.3.1", "The storage of the recipient's organisation is full"),
    ),
)
