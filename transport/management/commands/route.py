"""`manage.py route SENDER RECIPIENT`: where a message would go and why. Nothing is sent."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from tenants.models import Tenant
from tenants.scope import operator_scope
from transport.actions.simulate import Simulation, simulate
from transport.routing.reasons import explain


class Command(BaseCommand):
    help = "Show where a message would go and why, without sending it."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("sender", help="an address, or '' for a notice")
        parser.add_argument("recipient")
        parser.add_argument("--tenant", metavar="SLUG", help="who sends; without it, a stranger from the Internet does")
        parser.add_argument("--size", type=int, default=4096, help="bytes")
        parser.add_argument("--json", action="store_true")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        with operator_scope():
            tenant = self.find(options["tenant"])
            result = simulate(
                tenant=tenant, sender=options["sender"], recipient=options["recipient"], size=options["size"]
            )
        if options["json"]:
            self.stdout.write(json.dumps(result.to_json(), ensure_ascii=False, indent=2))
        else:
            self.show(result)

    def find(self, slug: str | None) -> Tenant | None:
        if slug is None:
            return None
        try:
            return Tenant.objects.get(slug=slug)
        except Tenant.DoesNotExist:
            raise CommandError(f"There is no tenant {slug!r}.") from None

    def show(self, result: Simulation) -> None:
        self.stdout.write("\n".join(result.routing.trace.lines()))
        self.stdout.write("")
        for outcome in result.outcomes:
            self.stdout.write(f"{outcome.recipient}: {outcome.verdict} {outcome.next_hop}".rstrip())
            if outcome.reason_code:
                told = explain(outcome.reason_code, **outcome.facts)
                self.stdout.write(f"    {told.title}. {told.text}")
                for fix in told.fixes:
                    self.stdout.write(f"    to mend it: {fix.label}")
