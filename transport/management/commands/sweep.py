"""`manage.py sweep`: find due work once, without a broker or its clock."""

from __future__ import annotations

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from typing_extensions import override

from transport.queue.drain import drain
from transport.queue.sweep import sweep_once


class Command(BaseCommand):
    help = "Take back lost leases, expire, notify, route again and wake the workers, once."
    requires_system_checks = []

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--deliver", action="store_true", help="deliver what is due in this process, too")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        due = sweep_once()
        if due and options["deliver"]:
            asyncio.run(drain(idle=0.0))
