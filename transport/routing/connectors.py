"""Choosing the send connector for a domain in Exchange's order: size, enabled and matching, specificity, cost, name."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from transport.routing.result import DeliveryType, NextHop
from transport.routing.snapshot import ConnectorEntry, ConnectorRouting, Snapshot, TenantSnapshot
from transport.routing.spaces import covering_patterns, matches, specificity
from transport.routing.trace import Considered, Considering
from transport.routing.wording import gettext_noop as _

LOST = "lost"
WON = "won"


@dataclass(frozen=True, slots=True)
class Selection:
    """The winner with its pattern, or the reason why there is none and the connector that reason is about."""

    connector: ConnectorEntry | None
    pattern: str = ""
    cost: int = 0
    reason_code: str | None = None
    obstacle: ConnectorEntry | None = None


def select_connector(tenant: TenantSnapshot, domain: str, size: int) -> Selection:
    """Return the connector for a domain; the cost of asking does not grow with the number of connectors."""
    disabled: ConnectorEntry | None = None
    too_small: ConnectorEntry | None = None
    for pattern, cost, connector in _covering(tenant, domain):
        if not connector.enabled:
            disabled = disabled or connector
        elif not connector.takes(size):
            too_small = _larger(too_small, connector)
        else:
            return Selection(connector, pattern, cost)
    if too_small is not None:
        return Selection(None, reason_code="route.too_large", obstacle=too_small)
    if disabled is not None:
        return Selection(None, reason_code="route.connector_disabled", obstacle=disabled)
    return Selection(None, reason_code="route.no_connector")


def _covering(tenant: TenantSnapshot, domain: str) -> Iterator[tuple[str, int, ConnectorEntry]]:
    """Yield the spaces that cover the domain: most specific, then cheapest, then by name."""
    spaces = tenant.spaces
    for pattern in covering_patterns(domain):
        for cost, connector in spaces.get(pattern, ()):
            yield pattern, cost, connector


def _larger(best: ConnectorEntry | None, other: ConnectorEntry) -> ConnectorEntry:
    """Keep the connector that takes most: its limit is the one to name."""
    return other if best is None or (other.max_message_size or 0) > (best.max_message_size or 0) else best


def considering(tenant: TenantSnapshot, domain: str, size: int) -> Considering:
    """Return a call that explains the choice later, for a trace."""
    return partial(explain_selection, tenant, domain, size)


def explain_selection(tenant: TenantSnapshot, domain: str, size: int) -> tuple[Considered, ...]:
    """Say for every connector of the tenant why it won or by what it lost; the winner comes first."""
    winner = select_connector(tenant, domain, size)
    others = sorted(tenant.connectors, key=lambda connector: connector.name_order)
    told = [_won(winner)] if winner.connector is not None else []
    told.extend(_lost(connector, domain, size, winner) for connector in others if connector is not winner.connector)
    return tuple(told)


def _won(winner: Selection) -> Considered:
    assert winner.connector is not None
    template = _("its address space {pattern} covers the domain, cost {cost}")
    return Considered(winner.connector.name, WON, template, {"pattern": winner.pattern, "cost": winner.cost})


def _lost(connector: ConnectorEntry, domain: str, size: int, winner: Selection) -> Considered:
    best = _best_space(connector, domain)
    if best is None:
        return Considered(connector.name, LOST, _("no matching address space for {domain}"), {"domain": domain})
    facts: dict[str, Any] = {"limit": connector.max_message_size, "size": size, "pattern": best[0], "cost": best[1]}
    if not connector.takes(size):
        too_small = _("too small: limit {limit} < size {size}")
        both = _("too small: limit {limit} < size {size}; and disabled")
        return Considered(connector.name, LOST, too_small if connector.enabled else both, facts)
    if not connector.enabled:
        return Considered(connector.name, LOST, _("disabled"), facts)
    assert winner.connector is not None, "an enabled, matching and large enough connector cannot lose to none"
    facts |= {"other": winner.pattern, "other_cost": winner.cost, "winner": winner.connector.name}
    return Considered(connector.name, LOST, _beaten_by(best, winner), facts)


def _beaten_by(best: tuple[str, int], winner: Selection) -> str:
    pattern, cost = best
    if specificity(pattern) < specificity(winner.pattern):
        return _("less specific: {pattern} than {other}")
    if cost > winner.cost:
        return _("cost {cost} > {other_cost}")
    return _("name order: equal in all else, and “{winner}” comes first")


def _best_space(connector: ConnectorEntry, domain: str) -> tuple[str, int] | None:
    found = [space for space in connector.address_spaces if matches(space.pattern, domain)]
    if not found:
        return None
    best = min(found, key=lambda space: (-specificity(space.pattern), space.cost))
    return best.pattern, best.cost


def next_hop(connector: ConnectorEntry, domain: str) -> NextHop:
    """Return the queue's key for a connector: the recipient's domain, or the list of smart hosts."""
    if connector.routing is ConnectorRouting.DNS:
        return NextHop(DeliveryType.DNS_CONNECTOR, domain, connector.id)
    return NextHop(DeliveryType.SMART_HOST_CONNECTOR, smart_host_list(connector.smart_hosts), connector.id)


@lru_cache(maxsize=4096)
def smart_host_list(smart_hosts: tuple[tuple[str, int], ...]) -> str:
    """Return the smart hosts as the next hop's name."""
    return ",".join(_host_text(host, port) for host, port in smart_hosts)


def _host_text(host: str, port: int) -> str:
    """Write a smart host as Exchange does, `[10.1.1.1]` or `relay.x`, with the port where it is not 25."""
    bare = host.strip("[]")
    try:
        ipaddress.ip_address(bare)
        host = f"[{bare}]"
    except ValueError:
        pass
    return host if port == 25 else f"{host}:{port}"


def obstacle_of(connector: ConnectorEntry, snapshot: Snapshot) -> str | None:
    """Return the reason code why a chosen connector leads nowhere, as far as that shows without DNS."""
    if connector.routing is ConnectorRouting.DNS:
        return None
    if not connector.smart_hosts:
        return "route.no_smart_host"
    if all(snapshot.leads_to_us(host, port) for host, port in connector.smart_hosts):
        return "route.loop"
    return None
