"""`manage.py trace MESSAGE`: the whole story of one message, by our id or by its Message-ID."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from tenants.models import Tenant
from tenants.scope import scope
from transport.models import TrackingEvent
from transport.tracking.search import MESSAGE_ID
from transport.tracking.timeline import Entry, timeline

MOST = 20


class Command(BaseCommand):
    help = "Tell the whole story of a message: every attempt with the peer's words, and what it waits for now."
    requires_system_checks = []

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("message", help="our id of the message, or its Message-ID with the angle brackets")
        parser.add_argument("--tenant", metavar="SLUG", help="only where it is this tenant's")
        parser.add_argument("--json", action="store_true")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        stories = []
        for tenant, message_id in self.find(options["message"], options["tenant"]):
            with scope(tenant):
                stories.append((tenant, message_id, timeline(tenant.pk, message_id)))
        if options["json"]:
            told = [
                {
                    "tenant": tenant.slug,
                    "message_id": str(message_id),
                    "entries": [entry.to_json() for entry in entries],
                }
                for tenant, message_id, entries in stories
            ]
            self.stdout.write(json.dumps(told, ensure_ascii=False, indent=2))
            return
        for tenant, message_id, entries in stories:
            self.stdout.write(f"{tenant.slug}  {message_id}")
            for entry in entries:
                self.show(entry)

    def find(self, text: str, slug: str | None) -> list[tuple[Tenant, UUID]]:
        """Return whose message it is; a message to another tenant has a story on either side."""
        rows = TrackingEvent.objects.order_by()
        if slug is not None:
            rows = rows.filter(tenant__slug=slug)
        try:
            rows = rows.filter(message_id=UUID(text))
        except ValueError:
            rows = rows.extra(where=[MESSAGE_ID], params=[text] * 2)  # noqa: S610 - a constant
        found = list(rows.values_list("tenant_id", "message_id").distinct()[:MOST])
        if not found:
            raise CommandError(f"The tracking log knows no message {text!r}.")
        tenants = Tenant.objects.in_bulk([tenant_id for tenant_id, _ in found])
        return [(tenants[tenant_id], message_id) for tenant_id, message_id in sorted(found, key=str)]

    def show(self, entry: Entry) -> None:
        recipients = ", ".join(entry.recipients)
        self.stdout.write(f"  {entry.at:%Y-%m-%d %H:%M:%S.%f} {entry.event_id} {entry.source}  {recipients}")
        where = " ".join(part for part in (entry.connector, entry.endpoint, entry.phase) if part)
        lines = [where, str(entry.reply) if entry.reply else "", entry.text]
        if entry.explanation:
            lines += [f"{entry.explanation.title} ({entry.reason})", entry.explanation.text]
            lines += [f"to mend it: {fix.label}" for fix in entry.explanation.fixes]
        if entry.next_attempt_at:
            lines.append(f"next try at {entry.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC")
        if entry.reference:
            lines.append(f"see {entry.reference}")
        for line in filter(None, lines):
            self.stdout.write(f"      {line}")
