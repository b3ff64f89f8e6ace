"""Whether a domain's SPF record lets an address send (RFC 7208), evaluated by meaning and not by its text.

For advice on a page only. Macros (§7) depend on a real message, so a record that needs one stays unsure.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum

from transport.dns.failures import DnsFailure
from transport.dns.lookups import lookup_addresses, lookup_mx_names, lookup_txt
from transport.dns.resolver import Resolver

MAX_LOOKUPS = 10  # RFC 7208 4.6.4
MAX_MX_HOSTS = 10
QUALIFIERS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


class SpfResult(StrEnum):
    PASS = "pass"  # noqa: S105 - RFC 7208 2.6.3
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    PERMERROR = "permerror"
    UNSURE = "unsure"


class SpfProblem(Exception):
    """The evaluation ends here; `result` says how."""

    def __init__(self, result: SpfResult, why: str) -> None:
        super().__init__(why)
        self.result = result


@dataclass(slots=True)
class _Evaluation:
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    resolver: Resolver
    lookups: int = field(default=0)

    async def check(self, domain: str) -> SpfResult:
        record = await self._record(domain)
        if record is None:
            return SpfResult.NONE
        redirect = ""
        for term in record.split()[1:]:
            if term.lower().startswith("redirect="):
                redirect = term[9:]
            elif "=" not in term.partition(":")[0] and await self._matches(term.lstrip("+-~?"), domain):
                return SpfResult(QUALIFIERS.get(term[0], "pass"))
        if not redirect:
            return SpfResult.NEUTRAL
        self._count(redirect)
        result = await self.check(redirect)
        return SpfResult.PERMERROR if result is SpfResult.NONE else result

    async def _record(self, domain: str) -> str | None:
        found = spf_records(await lookup_txt(domain, self.resolver))
        if len(found) > 1:
            raise SpfProblem(SpfResult.PERMERROR, f"{domain} has {len(found)} SPF records; only one may be there")
        return found[0] if found else None

    async def _matches(self, mechanism: str, domain: str) -> bool:
        name, _, rest = mechanism.partition(":")
        name, slash, prefix = name.partition("/")
        value, value_slash, value_prefix = rest.partition("/")
        target, lengths = value or domain, (prefix if slash else value_prefix if value_slash else "")
        match name.lower():
            case "all":
                return True
            case "ip4" | "ip6":
                return self._in_network(rest)
            case "a":
                self._count(target)
                return self._among(await lookup_addresses(target, self.resolver), lengths)
            case "mx":
                return await self._among_mx(target, lengths)
            case "include":
                self._count(target)
                return await self._included(target)
            case "exists" | "ptr":
                raise SpfProblem(SpfResult.UNSURE, f"“{mechanism}” depends on the message")
            case other:
                raise SpfProblem(SpfResult.PERMERROR, f"“{other}” is no mechanism of SPF")

    async def _included(self, target: str) -> bool:
        result = await self.check(target)
        if result in (SpfResult.NONE, SpfResult.PERMERROR):
            raise SpfProblem(SpfResult.PERMERROR, f"{target}, which is included, has no usable SPF record")
        return result is SpfResult.PASS

    async def _among_mx(self, target: str, lengths: str) -> bool:
        self._count(target)
        for _, host in (await lookup_mx_names(target, self.resolver))[:MAX_MX_HOSTS]:
            if host and self._among(await lookup_addresses(host, self.resolver), lengths):
                return True
        return False

    def _among(self, addresses: tuple[str, ...], lengths: str) -> bool:
        v4, _, v6 = lengths.partition("//") if "//" in lengths else (lengths, "", "")
        length = (v4 if self.address.version == 4 else v6.lstrip("/")) or str(self.address.max_prefixlen)
        try:
            networks = [
                ipaddress.ip_network(f"{one}/{length}", strict=False)
                for one in addresses
                if _version(one) == self.address.version
            ]
        except ValueError:
            raise SpfProblem(SpfResult.PERMERROR, f"“/{lengths}” is no length of a prefix") from None
        return any(self.address in network for network in networks)

    def _in_network(self, text: str) -> bool:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise SpfProblem(SpfResult.PERMERROR, f"“{text}” is no network") from None
        return network.version == self.address.version and self.address in network

    def _count(self, target: str) -> None:
        if "%" in target:
            raise SpfProblem(SpfResult.UNSURE, f"“{target}” depends on the message")
        self.lookups += 1
        if self.lookups > MAX_LOOKUPS:
            raise SpfProblem(SpfResult.PERMERROR, "it takes more than 10 look-ups, which receivers refuse to do")


def _version(address: str) -> int:
    return ipaddress.ip_address(address).version


def spf_records(texts: tuple[str, ...]) -> list[str]:
    """Return those of a name's TXT records that are SPF (RFC 7208 4.5)."""
    return [text for text in texts if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]


async def evaluate_spf(domain: str, address: str, resolver: Resolver) -> tuple[SpfResult, str]:
    """Return what SPF says of mail from `domain` by `address`, and why where it is an error."""
    try:
        return await _Evaluation(ipaddress.ip_address(address), resolver).check(domain), ""
    except SpfProblem as problem:
        return problem.result, str(problem)
    except (DnsFailure, RecursionError) as failure:
        return SpfResult.UNSURE, str(failure)
