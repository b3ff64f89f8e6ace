"""`manage.py queues`: what waits, for which next hop, and why; and what one may do about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404
from typing_extensions import override

from tenants.actions.actor import Actor
from tenants.models import Tenant
from tenants.problems import Problem
from tenants.scope import scope
from transport.access import messages
from transport.actions.bulk_of_tenant import confirm_operation, preview_operation, work
from transport.actions.exports import export_message
from transport.actions.redirect import Target, find_target
from transport.models import BulkOperation, Delivery, Queue, SendConnector
from transport.queue.filters import MessageFilters, QueueFilters
from transport.queue.listing import ListedQueue, list_queues
from transport.queue.queued import QueuedMessage, list_messages
from transport.queue.rates import Rate, Rates, rates
from transport.routing.reasons import explain
from transport.tracking.timeline import facts_of_waiting, waiting_reason

MOST: Final = 10_000
VERBS: Final = {
    "retry": BulkOperation.Verb.RETRY,
    "resubmit": BulkOperation.Verb.RESUBMIT,
    "suspend": BulkOperation.Verb.SUSPEND,
    "resume": BulkOperation.Verb.RESUME,
    "remove": BulkOperation.Verb.REMOVE,
    "redirect": BulkOperation.Verb.REDIRECT,
    "undo-redirect": BulkOperation.Verb.UNDO_REDIRECT,
}
# Whoever may run commands here is the operator of the platform; the audit log says that it came from here.
ACTOR: Final = Actor("system", "", "manage.py queues")
OF_MESSAGES: Final = {each.name for each in fields(MessageFilters)} - {"reason", "older_than"}
OF_QUEUES: Final = {each.name for each in fields(QueueFilters)} - {"reason", "older_than"}
HELP: Final = {
    "next_hop": "the next hop domain, or a beginning: mx.*",
    "status": "of queues: active, connecting, ready, retry, suspended, unreachable",
    "delivery_type": "smtp_delivery_to_mailbox, dns_connector_delivery, smart_host_connector_delivery, unreachable",
    "min_messages": "queues with so many messages at least",
    "reason": "the reason's code of the last error; none: without one",
    "older_than": "the oldest message, or the message, is older: 15m, 2h, 3d",
    "queue": "messages of the queue with this id",
    "sender": "an address, a beginning (ann*), a domain (@x.example), or <>",
    "recipient": "an address, a beginning or a domain",
    "subject": "messages whose subject has this in it",
    "state": "of messages: ready, active, retry, suspended, unreachable, held, poison",
    "min_size": "500k, 2M",
    "max_size": "500k, 2M",
    "redirected": "yes: messages that were redirected",
}


class Command(BaseCommand):
    help = (
        "List the queues that hold messages, with their status and last error, or the messages in them; "
        "retry, resubmit, suspend, resume, remove, redirect or export what the filters find."
    )
    requires_system_checks = []

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        verbs = ["list", *VERBS, "export"]
        parser.add_argument("verb", nargs="?", default="list", choices=verbs, help="what to do; list by default")
        parser.add_argument("--tenant", metavar="SLUG", help="one tenant's queues only; needed to do something")
        parser.add_argument("--json", action="store_true")
        parser.add_argument("--messages", action="store_true", help="messages instead of queues")
        parser.add_argument("--message", metavar="ID", default="", help="one message, by our id of it")
        parser.add_argument("--dry-run", action="store_true", help="say what would be hit, and do nothing")
        parser.add_argument("--with-ndr", action="store_true", help="remove: tell the senders")
        parser.add_argument("--to", metavar="CONNECTOR|HOST[:PORT]", default="", help="redirect: where to")
        parser.add_argument("--output", metavar="FILE", default="-", help="export: the .eml file; - is the terminal")
        for name, text in HELP.items():
            parser.add_argument(f"--{name.replace('_', '-')}", metavar="VALUE", default="", help=text)

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.act(options)
        except Problem as problem:
            facts: dict[str, Any] = dict(problem.facts)
            told = explain(problem.code, **facts)
            raise CommandError(f"{told.title}. {told.text} ({problem.code})") from None
        except Http404:
            raise CommandError("There is no such message.") from None

    def act(self, options: dict[str, Any]) -> None:
        verb = options["verb"]
        if verb == "list":
            self.list_all(options)
            return
        if options["tenant"] is None:
            raise CommandError(f"Say whose: --tenant is needed to {verb}.")
        (tenant,) = self.tenants(options["tenant"])
        if verb == "export":
            self.export(tenant, options)
        else:
            self.do(tenant, verb, options)

    # Showing -------------------------------------------------------------------------------------------------

    def list_all(self, options: dict[str, Any]) -> None:
        filters = self.filters(options)
        shown: list[dict[str, Any]] = []
        found = 0
        for tenant in self.tenants(options["tenant"]):
            with scope(tenant):
                for row, lines in self.told(tenant, filters, options):
                    found += 1
                    if options["json"]:
                        shown.append({"tenant": tenant.slug, **row})
                    else:
                        self.stdout.write("\n".join(lines))
        if options["json"]:
            self.stdout.write(json.dumps(shown, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2))
        elif not found:
            self.stdout.write("Nothing found." if filters else "Nothing waits.")

    def told(
        self, tenant: Tenant, filters: QueueFilters | MessageFilters, options: dict[str, Any]
    ) -> Iterator[tuple[dict[str, Any], list[str]]]:
        """Yield each thing found as JSON and as lines."""
        if isinstance(filters, MessageFilters):
            entries, _ = list_messages(tenant.pk, filters, limit=MOST)
            wanted = options["message"]
            for entry in entries:
                if not wanted or str(entry.message.pk) == wanted:
                    yield _message_as_json(entry), _message_lines(tenant, entry)
            return
        listed = list_queues(tenant.pk, filters=filters, limit=MOST)
        known = rates(tenant.pk) if listed else Rates()
        for queue in listed:
            rate = known.of(queue)
            told = {**asdict(queue), **asdict(rate), "velocity": rate.velocity}
            yield {"identity": queue.identity, **told}, _queue_lines(tenant, queue, rate)

    def tenants(self, slug: str | None) -> list[Tenant]:
        """Return the tenant named, or all that have queues."""
        if slug is None:
            return list(Tenant.objects.filter(pk__in=Queue.objects.values("tenant_id")))
        found = list(Tenant.objects.filter(slug=slug))
        if not found:
            raise CommandError(f"There is no tenant {slug!r}.")
        return found

    def filters(self, options: dict[str, Any]) -> QueueFilters | MessageFilters:
        """Return what is looked for: messages where one of their filters is given, else queues."""
        given = {name: options[name] for name in HELP if options[name]}
        is_of_messages = options["messages"] or options["message"] or bool(given.keys() & OF_MESSAGES)
        surplus = given.keys() & (OF_QUEUES if is_of_messages else OF_MESSAGES)
        if surplus:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(surplus))
            raise CommandError(f"{names}: for queues, not for messages.")
        return MessageFilters.of(given) if is_of_messages else QueueFilters.of(given)

    # Doing ---------------------------------------------------------------------------------------------------

    def do(self, tenant: Tenant, verb: str, options: dict[str, Any]) -> None:
        filters = self.filters(options)
        if not filters and not options["message"]:
            raise CommandError("Say which: give a filter, or --message. --next-hop '*' stands for all queues.")
        wanted = VERBS[verb]
        if wanted == BulkOperation.Verb.REMOVE and options["with_ndr"]:
            wanted = BulkOperation.Verb.REMOVE_WITH_NDR
        with scope(tenant):
            chosen = _places_of(tenant, options["message"]) if options["message"] else None
            target = _target(tenant, options["to"]) if wanted == BulkOperation.Verb.REDIRECT else None
            row = preview_operation(
                actor=ACTOR, tenant_id=tenant.pk, verb=wanted, filters=filters, chosen=chosen, target=target
            )
            self.stderr.write(f"{row.messages} messages in {row.queues} queues{', and more' if row.has_more else ''}.")
            if options["dry_run"]:
                return
            confirm_operation(actor=ACTOR, operation=row)
        while _go_on(tenant, row):
            pass
        with scope(tenant):
            row.refresh_from_db()
        what = "queues" if row.over == BulkOperation.Over.QUEUES else "recipients"
        self.stdout.write(f"{wanted.label}: {row.changed} {what} changed, {row.left} left as they were.")

    def export(self, tenant: Tenant, options: dict[str, Any]) -> None:
        with scope(tenant):
            try:
                message = messages(tenant.pk).filter(pk=UUID(options["message"])).first()
            except ValueError:
                message = None
            if message is None:
                raise CommandError("Say which: --message takes our id of a message, as --messages --json shows it.")
            content = export_message(actor=ACTOR, message=message)
        if options["output"] == "-":
            sys.stdout.buffer.write(content)
        else:
            Path(options["output"]).write_bytes(content)


def _go_on(tenant: Tenant, row: BulkOperation) -> bool:
    with scope(tenant):
        return work(row.pk)


def _places_of(tenant: Tenant, message: str) -> list[tuple[UUID, UUID]]:
    try:
        rows = Delivery.objects.filter(tenant=tenant, message_id=UUID(message))
    except ValueError:
        raise CommandError(f"{message!r} is no id of a message.") from None
    return list(rows.values_list("message_id", "queue_id").distinct())


def _target(tenant: Tenant, text: str) -> Target:
    """Return a send connector by its name, or else a server."""
    connector = SendConnector.objects.filter(tenant=tenant, name=text).first()
    if connector is not None:
        return find_target(tenant_id=tenant.pk, connector_id=connector.pk)
    return find_target(tenant_id=tenant.pk, smart_host=text)


def _queue_lines(tenant: Tenant, queue: ListedQueue, rate: Rate) -> list[str]:
    count = f"{queue.message_count}{'' if queue.is_counted_out else '+'}"
    lines = [f"{tenant.slug}  {queue.identity}  {queue.delivery_type}  {queue.status}  {count} messages"]
    if rate:
        lines.append(f"    in {rate.incoming}/s, out {rate.outgoing}/s, velocity {rate.velocity}")
    if queue.next_retry_at:
        lines.append(f"    next try at {queue.next_retry_at:%Y-%m-%d %H:%M:%S} UTC")
    return [*lines, *_error_lines(queue)]


def _error_lines(queue: ListedQueue) -> Iterator[str]:
    error = queue.last_error
    if error is None:
        return
    if error.text:
        yield f"    {error.code or ''} {error.enhanced} {error.text}".rstrip()
    if error.peer_text and error.peer_text not in error.text:
        yield f"    the peer said: {error.peer_text}"
    if error.reason:
        host, _, endpoint = error.endpoint.rpartition(" ")
        told = explain(error.reason, domain=queue.next_hop_domain, host=host, endpoint=endpoint)
        yield f"    {told.title} ({error.reason})"


def _message_lines(tenant: Tenant, entry: QueuedMessage) -> list[str]:
    row = entry.rows[0]
    recipients = ", ".join(one.recipient for one in entry.rows)
    lines = [
        f"{tenant.slug}  {row.message_id}  {row.queue.next_hop_domain}  {row.state}  "
        f"{row.message.sender or '<>'} -> {recipients}"
    ]
    reason = waiting_reason(row)
    if reason:
        lines.append(f"    {explain(reason, **facts_of_waiting(row, row, row.message)).title} ({reason})")
    return lines


def _message_as_json(entry: QueuedMessage) -> dict[str, Any]:
    message = entry.message
    return {
        "message_id": message.pk,
        "queue_id": entry.queue.pk,
        "next_hop_domain": entry.queue.next_hop_domain,
        "sender": message.sender,
        "subject": message.subject,
        "size": message.size,
        "received_at": message.received_at,
        "recipients": [
            {
                "recipient": row.recipient,
                "status": row.state,
                "attempts": row.attempts,
                "next_attempt_at": row.next_attempt_at,
                "expires_at": row.expires_at,
                "redirected": row.is_redirected,
                "reason": waiting_reason(row),
                "peer_text": row.last_error_peer_text,
            }
            for row in entry.rows
        ],
    }
