"""`manage.py prepare`: bring the database up to date and make what a fresh platform needs. Safe to repeat.

With `--json`, the last line on standard output is the list of log-ins that this run made.
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from typing_extensions import override

from postroom.broker import install_broker, uses_pgmq
from postroom.first_run import Login, demo_domain, first_run
from postroom.lab.records import publish_domain
from tenants.actions.actor import SYSTEM
from tenants.guards import refuse_unguarded
from transport.checks.domain_dns import verify_accepted_domain
from transport.queue.partitions import ensure_partitions


class Command(BaseCommand):
    help = "Migrate, make partitions and the broker's queues, and on the first run the operator and the demo tenant."
    requires_system_checks = []  # they import the whole web; a start has no time for that

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="make no demo tenant")
        parser.add_argument("--json", action="store_true", help="print the new log-ins as JSON")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        refuse_unguarded()
        if uses_pgmq():
            install_broker()
        ensure_partitions()
        logins = first_run(demo=settings.POSTROOM_DEMO and not options["no_demo"])
        if settings.POSTROOM_LAB:
            self.verify_demo_domain()
        self.show(logins, as_json=options["json"])

    def verify_demo_domain(self) -> None:
        """Prove the demo domain as a tenant would: publish the record, then look it up in the lab's DNS."""
        domain = demo_domain()
        if domain is not None:
            publish_domain(domain.domain, domain.verification_record[1])
            verify_accepted_domain(actor=SYSTEM, domain=domain)

    def show(self, logins: list[Login], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps([login.as_dict() for login in logins]))
            return
        for login in logins:
            self.stdout.write(f"{login.who}: {login.address}  {login.password}")
