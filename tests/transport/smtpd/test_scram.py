"""AUTH SCRAM-SHA-256 as a client does it: neither side sends the password, and each proves that it knows it."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterator

import pytest

from tenants.actions.actor import SYSTEM
from tenants.actions.app_passwords import revoke_app_password
from tenants.models import AcceptedDomain
from tests import factories
from tests.conftest import Contoso
from tests.transport.smtpd.conftest import PASSWORD, Client, Server
from transport.authentication.scram import make_verifier, parse_verifier
from transport.authentication.scram_exchange import BadScramMessage, ScramExchange, read_client_first
from transport.models import Message
from transport.smtpd.auth import MAX_CANDIDATES

pytestmark = pytest.mark.django_db(transaction=True)

ALICE = "alice@contoso.example"
NONCE = "rOprNGfwEbeRWgbNEkqO"


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with server.connect("submission") as connected:
        connected.start_tls()
        yield connected


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def challenge_in(reply: str) -> str:
    assert reply.startswith("334 "), reply
    return b64decode(reply[4:]).decode()


class Proof:
    """What the client computes from the server's challenge (RFC 5802 3)."""

    def __init__(self, password: str, bare: str, challenge: str, *, gs2: str = "n,,", nonce: str = "") -> None:
        fields = dict(part.split("=", 1) for part in challenge.split(","))
        assert fields["r"].startswith(NONCE)
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), b64decode(fields["s"]), int(fields["i"]))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        unproven = f"c={encoded(gs2)},r={nonce or fields['r']}"
        said = f"{bare},{challenge},{unproven}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), said, "sha256")
        proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))
        self.final = f"{unproven},p={b64encode(proof).decode()}"
        server_signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), said, "sha256")
        self.answer = f"v={b64encode(server_signature).decode()}"


def test_the_right_password_logs_in_and_the_server_proves_itself(client: Client) -> None:
    assert "AUTH PLAIN LOGIN SCRAM-SHA-256" in client.ehlo()
    bare = f"n={ALICE},r={NONCE}"
    proof = Proof(PASSWORD, bare, challenge_in(client.say("AUTH SCRAM-SHA-256 " + encoded(f"n,,{bare}"))))
    assert challenge_in(client.say(encoded(proof.final))) == proof.answer
    assert client.say("") == "235 2.7.0 Authentication successful"
    client.envelope(ALICE, "bob@contoso.example")
    assert client.data(b"From: alice@contoso.example\r\n\r\nHi\r\n").startswith("250")
    assert Message.objects.get().origin == "submission"


def test_the_first_message_may_wait_for_its_challenge_and_name_whom_it_logs_in(client: Client) -> None:
    assert client.say("AUTH scram-sha-256") == "334 "
    gs2, bare = f"y,a={ALICE},", f"n={ALICE},r={NONCE}"
    proof = Proof(PASSWORD, bare, challenge_in(client.say(encoded(gs2 + bare))), gs2=gs2)
    challenge_in(client.say(encoded(proof.final)))
    assert client.say("").startswith("235")


@pytest.mark.parametrize("name", [ALICE, "nobody@contoso.example", "no address"])
def test_a_wrong_password_and_an_unknown_name_look_alike(client: Client, name: str) -> None:
    salts = set()
    for _ in range(2):
        bare = f"n={name},r={NONCE}"
        challenge = challenge_in(client.say("AUTH SCRAM-SHA-256 " + encoded(f"n,,{bare}")))
        salts.add(challenge.split(",", 1)[1])
        assert client.say(encoded(Proof("wrong", bare, challenge).final)).startswith("535 5.7.8")
    assert len(salts) == 1, "a salt that changes says that nobody has the name"
    bare = f"n={name},r={NONCE}"
    challenge = challenge_in(client.say("AUTH SCRAM-SHA-256 " + encoded(f"n,,{bare}")))
    assert client.say(encoded(Proof("wrong", bare, challenge).final)).startswith("421 4.7.0")


@pytest.mark.parametrize(
    "first",
    [
        *("", "n,,", f"n={ALICE},r=x", f"n,,r=x,n={ALICE}", f"n,,n={ALICE}", f"n,,n={ALICE},r=a\0b", "n,,n=a=b,r=x"),
        *(f"p=tls-unique,,n={ALICE},r=x", f"n,,m=ext,n={ALICE},r=x", f"n,a=bob@contoso.example,n={ALICE},r=x"),
        "n,,n=" + "x" * 1100 + ",r=x",
    ],
)
def test_what_is_not_offered_or_malformed_is_refused(client: Client, first: str) -> None:
    assert client.say("AUTH SCRAM-SHA-256 " + (encoded(first) or "=")).startswith("501 5.5.2")
    assert client.say("NOOP").startswith("250")


def test_an_answer_to_another_challenge_proves_nothing(alice: Contoso) -> None:
    verifier = parse_verifier(alice.alice_mailbox.verifier)
    assert verifier is not None
    bare = f"n={ALICE},r={NONCE}"

    def exchange() -> ScramExchange:
        return ScramExchange(read_client_first(f"n,,{bare}"), verifier)

    first, second = exchange(), exchange()
    assert first.challenge != second.challenge
    proof = Proof(PASSWORD, bare, first.challenge)
    assert first.conclude(proof.final) == (0, proof.answer)
    assert second.conclude(proof.final) is None
    assert exchange().conclude(Proof(PASSWORD, bare, second.challenge, gs2="y,,").final) is None
    third = exchange()
    assert third.conclude(Proof(PASSWORD, bare, third.challenge, nonce=NONCE).final) is None
    with pytest.raises(BadScramMessage):
        third.conclude("nonsense")


def test_an_app_password_serves_scram_beside_the_mailboxs_own_and_by_itself(server: Server, alice: Contoso) -> None:
    made = {
        ALICE: [PASSWORD, *(factories.make_app_password(alice.alice_mailbox)[1].text for _ in range(2))],
        "bob@contoso.example": [factories.make_app_password(alice.bob_mailbox)[1].text for _ in range(2)],
    }
    for address, password in [(address, password) for address, passwords in made.items() for password in passwords]:
        assert log_in(server, address, password) == "235 2.7.0 Authentication successful"
    for address, password in ((ALICE, made["bob@contoso.example"][0]), ("bob@contoso.example", PASSWORD)):
        assert log_in(server, address, password).startswith("535")


def test_a_revoked_app_password_is_refused_by_scram_too(server: Server, alice: Contoso) -> None:
    row, made = factories.make_app_password(alice.alice_mailbox)
    revoke_app_password(actor=SYSTEM, app_password=row)
    assert log_in(server, ALICE, made.text).startswith("535")
    assert log_in(server, ALICE, PASSWORD).startswith("235")


def log_in(server: Server, address: str, password: str) -> str:
    with server.connect("submissions") as client:
        client.ehlo()
        bare = f"n={address},r={NONCE}"
        proof = Proof(password, bare, challenge_in(client.say("AUTH SCRAM-SHA-256 " + encoded(f"n,,{bare}"))))
        answer = client.say(encoded(proof.final))
        return client.say("") if answer.startswith("334") else answer


@pytest.mark.parametrize("way", ["SCRAM-SHA-256", "PLAIN"])
def test_who_claims_the_domain_and_has_not_proved_it_is_in_nobodys_way(
    server: Server, alice: Contoso, way: str
) -> None:
    alice.alice_mailbox.delete()
    for _ in range(MAX_CANDIDATES):  # all of them older than the mailbox of that name that is somebody's
        claim = factories.make_domain(factories.make_tenant(), "contoso.example", verified=False)
        factories.make_mailbox(claim, "alice", verifier=make_verifier("a claimant's password"))
    proved = AcceptedDomain.objects.get(tenant=alice.tenant, domain="contoso.example")
    factories.make_mailbox(proved, "alice", verifier=make_verifier(PASSWORD))
    with server.connect("submission") as client:
        client.start_tls()
        if way == "PLAIN":
            assert client.say("AUTH PLAIN " + encoded(f"\0{ALICE}\0{PASSWORD}")).startswith("235")
            return
        bare = f"n={ALICE},r={NONCE}"
        proof = Proof(PASSWORD, bare, challenge_in(client.say("AUTH SCRAM-SHA-256 " + encoded(f"n,,{bare}"))))
        assert challenge_in(client.say(encoded(proof.final))) == proof.answer
        assert client.say("").startswith("235")
