"""Reasons from talking to a next hop: what a peer's refusal or silence most likely means, and who mends it."""

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

CONNECTIONS: Final = (
    Reason(
        "peer.connect_refused",
        Side.PEER,
        _("{host} refuses the connection"),
        _(
            "Nothing listens on {endpoint}, or a firewall rejects us. We try again by ourselves. If it concerns every "
            "peer, outgoing port 25 is closed at your provider; a smart host is the way round."
        ),
        (RETRY_QUEUE, EDIT_CONNECTOR),
    ),
    Reason(
        "peer.connect_timeout",
        Side.NETWORK,
        _("{host} does not answer"),
        _(
            "No connection to {endpoint} in time: the server is down, or a firewall drops the packets. We try again. "
            "If it concerns every peer, outgoing port 25 is probably blocked at your provider."
        ),
        (RETRY_QUEUE, EDIT_CONNECTOR),
    ),
    Reason(
        "peer.unreachable",
        Side.NETWORK,
        _("There is no network route to {host}"),
        _(
            "The network says that {endpoint} cannot be reached, often an IPv6 address where this machine has no IPv6. "
            "We try the other addresses and then again later."
        ),
        (RETRY_QUEUE,),
    ),
    Reason(
        "peer.dropped",
        Side.PEER,
        _("{host} broke off the connection"),
        _(
            "The connection ended in the middle of the {phase} phase. A restart of the peer, its limits or a device on "
            "the way does that. We try again by ourselves."
        ),
        (RETRY_QUEUE,),
    ),
    Reason(
        "peer.timeout",
        Side.PEER,
        _("{host} fell silent"),
        _("The peer did not reply in the {phase} phase in the time that RFC 5321 allows. We try again by ourselves."),
        (RETRY_QUEUE,),
    ),
    Reason(
        "peer.protocol",
        Side.PEER,
        _("{host} does not speak proper SMTP"),
        _(
            "The peer's answer in the {phase} phase was none that RFC 5321 knows; perhaps {endpoint} is no mail server "
            "at all. Check the smart host's name and port, or tell the peer's postmaster."
        ),
        (EDIT_CONNECTOR, CONTACT_PEER),
    ),
    Reason(
        "peer.forbidden_address",
        Side.TENANT,
        _("{host} has an address that we do not connect to"),
        _(
            "{endpoint} is a loopback, private or reserved address; connecting there could reach into the platform "
            "itself. Name a public server, or have the operator allow that network."
        ),
        (EDIT_CONNECTOR,),
    ),
    Reason(
        "peer.greeting",
        Side.PEER,
        _("{host} does not want our connection"),
        _(
            "The peer refused before we said a word, so it goes by our address: a block list, a missing PTR record, or "
            "too many connections. Its words say which."
        ),
        (EDIT_DNS, CONTACT_PEER),
    ),
    Reason(
        "peer.busy",
        Side.PEER,
        _("{host} is busy"),
        _("The peer asks us to come back later: it is short of resources or going down. We do so by ourselves."),
        (RETRY_QUEUE,),
    ),
    Reason(
        "peer.rate_limited",
        Side.PEER,
        _("{host} takes no more from us for now"),
        _(
            "We sent more messages or opened more connections than the peer allows. We slow down and try again. If it "
            "happens often, spread large mailings over time."
        ),
        (RETRY_QUEUE,),
    ),
    Reason(
        "peer.tls",
        Side.PEER,
        _("Encryption with {host} failed"),
        _(
            "TLS could not be set up: an expired certificate, a wrong name in it, or no version in common. The "
            "connector insists on TLS, so the mail waits. The peer has to mend it, or the connector must ask for less."
        ),
        (EDIT_CONNECTOR, CONTACT_PEER),
    ),
    Reason(
        "peer.tls_required",
        Side.TENANT,
        _("{host} takes mail only over TLS"),
        _("The peer demands encryption, and the connector is set never to use it. Allow TLS on the connector."),
        (EDIT_CONNECTOR,),
    ),
    Reason(
        "peer.tls_unavailable",
        Side.PEER,
        _("{host} offers no encryption"),
        _(
            "The connector demands TLS and the peer does not offer STARTTLS, so the mail waits. The peer has to enable "
            "it, or the connector must ask for less."
        ),
        (EDIT_CONNECTOR, CONTACT_PEER),
    ),
    Reason(
        "peer.auth",
        Side.TENANT,
        _("{host} does not accept our log-in"),
        _(
            "The smart host refused the connector's user name or password, or wants one and the connector has none. "
            "Correct them on the connector; the queue then leaves at the next try."
        ),
        (EDIT_CONNECTOR, RETRY_QUEUE),
    ),
)

REFUSALS: Final = (
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
        "peer.ptr",
        Side.TENANT,
        _("{host} finds no name for our address"),
        _(
            "The peer wants a PTR record for the address we send from. The provider of the address sets it; it should "
            "be the connector's FQDN. A smart host is the way round."
        ),
        (EDIT_DNS, EDIT_CONNECTOR),
    ),
    Reason(
        "peer.blocklisted",
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
        "peer.authentication",
        Side.TENANT,
        _("{host} does not believe that the mail is from {sender}"),
        _(
            "SPF, DKIM or DMARC failed at the peer. The SPF record must allow the address we send from, and the DKIM "
            "key must be published. The check of the domain's DNS shows which record is wrong."
        ),
        (EDIT_DNS,),
    ),
    Reason(
        "peer.recipient_unknown",
        Side.SENDER,
        _("{host} knows no {recipient}"),
        _("The peer says that the address does not exist there. The sender is told and should check its spelling."),
    ),
    Reason(
        "peer.recipient_disabled",
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
            "no fault: the next try goes through by itself."
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
        "peer.smtputf8",
        Side.PEER,
        _("{host} does not know international addresses"),
        _("The peer does not offer SMTPUTF8. Use addresses in ASCII for this recipient."),
    ),
    Reason(
        "peer.eight_bit",
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

REASONS: Final = CONNECTIONS + REFUSALS
