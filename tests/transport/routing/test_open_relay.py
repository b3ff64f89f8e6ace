"""Statement 2.7 of the reliability page: nothing talks us into relaying for a stranger."""

from __future__ import annotations

import pytest

from tests.transport.routing.scene import STRANGER, envelope, machine, user, verdict, world
from transport.routing.envelope import Client

TRICKS = [
    "victim@outside.example",
    "victim%outside.example@contoso.com",
    "outside.example!victim@contoso.com",
    '"victim@outside.example"@contoso.com',
    '"victim@outside.example"',
    "@contoso.com:victim@outside.example",
    "@contoso.com,@fabrikam.com:victim@outside.example",
    "victim@outside.example@contoso.com",
    "victim@contoso.com@outside.example",
    "victim@[127.0.0.1]",
    "victim@[198.51.100.9]",
    "victim@[IPv6:::1]",
    "victim@[IPv6:2001:db8::9]",
    "victim@#2130706433",
    "victim@2130706433",
    "victim@127.0.0.1",
    "victim@contoso.com.outside.example",
    "victim@notcontoso.com",
    "victim@сontoso.com",
    "victim@contoso。com",
    "victim@ｃontoso.com",
    "victim@mail.contoso.com",
    "victim@outside.example(contoso.com)",
    "victim@outside.example (contoso.com)",
    "victim@outside.example\t@contoso.com",
    "victim@outside.example\x00@contoso.com",
    "victim@outside.example>,<ann@contoso.com",
    "<victim@outside.example><ann@contoso.com>",
    "<ann@contoso.com>victim@outside.example",
    "ann@contoso.com,victim@outside.example",
    "ann@contoso.com victim@outside.example",
    "victim@",
    "@outside.example",
    "victim",
    "victim@contoso.com.",
    "victim%outside.example@relay.contoso.net",
    "outside.example!victim@relay.contoso.net",
    '"victim@outside.example"@away.contoso.net',
    "victim%outside.example@away.contoso.net",
]
REFUSED = {"relay.denied", "recipient.unknown", "recipient.bad_address"}


@pytest.mark.parametrize("sender", ["x@y.example", "", "ann@contoso.com", "postmaster@mx.postroom.example"])
@pytest.mark.parametrize("trick", TRICKS)
def test_a_stranger_gets_no_relay(trick: str, sender: str) -> None:
    assert verdict(world().route(envelope(sender, trick))) in REFUSED


@pytest.mark.parametrize("trick", TRICKS)
def test_a_listed_machine_with_a_foreign_sender_gets_no_relay(trick: str) -> None:
    assert verdict(world().route(envelope("x@y.example", trick, client=machine()))) in REFUSED


@pytest.mark.parametrize("client", [user(), machine()], ids=["user", "machine"])
@pytest.mark.parametrize("trick", TRICKS)
def test_those_who_may_relay_do_not_get_past_their_own_domains_by_tricks(trick: str, client: Client) -> None:
    """A recipient in an accepted domain is looked up as written; only real outside domains go out."""
    fate = verdict(world().route(envelope("ann@contoso.com", trick, client=client)))

    if trick.endswith("@contoso.com"):
        assert fate in REFUSED


@pytest.mark.parametrize("client", [user(), machine()], ids=["user", "machine"])
@pytest.mark.parametrize("sender", ["bob@fabrikam.com", "x@y.example", "ann@contoso.com@y.example"])
def test_those_who_may_relay_may_not_with_foreign_senders(client: Client, sender: str) -> None:
    assert verdict(world().route(envelope(sender, "victim@outside.example", client=client))) in {
        "sender.not_yours",
        "sender.bad_address",
        "relay.denied",
    }


@pytest.mark.parametrize("sender", ["x@y.example", "", "x@[192.0.2.7]"])
@pytest.mark.parametrize(
    "recipient", ["ann@contoso.com", "ann@CONTOSO.COM", "postmaster@contoso.com", "ann@cONtoso.com"]
)
def test_honest_mail_still_gets_in(sender: str, recipient: str) -> None:
    assert verdict(world().route(envelope(sender, recipient, client=STRANGER))) == "Mailboxes"
