"""Reasons why a recipient has no route, shown in the Unreachable queue (reference §3, §5)."""

from __future__ import annotations

from typing import Final

from transport.message.reply import Reply
from transport.routing.reasons.reason import CREATE_CONNECTOR, EDIT_CONNECTOR, ENABLE_CONNECTOR, Reason, Side
from transport.routing.wording import gettext_noop as _

REASONS: Final = (
    Reason(
        "route.no_connector",
        Side.TENANT,
        _("No send connector covers {domain}"),
        _(
            "Mail for {recipient} waits because no send connector has an address space that covers {domain}. Nothing "
            "leaves for it until there is one. Create a send connector with the address space * for all domains; the "
            "waiting mail then leaves by itself."
        ),
        fixes=(CREATE_CONNECTOR,),
        reply=Reply(451, "4.4.4", "A matching connector cannot be found to route the external recipient"),
    ),
    Reason(
        "route.connector_disabled",
        Side.TENANT,
        _("The send connector for {domain} is disabled"),
        _(
            "“{connector}” has an address space that covers {domain}, but it is switched off, and no other connector "
            "covers it. Mail for {recipient} waits. Enable the connector; the waiting mail then leaves by itself."
        ),
        fixes=(ENABLE_CONNECTOR, CREATE_CONNECTOR),
        reply=Reply(451, "4.4.4", "The connector that matches the external recipient is disabled"),
    ),
    Reason(
        "route.too_large",
        Side.TENANT,
        _("The message is larger than every send connector for {domain} takes"),
        _(
            "It has {size} bytes; “{connector}”, the largest that covers {domain}, takes {limit}. It cannot leave and "
            "the sender is told. Send large files by a link, or raise the connector's limit."
        ),
        fixes=(EDIT_CONNECTOR,),
        reply=Reply(550, "5.3.4", "Message size exceeds the limit of every route to the recipient"),
    ),
    Reason(
        "route.loop",
        Side.TENANT,
        _("The send connector “{connector}” leads back here"),
        _(
            "All its smart hosts are this server, so mail for {domain} would go round in a circle. It waits instead. "
            "Name the server that really takes this mail, or switch the connector to MX."
        ),
        fixes=(EDIT_CONNECTOR,),
        reply=Reply(451, "4.4.6", "The connector's smart host leads back to this server"),
    ),
    Reason(
        "route.no_smart_host",
        Side.TENANT,
        _("The send connector “{connector}” has no smart host"),
        _(
            "It is set to deliver by smart hosts but names none, so mail for {domain} waits. Add a smart host, or "
            "switch the connector to MX."
        ),
        fixes=(EDIT_CONNECTOR,),
        reply=Reply(451, "4.4.4", "The connector that matches the external recipient names no smart host"),
    ),
    Reason(
        "loop.detected",
        Side.TENANT,
        _("The message came back to us too often"),
        _(
            "This server handled the same message {hops} times. A forwarding or a connector sends it back here. It was "
            "stopped and the sender told; take away one side of the circle."
        ),
        fixes=(EDIT_CONNECTOR,),
        reply=Reply(554, "5.4.6", "Hop count exceeded - possible mail loop"),
    ),
)
