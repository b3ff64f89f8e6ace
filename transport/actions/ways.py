"""The rest of an imagined message's way, once it is routed: its queue, the hosts that DNS names, TLS, a connection.

`prepare` reads what the database knows, inside the caller's scope; `look_up` asks DNS, outside of any; `find_places`
looks at the connections to the hosts that were found. What only the peer could tell is named as not known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from tenants.scope import mail_flow
from transport.delivery.mta_sts import Mode, StsPolicy, record_id
from transport.delivery.options import Endpoint, HopOptions, TlsMode
from transport.delivery.ssrf import is_forbidden_address
from transport.dns.failures import DnsFailure, DnsTemporary, TemporaryKind
from transport.dns.lookups import lookup_mx_names, lookup_txt
from transport.dns.resolver import Resolver
from transport.models import MtaStsPolicy, Queue, SendConnector, queue_id_for
from transport.queue.allowance import allowed_now
from transport.queue.connector import Connector, load_connector_now
from transport.queue.listing import ListedQueue, QueueError, find_queue
from transport.queue.slots import PER_HOST, places_taken
from transport.queue.tls_policy import Security, follows_sts, secured
from transport.routing.reasons import Explanation, explain
from transport.routing.result import NextHop
from transport.routing.wording import Translate, fill, gettext_noop
from transport.routing.wording import gettext_noop as _

PATIENCE: Final = 10.0  # seconds for all of DNS: somebody waits in front of a page
LIFETIME: Final = 5.0  # of one question

TLS: Final[Mapping[str, str]] = {
    TlsMode.NONE: _("Never: the connector's setting."),
    TlsMode.OPPORTUNISTIC: _("When the peer offers it: the connector's setting."),
    TlsMode.REQUIRED: _("Always; without it the message waits: the connector's setting."),
    "certificate_validation": _("Always, with a certificate that is valid: the connector's setting."),
    "domain_validation": _("Always, with a certificate that is valid for the name: the connector's setting."),
}
_STS: Final[Mapping[str, str]] = {
    Mode.ENFORCE: _(
        "Always, with a certificate that is valid for the host: the MTA-STS policy of {domain} demands it."
    ),
    Mode.TESTING: _("As the connector says; what the MTA-STS policy of {domain}, in testing, would refuse is noted."),
}
_UNNAMED: Final = "sts.mx_mismatch"
_STS_COMES: Final = _("The domain announces an MTA-STS policy, which is fetched when something is sent there.")
_PEER: Final = _("What the peer says to this sender and recipient shows only when it is asked.")
_OFFER: Final = _("Whether the peer offers TLS shows only when it is connected to.")
_NOT_ASKED: Final = _("Which hosts take the mail: DNS was not asked.")
_DOUBT: Final = _("Which hosts take the mail: DNS gave no answer to go by.")


@dataclass(frozen=True, slots=True)
class HostAddress:
    """One address that we would connect to, or the reason code for why we would not."""

    address: str
    port: int
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class MailHost:
    """A host in the order in which it would be tried; `preference` is its MX record's, None for a smart host."""

    name: str
    preference: int | None
    addresses: tuple[HostAddress, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """The platform's connections to the first host: how many there may be, and how many are in use now."""

    address: str
    limit: int
    taken: int

    @property
    def is_free(self) -> bool:
        return self.taken < self.limit


@dataclass(frozen=True, slots=True)
class Way:
    """How a message would go on from its next hop. `queue` is None where nothing ever waited for that."""

    queue_id: UUID
    domain: str
    queue: ListedQueue | None
    connector: Connector | None = None
    hosts: tuple[MailHost, ...] = ()
    failure: DnsFailure | None = None
    was_looked_up: bool = False
    sts: StsPolicy | None = None  # the policy of the domain that is kept, where one matters here
    announces_sts: bool = False  # the domain's DNS does, although none is kept yet
    place: Place | None = None

    @property
    def waiting(self) -> int:
        """How many messages stand in the queue before it."""
        return self.queue.message_count if self.queue else 0

    @property
    def last_error(self) -> QueueError | None:
        return self.queue.last_error if self.queue else None

    @property
    def is_usable(self) -> bool:
        """Whether there is an address to connect to, as far as is known."""
        return not self.hosts or any(not one.obstacle for host in self.hosts for one in host.addresses)

    @property
    def outlook(self) -> str:
        """Return what it comes to: `goes`, `waits` (its queue does, or DNS), or `comes_back` to the sender."""
        if self.failure is not None and self.failure.permanent:
            return "comes_back"
        waits = self.queue is not None and self.queue.status in (Queue.Status.SUSPENDED, Queue.Status.RETRY)
        full = self.place is not None and not self.place.is_free
        return "waits" if waits or full or self.failure is not None or not self.is_usable else "goes"

    @property
    def greets_as(self) -> str:
        return (self.connector.fqdn if self.connector else "") or str(settings.POSTROOM_HOSTNAME)

    def tls(self, translate: Translate = gettext_noop) -> str:
        """Return the encryption that the connector asks for, in words; empty where there is none to speak of."""
        if self.connector is None:
            return ""
        if self.sts is not None and self.connector.tls != "domain_validation":
            return fill(translate(_STS[self.sts.mode]), {"domain": self.domain})
        return translate(TLS[self.connector.tls]) if self.connector.tls in TLS else self.connector.tls

    def unknown(self, translate: Translate = gettext_noop) -> list[str]:
        """Return what cannot be known before it is tried."""
        if self.connector is None or (self.failure is not None and self.failure.permanent):
            return []
        told = [_DOUBT if self.was_looked_up else _NOT_ASKED] if not self.hosts else []
        if self.announces_sts:
            told.append(_STS_COMES)
        if self.connector.tls != TlsMode.NONE:
            told.append(_OFFER)
        return [translate(text) for text in (*told, _PEER)]

    def why_no_host(self, translate: Translate = gettext_noop) -> Explanation | None:
        """Return what DNS's answer means, where it leads to no host."""
        if self.failure is None:
            return None
        return explain(self.failure.reason_code, translate=translate, domain=self.domain)

    def last_error_explained(self, translate: Translate = gettext_noop) -> Explanation | None:
        if self.queue is None or self.last_error is None or not self.last_error.reason:
            return None
        return explain(self.last_error.reason, translate=translate, **self.queue.reason_facts)

    def to_json(self, translate: Translate = gettext_noop, *, for_operator: bool = False) -> dict[str, Any]:
        """Return it for programs. How busy the platform is with a host is told to operators alone."""
        connector, why = self.connector, self.why_no_host(translate)
        return {
            "outlook": self.outlook,
            "connector": {"id": str(connector.id), "name": connector.name} if connector else None,
            "tls": connector.tls if connector else "",
            "mta_sts": self.sts.mode.value if self.sts else "",
            "greets_as": self.greets_as if connector else "",
            "source_address": connector.source_address if connector else None,
            "dns": {
                "asked": self.was_looked_up,
                "reason": why.code if why else "",
                "reply": str(self.failure.reply) if self.failure else "",
                "explanation": why.text if why else "",
            },
            "hosts": [_host_json(host) for host in self.hosts],
            "connection": _place_json(self.place, for_operator=for_operator) if self.place else None,
            "queue": self._queue_json(translate),
            "unknown": self.unknown(translate),
        }

    def _queue_json(self, translate: Translate) -> dict[str, Any]:
        queue, error, why = self.queue, self.last_error, self.last_error_explained(translate)
        told = None
        if error is not None:
            told = {"reason": error.reason, "text": error.text, "peer_text": error.peer_text}
            told |= {"endpoint": error.endpoint, "explanation": why.text if why else ""}
        return {
            "id": str(self.queue_id),
            "status": queue.status if queue else "",
            "waiting_before": self.waiting,
            "is_counted_out": queue.is_counted_out if queue else True,
            "oldest_at": queue.oldest_at.isoformat() if queue and queue.oldest_at else None,
            "next_retry_at": queue.next_retry_at.isoformat() if queue and queue.next_retry_at else None,
            "last_error": told,
        }


def _host_json(host: MailHost) -> dict[str, Any]:
    addresses = [{"address": one.address, "port": one.port, "obstacle": one.obstacle} for one in host.addresses]
    return {"host": host.name, "preference": host.preference, "addresses": addresses}


def _place_json(place: Place, *, for_operator: bool) -> dict[str, Any]:
    told = {"address": place.address, "limit": place.limit, "is_free": place.is_free}
    return told | ({"taken": place.taken} if for_operator else {})


def prepare(tenant_id: UUID, hop: NextHop) -> Way:
    """Read the queue and the connector of a next hop, inside a scope that may see them."""
    queue_id = queue_id_for(tenant_id, hop.delivery_type.value, hop.domain, hop.connector_id)
    connector = load_connector_now(hop.connector_id) if hop.connector_id is not None else None
    sts = _kept_policy(hop.domain) if connector is not None and follows_sts(connector, hop.domain) else None
    return Way(queue_id, hop.domain, find_queue(tenant_id, queue_id), connector, sts=sts)


def _kept_policy(domain: str) -> StsPolicy | None:
    """Return the domain's policy as the mail flow keeps it: what a domain publishes is no secret."""
    with mail_flow():
        row = MtaStsPolicy.objects.filter(domain=domain, expires_at__gt=timezone.now()).first()
    if row is None or row.mode == Mode.NONE:
        return None
    return StsPolicy(Mode(row.mode), tuple(row.mx), row.max_age)


def look_up(ways: Sequence[Way]) -> list[Way]:
    """Ask DNS for the hosts of each way, all at once. Call it with no transaction open."""
    if not any(way.connector for way in ways):
        return list(ways)
    return asyncio.run(_look_up_all(ways))


def find_places(ways: Iterable[Way]) -> list[Way]:
    """See how many connections the platform has to the first host of each way; in a scope again."""
    return [_with_place(way) for way in ways]


async def _look_up_all(ways: Sequence[Way]) -> list[Way]:
    resolver = Resolver(settings.POSTROOM_DNS_SERVERS or None, timeout=2.0, lifetime=LIFETIME, cache_size=100)
    return list(await asyncio.gather(*(_looked_up(way, resolver) for way in ways)))


async def _looked_up(way: Way, resolver: Resolver) -> Way:
    connector = way.connector
    if connector is None:
        return way
    try:
        async with asyncio.timeout(PATIENCE):
            # The very call that a delivery makes, so that the two cannot disagree.
            endpoints = await connector.endpoints(way.domain, resolver)
            preferences = await _preferences(way.domain, connector, resolver)
            announces = way.sts is None and await _announces_policy(way.domain, connector, resolver)
    except TimeoutError:
        return replace(way, was_looked_up=True, failure=DnsTemporary(way.domain, TemporaryKind.TIMEOUT))
    except DnsFailure as failure:
        return replace(way, was_looked_up=True, failure=failure)
    security = secured(connector, way.domain, endpoints, way.sts)
    hosts = _hosts(endpoints, preferences, connector.options(way.domain), security)
    return replace(way, was_looked_up=True, hosts=hosts, announces_sts=announces)


async def _announces_policy(domain: str, connector: Connector, resolver: Resolver) -> bool:
    """Say whether DNS announces an MTA-STS policy. It is not fetched: nobody makes us call other servers from here."""
    return follows_sts(connector, domain) and record_id(await lookup_txt(f"_mta-sts.{domain}", resolver)) is not None


async def _preferences(domain: str, connector: Connector, resolver: Resolver) -> dict[str, int]:
    """Return the hosts' MX preferences; the resolver has just asked, and remembers."""
    if connector.routing != SendConnector.Routing.DNS:
        return {}
    return {name: preference for preference, name in reversed(await lookup_mx_names(domain, resolver))}


def _hosts(
    endpoints: Sequence[Endpoint], preferences: Mapping[str, int], options: HopOptions, security: Security
) -> tuple[MailHost, ...]:
    """Gather each host's addresses, in the order of their first."""
    found: dict[str, list[HostAddress]] = {}
    for endpoint in endpoints:
        address = HostAddress(endpoint.address, endpoint.port, _obstacle(endpoint, options, security))
        found.setdefault(endpoint.host, []).append(address)
    return tuple(MailHost(name, preferences.get(name), tuple(addresses)) for name, addresses in found.items())


def _obstacle(endpoint: Endpoint, options: HopOptions, security: Security) -> str:
    if security.is_enforced and endpoint.host in security.unnamed:
        return _UNNAMED
    if (endpoint.address, endpoint.port) in options.routes:
        return ""
    if endpoint.address in options.own_addresses:
        return "hop.loops_to_us"
    return "hop.forbidden_address" if is_forbidden_address(endpoint.address, options.allowed_networks) else ""


def _with_place(way: Way) -> Way:
    if not way.hosts:
        return way
    # A delivery takes its place at the first address, whichever of them answers in the end.
    allowed = [one for host in way.hosts for one in host.addresses if one.obstacle != _UNNAMED]
    if not allowed:
        return way
    first = allowed[0]
    endpoint = str(Endpoint(first.address, first.address, first.port))
    place = Place(first.address, allowed_now(endpoint), places_taken(endpoint))
    if way.connector is not None and (own := way.connector.max_connections_per_host) < PER_HOST:
        # The connector has fewer of its own: what is short of the two counts.
        of_connector = Place(first.address, own, places_taken(endpoint, str(way.connector.id)))
        place = min(place, of_connector, key=lambda each: each.limit - each.taken)
    return replace(way, place=place)
