"""`manage.py smtpd`: receive mail where the enabled receive connectors say."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
from typing import Any

import uvloop
from django.core.management.base import BaseCommand
from django.db import connection
from typing_extensions import override

from tenants.guards import refuse_unguarded
from transport.smtpd.daemon import run
from transport.smtpd.service import Service


class Command(BaseCommand):
    help = "Receive mail by SMTP on the bindings of the enabled receive connectors, until SIGTERM or Ctrl-C."
    # A page that cannot be imported is no reason to take no mail.
    requires_system_checks = []

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        refuse_unguarded()
        connection.close()  # the daemon has its own
        allow_many_connections()
        uvloop.run(receive())


def allow_many_connections() -> None:
    """Each connection is an open file, and many a message another: take as many as we may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def receive() -> None:
    # What was imported stays; what a message makes is gone with it, mostly without the collector's help.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run(Service(), stop)
