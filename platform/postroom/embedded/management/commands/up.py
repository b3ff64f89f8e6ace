"""`manage.py up`: the whole platform on this machine, in this terminal, until Ctrl-C."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from typing_extensions import override

from postroom.embedded.errors import StartError
from postroom.embedded.launch import run_platform
from postroom.embedded.programs import Options


class Command(BaseCommand):
    help = "Run database, mail, web and lab on this machine until Ctrl-C."
    requires_system_checks = []

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-lab", action="store_true", help="leave out the small Internet on loopback")
        parser.add_argument("--no-demo", action="store_true", help="make no demo tenant on the first run")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        chosen = Options(
            lab=settings.POSTROOM_LAB and not options["no_lab"], demo=settings.POSTROOM_DEMO and not options["no_demo"]
        )
        try:
            run_platform(chosen)
        except StartError as error:
            sys.exit(f"postroom: {error}")
