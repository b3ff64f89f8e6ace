"""`manage.py route SENDER RECIPIENT`: where a message would go and why. Nothing is sent."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from tenants.models import Tenant
from tenants.scope import operator_scope
from transport.actions.simulate import Simulation, simulate, with_ways
from transport.actions.ways import HostAddress, Way
from transport.routing.reasons import explain


class Command(BaseCommand):
    help = "Show where a message would go and why, without sending it."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("sender", help="an address, or '' for a notice")
        parser.add_argument("recipient")
        parser.add_argument("--tenant", metavar="SLUG", help="who sends; without it, a stranger from the Internet does")
        parser.add_argument("--size", type=int, default=4096, help="bytes")
        parser.add_argument("--client-ip", metavar="ADDRESS", help="as from there, through its receive connector")
        parser.add_argument("--port", type=int, help="the listener's, with --client-ip; without it: relay-in")
        parser.add_argument("--user", default="", help="who logs in: a mailbox's address, or a relay permission's name")
        parser.add_argument("--no-dns", action="store_true", help="leave DNS alone")
        parser.add_argument("--json", action="store_true")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        with operator_scope():
            tenant = self.find(options["tenant"])
            result = simulate(
                tenant=tenant,
                sender=options["sender"],
                recipient=options["recipient"],
                size=options["size"],
                client_address=_address(options["client_ip"]),
                port=options["port"],
                user=options["user"],
            )
        # Whoever runs commands is an operator, also where they ask as a tenant.
        result = replace(with_ways(result, operator_scope, ask_dns=not options["no_dns"]), for_operator=True)
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
            for line in _way_lines(outcome.way, for_operator=result.for_operator) if outcome.way else ():
                self.stdout.write(f"    {line}")
        if result.share is not None:
            before = f"at most {result.share.turns_before} turns of others before its next"
            self.stdout.write(f"share of the workers: {result.share.percent} %, {before}")
        for text in result.unknown():
            self.stdout.write(f"not known: {text}")


def _address(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise CommandError(f"{text!r} is no IP address.") from None


def _way_lines(way: Way, *, for_operator: bool) -> Iterator[str]:
    for host in way.hosts:
        name = f"{host.preference} {host.name}" if host.preference is not None else host.name
        for one in host.addresses:
            refused = f", not connected to: {_why_not(one, host.name, way.domain)}" if one.obstacle else ""
            yield f"host {name} [{one.address}]:{one.port}{refused}"
    if (why := way.why_no_host()) is not None:
        yield f"no host: {why.title}. {why.text}"
    if way.connector is not None:
        yield f"TLS: {way.tls()}"
        yield f"greets as {way.greets_as}"
    if way.place is not None:
        free = "free" if way.place.is_free else "all in use: it would wait for one"
        taken = f"{way.place.taken} in use, " if for_operator else ""
        yield f"connection: one of {way.place.limit} to {way.place.address}, {taken}{free}"
    yield from _queue_lines(way)
    yield from (f"not known: {text}" for text in way.unknown())


def _why_not(one: HostAddress, host: str, domain: str) -> str:
    return explain(one.obstacle, endpoint=one.address, host=host, domain=domain).title


def _queue_lines(way: Way) -> Iterator[str]:
    queue = way.queue
    if queue is None:
        yield "queue: empty"
        return
    more = "" if queue.is_counted_out else " and more"
    yield f"queue: {queue.status}, {way.waiting}{more} waiting before it"
    if queue.next_retry_at is not None:
        yield f"    next try: {queue.next_retry_at.isoformat(timespec='seconds')}"
    if way.last_error is not None:
        why = way.last_error_explained()
        told = f"{why.title}. " if why else ""
        yield f"    last error: {told}{way.last_error.peer_text or way.last_error.text}".rstrip()
