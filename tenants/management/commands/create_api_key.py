"""`manage.py create_api_key (--operator | --tenant SLUG) --name NAME [--role ROLE]`: print a new key, nothing else."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from tenants.actions.actor import SYSTEM
from tenants.actions.keys import create_api_key
from tenants.models import Membership, Tenant


class Command(BaseCommand):
    help = "Make an API key and print it. It is shown this once."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        owner = parser.add_mutually_exclusive_group(required=True)
        owner.add_argument("--operator", action="store_true", help="a key that may name any tenant")
        owner.add_argument("--tenant", metavar="SLUG", help="a key of this tenant")
        parser.add_argument("--name", required=True, help="what the key is for")
        roles = Membership.Role.values
        parser.add_argument("--role", choices=roles, default="owner", help="what a tenant's key may do")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        tenant = None
        if options["tenant"]:
            tenant = Tenant.objects.filter(slug=options["tenant"]).first()
            if tenant is None:
                raise CommandError(f"There is no tenant {options['tenant']!r}.")
        _, token = create_api_key(actor=SYSTEM, name=options["name"], tenant=tenant, role=options["role"])
        self.stdout.write(token)
