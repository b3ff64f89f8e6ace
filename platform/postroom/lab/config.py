"""Where the lab's servers stand: one object that every process computes alike before any of them runs.

It imports nothing heavy, so that the settings may use it.
"""

from __future__ import annotations

import ipaddress
import random
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from django.conf import settings

from postroom.lab.sites import SITES, PeerSite

DEFAULT_BASE_PORT = 2600
DEFAULT_HOSTNAME = "mail.contoso.example"
SMTP = 25
PORTS_OF_A_LAB = 16
_PLATFORM_OFFSET = 8  # where `free` puts the platform's own SMTP port
# Below Linux's ephemeral ports, so that no outgoing connection takes one in between.
_FREE_PORTS = range(20_000, 32_000, PORTS_OF_A_LAB)

Endpoint = tuple[str, int]


class LabCannotStart(Exception):
    """An address of the lab cannot be used; the message says which and what to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabConfig:
    bind: str = "127.0.0.1"
    base_port: int = DEFAULT_BASE_PORT
    hostname: str = DEFAULT_HOSTNAME
    smtp_port: int = 2525
    records_folder: Path | None = None
    greylist_seconds: float = 5.0
    slow_seconds: float = 2.0

    @classmethod
    def from_settings(
        cls,
        bind: str,
        base_port: int = DEFAULT_BASE_PORT,
        hostname: str = DEFAULT_HOSTNAME,
        *,
        smtp_port: int = 2525,
        records_folder: Path | None = None,
    ) -> Self:
        return cls(
            bind=bind, base_port=base_port, hostname=hostname, smtp_port=smtp_port, records_folder=records_folder
        )

    @classmethod
    def free(
        cls,
        *,
        hostname: str = DEFAULT_HOSTNAME,
        smtp_port: int | None = None,
        records_folder: Path | None = None,
        greylist_seconds: float = 5.0,
        slow_seconds: float = 2.0,
    ) -> Self:
        """Return a lab on ports that nobody uses now; `smtp_port` is a free one too where none is given."""
        for base_port in random.sample(_FREE_PORTS, len(_FREE_PORTS)):
            config = cls(
                base_port=base_port,
                hostname=hostname,
                smtp_port=smtp_port or base_port + _PLATFORM_OFFSET,
                records_folder=records_folder,
                greylist_seconds=greylist_seconds,
                slow_seconds=slow_seconds,
            )
            if all(_is_free(endpoint) for endpoint in config._wanted(with_platform=smtp_port is None)):
                return config
        raise LabCannotStart(f"No {PORTS_OF_A_LAB} ports in a row are free between 20000 and 32000.")

    @property
    def platform_address(self) -> str:
        """Where the platform's SMTP port is reached: the address it binds, or loopback when it binds all."""
        address = ipaddress.ip_address(self.bind)
        if not address.is_unspecified:
            return str(address)
        return "127.0.0.1" if address.version == 4 else "::1"

    @property
    def sending_addresses(self) -> tuple[str, ...]:
        """The addresses that peers may see the platform come from; the kernel takes 127.0.0.1 unless told otherwise."""
        return tuple(dict.fromkeys(("127.0.0.1", self.platform_address)))

    @property
    def dns_server(self) -> Endpoint:
        address = ipaddress.ip_address(self.bind)
        # Never on a public address: the lab's answers are nobody else's business.
        host = str(address) if address.version == 4 and address.is_loopback else "127.0.0.1"
        return host, self.base_port

    @property
    def dns_server_text(self) -> str:
        return f"{self.dns_server[0]}:{self.dns_server[1]}"

    def address_of(self, site: PeerSite) -> str:
        """Return the peer's loopback address: 127.0.0.11 and on, elsewhere in 127.0.0.0/8 for another bind address."""
        address = ipaddress.ip_address(self.bind)
        if address.version == 6 or not address.is_loopback:
            address = ipaddress.IPv4Address("127.0.0.1")
        _, second, third, last = address.packed
        # Copies of the platform on 127.0.0.1 and 127.0.0.2 with one base port must not meet.
        return f"127.{(second + last - 1) % 256}.{third}.{site.octet}"

    def endpoint_of(self, site: PeerSite) -> Endpoint:
        return self.address_of(site), self.base_port + site.offset

    @property
    def routes(self) -> dict[Endpoint, Endpoint]:
        """Where the platform finds what DNS says to be on port 25. The platform itself is not among them."""
        return {(self.address_of(site), SMTP): self.endpoint_of(site) for site in SITES}

    @property
    def routes_text(self) -> str:
        """The value of POSTROOM_LAB_ROUTES."""
        return ",".join(f"{a}:{p}={b}:{q}" for (a, p), (b, q) in self.routes.items())

    @property
    def peers_routes(self) -> dict[Endpoint, Endpoint]:
        """The same for the peers, who must find the platform as well."""
        return self.routes | {(self.platform_address, SMTP): (self.platform_address, self.smtp_port)}

    @property
    def private_networks(self) -> tuple[str, ...]:
        """The networks that next hops may lie in although they are loopback: the peers' addresses, no more."""
        return tuple(f"{self.address_of(site)}/32" for site in SITES)

    def _wanted(self, *, with_platform: bool) -> list[Endpoint]:
        own = [(self.platform_address, self.smtp_port)] if with_platform else []
        return [self.dns_server, *(self.endpoint_of(site) for site in SITES), *own]


def configured_lab() -> LabConfig:
    """Return the lab that Django's settings describe."""
    return LabConfig.from_settings(
        settings.POSTROOM_BIND,
        settings.POSTROOM_LAB_BASE_PORT,
        settings.POSTROOM_HOSTNAME,
        smtp_port=settings.POSTROOM_SMTP_PORT,
        records_folder=settings.POSTROOM_DATA_DIR / "lab" / "records",
    )


def _is_free(endpoint: Endpoint) -> bool:
    """Tell whether both TCP and UDP can be bound there."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as candidate:
            try:
                candidate.bind(endpoint)
            except OSError:
                return False
    return True
