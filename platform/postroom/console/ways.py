"""A message's way from its next hop, in the words of people, for a page."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext

from postroom.explain import explain
from transport.actions.ways import HostAddress, Way
from transport.routing.reasons import Explanation

OUTLOOKS = {"goes": "passed", "waits": "warning", "comes_back": "failed"}


@dataclass(frozen=True, slots=True)
class ToldAddress:
    """An address, and why we would not connect to it, if so."""

    address: HostAddress
    why: Explanation | None


@dataclass(frozen=True, slots=True)
class TellWay:
    """What a template asks of a way."""

    way: Way

    @property
    def mood(self) -> str:
        return OUTLOOKS[self.way.outlook]

    @property
    def tls(self) -> str:
        return self.way.tls(gettext)

    @property
    def unknown(self) -> list[str]:
        return self.way.unknown(gettext)

    @property
    def why_no_host(self) -> Explanation | None:
        return self.way.why_no_host(gettext)

    @property
    def last_error(self) -> Explanation | None:
        return self.way.last_error_explained(gettext)

    @property
    def hosts(self) -> list[tuple[str, int | None, list[ToldAddress]]]:
        return [
            (host.name, host.preference, [_told(one, host.name, self.way.domain) for one in host.addresses])
            for host in self.way.hosts
        ]


def _told(one: HostAddress, host: str, domain: str) -> ToldAddress:
    why = explain(one.obstacle, endpoint=one.address, host=host, domain=domain) if one.obstacle else None
    return ToldAddress(one, why)
