"""Reasons in the operator's language, beside what was counted under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

from postroom.explain import explain
from transport.queue.across import QueueFilter, QueueGroup
from transport.routing.reasons import REASONS, Explanation
from transport.routing.result import UNREACHABLE_DOMAIN
from transport.tracking.across import Failures

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Told(Generic[Item]):
    """One line of a list, and what its reason means."""

    item: Item
    title: str
    explanation: Explanation | None = None


def title_of(reason: str, endpoint: str = "", domain: str = "") -> str:
    """Return a reason's title; the code itself where an older version of ours wrote it."""
    host, _, address = endpoint.partition(" ")
    # “Unreachable Domain” is a queue of many domains, and none of them.
    facts = {"host": host, "endpoint": address or host, "domain": "" if domain == UNREACHABLE_DOMAIN else domain}
    return (
        explain(reason, **{name: text for name, text in facts.items() if text}).title if reason in REASONS else reason
    )


def told_groups(groups: Sequence[QueueGroup]) -> list[Told[QueueGroup]]:
    return [Told(group, title_of(group.reason, group.label)) for group in groups]


def told_failures(failures: Sequence[Failures]) -> list[Told[Failures]]:
    return [Told(one, title_of(one.reason, one.endpoint)) for one in failures]


def query(chosen: QueueFilter, **more: str) -> str:
    """Return a filter as a page's query."""
    return urlencode(chosen.to_json() | {name: value for name, value in more.items() if value})
