"""Reasons from reaching a next hop: connecting, encryption, log-in, and what the protocol itself breaks on."""

from __future__ import annotations

from typing import Final

from transport.routing.reasons.reason import CONTACT_PEER, EDIT_CONNECTOR, EDIT_DNS, RETRY_QUEUE, Reason, Side
from transport.routing.wording import gettext_noop as _

REASONS: Final = (
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
        "peer.chunking",
        Side.PEER,
        _("{host} does not know BDAT, which it offers"),
        _(
            "The peer announces CHUNKING and did not understand it, often because of a device in front of it that "
            "filters commands. The message goes again at once, with DATA; nobody has to do anything."
        ),
        (RETRY_QUEUE, CONTACT_PEER),
    ),
    Reason(
        "hop.forbidden_address",
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
        "peer.certificate",
        Side.PEER,
        _("The certificate of {host} is not acceptable"),
        _(
            "The connector demands a valid certificate, and the peer's is expired, self-signed, of an unknown "
            "issuer or for another name; the words say which. The peer has to mend it, or the connector ask for less."
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
    Reason(
        "hop.loops_to_us",
        Side.TENANT,
        _("{host} is this server"),
        _(
            "The next hop turned out to be ourselves, so the mail would go round in a circle. Name the server that "
            "really takes it on the connector, or accept the domain here."
        ),
        (EDIT_CONNECTOR,),
    ),
    Reason(
        "hop.no_endpoint",
        Side.TENANT,
        _("The next hop has no usable address"),
        _("None of the next hop's names leads to an address that can be connected to. Check the smart host's name."),
        (EDIT_CONNECTOR, RETRY_QUEUE),
    ),
    Reason(
        "hop.source_unavailable",
        Side.OURS,
        _("The connector's source address is not on this machine"),
        _("The connector asks us to send from an address that this machine does not have. Correct or clear it."),
        (EDIT_CONNECTOR,),
    ),
)
