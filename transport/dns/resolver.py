"""The one door to DNS: asks the configured name servers and answers with records, nothing, or a typed failure."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.resolver

from transport.dns.failures import DnsFailure, DnsTemporary, NoSuchDomain, TemporaryKind
from transport.dns.names import to_name

MAX_ALIASES = 8
MAX_RECORDS = 500

_RCODE_KINDS = {"SERVFAIL": TemporaryKind.SERVFAIL, "REFUSED": TemporaryKind.REFUSED}


class Resolver:
    """Asks (host, port) name servers in turn, by UDP, and by TCP where the answer was cut (RFC 7766).

    Without name servers it uses the machine's own. `timeout` is for one try, `lifetime` for one question.
    """

    def __init__(
        self,
        nameservers: Sequence[tuple[str, int]] | None = None,
        timeout: float = 2.0,
        lifetime: float = 8.0,
        cache_size: int = 0,
    ) -> None:
        self.timeout = timeout
        self.lifetime = lifetime
        self._resolver = _configured(nameservers)
        self._resolver.timeout = timeout
        self._resolver.lifetime = lifetime
        if cache_size:
            self._resolver.cache = dns.resolver.LRUCache(cache_size)

    async def query(self, domain: str, rdtype: str) -> list[Any]:
        """Return the records, [] where the name has none of this type; raise NoSuchDomain or DnsTemporary."""
        name = to_name(domain)
        for _ in range(MAX_ALIASES):
            answer = await self._ask(domain, name, rdtype)
            if answer.rrset is not None:
                return list(answer.rrset)[:MAX_RECORDS]
            # A recursive server follows aliases for us; an authoritative one stops where its zone ends.
            if answer.canonical_name == name:
                return []
            name = answer.canonical_name
        raise DnsTemporary(domain, TemporaryKind.CNAME_LOOP)

    async def _ask(self, domain: str, name: dns.name.Name, rdtype: str) -> dns.resolver.Answer:
        try:
            # dnspython counts by the wall clock, which may jump; the loop's clock has the last word.
            async with asyncio.timeout(self.lifetime + 1):
                return await self._resolver.resolve(name, rdtype, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            raise NoSuchDomain(domain) from None
        except (dns.exception.DNSException, OSError, ValueError, NotImplementedError, EOFError) as error:
            raise _temporary(domain, error) from error


def _configured(nameservers: Sequence[tuple[str, int]] | None) -> dns.asyncresolver.Resolver:
    if nameservers is None:
        try:
            return dns.asyncresolver.Resolver()
        except (dns.resolver.NoResolverConfiguration, OSError):
            nameservers = [("127.0.0.1", 53)]
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in nameservers]
    return resolver


def _temporary(domain: str, error: Exception) -> DnsFailure:
    if isinstance(error, TimeoutError | dns.exception.Timeout):
        return DnsTemporary(domain, _kind_of_timeout(error))
    if isinstance(error, dns.resolver.NoNameservers):
        return DnsTemporary(domain, _kind_of(_causes(error)))
    return DnsTemporary(domain, _kind_of([error]))


def _kind_of_timeout(error: Exception) -> TemporaryKind:
    # A server that fails on TCP after a cut UDP answer is reported as a time-out of the whole question.
    causes = [cause for cause in _causes(error) if not isinstance(cause, dns.exception.Timeout | dns.message.Truncated)]
    return _kind_of(causes) if causes else TemporaryKind.TIMEOUT


def _causes(error: Exception) -> list[object]:
    return [entry[3] for entry in getattr(error, "kwargs", {}).get("errors", ())]


def _kind_of(causes: Sequence[object]) -> TemporaryKind:
    """Name the most telling of the errors that the servers gave, one after the other."""
    for cause in causes:
        if isinstance(cause, dns.message.ChainTooLong):
            return TemporaryKind.CNAME_LOOP
        if isinstance(cause, str):
            return _RCODE_KINDS.get(cause, TemporaryKind.BAD_ANSWER)
    if causes and all(isinstance(cause, OSError | EOFError | dns.message.Truncated) for cause in causes):
        return TemporaryKind.UNREACHABLE
    if any(isinstance(cause, dns.exception.Timeout) for cause in causes):
        return TemporaryKind.TIMEOUT
    return TemporaryKind.BAD_ANSWER
