"""Searching the audit log: newest first, by keyset, each filter by an index that row-level security leaves usable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import CharField, Lookup, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.identifiers import first_uuid7_of
from tenants.models import AuditEvent

# What an action is about, by the nouns that actions begin with.
GROUPS: Final[dict[str, tuple[str | Promise, tuple[str, ...]]]] = {
    "domains": (_("Domains"), ("accepted_domain",)),
    "mailboxes": (_("Mailboxes"), ("mailbox", "app_password", "group", "contact", "address_policy")),
    "connectors": (_("Connectors"), ("send_connector", "receive_connector")),
    "queues": (_("Queues and messages"), ("queue", "message")),
    "people": (_("People"), ("user", "membership", "invitation", "sign_in", "session")),
    "keys": (_("API keys"), ("api_key",)),
    "organisation": (_("Organisation"), ("tenant", "plan", "limit", "usage")),
    "operators": (_("Operators' access"), ("operator", "act_as")),
    "audit": (_("The audit log itself"), ("audit",)),
}


class Begins(Lookup[bool]):
    """`^@`: the one operator for beginnings that an index serves under row-level security (design §12.8)."""

    lookup_name = "begins"

    @override
    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        left, left_values = self.process_lhs(compiler, connection)
        right, right_values = self.process_rhs(compiler, connection)
        return f"{left} ^@ {right}", (*left_values, *right_values)


CharField.register_lookup(Begins)


@dataclass(frozen=True, slots=True)
class Filters:
    """What to look for; empty means any. `actor` and `object` are how a name begins; `end` is exclusive.

    `group` is a key of GROUPS or one noun of an action, `action` a whole one.
    """

    actor: str = ""
    actor_id: str = ""
    group: str = ""
    action: str = ""
    object: str = ""
    object_type: str = ""
    object_id: str = ""
    address: str = ""
    start: datetime | None = None
    end: datetime | None = None


def matching(rows: QuerySet[AuditEvent], filters: Filters) -> QuerySet[AuditEvent]:
    """Return those of the rows that match, without an order. Times are ranges of the key."""
    exact = {
        "actor_id": filters.actor_id,
        "action": filters.action,
        "object_type": filters.object_type,
        "object_id": filters.object_id,
        "client_address": filters.address,
        "actor_key__begins": filters.actor.lower(),
        "object_key__begins": filters.object.lower(),
        "id__gte": first_uuid7_of(filters.start) if filters.start else None,
        "id__lt": first_uuid7_of(filters.end) if filters.end else None,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if filters.group:
        nouns = GROUPS[filters.group][1] if filters.group in GROUPS else (filters.group,)
        rows = rows.filter(noun__in=nouns)
    if filters.action and not filters.group:
        rows = rows.filter(noun=filters.action.partition(".")[0])  # the index is by noun
    return rows
