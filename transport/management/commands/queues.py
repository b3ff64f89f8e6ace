"""`manage.py queues`: what waits, for which next hop, and why."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from typing_extensions import override

from tenants.models import Tenant
from tenants.scope import scope
from transport.models import Queue
from transport.queue.listing import ListedQueue, list_queues
from transport.routing.reasons import explain

MOST = 10_000


class Command(BaseCommand):
    help = "List the queues that hold messages, with their status and last error."
    requires_system_checks = []

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="one tenant's queues only")
        parser.add_argument("--json", action="store_true")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        listed: list[tuple[Tenant, ListedQueue]] = []
        for tenant in self.tenants(options["tenant"]):
            with scope(tenant):
                listed += [(tenant, queue) for queue in list_queues(tenant.pk, limit=MOST)]
        if options["json"]:
            rows = [{"tenant": tenant.slug, "identity": queue.identity, **asdict(queue)} for tenant, queue in listed]
            self.stdout.write(json.dumps(rows, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2))
        elif not listed:
            self.stdout.write("Nothing waits.")
        for tenant, queue in [] if options["json"] else listed:
            self.show(tenant, queue)

    def tenants(self, slug: str | None) -> list[Tenant]:
        """Return the tenant named, or all that have queues."""
        if slug is None:
            return list(Tenant.objects.filter(pk__in=Queue.objects.values("tenant_id")))
        found = list(Tenant.objects.filter(slug=slug))
        if not found:
            raise CommandError(f"There is no tenant {slug!r}.")
        return found

    def show(self, tenant: Tenant, queue: ListedQueue) -> None:
        count = f"{queue.message_count}{'' if queue.is_counted_out else '+'}"
        self.stdout.write(f"{tenant.slug}  {queue.identity}  {queue.delivery_type}  {queue.status}  {count} messages")
        if queue.next_retry_at:
            self.stdout.write(f"    next try at {queue.next_retry_at:%Y-%m-%d %H:%M:%S} UTC")
        error = queue.last_error
        if error is None:
            return
        if error.text:
            self.stdout.write(f"    {error.code or ''} {error.enhanced} {error.text}".rstrip())
        if error.peer_text and error.peer_text not in error.text:
            self.stdout.write(f"    the peer said: {error.peer_text}")
        if error.reason:
            host, _, endpoint = error.endpoint.rpartition(" ")
            told = explain(error.reason, domain=queue.next_hop_domain, host=host, endpoint=endpoint)
            self.stdout.write(f"    {told.title} ({error.reason})")
