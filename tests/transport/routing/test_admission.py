"""Verdicts at MAIL and RCPT: the replies, and that they never disagree with the route taken after DATA."""

from __future__ import annotations

import random

import pytest

from tests.transport.routing.scene import STRANGER, decided, envelope, from_ann, user, world
from tests.transport.routing.test_rounds import random_envelope, random_world
from transport.routing.admission import admit_recipient, admit_sender
from transport.routing.envelope import Envelope
from transport.routing.snapshot import Need, Snapshot


@pytest.mark.parametrize(
    ("recipient", "reply"),
    [
        ("ann@contoso.com", "250 2.1.5 Recipient OK"),
        ("nobody@contoso.com", "550 5.1.1 User unknown"),
        ("full@contoso.com", "452 4.2.2 Mailbox full"),
        ("carol@gmail.example", "550 5.7.1 Unable to relay"),
        ("unknown@relay.fabrikam.net", "250 2.1.5 Recipient OK"),
    ],
)
def test_each_recipient_gets_its_own_reply(recipient: str, reply: str) -> None:
    snapshot = world().warm(envelope("x@y.example", recipient))
    admission = decided(admit_recipient(STRANGER, "x@y.example", recipient, snapshot))

    assert str(admission.reply) == reply
    assert admission.accepted is (admission.reply.code == 250)
    assert admission.recipient is not None


@pytest.mark.parametrize(
    ("sender", "reply"),
    [
        ("ann@contoso.com", "250 2.1.0 Sender OK"),
        ("", "250 2.1.0 Sender OK"),
        ("bob@fabrikam.com", "550 5.7.60 Client does not have permissions to send as bob@fabrikam.com"),
        ("b@d@e", "501 5.1.7 Invalid sender address"),
    ],
)
def test_the_sender_gets_its_reply_at_mail(sender: str, reply: str) -> None:
    snapshot = world().warm(Envelope(sender, (), 0, user()))

    assert str(decided(admit_sender(user(), sender, snapshot)).reply) == reply


def test_a_declared_size_that_no_connector_takes_is_refused_at_rcpt() -> None:
    snapshot = world().warm(from_ann("ann@contoso.com"))

    assert isinstance(admit_sender(user(), "ann@contoso.com", Snapshot("h")), Need)
    assert decided(admit_recipient(user(), "ann@contoso.com", "ann@contoso.com", snapshot, size=10**9)).accepted


def test_authors_are_judged_with_the_sender() -> None:
    snapshot = world().warm(Envelope("ann@contoso.com", (), 0, user(), ("bob@fabrikam.com",)))
    admission = decided(admit_sender(user(), "ann@contoso.com", snapshot, authors=("bob@fabrikam.com",)))

    assert admission.refusal is not None
    assert admission.refusal.reason_code == "sender.author_not_yours"


@pytest.mark.parametrize("seed", range(150))
def test_admission_never_disagrees_with_the_route(seed: int) -> None:
    dice = random.Random(seed)
    there, one = random_world(dice), random_envelope(dice)
    one = Envelope(one.sender, tuple(dict.fromkeys(one.recipients)), one.size, one.client)
    routing, snapshot = there.route(one), there.warm(one)
    refused = {r.original: r.refusal for r in routing.refused}

    sender = decided(admit_sender(one.client, one.sender, snapshot))
    assert sender.refusal == routing.sender_refusal
    for recipient in one.recipients:
        admission = decided(admit_recipient(one.client, one.sender, recipient, snapshot, size=one.size))
        assert admission.refusal == refused.get(recipient)
