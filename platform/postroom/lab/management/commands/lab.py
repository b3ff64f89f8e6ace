"""`manage.py lab`: run the small Internet on loopback until told to stop."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from postroom.lab.config import LabCannotStart, LabConfig, configured_lab
from postroom.lab.lab import Lab
from postroom.lab.sites import SITES


class Command(BaseCommand):
    help = "Run the lab: a DNS server and a few mail servers with characters, on loopback."
    requires_system_checks = []

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--greylist-seconds", type=float, help="how long tailspin.example puts off a first try")
        parser.add_argument("--slow-seconds", type=float, help="how long wingtip.example waits before each reply")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.POSTROOM_LAB:
            raise CommandError("The lab is off. Set POSTROOM_LAB to 1, on a machine that serves nobody else.")
        given = {name: options[name] for name in ("greylist_seconds", "slow_seconds") if options[name] is not None}
        try:
            asyncio.run(self.serve(dataclasses.replace(configured_lab(), **given)))
        except LabCannotStart as error:
            raise CommandError(str(error)) from error

    async def serve(self, config: LabConfig) -> None:
        stopping = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        async with Lab(config):
            self.stdout.write(f"DNS on {config.dns_server_text}")
            for site in SITES:
                host, port = config.endpoint_of(site)
                self.stdout.write(f"{site.key}: {', '.join(site.domains)} on {host}:{port}")
            self.stdout.write("The lab is ready.")
            self.stdout.flush()
            await stopping.wait()
