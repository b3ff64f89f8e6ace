"""TLS to next hops (RFC 3207): cached contexts for the three levels of checking, and the facts of a handshake."""

from __future__ import annotations

import re
import ssl
from functools import lru_cache

from transport.delivery.options import Endpoint, TlsPolicy, TlsVerify
from transport.delivery.outcome import TlsFacts

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62}\.?)*[A-Za-z0-9]")


@lru_cache(maxsize=256)
def context_for(verify: TlsVerify, ca_file: str | None) -> ssl.SSLContext:
    """Return the shared context: making one costs 20 ms, most of it for reading the system's certificates."""
    if verify is TlsVerify.ENCRYPTION:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = ssl.create_default_context(cafile=ca_file)
        context.check_hostname = verify is TlsVerify.DOMAIN
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def server_name(policy: TlsPolicy, endpoint: Endpoint) -> str | None:
    """Return the name for SNI and for checking; None where the host has none that may be sent."""
    name = (policy.domain or endpoint.host).rstrip(".")
    return name if len(name) <= 253 and _HOST_NAME.fullmatch(name) else None


def facts_of(ssl_object: ssl.SSLObject | None, policy: TlsPolicy) -> TlsFacts | None:
    """Describe the finished handshake."""
    if ssl_object is None:
        return None
    cipher = ssl_object.cipher()
    verified = policy.verify is not TlsVerify.ENCRYPTION
    return TlsFacts(
        version=ssl_object.version() or "unknown",
        cipher=cipher[0] if cipher else "unknown",
        verified=verified,
        peer_name=_certificate_name(ssl_object) if verified else None,
    )


def _certificate_name(ssl_object: ssl.SSLObject) -> str | None:
    certificate = ssl_object.getpeercert() or {}
    names = [str(entry[1]) for entry in certificate.get("subjectAltName", ()) if entry[0] == "DNS"]
    return names[0] if names else None
