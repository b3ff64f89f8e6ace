"""AUTH OAUTHBEARER (RFC 7628) and XOAUTH2: a token of the operator's identity provider instead of a password."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from pytest_django.fixtures import Settings

from tenants.models import Mailbox, User
from tests import factories
from tests.conftest import Contoso
from tests.postroom.sign_in.identity_provider import CLIENT_ID, IdentityProvider, running
from tests.transport.smtpd.conftest import Client, Server
from transport.authentication.discovery import DiscoveryFailed, discover
from transport.models import Message, ProtocolTranscript, ReceiveConnector

pytestmark = pytest.mark.django_db(transaction=True)

ALICE = "alice@contoso.example"


@pytest.fixture
def provider(settings: Settings) -> Iterator[IdentityProvider]:
    with running() as server:
        settings.POSTROOM_OIDC_ISSUER = server.issuer
        settings.POSTROOM_OIDC_AUDIENCES = [CLIENT_ID, "mail"]
        yield server


@pytest.fixture
def with_provider(contoso: Contoso, provider: IdentityProvider, make_server: Callable[..., Server]) -> Server:
    """A daemon where Alice, the user, has the mailbox of that name."""
    Mailbox.objects.filter(pk=contoso.alice_mailbox.pk).update(user=contoso.alice)
    return make_server()


@pytest.fixture
def client(with_provider: Server) -> Iterator[Client]:
    with with_provider.connect("submissions") as connected:
        connected.ehlo()
        yield connected


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def oauthbearer(token: str, user: str = ALICE) -> str:
    return "AUTH OAUTHBEARER " + encoded(f"n,{f'a={user}' if user else ''},\x01auth=Bearer {token}\x01\x01")


def xoauth2(token: str, user: str = ALICE) -> str:
    return "AUTH XOAUTH2 " + encoded(f"user={user}\x01auth=Bearer {token}\x01\x01")


def test_a_token_logs_in_and_its_user_sends(client: Client, provider: IdentityProvider) -> None:
    assert "AUTH PLAIN LOGIN SCRAM-SHA-256 OAUTHBEARER XOAUTH2" in client.ehlo()
    # As long as real ones are: longer than other commands may be.
    assert client.say(oauthbearer(provider.token(groups=["x" * 40] * 60))) == "235 2.7.0 Authentication successful"
    client.envelope(ALICE, "bob@contoso.example")
    assert client.data(b"From: alice@contoso.example\r\n\r\nHi\r\n").startswith("250")
    assert Message.objects.get().origin == "submission"


@pytest.mark.parametrize("user", [ALICE, "Alice@Contoso.example", ""])
def test_mail_programs_of_google_and_microsofts_kind_are_understood(
    client: Client, provider: IdentityProvider, user: str
) -> None:
    assert client.say("AUTH XOAUTH2") == "334 "
    assert client.say(xoauth2(provider.token(aud=["other", "mail"]), user).split()[2]).startswith("235")


def bad_tokens(provider: IdentityProvider) -> Iterator[tuple[str, str]]:
    public = {"iss": provider.issuer, "aud": CLIENT_ID, "exp": 4_000_000_000, "email": ALICE, "email_verified": True}
    yield "expired", provider.token(exp=1_000_000_000)
    yield "no end", provider.token(exp=None)
    yield "not yet", provider.token(nbf=3_900_000_000)
    yield "another's", provider.token(iss="https://elsewhere.example")
    yield "for others", provider.token(aud="others")
    yield "for nobody", provider.token(aud=None)
    yield "address not verified", provider.token(email_verified=False)
    yield "no address", provider.token(email=None)
    yield "another person", provider.token(email="bob@contoso.example")
    yield "unsigned", jwt.encode(public, "", "none")
    yield "by a shared secret", jwt.encode(public, "secret" * 6, "HS256", headers={"kid": "shared"})
    yield "by a stranger", provider.token()[:-8] + "AAAAAAAA"
    yield "no token", "x.y.z"


def test_whatever_is_wrong_with_a_token_it_opens_nothing_and_the_client_hears_why(
    client: Client, provider: IdentityProvider, with_provider: Server, connectors: dict[str, ReceiveConnector]
) -> None:
    ReceiveConnector.objects.update(max_logon_failures=0)
    with_provider.reload()
    for what, token in bad_tokens(provider):
        with_provider.daemon.service.authenticator.throttle._failures.clear()
        with with_provider.connect("submissions") as guesser:
            guesser.ehlo()
            reply = guesser.say(oauthbearer(token))
            assert reply.startswith("334 "), what
            told = json.loads(b64decode(reply[4:]))
            assert told["status"] == "invalid_token"
            assert told["openid-configuration"] == f"{provider.issuer}/.well-known/openid-configuration"
            assert guesser.say("AQ==").startswith("535 5.7.8"), what
            assert guesser.say("MAIL FROM:<alice@contoso.example>").startswith("530"), what


def test_somebody_elses_mailbox_or_one_without_a_person_is_not_opened(
    client: Client, contoso: Contoso, provider: IdentityProvider
) -> None:
    assert json.loads(b64decode(client.say(xoauth2(provider.token(), "bob@contoso.example"))[4:]))["status"] == "401"
    assert client.say("").startswith("535")


def test_a_locked_person_stays_out(client: Client, contoso: Contoso, provider: IdentityProvider) -> None:
    User.objects.filter(pk=contoso.alice.pk).update(is_active=False)
    client.say(xoauth2(provider.token()))
    assert client.say("*").startswith("535")  # giving up counts as a failure, too


def test_a_claim_of_the_same_domain_does_not_come_before_the_verified_one(
    client: Client, contoso: Contoso, provider: IdentityProvider
) -> None:
    other = factories.make_tenant("fabrikam")
    mailbox = factories.make_mailbox(factories.make_domain(other, "contoso.example", verified=False), "alice")
    Mailbox.objects.filter(pk=mailbox.pk).update(user=contoso.alice)
    client.say(xoauth2(provider.token()))
    client.envelope(ALICE, "bob@contoso.example")
    client.data(b"From: alice@contoso.example\r\n\r\nHi\r\n")
    assert Message.objects.get().tenant_id == contoso.tenant.pk


@pytest.mark.parametrize(
    "message",
    ["", "n,a=x", "p=tls-unique,,\x01auth=Bearer x\x01\x01", "n,,\x01auth=Basic x\x01\x01", "n,,\x01auth=Bearer x\x01"],
)
def test_what_is_not_of_the_form_is_told_so(client: Client, message: str) -> None:
    assert client.say("AUTH OAUTHBEARER " + (encoded(message) or "=")).startswith("501 5.5.2")
    assert client.say("AUTH XOAUTH2 " + encoded("user=x")).startswith("501 5.5.2")


def test_wrong_tokens_are_counted_like_wrong_passwords(client: Client, provider: IdentityProvider) -> None:
    for _ in range(2):
        client.say(xoauth2("x.y.z"))
        assert client.say("").startswith("535")
    client.say(xoauth2("x.y.z"))
    assert client.say("").startswith("421 4.7.0")


def test_only_over_tls_and_only_where_there_is_a_provider(with_provider: Server, provider: IdentityProvider) -> None:
    with with_provider.connect("submission") as clear:
        assert "AUTH" not in clear.ehlo()
        assert clear.say("AUTH XOAUTH2 " + "x" * 1_000).startswith("538")
    with_provider.daemon.service.authenticator.identity = None
    with with_provider.connect("submissions") as client:
        assert "BEARER" not in client.ehlo()
        assert client.say(oauthbearer(provider.token())).startswith("504")


def test_a_new_key_of_the_provider_is_asked_for_and_made_up_ones_only_from_time_to_time(
    client: Client, with_provider: Server, provider: IdentityProvider
) -> None:
    assert client.say(oauthbearer(provider.token())).startswith("235")
    known = with_provider.daemon.service.authenticator.identity
    assert known is not None
    known._may_ask_at = 0.0  # as if the keys had been read a while ago
    provider.change_key("two")
    with with_provider.connect("submissions") as later:
        later.ehlo()
        assert later.say(oauthbearer(provider.token())).startswith("235")
    asked = len(provider.asked)
    provider.change_key("three")
    with with_provider.connect("submissions") as guesser:
        guesser.ehlo()
        assert guesser.say(oauthbearer(provider.token())).startswith("334")
    assert len(provider.asked) == asked


def test_without_the_providers_keys_the_client_may_come_again(
    client: Client, with_provider: Server, provider: IdentityProvider
) -> None:
    known = with_provider.daemon.service.authenticator.identity
    assert known is not None
    known._provider = None
    assert client.say(oauthbearer(provider.token())).startswith("454 4.7.0")


def test_the_protocol_log_shows_no_token(contoso: Contoso, with_provider: Server, provider: IdentityProvider) -> None:
    ReceiveConnector.objects.update(protocol_logging_level="verbose")
    with_provider.reload()
    token = provider.token()
    with with_provider.connect("submissions") as client:
        client.ehlo()
        client.say(oauthbearer(token, "bob@contoso.example"))
        client.say("AQ==")
    with_provider.wait_until(lambda: ProtocolTranscript.objects.exists())
    told = str([row.lines for row in ProtocolTranscript.objects.all()])
    assert "AUTH OAUTHBEARER ****" in told
    assert encoded(token)[:40] not in told


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"issuer": "https://elsewhere.example"}, "another name"),
        ({"jwks_uri": None}, "no keys"),
        ({"jwks_uri": "http://192.0.2.1/keys"}, "unprotected"),
        ({"jwks_uri": "https://127.0.0.1:1/keys"}, "private address"),
        ({"jwks_uri": "file:///etc/passwd"}, "no sense"),
        ({"jwks_uri": "https://user@elsewhere.example/"}, "no sense"),
    ],
)
def test_a_provider_leads_us_nowhere_else(provider: IdentityProvider, changes: dict[str, Any], why: str) -> None:
    provider.configuration_changes = changes
    with pytest.raises(DiscoveryFailed, match=why):
        discover(provider.issuer)
