"""AUTH PLAIN and LOGIN towards a smart host (RFC 4954, RFC 4616); the transcript never sees the secret."""

from __future__ import annotations

from base64 import b64encode

from transport.delivery.options import Credentials
from transport.delivery.transcript import MASK
from transport.delivery.wire import Wire
from transport.message.reply import Reply

_MASKED = f"{MASK}\r\n".encode()
_CANCEL = b"*\r\n"


async def authenticate(wire: Wire, credentials: Credentials, mechanisms: frozenset[str], timeout: float) -> Reply:
    """Return the peer's last word; 235 means that we are in."""
    if "PLAIN" in mechanisms:
        return await _plain(wire, credentials, timeout)
    return await _login(wire, credentials, timeout)


async def _plain(wire: Wire, credentials: Credentials, timeout: float) -> Reply:
    secret = b64encode(f"\0{credentials.username}\0{credentials.password}".encode())
    reply = await wire.ask(b"AUTH PLAIN " + secret + b"\r\n", timeout, shown=b"AUTH PLAIN " + _MASKED)
    # Some servers ask for the initial response once more instead of taking it from the command.
    if reply.code == 334:
        reply = await wire.ask(secret + b"\r\n", timeout, shown=_MASKED)
    return await _ended(wire, reply, timeout)


async def _login(wire: Wire, credentials: Credentials, timeout: float) -> Reply:
    reply = await wire.ask(b"AUTH LOGIN\r\n", timeout)
    for secret in (credentials.username, credentials.password):
        if reply.code != 334:
            return reply
        reply = await wire.ask(b64encode(secret.encode()) + b"\r\n", timeout, shown=_MASKED)
    return await _ended(wire, reply, timeout)


async def _ended(wire: Wire, reply: Reply, timeout: float) -> Reply:
    """Give up an exchange that wants more than we have (RFC 4954 4)."""
    return await wire.ask(_CANCEL, timeout) if reply.code == 334 else reply
