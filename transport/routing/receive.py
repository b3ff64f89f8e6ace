"""Choosing a connection's receive connector: the local binding, then the most specific remote range (Exchange §4)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any
from uuid import UUID

from typing_extensions import override

from transport.routing.ranges import AddressRange, IPAddress, plain_address
from transport.routing.trace import Considered
from transport.routing.wording import Translate, fill
from transport.routing.wording import gettext_noop as _


class InvalidBinding(ValueError):
    """The text is not an address with a port."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A local address and port. 0.0.0.0 and :: stand for every local address of their IP version."""

    address: IPAddress
    port: int

    @classmethod
    def parse(cls, text: str) -> Binding:
        """Read `192.0.2.1:25` or `[2001:db8::1]:25`."""
        host, colon, port = text.strip().rpartition(":")
        try:
            if not colon or not (port.isascii() and port.isdigit()) or not 1 <= int(port) <= 65535:
                raise ValueError("the port is missing or out of range")
            address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        except ValueError as error:
            raise InvalidBinding(f"{text!r} is not an address with a port: {error}") from error
        if host.startswith("[") != (address.version == 6):
            raise InvalidBinding(f"{text!r}: an IPv6 address, and only that, stands in brackets.")
        return cls(address, int(port))

    @property
    def is_wildcard(self) -> bool:
        return self.address.is_unspecified

    def takes(self, address: IPAddress, port: int) -> bool:
        if port != self.port or address.version != self.address.version:
            return False
        return self.is_wildcard or address == self.address

    @override
    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if self.address.version == 6 else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class ReceiveEntry:
    """A receive connector, as far as choosing it needs."""

    id: UUID
    name: str
    bindings: tuple[Binding, ...]
    remote_ranges: tuple[AddressRange, ...]
    enabled: bool = True

    @property
    def name_order(self) -> tuple[str, str]:
        return (self.name.casefold(), str(self.id))


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a connector fits a connection; the lower `rank` wins, the name decides a tie."""

    entry: ReceiveEntry
    binding: Binding
    range: AddressRange

    @property
    def rank(self) -> tuple[bool, int]:
        return (self.binding.is_wildcard, self.range.size)


@dataclass(frozen=True, slots=True)
class ReceiveChoice:
    """The connector, or None if nobody takes the client, and what was said of each candidate, the winner first."""

    entry: ReceiveEntry | None
    considered: tuple[Considered, ...]

    @property
    def on_this_port(self) -> tuple[Considered, ...]:
        """Return what was said of the connectors on the connection's own port, which is what its client may hear."""
        return tuple(one for one in self.considered if one.template not in (_NOT_BOUND, _DISABLED))

    @property
    def is_ambiguous(self) -> bool:
        return any(one.template == _TIED for one in self.considered)

    def why(self, translate: Translate = str) -> str:
        """Return the winner's reason in one sentence, for the log."""
        if self.entry is None:
            return translate(_("No enabled receive connector covers this client on this binding."))
        return f"{self.entry.name}: {fill(translate(self.considered[0].template), self.considered[0].facts)}"


_WON = _("bound to {binding}, and {range} is the most specific range that holds {remote}")
_DISABLED = _("disabled")
_NOT_BOUND = _("not bound to {local}")
_NOT_IN_RANGE = _("no remote range holds {remote}")
_LESS_LOCAL = _("bound to {binding}, less specific than {winning_binding}")
_WIDER = _("range {range} is less specific than {winning_range}")
_TIED = _("undecidable: {range} is as specific as the winner's {winning_range}; “{winner}” comes first by name")


def choose_receive(connectors: Iterable[ReceiveEntry], local: tuple[str, int], remote: str) -> ReceiveChoice:
    """Choose for a connection from `remote` to the local address and port; says of each connector why it lost."""
    local_address, port = plain_address(local[0]), local[1]
    client = plain_address(remote)
    told: list[Considered] = []
    fits: list[Fit] = []
    facts: dict[str, Any] = {"local": f"{local_address}:{port}", "remote": client}
    for entry in sorted(connectors, key=lambda one: one.name_order):
        fit = _best_fit(entry, local_address, port, client)
        if isinstance(fit, Fit):
            fits.append(fit)
        else:
            told.append(Considered(entry.name, "lost", fit, facts))
    if not fits:
        return ReceiveChoice(None, tuple(told))
    winner = min(fits, key=lambda fit: fit.rank)
    won = Considered(winner.entry.name, "won", _WON, {**facts, "binding": winner.binding, "range": winner.range})
    lost = [_beaten(fit, winner, facts) for fit in fits if fit is not winner]
    return ReceiveChoice(winner.entry, (won, *lost, *told))


def _best_fit(entry: ReceiveEntry, local: IPAddress, port: int, remote: IPAddress) -> Fit | str:
    """Return the connector's best binding and range for the connection, or why it has none."""
    if not entry.enabled:
        return _DISABLED
    bindings = [binding for binding in entry.bindings if binding.takes(local, port)]
    if not bindings:
        return _NOT_BOUND
    ranges = [one for one in entry.remote_ranges if one.holds(remote)]
    if not ranges:
        return _NOT_IN_RANGE
    best_binding = min(bindings, key=lambda binding: binding.is_wildcard)
    return Fit(entry, best_binding, min(ranges, key=lambda one: one.size))


def _beaten(fit: Fit, winner: Fit, facts: dict[str, Any]) -> Considered:
    more = {"binding": fit.binding, "range": fit.range, "winner": winner.entry.name}
    more |= {"winning_binding": winner.binding, "winning_range": winner.range}
    if fit.binding.is_wildcard > winner.binding.is_wildcard:
        template = _LESS_LOCAL
    else:
        template = _WIDER if fit.range.size > winner.range.size else _TIED
    return Considered(fit.entry.name, "lost", template, {**facts, **more})


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two enabled connectors that claim the same clients so that neither is the more specific one."""

    first: ReceiveEntry
    second: ReceiveEntry
    binding: Binding
    first_range: AddressRange
    second_range: AddressRange

    @property
    def facts(self) -> dict[str, str]:
        """Return what `explain("receive_connector.overlap", …)` wants to know."""
        return {
            "first": self.first.name,
            "second": self.second.name,
            "binding": str(self.binding),
            "first_range": str(self.first_range),
            "second_range": str(self.second_range),
        }


def undecidable_overlaps(connectors: Sequence[ReceiveEntry]) -> tuple[Overlap, ...]:
    """Find the pairs whose ranges on one binding are equal or overlap only in part; containment is decidable."""
    enabled = sorted((one for one in connectors if one.enabled), key=lambda one: one.name_order)
    return tuple(overlap for first, second in combinations(enabled, 2) for overlap in _between(first, second))


def _between(first: ReceiveEntry, second: ReceiveEntry) -> Iterator[Overlap]:
    shared = next((binding for binding in first.bindings if binding in second.bindings), None)
    if shared is None:
        return
    for one in first.remote_ranges:
        for other in second.remote_ranges:
            if one.overlaps(other) and (one == other or not (one.is_within(other) or other.is_within(one))):
                yield Overlap(first, second, shared, one, other)
