"""Watching a tenant while somebody else is about: whether anything of it shows, and whether anything changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from django.db import connection, transaction

from tests.walls.furnish import Furnished, owned_tables

# What comes into a tenant when somebody writes to it; nothing that was there may change by it.
ARRIVALS = {
    "transport_message",
    "transport_messagebody",
    "transport_queue",
    "transport_delivery",
    "transport_trackingevent",
    "transport_mailboxbody",
    "transport_mailboxmessage",
}
Rows = frozenset[tuple[str, str]]


class Watch:
    """Knows every row and every mark of one tenant."""

    def __init__(self, of: Furnished) -> None:
        self.of = of
        self._people = [str(user.pk) for user in of.people.values()]
        self._statement = " UNION ALL ".join(
            [
                "SELECT 'tenants_tenant', t::text FROM tenants_tenant t WHERE t.id = %(tenant)s",
                "SELECT 'tenants_user', t::text FROM tenants_user t WHERE t.id = ANY(%(people)s::uuid[])",
                *(f"SELECT '{name}', t::text FROM {name} t WHERE t.tenant_id = %(tenant)s" for name in owned_tables()),  # noqa: S608
            ]
        )
        self._before = self.rows()
        self._marks = {mark.lower() for mark in self._all_marks()}

    def rows(self) -> Rows:
        """Return every row that belongs to the tenant, as the database writes it."""
        with connection.cursor() as cursor:
            cursor.execute(self._statement, {"tenant": self.of.tenant.pk, "people": self._people})
            return frozenset(cursor.fetchall())

    def _all_marks(self) -> Iterator[str]:
        yield from (self.of.secret, self.of.tenant.slug, self.of.domain)
        yield from self._people
        yield from (user.email for user in self.of.people.values())
        yield from (str(row.pk) for row in self.of.rows.values() if len(str(row.pk)) == 36)

    def marks_in(self, answer: Any, sent: object) -> set[str]:
        """Return what an answer tells of the tenant beyond what was sent: a refusal may quote the question."""
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        told = unquote(f"{answer.headers}\n{body.decode(errors='replace')}").lower()
        found = {mark for mark in self._marks if mark in told}
        if found:
            asked = unquote(str(sent)).lower()
            found = {mark for mark in found if mark not in asked}
        return found

    def changes(self) -> set[tuple[str, str]]:
        """Return what is no longer as it was: rows that went or were changed, and new ones that nobody sent it."""
        now = self.rows()
        made = {(table, row) for table, row in now - self._before if table not in ARRIVALS}
        return set(self._before - now) | made


@contextmanager
def undone() -> Iterator[None]:
    """Undo what happens inside, so that the next visit finds everything in its place."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
