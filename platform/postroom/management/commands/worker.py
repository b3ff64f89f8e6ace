"""`manage.py worker`: a Celery worker for the queues that wake deliveries and sweeps."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from celery import current_app, signals
from celery.exceptions import SecurityWarning
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from typing_extensions import override

QUEUES = "deliver,sweep"


def sweep_now(**_: Any) -> None:
    """Find what fell due while no worker ran, without waiting for the clock."""
    current_app.send_task("transport.sweep", expires=10)


class Command(BaseCommand):
    help = "Work on deliveries and housekeeping until told to stop."
    requires_system_checks = []

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--queues", default=QUEUES, help=f"which queues to listen to, default {QUEUES}")
        parser.add_argument("--concurrency", type=int, default=settings.POSTROOM_WORKER_CONCURRENCY)
        parser.add_argument("--solo", action="store_true", help="work in this process itself, one task at a time")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        # Tasks are JSON: a root's worker unpickles nothing, which is what this warning is about.
        warnings.simplefilter("ignore", SecurityWarning)
        worker = current_app.Worker(
            hostname=f"{options['queues'].replace(',', '-')}@{settings.POSTROOM_HOSTNAME}",
            pool_cls="solo" if options["solo"] else "prefork",
            concurrency=1 if options["solo"] else options["concurrency"],
            queues=options["queues"],
            loglevel=settings.LOG_LEVEL,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            quiet=True,
        )
        if "sweep" in options["queues"].split(","):
            signals.worker_ready.connect(sweep_now)
        worker.start()
        sys.exit(worker.exitcode)
