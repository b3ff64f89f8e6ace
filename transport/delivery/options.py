"""How to open and use a connection to a next hop: names, credentials, TLS policy, time limits (RFC 5321 4.5.3.2)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from typing_extensions import override

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect: `host` is the name to show and to check a certificate against, `address` an IP address."""

    host: str
    address: str
    port: int = 25

    @override
    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class TlsMode(StrEnum):
    NONE = "none"
    OPPORTUNISTIC = "opportunistic"
    REQUIRED = "required"


class TlsVerify(StrEnum):
    """Exchange's TlsAuthLevel: EncryptionOnly, CertificateValidation, DomainValidation."""

    ENCRYPTION = "encryption"
    CERTIFICATE = "certificate"
    DOMAIN = "domain"


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """`domain` is the name the certificate must hold (else the endpoint's host); `ca_file` replaces the system's."""

    mode: TlsMode = TlsMode.OPPORTUNISTIC
    verify: TlsVerify = TlsVerify.ENCRYPTION
    domain: str | None = None
    ca_file: str | None = None
    implicit: bool = False
    fallback: TlsPolicy | None = None  # what to do with where a handshake fails, instead of giving up

    @property
    def after_failure(self) -> TlsPolicy | None:
        """Return what is tried once a handshake has failed, None where that is the end.

        RFC 7435: encryption that nobody insisted on must not keep mail from going out.
        """
        if self.fallback is not None:
            return self.fallback
        may_be_clear = self.mode is TlsMode.OPPORTUNISTIC and not self.implicit
        return TlsPolicy(mode=TlsMode.NONE) if may_be_clear else None


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password for the peer; never sent in clear text unless `allow_clear_text` says so."""

    username: str
    password: str = field(repr=False)
    allow_clear_text: bool = False


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. A silent peer is given up after at most 10 minutes in any phase."""

    opening: float = 300.0  # all endpoints of one `open_connection` together
    connect: float = 30.0
    greeting: float = 120.0
    helo: float = 120.0
    tls: float = 60.0
    auth: float = 120.0
    envelope: float = 300.0  # MAIL to the reply to DATA, pipelined or not
    recipient: float = 2.0  # on top of `envelope`, for each recipient
    block: float = 180.0  # for the peer to take in another `wire.LOW_WATER` of the content
    final: float = 600.0
    quit: float = 5.0


@dataclass(frozen=True, slots=True)
class HopOptions:
    """One connector's wishes.

    `allowed_networks` and `routes` (address and port to connect to instead) are the only ways to a private address.
    """

    helo_name: str
    source_address: str | None = None
    tls: TlsPolicy = field(default_factory=TlsPolicy)
    auth: Credentials | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    force_helo: bool = False
    lmtp: bool = False  # RFC 2033: LHLO, and after the content a reply for each recipient
    allowed_networks: tuple[Network, ...] = ()
    routes: Mapping[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    own_names: frozenset[str] = frozenset()
    own_addresses: frozenset[str] = frozenset()
    refuse_8bit_to_7bit: bool = False
    chunking: bool = True  # BDAT where the peer offers it (RFC 3030)
    max_endpoints: int = 10

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._:\[\]-]{1,255}", self.helo_name):
            raise ValueError("helo_name must be a host name or an address literal")
