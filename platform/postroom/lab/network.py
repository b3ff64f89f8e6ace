"""How a peer sees the world: questions to the lab's DNS, and the routes that stand for port 25."""

from __future__ import annotations

from typing import Any

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver
import dns.reversename

from postroom.lab.config import SMTP, Endpoint, LabConfig

SECONDS_FOR_A_QUESTION = 2.0


class LookupFailed(Exception):
    """DNS gave no answer, neither yes nor no."""


class Network:
    def __init__(self, config: LabConfig) -> None:
        host, port = config.dns_server
        self.routes = dict(config.peers_routes)
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port)]
        self._resolver.lifetime = SECONDS_FOR_A_QUESTION

    async def mail_hosts(self, domain: str) -> list[str]:
        """Return the names that take the domain's mail, best first; the domain itself where it has only an address."""
        records = await self._ask(domain, "MX")
        hosts = [(record.preference, record.exchange.to_text(omit_final_dot=True)) for record in records]
        # RFC 7505: a single "." means that the domain takes no mail.
        names = [host for _, host in sorted(hosts) if host not in {"", "."}]
        return names if records or not await self.addresses(domain) else [domain]

    async def exists(self, domain: str) -> bool:
        """Tell whether mail from the domain could be answered: it has MX or an address (Postfix's idea of it)."""
        return bool(await self._ask(domain, "MX") or await self.addresses(domain))

    async def addresses(self, name: str) -> list[str]:
        return [record.address for rdtype in ("A", "AAAA") for record in await self._ask(name, rdtype)]

    async def pointers(self, address: str) -> list[str]:
        name = dns.reversename.from_address(address).to_text()
        return [record.target.to_text(omit_final_dot=True).lower() for record in await self._ask(name, "PTR")]

    async def endpoints(self, domain: str) -> list[Endpoint]:
        """Return where to connect for the domain's mail, in the order to try."""
        return [
            self.routes.get((address, SMTP), (address, SMTP))
            for host in await self.mail_hosts(domain)
            for address in await self.addresses(host)
        ]

    async def _ask(self, name: str, rdtype: str) -> list[Any]:
        try:
            answer = await self._resolver.resolve(name, rdtype, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return []
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            raise LookupFailed(name) from error
        return list(answer.rrset or ())
