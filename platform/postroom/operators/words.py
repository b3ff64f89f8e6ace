"""Reasons in the operator's language, beside what was counted under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from postroom.explain import explain
from transport.queue.across import Incident, QueueFilter, QueueGroup
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
    return [Told(group, _title_of_group(group)) for group in groups]


def _title_of_group(group: QueueGroup) -> str:
    """Return the title of what one server said, or many alike."""
    if isinstance(group, Incident) and group.endpoints > 1 and group.reason in REASONS:
        title = explain(group.reason, host=_("the peer"), endpoint=_("the peer")).title
        return title[:1].upper() + title[1:]
    return title_of(group.reason, group.label)


def told_failures(failures: Sequence[Failures]) -> list[Told[Failures]]:
    return [Told(one, title_of(one.reason, one.endpoint)) for one in failures]


def query(chosen: QueueFilter, **more: str) -> str:
    """Return a filter as a page's query."""
    return urlencode(chosen.to_json() | {name: value for name, value in more.items() if value})
