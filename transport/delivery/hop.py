"""Opens a connection to a next hop: endpoints in turn, greeting, EHLO or HELO, STARTTLS (RFC 3207), AUTH."""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from transport.delivery.authenticate import authenticate
from transport.delivery.classify import classify
from transport.delivery.client import SmtpConnection
from transport.delivery.commands import QUIT, STARTTLS, Extensions
from transport.delivery.failure import Attempt, AttemptFailed, HopFailure
from transport.delivery.options import Endpoint, HopOptions, TlsMode, TlsPolicy
from transport.delivery.outcome import Phase, TlsFacts
from transport.delivery.ssrf import canonical, is_forbidden_address, is_our_own_host
from transport.delivery.tls import context_for, facts_of, server_name
from transport.delivery.transcript import Transcript
from transport.delivery.wire import TIMED_OUT, Wire, WireTrouble
from transport.message.reply import Reply

_LOOP = Reply(554, "5.4.6", "Mail for this next hop loops back to this system")
_FORBIDDEN = Reply(550, "5.4.4", "The address of the next hop is not a public one; connecting to it is not allowed")
_REFUSED = Reply(421, "4.2.1", "Unable to connect: connection refused")
_UNREACHABLE = Reply(421, "4.4.1", "Unable to connect: no route to the host")
_CONNECT_TIMED_OUT = Reply(421, "4.4.1", "Connection timed out")
_NO_SOURCE = Reply(421, "4.3.5", "Unable to connect: the source address is not one of this system")
_TLS_NOT_OFFERED = Reply(451, "4.7.4", "TLS is required, but the peer does not offer STARTTLS")
_AUTH_NOT_OFFERED = Reply(451, "4.7.8", "Authentication is set up, but the peer offers no mechanism we have")
_AUTH_NEEDS_TLS = Reply(451, "4.7.8", "Authentication is set up, but the connection is not encrypted")


async def open_connection(hosts: Sequence[Endpoint], options: HopOptions) -> SmtpConnection:
    """Try the endpoints in order and return the first that is ready for MAIL; raises HopFailure."""
    attempts: list[Attempt] = []
    deadline = asyncio.get_running_loop().time() + options.timeouts.opening
    for endpoint in hosts[: options.max_endpoints]:
        opening = _Opening(endpoint, options)
        try:
            async with asyncio.timeout_at(deadline):
                return await _open_or_fall_back(opening)
        except AttemptFailed as failure:
            attempts.append(failure.attempt)
        except TimeoutError:
            attempts.append(opening.attempt(TIMED_OUT, "peer.timeout"))
            break
    raise HopFailure(attempts)


async def open_endpoint(endpoint: Endpoint, options: HopOptions) -> SmtpConnection:
    """Try one endpoint alone; raises AttemptFailed."""
    opening = _Opening(endpoint, options)
    try:
        async with asyncio.timeout(options.timeouts.opening):
            return await _open_or_fall_back(opening)
    except TimeoutError:
        raise AttemptFailed(opening.attempt(TIMED_OUT, "peer.timeout")) from None


async def _open_or_fall_back(opening: _Opening) -> SmtpConnection:
    try:
        return await opening.run()
    except AttemptFailed as failure:
        fallback = opening.options.tls.after_failure
        if failure.attempt.phase is not Phase.STARTTLS or fallback is None:
            raise
    opening.fall_back_to(fallback)
    return await _open_or_fall_back(opening)


class _Opening:
    """The way from an endpoint to a session that is ready for MAIL."""

    def __init__(self, endpoint: Endpoint, options: HopOptions) -> None:
        self.endpoint = endpoint
        self.options = options
        self._phase = Phase.CONNECT
        self._transcript = Transcript()
        self._wire = Wire(self._transcript)
        self._tls: TlsFacts | None = None

    def attempt(self, reply: Reply, reason_code: str, from_peer: bool = False) -> Attempt:
        said = self._transcript
        return Attempt(
            self.endpoint, self._phase, reply, reason_code, from_peer, said.lines(), said.stages(), self._tls
        )

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._transcript.enter(phase)

    def fall_back_to(self, policy: TlsPolicy) -> None:
        how = "without TLS" if policy.mode is TlsMode.NONE else "asking for less"
        self._transcript.note(f"The TLS handshake failed: connecting again {how}")
        self.options = replace(self.options, tls=policy)
        self._wire = Wire(self._transcript)

    async def run(self) -> SmtpConnection:
        ready = False
        try:
            connection = await self._run()
            ready = True
        except WireTrouble as trouble:
            raise AttemptFailed(self.attempt(trouble.reply, trouble.reason_code)) from None
        finally:
            if not ready:
                self._wire.abort()
        return connection

    async def _run(self) -> SmtpConnection:
        await self._connect()
        self._tls = tls = facts_of(self._wire.ssl_object, self.options.tls)
        await self._greeting()
        extensions = await self._hello()
        if tls is None and await self._may_start_tls(extensions):
            self._tls = tls = await self._handshake()
            # RFC 3207 4.2: what was offered in clear text counts no more.
            extensions = await self._hello()
        if self.options.auth is not None:
            await self._authenticate(extensions, tls)
        return SmtpConnection(self._wire, self.endpoint, self.options, extensions, tls)

    async def _connect(self) -> None:
        self._enter(Phase.CONNECT)
        address, port = self._permitted_target()
        policy = self.options.tls
        loop = asyncio.get_running_loop()
        source = (self.options.source_address, 0) if self.options.source_address else None
        context = context_for(policy.verify, policy.ca_file) if policy.implicit else None
        try:
            async with asyncio.timeout(self.options.timeouts.connect):
                await loop.create_connection(
                    lambda: self._wire,
                    address,
                    port,
                    local_addr=source,
                    ssl=context,
                    server_hostname=(server_name(policy, self.endpoint) or "") if context else None,
                )
        except TimeoutError:
            self._fail(_CONNECT_TIMED_OUT, "peer.connect_timeout")
        except (ssl.SSLError, ValueError) as error:
            self._enter(Phase.STARTTLS)
            self._fail(*_handshake_trouble(error))
        except OSError as error:
            self._fail(*_connect_trouble(error))
        self._transcript.note(f"Connected to {self.endpoint}")

    def _permitted_target(self) -> tuple[str, int]:
        """Check the very address that is connected to: a name looked up again could lead elsewhere by now."""
        options, endpoint = self.options, self.endpoint
        if route := options.routes.get((endpoint.address, endpoint.port)):
            return route
        if canonical(endpoint.address) in options.own_addresses:
            self._fail(_LOOP, "hop.loops_to_us")
        if is_forbidden_address(endpoint.address, options.allowed_networks):
            if is_our_own_host(endpoint.address):
                self._fail(_LOOP, "hop.loops_to_us")
            self._fail(_FORBIDDEN, "hop.forbidden_address")
        return endpoint.address, endpoint.port

    async def _greeting(self) -> None:
        self._enter(Phase.GREETING)
        await self._wire.wait_for(1, self.options.timeouts.greeting)
        greeting = self._wire.replies.popleft()
        if not greeting.is_success:
            self._refused(greeting)

    async def _hello(self) -> Extensions:
        self._enter(Phase.HELO)
        name = self.options.helo_name
        if self.options.lmtp:
            return await self._hello_to_store()
        if not self.options.force_helo:
            reply = await self._ask(f"EHLO {name}\r\n", self.options.timeouts.helo)
            if reply.is_success:
                self._refuse_ourselves(reply)
                return Extensions.parse(reply.text)
            # RFC 5321 3.2: only a server that does not know EHLO is worth asking with HELO.
            if not reply.is_permanent:
                self._refused(reply)
        reply = await self._ask(f"HELO {name}\r\n", self.options.timeouts.helo)
        if not reply.is_success:
            self._refused(reply)
        self._refuse_ourselves(reply)
        return Extensions()

    async def _hello_to_store(self) -> Extensions:
        """RFC 2033 4.1: LHLO and nothing else; a mail store on this very machine may greet with our name."""
        reply = await self._ask(f"LHLO {self.options.helo_name}\r\n", self.options.timeouts.helo)
        if not reply.is_success:
            self._refused(reply)
        return Extensions.parse(reply.text)

    def _refuse_ourselves(self, hello: Reply) -> None:
        """A peer that greets with our own name is this system, whatever address led here (RFC 5321 5.1)."""
        words = hello.text.split(None, 1)
        if words and words[0].lower() in self.options.own_names:
            self._fail(_LOOP, "hop.loops_to_us")

    async def _may_start_tls(self, extensions: Extensions) -> bool:
        mode = self.options.tls.mode
        if mode is TlsMode.NONE:
            return False
        self._enter(Phase.STARTTLS)
        required = mode is TlsMode.REQUIRED
        if "STARTTLS" not in extensions:
            if required:
                self._fail(_TLS_NOT_OFFERED, "peer.tls_unavailable")
            return False
        reply = await self._ask(STARTTLS.decode(), self.options.timeouts.helo)
        if not reply.is_success and (required or reply.code == 421):
            self._refused(reply)
        return reply.is_success

    async def _handshake(self) -> TlsFacts | None:
        policy = self.options.tls
        context = context_for(policy.verify, policy.ca_file)
        try:
            await self._wire.start_tls(context, server_name(policy, self.endpoint), self.options.timeouts.tls)
        except (OSError, ValueError) as error:
            self._fail(*_handshake_trouble(error))
        facts = facts_of(self._wire.ssl_object, policy)
        if facts:
            self._transcript.note(f"{facts.version} {facts.cipher}")
        return facts

    async def _authenticate(self, extensions: Extensions, tls: TlsFacts | None) -> None:
        self._enter(Phase.AUTH)
        credentials = self.options.auth
        assert credentials is not None
        if tls is None and not credentials.allow_clear_text:
            self._fail(_AUTH_NEEDS_TLS, "peer.tls")
        if not extensions.auth_mechanisms & {"PLAIN", "LOGIN"}:
            self._fail(_AUTH_NOT_OFFERED, "peer.auth")
        reply = await authenticate(self._wire, credentials, extensions.auth_mechanisms, self.options.timeouts.auth)
        if not reply.is_success:
            self._refused(reply)

    async def _ask(self, command: str, timeout: float) -> Reply:
        return await self._wire.ask(command.encode(), timeout)

    def _refused(self, reply: Reply) -> NoReturn:
        # RFC 5321 3.1: even a peer that will not talk to us is left with a QUIT.
        self._wire.write(QUIT)
        if reply.code < 400:
            self._fail(reply, "peer.protocol", from_peer=True)
        self._fail(reply, classify(self._phase, reply), from_peer=True)

    def _fail(self, reply: Reply, reason_code: str, from_peer: bool = False) -> NoReturn:
        raise AttemptFailed(self.attempt(reply, reason_code, from_peer))


def _connect_trouble(error: OSError) -> tuple[Reply, str]:
    if isinstance(error, ConnectionRefusedError):
        return _REFUSED, "peer.connect_refused"
    if isinstance(error, ConnectionResetError):
        return Reply(421, "4.4.2", "Connection dropped"), "peer.dropped"
    if error.errno == errno.EADDRNOTAVAIL:
        return _NO_SOURCE, "hop.source_unavailable"
    return _UNREACHABLE, "peer.unreachable"


def _handshake_trouble(error: Exception) -> tuple[Reply, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        words = f"The peer's certificate is not acceptable: {error.verify_message}"
        return Reply(451, "4.7.5", words), "peer.certificate"
    detail = error.reason if isinstance(error, ssl.SSLError) and error.reason else str(error) or type(error).__name__
    return Reply(451, "4.7.5", f"The TLS handshake failed: {detail}"), "peer.tls"
