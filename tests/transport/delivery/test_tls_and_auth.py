"""STARTTLS in its three modes (RFC 3207), injected clear text, certificates, AUTH and its secrets (RFC 4954)."""

from __future__ import annotations

import ssl
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from tests.transport.delivery.certificates import server_context
from tests.transport.delivery.stub import RESET, SILENCE, Raw, Script, StubSmtp
from transport.delivery.client import SmtpConnection
from transport.delivery.failure import HopFailure
from transport.delivery.hop import open_connection
from transport.delivery.options import Credentials, HopOptions, TlsMode, TlsPolicy, TlsVerify
from transport.delivery.outcome import Outcome, OutgoingMessage, Phase
from transport.delivery.tls import context_for

OFFERED = ("PIPELINING", "STARTTLS", "AUTH PLAIN LOGIN")
REQUIRED = TlsPolicy(TlsMode.REQUIRED)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    return server_context(Path(tmp_path_factory.mktemp("tls")))


@pytest.fixture
def stub(certificate: tuple[ssl.SSLContext, str]) -> StubSmtp:
    return StubSmtp(extensions=OFFERED, tls=certificate[0])


async def deliver(stub: StubSmtp, options: HopOptions, message: OutgoingMessage) -> SmtpConnection:
    async with stub, await open_connection([stub.endpoint], options) as connection:
        await connection.send(message)
    return connection


@pytest.mark.parametrize("mode", [TlsMode.OPPORTUNISTIC, TlsMode.REQUIRED])
async def test_tls_is_used_where_it_is_offered(
    stub: StubSmtp, options: HopOptions, message: OutgoingMessage, mode: TlsMode
) -> None:
    connection = await deliver(stub, replace(options, tls=TlsPolicy(mode)), message)
    assert stub.messages[0].tls
    assert connection.tls is not None
    assert (connection.tls.version, connection.tls.verified) == ("TLSv1.3", False)
    assert [command[:4] for command in stub.commands[:3]] == ["EHLO", "STAR", "EHLO"]


async def test_many_messages_go_through_one_tls_session(
    stub: StubSmtp, options: HopOptions, message: OutgoingMessage
) -> None:
    async with stub, await open_connection([stub.endpoint], options) as connection:
        outcomes = [outcome.status async for _, [outcome] in connection.send_all([message] * 20)]
    assert outcomes == [Outcome.DELIVERED] * 20
    assert [received.tls for received in stub.messages] == [True] * 20


async def test_tls_is_not_used_where_it_is_switched_off(
    stub: StubSmtp, options: HopOptions, message: OutgoingMessage
) -> None:
    await deliver(stub, replace(options, tls=TlsPolicy(TlsMode.NONE)), message)
    assert not stub.messages[0].tls


async def test_required_tls_that_is_not_offered_is_transient(options: HopOptions) -> None:
    async with StubSmtp() as stub:
        with pytest.raises(HopFailure) as failure:
            await open_connection([stub.endpoint], replace(options, tls=REQUIRED))
    assert (failure.value.phase, failure.value.reason_code) == (Phase.STARTTLS, "peer.tls_unavailable")
    assert not failure.value.permanent


FAULTS: list[dict[str, Script]] = [
    {"tls": Raw(b"no handshake at all\r\n")},
    {"tls": RESET},
    {"tls": SILENCE},
    {"starttls": RESET},
    {"starttls": "454 4.7.0 Not now"},
]


@pytest.mark.parametrize("script", FAULTS, ids=["nonsense", "reset", "silence", "reset at command", "454"])
async def test_a_failed_handshake_falls_back_to_clear_text_only_where_tls_is_optional(
    stub: StubSmtp, options: HopOptions, message: OutgoingMessage, script: dict[str, Script]
) -> None:
    stub.script = script
    connection = await deliver(stub, options, message)
    assert connection.tls is None
    assert len(stub.messages) == 1
    stub.messages.clear()
    with pytest.raises(HopFailure) as failure:
        await deliver(stub, replace(options, tls=REQUIRED), message)
    assert failure.value.phase is Phase.STARTTLS
    assert stub.messages == []


async def test_clear_text_injected_behind_the_220_is_thrown_away(
    stub: StubSmtp, options: HopOptions, message: OutgoingMessage
) -> None:
    stub.script = {"starttls": "220 Go ahead\r\n250-evil.example\r\n250 AUTH PLAIN\r\n250 2.0.0 Ok"}
    connection = await deliver(stub, options, message)
    assert "evil" not in str(connection.extensions)
    assert len(stub.messages) == 1


async def test_a_certificate_is_checked_against_chain_and_name(
    stub: StubSmtp, options: HopOptions, message: OutgoingMessage, certificate: tuple[ssl.SSLContext, str]
) -> None:
    policy = TlsPolicy(TlsMode.REQUIRED, TlsVerify.DOMAIN, ca_file=certificate[1])
    connection = await deliver(stub, replace(options, tls=policy), message)
    assert connection.tls is not None
    assert (connection.tls.verified, connection.tls.peer_name) == (True, "mx.example")
    with pytest.raises(HopFailure, match=r"certificate is not acceptable.*mismatch"):
        await deliver(stub, replace(options, tls=replace(policy, domain="other.example")), message)


@pytest.mark.parametrize("verify", [TlsVerify.CERTIFICATE, TlsVerify.DOMAIN])
async def test_a_self_signed_certificate_is_no_proof(
    stub: StubSmtp, options: HopOptions, message: OutgoingMessage, verify: TlsVerify
) -> None:
    with pytest.raises(HopFailure, match="certificate is not acceptable: self-signed"):
        await deliver(stub, replace(options, tls=TlsPolicy(TlsMode.REQUIRED, verify)), message)


def test_contexts_are_made_once() -> None:
    assert context_for(TlsVerify.DOMAIN, None) is context_for(TlsVerify.DOMAIN, None)
    assert context_for(TlsVerify.ENCRYPTION, None).minimum_version == ssl.TLSVersion.TLSv1_2


SECRET = Credentials("relay@contoso.example", "kanarienvogel")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_auth_inside_tls_leaves_no_secret_behind(
    stub: StubSmtp, options: HopOptions, message: OutgoingMessage, mechanism: str
) -> None:
    stub.extensions = ("STARTTLS", f"AUTH {mechanism} CRAM-MD5")
    connection = await deliver(stub, replace(options, auth=SECRET), message)
    [command] = [command for command in stub.commands if command.startswith("AUTH")]
    assert (
        b64encode(b"kanarienvogel").decode() in command
        or b64encode(b"\0relay@contoso.example\0kanarienvogel").decode() in command
    )
    shown = "\n".join(line.text for line in connection.transcript)
    assert "****" in shown
    assert not any(word in shown for word in command.split()[2:])
    assert "kanarienvogel" not in repr(SECRET)


@pytest.mark.parametrize(
    ("extensions", "script", "credentials", "words"),
    [
        (OFFERED, {"auth": "535 5.7.8 Wrong password"}, SECRET, "535 5.7.8 Wrong password"),
        (("STARTTLS", "AUTH GSSAPI"), {}, SECRET, "no mechanism we have"),
        (("AUTH PLAIN",), {}, SECRET, "not encrypted"),
        (("AUTH PLAIN",), {"auth": SILENCE}, replace(SECRET, allow_clear_text=True), "did not answer"),
    ],
)
async def test_failed_auth_is_transient_for_it_is_ours_to_mend(
    stub: StubSmtp,
    options: HopOptions,
    extensions: tuple[str, ...],
    script: dict[str, Script],
    credentials: Credentials,
    words: str,
) -> None:
    stub.extensions, stub.script = extensions, script
    async with stub:
        with pytest.raises(HopFailure) as failure:
            await open_connection([stub.endpoint], replace(options, auth=credentials))
    assert failure.value.phase is Phase.AUTH
    assert words in failure.value.reply.text
    assert not failure.value.permanent


async def test_auth_in_clear_text_needs_permission(options: HopOptions, message: OutgoingMessage) -> None:
    stub = StubSmtp(extensions=("AUTH=PLAIN",))
    await deliver(stub, replace(options, auth=replace(SECRET, allow_clear_text=True)), message)
    assert len(stub.messages) == 1
