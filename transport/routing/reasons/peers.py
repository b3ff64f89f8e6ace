"""Reasons from talking to a next hop: what a peer's refusal most likely means, and who mends it."""

from __future__ import annotations

from typing import Final

from transport.routing.reasons.reason import (
    CONTACT_PEER,
    EDIT_CONNECTOR,
    EDIT_DNS,
    RETRY_QUEUE,
    SET_REPLY_ADDRESS,
    Reason,
    Side,
)
from transport.routing.wording import gettext_noop as _

REASONS: Final = (
    Reason(
        "peer.helo",
        Side.TENANT,
        _("{host} does not like the name we give"),
        _(
            "The peer compares the name in our EHLO with DNS: it should resolve to our address, and the address's PTR "
            "record should lead back to it. Set the connector's FQDN to such a name and add the PTR record."
        ),
        (EDIT_CONNECTOR, EDIT_DNS),
    ),
    Reason(
        "peer.reverse_dns",
        Side.TENANT,
        _("{host} finds no name for our address"),
        _(
            "The peer wants a PTR record for the address we send from. The provider of the address sets it; it should "
            "be the connector's FQDN. A smart host is the way round."
        ),
        (EDIT_DNS, EDIT_CONNECTOR),
    ),
    Reason(
        "peer.blocklist",
        Side.TENANT,
        _("Our address is on a block list that {host} uses"),
        _(
            "The peer's words name the list; its web page tells why and how to get off. Look first for a mailbox that "
            "sends spam. Until then a smart host with another address is the way round."
        ),
        (EDIT_CONNECTOR, CONTACT_PEER),
    ),
    Reason(
        "peer.sender_domain_not_found",
        Side.TENANT,
        _("{host} does not find the domain of {sender}"),
        _(
            "The peer looks the sender's domain up in public DNS, as most do, and finds nothing it could answer to. "
            "Give the mailbox a reply address on a verified public domain, or mend that domain's DNS records."
        ),
        (SET_REPLY_ADDRESS, EDIT_DNS),
    ),
    Reason(
        "peer.sender_rejected",
        Side.TENANT,
        _("{host} refuses the sender {sender}"),
        _(
            "The peer does not take mail from this sender: it blocks it, or its own rules forbid it. Its words say "
            "more; its postmaster can lift it."
        ),
        (SET_REPLY_ADDRESS, CONTACT_PEER),
    ),
    Reason(
        "peer.authentication_results",
        Side.TENANT,
        _("{host} does not believe that the mail is from {sender}"),
        _(
            "DKIM or DMARC failed at the peer. The SPF record must allow the address we send from, and the DKIM "
            "key must be published. The check of the domain's DNS shows which record is wrong."
        ),
        (EDIT_DNS,),
    ),
    Reason(
        "peer.spf",
        Side.TENANT,
        _("SPF at {host} does not allow our address for {sender}"),
        _(
            "The SPF record of the sender's domain does not name the address we send from, so the peer takes the mail "
            "for forged. Add it to the record; the check of the domain's DNS shows how."
        ),
        (EDIT_DNS,),
    ),
    Reason(
        "peer.recipient_rejected",
        Side.PEER,
        _("{host} does not take mail for {recipient}"),
        _("The peer refuses this recipient without saying that the address is unknown; its own words say more."),
        (CONTACT_PEER,),
    ),
    Reason(
        "peer.address_syntax",
        Side.SENDER,
        _("{host} finds the address {recipient} malformed"),
        _("The peer cannot read the address. The sender should check it; a blank or a special character is the cause."),
    ),
    Reason(
        "peer.null_mx",
        Side.PEER,
        _("The domain of {recipient} takes no mail"),
        _("The peer says that the domain declares to take no mail at all (RFC 7505). The sender is told."),
    ),
    Reason(
        "peer.recipient_unknown",
        Side.SENDER,
        _("{host} knows no {recipient}"),
        _("The peer says that the address does not exist there. The sender is told and should check its spelling."),
    ),
    Reason(
        "peer.mailbox_disabled",
        Side.PEER,
        _("The mailbox of {recipient} is disabled at {host}"),
        _("The peer knows the address and takes no mail for it. The sender has to reach the person another way."),
    ),
    Reason(
        "peer.mailbox_full",
        Side.PEER,
        _("The mailbox of {recipient} is full at {host}"),
        _("Its owner has to make room. We try again until the message expires, unless the peer refused for good."),
        (RETRY_QUEUE,),
    ),
    Reason(
        "peer.greylist",
        Side.PEER,
        _("{host} asks us to come back a little later"),
        _(
            "The peer puts off first-time senders for some minutes (greylisting); spammers seldom come back. This is "
            "no fault and holds nothing else up: we come back when the peer said, else in about five minutes, and are "
            "let in then."
        ),
        (RETRY_QUEUE,),
    ),
    Reason(
        "peer.relay_denied",
        Side.TENANT,
        _("{host} does not relay for us"),
        _(
            "The peer says that it is not responsible for {domain}, or does not let us relay. With a smart host: log "
            "in there or have our address allowed. Otherwise the domain's MX records name a wrong server."
        ),
        (EDIT_CONNECTOR, CONTACT_PEER),
    ),
    Reason(
        "peer.too_large",
        Side.PEER,
        _("The message is too large for {host}"),
        _("The peer takes smaller messages only. Send large files by a link."),
    ),
    Reason(
        "peer.too_many_recipients",
        Side.PEER,
        _("{host} takes fewer recipients at once"),
        _("The peer put off some recipients of one message. They go with the next one by themselves."),
        (RETRY_QUEUE,),
    ),
    Reason(
        "peer.spam",
        Side.TENANT,
        _("{host} takes the message for spam"),
        _(
            "A filter at the peer judged the content. Look at what was sent and whether the mailbox was abused; if it "
            "is honest mail, the peer's postmaster can tell what offended."
        ),
        (CONTACT_PEER,),
    ),
    Reason(
        "peer.malware",
        Side.SENDER,
        _("{host} takes the message for harmful"),
        _(
            "A scanner at the peer found malware, or a kind of attachment that it lets nobody send. Check the files "
            "and the computer they come from; send harmless ones by a link."
        ),
        (CONTACT_PEER,),
    ),
    Reason(
        "peer.policy",
        Side.PEER,
        _("{host} refuses the message by its own rules"),
        _("The peer's policy forbids it; its own words say more. Its postmaster can tell what is wanted."),
        (CONTACT_PEER,),
    ),
    Reason(
        "peer.content",
        Side.PEER,
        _("{host} cannot take the message's content"),
        _("The peer finds the format or encoding of the message at fault. Its own words say more."),
        (CONTACT_PEER,),
    ),
    Reason(
        "peer.loop",
        Side.PEER,
        _("{host} sees a mail loop"),
        _("The peer counted too many hops. A forwarding there or here sends the message round in a circle."),
        (EDIT_CONNECTOR, CONTACT_PEER),
    ),
    Reason(
        "peer.no_smtputf8",
        Side.PEER,
        _("{host} does not know international addresses"),
        _("The peer does not offer SMTPUTF8. Use addresses in ASCII for this recipient."),
    ),
    Reason(
        "peer.no_requiretls",
        Side.PEER,
        _("{host} cannot promise to keep the message encrypted"),
        _(
            "The sender required TLS all the way (REQUIRETLS, RFC 8689). No mail server of the next hop both proves "
            "who it is by its certificate and promises to pass the message on only encrypted, so it goes back."
        ),
    ),
    Reason(
        "peer.no_8bit",
        Side.PEER,
        _("{host} takes only 7-bit mail"),
        _("The peer does not offer 8BITMIME and the message holds 8-bit text. Send it with another encoding."),
    ),
    Reason(
        "peer.temporary",
        Side.PEER,
        _("{host} puts the message off"),
        _("The peer gave a temporary error without a reason that we know; its own words say more. We try again."),
        (RETRY_QUEUE, CONTACT_PEER),
    ),
    Reason(
        "peer.permanent",
        Side.PEER,
        _("{host} refuses the message"),
        _("The peer refused for good without a reason that we know; its own words say more. The sender is told."),
        (CONTACT_PEER,),
    ),
)
