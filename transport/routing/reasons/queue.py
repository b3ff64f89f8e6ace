"""Reasons of the queue and of our own delivery: expiry, suspension, holding, poison."""

from __future__ import annotations

from typing import Final

from transport.message.reply import Reply
from transport.routing.reasons.reason import RESUME_QUEUE, RETRY_QUEUE, UNDO_REDIRECT, Reason, Side
from transport.routing.wording import gettext_noop as _

REASONS: Final = (
    Reason(
        "queue.expired",
        Side.SENDER,
        _("The message could not be delivered in time"),
        _(
            "We tried until the expiry time; the last error says what stood in the way. The sender was told. Mend the "
            "cause first, then send the message again."
        ),
        reply=Reply(550, "4.4.7", "QUEUE.Expired; message expired"),
    ),
    Reason(
        "queue.delayed",
        Side.SENDER,
        _("The message is delayed"),
        _("It is still being tried and the sender was told of the delay. Nothing has to be sent again."),
        (RETRY_QUEUE,),
        Reply(451, "4.4.7", "QUEUE.Delayed; message delayed"),
    ),
    Reason(
        "queue.suspended",
        Side.TENANT,
        _("The queue is suspended"),
        _("An administrator suspended this queue; its messages wait, and still expire. Resume it to let them leave."),
        (RESUME_QUEUE,),
    ),
    Reason(
        "queue.retry",
        Side.NETWORK,
        _("The queue waits for its next try"),
        _("The last connection failed. The next try is at {next_retry_at}; “Retry now” does not wait for it."),
        (RETRY_QUEUE,),
    ),
    Reason(
        "queue.removed",
        Side.TENANT,
        _("An administrator removed the message"),
        _("The message was taken out of the queue by hand. The tracking log names who did it."),
        reply=Reply(550, "5.3.2", "Message removed from the queue by an administrator"),
    ),
    Reason(
        "queue.redirected",
        Side.TENANT,
        _("An administrator redirected it to {target}"),
        _(
            "It goes to {target}, whatever routing would say, until it has left or the redirection is taken back; then "
            "routing decides again. The audit log names who did it."
        ),
        (UNDO_REDIRECT,),
    ),
    Reason(
        "queue.redirect_undone",
        Side.TENANT,
        _("An administrator took the redirection back"),
        _("It is routed again, as if it had never been redirected. The audit log names who did it."),
    ),
    Reason(
        "queue.redirect_target",
        Side.TENANT,
        _("Where to is not clear"),
        _("Name either a send connector or the address of a server to redirect to, one of the two."),
    ),
    Reason(
        "queue.redirect_unknown",
        Side.TENANT,
        _("There is no such send connector"),
        _("Choose one of the send connectors of this organisation."),
    ),
    Reason(
        "queue.redirect_disabled",
        Side.TENANT,
        _("The send connector is disabled"),
        _("“{connector}” is switched off, so nothing would leave by it. Enable it first, or choose another one."),
    ),
    Reason(
        "queue.redirect_loop",
        Side.TENANT,
        _("That way leads back here"),
        _("{target} is this server, so the mail would go round in a circle. Name the server that takes the mail."),
    ),
    Reason(
        "queue.cannot_undo",
        Side.TENANT,
        _("This cannot be undone"),
        _(
            "Suspending, resuming and redirecting can be undone, once and when it is done. What was removed or has "
            "left does not come back."
        ),
    ),
    Reason(
        "queue.bad_filter",
        Side.TENANT,
        _("The filter cannot be read"),
        _(
            "“{value}” is no value for {name}. Ages are written 90s, 15m, 2h or 3d, sizes 500k or 2M, and a status or "
            "a reason is one of those that there are."
        ),
    ),
    Reason(
        "queue.nothing_to_redirect",
        Side.TENANT,
        _("Nothing of it can be redirected"),
        _(
            "Mail to mailboxes stays here; what is being sent at the moment ends as it will; what is held, poison or "
            "about to be removed stays where it is; and a send connector takes nothing that is larger than its limit."
        ),
    ),
    Reason(
        "notice.null_sender",
        Side.OURS,
        _("Nobody is told"),
        _("The message has no sender to tell: it is a notice itself (RFC 5321 6.1)."),
    ),
    Reason(
        "notice.automatic",
        Side.OURS,
        _("Nobody is told"),
        _("A machine wrote the message by itself, and machines do not answer each other (RFC 3834 2)."),
    ),
    Reason(
        "notice.not_wanted",
        Side.SENDER,
        _("The sender did not want to be told"),
        _("The message was sent with NOTIFY=NEVER, or without FAILURE among what it asks for (RFC 3461 4.1)."),
    ),
    Reason(
        "notice.undeliverable",
        Side.SENDER,
        _("The sender cannot be told"),
        _("There is no way to write to the sender's address."),
    ),
    Reason(
        "report.failed",
        Side.PEER,
        _("The other side reported later that {recipient} did not get it"),
        _(
            "The next hop had taken the message and sent a notice afterwards; its words are below. If nobody is at the "
            "address, it is on the suppression list now."
        ),
    ),
    Reason(
        "report.delayed",
        Side.PEER,
        _("The other side reported a delay for {recipient}"),
        _("The next hop has the message and goes on trying. Nothing has to be sent again."),
    ),
    Reason(
        "report.delivered",
        Side.PEER,
        _("The other side reported that {recipient} got it, or that it was handed on"),
        _("The next hop sent a notice of success, as the sender had asked for."),
    ),
    Reason(
        "delivery.suspended",
        Side.TENANT,
        _("The message is suspended"),
        _("An administrator suspended this message; it waits, and still expires. Resume it to let it leave."),
    ),
    Reason(
        "queue.poison",
        Side.OURS,
        _("The message was set aside as poison"),
        _(
            "A worker died {crashes} times while it handled this message, so it was taken out of the way of the "
            "others. It never expires; an operator has to look at it and resume or remove it."
        ),
    ),
    Reason(
        "delivery.held_by_suspension",
        Side.TENANT,
        _("The message is held while something is suspended"),
        _(
            "The domain, the mailbox or the person that this message comes from or goes to is suspended or disabled. "
            "The message was accepted before, so it waits and does not expire meanwhile; when the suspension ends, it "
            "goes on exactly where it was."
        ),
    ),
    Reason(
        "delivery.held",
        Side.TENANT,
        _("The message is held for approval"),
        _("A rule or a moderator holds the message. It leaves when it is approved."),
    ),
    Reason(
        "delivery.mailbox_gone",
        Side.TENANT,
        _("The mailbox was deleted"),
        _("The mailbox was there when the message was accepted and has been deleted since. The sender is told."),
        reply=Reply(550, "5.1.1", "User unknown"),
    ),
    Reason(
        "delivery.store_failed",
        Side.OURS,
        _("The mailbox store did not take the message"),
        _("Writing into the mailbox failed on our side. We try again by ourselves; the operator sees it in the log."),
        (RETRY_QUEUE,),
        Reply(451, "4.3.0", "Mailbox store is temporarily unavailable"),
    ),
    Reason(
        "delivery.internal",
        Side.OURS,
        _("Delivery failed by a fault of ours"),
        _("Something unforeseen happened on our side. We try again by ourselves; the operator sees it in the log."),
        (RETRY_QUEUE,),
        Reply(451, "4.3.0", "Temporary system problem, try again later"),
    ),
)
