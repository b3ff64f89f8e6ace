"""No trick makes us carry a stranger's mail to strangers; tenants' people and machines carry only their own (2.7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from django.utils import timezone

from tenants.models import AcceptedDomain
from tests import factories
from tests.conftest import Contoso
from tests.transport.smtpd.conftest import CONTENT, Client, Server
from transport.models import Delivery

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# Each would lead outside if somebody read it in another way than we do.
TRICKS = [
    "<z@elsewhere.example>",
    "z@elsewhere.example",
    "<z%elsewhere.example@contoso.example>",
    "<elsewhere.example!z@contoso.example>",
    "<elsewhere.example!z%a.example@contoso.example>",
    "<@contoso.example:z@elsewhere.example>",
    "<@contoso.example,@a.example:z@elsewhere.example>",
    '<"z@elsewhere.example">',
    '<"z@elsewhere.example"@contoso.example>',
    '<"z\\@elsewhere.example"@contoso.example>',
    '<"z%elsewhere.example"@contoso.example>',
    "<z@elsewhere.example@contoso.example>",
    "<z@contoso.example@elsewhere.example>",
    "<z@[127.0.0.1]>",
    "<bob@[127.0.0.1]>",
    "<z@[203.0.113.9]>",
    "<z@[IPv6:2001:db8::9]>",
    "<z@[IPv6:::1]>",
    "<z@#2130706433>",
    "<z@2130706433>",
    "<z@127.0.0.1>",
    "<z@localhost>",
    "<z>",
    "<z@>",
    "<@>",
    "<z@cont\u043eso.example>",
    "<z@xn--contso-7bg.example>",
    "<z@sub.contoso.example>",
    "<z@contoso.example.elsewhere.example>",
    "<z@elsewhere.example.>",
    "<z@elsewhere.example.contoso.example>",
    "<z@(contoso.example)elsewhere.example>",
    "<z(contoso.example)@elsewhere.example>",
    "<z@elsewhere.example(@contoso.example)>",
    "<z@elsewhere.example\t@contoso.example>",
    "<z@elsewhere.example @contoso.example>",
    "<z@elsewhere.example\0@contoso.example>",
    "<z@elsewhere.example>@contoso.example",
    "<bob@contoso.example>,<z@elsewhere.example>",
    "<bob@contoso.example><z@elsewhere.example>",
    "<bob@contoso.example,z@elsewhere.example>",
    "<bob@contoso.example;z@elsewhere.example>",
    "bob@contoso.example,z@elsewhere.example",
    "<bob@contoso.example> <z@elsewhere.example>",
    "<<z@elsewhere.example>>",
    "<z@elsewhere.example\\@contoso.example>",
    "<\\z@elsewhere.example>",
    "< z@elsewhere.example>",
    "<z@elsewhere.example >",
    "<Undisclosed:z@elsewhere.example;>",
    "<postmaster@elsewhere.example>",
    "<z+bob=contoso.example@elsewhere.example>",
]
SENDERS = ["", "x@elsewhere.example", "alice@contoso.example", "root@mail.contoso.example", "x@localhost"]


@pytest.fixture
def connect(server: Server) -> Callable[..., Client]:
    def connected(source: str = "127.0.0.2") -> Client:
        client = Client(server.ports["smtp"], source=source)
        client.ehlo()
        return client

    return connected


def assert_refused(connect: Callable[[], Client], sender: str, tricks: Iterable[str] = TRICKS) -> None:
    tricks = [*tricks]
    while tricks:
        # A connection takes so many errors and no more.
        now, tricks = tricks[:5], tricks[5:]
        with connect() as client:
            assert client.say(f"MAIL FROM:<{sender}>").startswith("250"), sender
            for trick in now:
                assert client.say(f"RCPT TO:{trick}")[:2] in ("50", "55"), trick
            assert client.say("DATA").startswith("503")


@pytest.mark.parametrize("sender", SENDERS)
def test_a_stranger_gets_nothing_carried_outside(connect: Callable[..., Client], sender: str) -> None:
    assert_refused(connect, sender, TRICKS if not sender else TRICKS[::4])


def test_nor_by_saying_who_it_is_or_how_to_treat_it(server: Server, connect: Callable[..., Client]) -> None:
    for name in ("mail.contoso.example", "contoso.example", "localhost", "[127.0.0.1]"):
        with connect() as client:
            client.say(f"EHLO {name}")
            client.say("MAIL FROM:<alice@contoso.example>")
            assert client.say("RCPT TO:<z@elsewhere.example>") == "550 5.7.1 Unable to relay"
    with connect() as client:
        said = client.say("XCLIENT ADDR=127.0.0.1 LOGIN=alice@contoso.example")
        assert said == "550 5.7.0 XCLIENT is for listed hosts only"
        client.say("MAIL FROM:<alice@contoso.example>")
        assert client.say("RCPT TO:<z@elsewhere.example>") == "550 5.7.1 Unable to relay"
    for command in (
        *("XFORWARD ADDR=127.0.0.1", "ETRN elsewhere.example"),
        *("TURN", "ATRN", "SEND FROM:<x@elsewhere.example>", "SOML FROM:<x@y.example>", "SAML FROM:<x@y.example>"),
        "PROXY TCP4 127.0.0.1 127.0.0.1 1 25",
    ):
        with connect() as client:
            assert client.say(command).startswith("500 5.5.1"), command
    for parameter in ("AUTH=alice@contoso.example", "AUTH=<>", "SIZE=1"):
        with connect() as client:
            client.say(f"MAIL FROM:<alice@contoso.example> {parameter}")
            assert client.say("RCPT TO:<z@elsewhere.example>").startswith("550 5.7.1"), parameter
    with Client(server.ports["submission"]) as client:
        client.start_tls()
        assert client.log_in("alice@contoso.example", "wrong").startswith("535")
        assert client.say("MAIL FROM:<alice@contoso.example>").startswith("530")
        assert client.say("RCPT TO:<z@elsewhere.example>").startswith("503")


def test_what_ought_to_come_in_does(connect: Callable[..., Client]) -> None:
    with connect() as client:
        for recipient in ("bob@contoso.example", "BOB@CONTOSO.EXAMPLE", "postmaster", "postmaster@contoso.example"):
            assert client.say("MAIL FROM:<>").startswith("250")
            assert client.say(f"RCPT TO:<{recipient}>").startswith("250"), recipient
            client.say("RSET")
        client.say("MAIL FROM:<x@elsewhere.example>")
        assert client.say("RCPT TO:<bob@contoso.example> ORCPT=rfc822;z@elsewhere.example").startswith("250")
        assert client.data(CONTENT).startswith("250")
    assert Delivery.objects.get().recipient == "bob@contoso.example"


OWN = [trick for trick in TRICKS if "@contoso.example" in trick or "," in trick or "\0" in trick or "<<" in trick]


def test_a_user_sends_anywhere_but_only_as_oneself(server: Server) -> None:
    """The first re-run: relaying is allowed, tricks with our own domain and other people's names are not."""

    def connect() -> Client:
        client = Client(server.ports["submission"])
        client.start_tls()
        client.log_in("alice@contoso.example")
        return client

    with connect() as client:
        client.say("MAIL FROM:<alice@contoso.example>")
        assert client.say("RCPT TO:<z@elsewhere.example>").startswith("250")
    for sender in ("bob@contoso.example", "x@elsewhere.example", '"alice@contoso.example"@elsewhere.example'):
        with connect() as client:
            assert client.say(f"MAIL FROM:<{sender}>").startswith("550 5.7.60"), sender
            assert client.say("RCPT TO:<z@elsewhere.example>").startswith("503")
    assert_refused(connect, "alice@contoso.example", [trick for trick in OWN if "elsewhere.example>" not in trick])


def test_a_machine_relays_for_its_tenant_only(alice: Contoso, server: Server, connect: Callable[..., Client]) -> None:
    """The second re-run: from an approved address, under every name but the tenant's own."""
    factories.make_receive_connector(
        alice.tenant, name="Printers", remote_ranges=["127.0.0.3/32"], approved_at=timezone.now()
    )
    server.reload()
    with connect("127.0.0.3") as client:
        client.say("MAIL FROM:<scanner@contoso.example>")
        assert client.say("RCPT TO:<z@elsewhere.example>").startswith("250")
    for sender in ("", "x@elsewhere.example", "x@sub.contoso.example", '"x@contoso.example"@elsewhere.example'):
        assert_refused(lambda: connect("127.0.0.3"), sender, TRICKS[::3])
    assert_refused(lambda: connect("127.0.0.4"), "scanner@contoso.example", TRICKS[::3])


def test_an_internal_relay_domain_takes_its_own_names_and_no_detours(
    alice: Contoso, server: Server, connect: Callable[..., Client]
) -> None:
    """The third re-run: who we do not know there goes on to their server, which may read % and ! in the old way."""
    factories.make_domain(alice.tenant, "inside.example", type=AcceptedDomain.Type.INTERNAL_RELAY)
    factories.make_send_connector(alice.tenant, "inside.example", smart_hosts=[("192.0.2.5", 25)])
    server.reload()
    with connect() as client:
        client.say("MAIL FROM:<x@elsewhere.example>")
        assert client.say("RCPT TO:<anybody@inside.example>").startswith("250")
    assert_refused(connect, "", [trick.replace("@contoso.example", "@inside.example") for trick in TRICKS])
