"""Relay permissions: which of a tenant's lets a client send as this sender, and why the others do not (§12.14)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from transport.message.address import Address
from transport.routing.envelope import Right
from transport.routing.lookup import Incomplete, Lookup
from transport.routing.ranges import AddressRange
from transport.routing.trace import Considered
from transport.routing.wording import gettext_noop as _


@dataclass(frozen=True, slots=True)
class RelayEntry:
    """A relay permission, as far as choosing it needs. `senders` are keys of addresses and names of domains."""

    id: UUID
    tenant_id: UUID | None
    name: str
    remote_ranges: tuple[AddressRange, ...]
    senders: tuple[str, ...] = ()
    rights: frozenset[Right] = frozenset()
    fingerprints: tuple[str, ...] = ()

    def allows(self, sender: Address) -> bool:
        """Say whether the sender is among those that it names; where it names none, all are."""
        return not self.senders or sender.domain_a in self.senders or sender.key in self.senders


@dataclass(frozen=True, slots=True)
class Holding:
    """A permission that the client has: by the range that holds its address, or without one otherwise."""

    entry: RelayEntry
    range: AddressRange | None
    by_certificate: bool = False  # else, without a range, by its log-in

    @property
    def won_by(self) -> str:
        if self.range is not None:
            return _BY_RANGE
        return _BY_CERTIFICATE if self.by_certificate else _BY_LOG_IN

    @property
    def size(self) -> int:
        return self.range.size if self.range is not None else 0


@dataclass(frozen=True, slots=True)
class RelayChoice:
    """The permission that counts, or None, and by tenant what was said of each of its permissions."""

    entry: RelayEntry | None
    considered: Mapping[UUID, tuple[Considered, ...]]


_BY_RANGE = _("{range} is its most specific range that holds {remote}, and {sender} may be its sender")
_BY_CERTIFICATE = _("the client showed one of its certificates, and {sender} may be its sender")
_BY_LOG_IN = _("the client logged in as its user, and {sender} may be its sender")
_NULL = _("the sender is empty: only mail in its own name is relayed for an organisation")
_NOT_YOURS = _("{sender} is not on a verified domain of the organisation")
_NOT_NAMED = _("{sender} is none of its senders")
_WIDER = _("range {range} is less specific than {winning_range}")
_LATER = _("{range} is as specific, and “{winner}” comes first by name")
_CERTIFICATE_FIRST = _("range {range} counts for less than the certificate that the client showed")
_CERTIFICATE_LATER = _("it is by certificate, too, and “{winner}” comes first by name")


def choose_relay(holdings: Sequence[Holding], sender: Address | None, remote: str, lookup: Lookup) -> RelayChoice:
    """Choose among the permissions that a client has, narrowest first; may raise Incomplete."""
    _expect(holdings, sender, lookup)
    told: dict[UUID, list[Considered]] = {}
    winner: Holding | None = None
    for one in sorted(holdings, key=lambda one: (one.size, one.entry.name.casefold())):
        facts: dict[str, Any] = {"sender": sender or "<>", "remote": remote, "range": one.range or ""}
        template = _fault(one.entry, sender, lookup)
        if template is None and winner is not None:
            facts |= {"winning_range": winner.range or "", "winner": winner.entry.name}
            template = _lost_to(one, winner)
        if template is None:
            winner, template = one, one.won_by
        assert one.entry.tenant_id is not None, "an operator's connector relays for nobody"
        verdict = "won" if winner is one else "lost"
        told.setdefault(one.entry.tenant_id, []).append(Considered(one.entry.name, verdict, template, facts))
    return RelayChoice(winner.entry if winner else None, {key: tuple(value) for key, value in told.items()})


def _lost_to(one: Holding, winner: Holding) -> str:
    if winner.by_certificate:
        return _CERTIFICATE_LATER if one.by_certificate else _CERTIFICATE_FIRST
    return _WIDER if one.size > winner.size else _LATER


def _expect(holdings: Sequence[Holding], sender: Address | None, lookup: Lookup) -> None:
    """Ask at once for all that judging them may want, however many tenants share an address."""
    if sender is None or not sender.domain:
        return
    lookup.expect(sender.domain_a)
    for one in holdings:
        assert one.entry.tenant_id is not None
        with suppress(Incomplete):
            lookup.tenant(one.entry.tenant_id)
    if lookup.need is not None:
        raise Incomplete


def _fault(entry: RelayEntry, sender: Address | None, lookup: Lookup) -> str | None:
    """Return why the permission does not let the client send as this sender."""
    if sender is None or not sender.domain:
        return _NULL
    if not _is_on_own_domain(entry, sender.domain_a, lookup):
        return _NOT_YOURS
    return None if entry.allows(sender) else _NOT_NAMED


def _is_on_own_domain(entry: RelayEntry, domain: str, lookup: Lookup) -> bool:
    assert entry.tenant_id is not None
    tenant = lookup.tenant(entry.tenant_id)
    found = lookup.accepting(domain, tenant)
    if tenant is None or found is None or found[0].id != tenant.id:
        return False
    return found[1].verified or Right.ACCEPT_ANY_SENDER in entry.rights


def undecidable_relays(one: RelayEntry, other: RelayEntry) -> dict[str, str] | None:
    """Return the facts of two permissions of a tenant that claim the same machines for the same senders, or None."""
    if not _share_sender(one.senders, other.senders):
        return None
    if shared := set(one.fingerprints) & set(other.fingerprints):
        return {"first": one.name, "second": other.name, "range": min(shared)}
    for mine in one.remote_ranges:
        for theirs in other.remote_ranges:
            if mine.overlaps(theirs) and (mine == theirs or not (mine.is_within(theirs) or theirs.is_within(mine))):
                return {"first": one.name, "second": other.name, "range": str(theirs)}
    return None


def _share_sender(one: Iterable[str], other: Iterable[str]) -> bool:
    mine, theirs = set(one), set(other)
    if not mine or not theirs or mine & theirs:
        return True
    return bool({_domain_of(name) for name in mine} & theirs or {_domain_of(name) for name in theirs} & mine)


def _domain_of(name: str) -> str:
    return name.rpartition("@")[2]
