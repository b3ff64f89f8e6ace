"""Handing in a message from inside: the API, the console and the notices of the mail flow itself."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.utils import timezone

from tenants.scope import mail_flow
from tenants.wakeups import wake_on_commit
from transport.message.header import digest
from transport.queue.configuration import Configuration
from transport.queue.intake import Arrival, accept, store
from transport.queue.snapshots import route_now
from transport.routing.envelope import Client, Envelope
from transport.routing.result import Refusal, RoutedRecipient
from transport.usage.counting import note_now
from transport.usage.parties import sums_of
from transport.usage.web import refused_by_limits

DELIVER_TASK = "transport.deliver"


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of it: the ids of the messages, the sender's own tenant's first, and who was refused."""

    message_ids: tuple[UUID, ...]
    refused: tuple[RoutedRecipient, ...]
    sender_refusal: Refusal | None


def submit(
    *,
    client: Client,
    sender: str,
    recipients: tuple[str, ...],
    content: bytes,
    arrival: Arrival | None = None,
    reference: str = "",
    all_or_nothing: bool = False,
) -> Submitted:
    """Route and store a message inside the caller's transaction, and wake the workers when it commits.

    `arrival` carries DSN options where there are any. With `all_or_nothing` one refused recipient keeps the message
    from being stored.
    """
    facts = digest(content)
    given = arrival or Arrival(sender, client, timezone.now(), smtputf8=not sender.isascii(), reference=reference)
    configuration = Configuration()
    authors = () if client.mailbox_id is None else facts.from_addresses
    with mail_flow():
        routing = route_now(Envelope(sender, recipients, len(content), client, authors), configuration)
        if all_or_nothing and (refused := routing.refused or refused_by_limits(client, routing, configuration)):
            return Submitted((), refused, routing.sender_refusal)
        batch = accept(given, content, facts, routing, configuration.terms)
        store(connection, batch)
        note_now(sums_of(client, routing, len(content)))
    if batch:
        wake_on_commit(DELIVER_TASK)
    return Submitted(tuple(accepted.id for accepted in batch), routing.refused, routing.sender_refusal)
