"""`manage.py create_tenant SLUG`: make a tenant, with its first owner where one is named."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from tenants.actions.actor import SYSTEM
from tenants.actions.tenants import create_tenant
from tenants.problems import Problem
from tenants.secrets import random_password


class Command(BaseCommand):
    help = (
        "Make a tenant. With --owner, a person who may log in to it; a password is made and printed if none is given."
    )

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--name", default="", help="how people call it")
        parser.add_argument("--owner", metavar="EMAIL", default="", help="the first owner's e-mail address")
        parser.add_argument("--password", help="the owner's password")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        password = options["password"] or (random_password() if options["owner"] else None)
        try:
            create_tenant(
                actor=SYSTEM,
                slug=options["slug"],
                name=options["name"],
                owner_email=options["owner"],
                owner_password=password,
            )
        except Problem as problem:
            raise CommandError(f"{problem.code}: {problem.facts}") from None
        self.stdout.write(f"Tenant {options['slug']} is there.")
        if options["owner"] and not options["password"]:
            self.stdout.write(f"Log in as {options['owner']} with {password}")
