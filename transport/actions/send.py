"""Sending a message from inside: the console's composer and the API hand in whole messages here.

All or nothing: a person or a program waits for the answer, so what is refused is told at once and nothing is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from tenants.actions.actor import Actor
from tenants.limits import Limits, limits_of
from tenants.models import Mailbox, Tenant
from tenants.problems import Problem
from transport.mailstore.sent import keep_sent_copy
from transport.message.authors import fault_of_authors
from transport.message.firewall import without_forged_fields
from transport.message.header import HEADER_LIMIT, digest
from transport.message.lines import find_bare_newline
from transport.message.reply import Reply
from transport.queue.intake import Arrival, TraceHeader
from transport.queue.snapshots import route_now
from transport.queue.submission import submit
from transport.routing.envelope import USER_RIGHTS, Client, Envelope, Origin
from transport.routing.result import Refusal, RoutedRecipient
from transport.usage.web import check_sending


@dataclass(frozen=True, slots=True)
class RefusedRecipient:
    """Why one recipient was refused; `facts` fill the reason's text."""

    address: str
    reason_code: str
    reply: Reply
    facts: dict[str, object]


@dataclass(frozen=True, slots=True)
class SentMessage:
    """The ids of the messages that were stored, the sender's own organisation's first."""

    message_ids: tuple[UUID, ...]
    refused: tuple[RefusedRecipient, ...] = ()

    @property
    def message_id(self) -> UUID:
        return self.message_ids[0]


class SendRefused(Problem):
    """Nothing was stored. `code` and `facts` are of the sender's refusal, or of the first refused recipient's."""

    def __init__(self, code: str, *, field: str, refused: Sequence[RefusedRecipient] = (), **facts: object) -> None:
        super().__init__(code, field=field, **facts)
        self.refused = tuple(refused)


@transaction.atomic
def send_message(
    *,
    actor: Actor,
    tenant: Tenant,
    mailbox: Mailbox | None,
    content: bytes,
    sender: str,
    recipients: Sequence[str],
    origin: Origin,
) -> SentMessage:
    """Route and store a message, inside a scope of the tenant. Without a mailbox it is the organisation's own.

    The tracking log is the record of who sent what; the audit log holds changes of configuration.
    """
    limits = limits_of(tenant)
    _check(limits, content, recipients)
    content = without_forged_fields(content, settings.POSTROOM_HOSTNAME, HEADER_LIMIT)
    client = Client(origin, tenant.pk, mailbox.pk if mailbox else None, "", actor.client_address, USER_RIGHTS)
    check_sending(client, limits, len(recipients))
    arrival = Arrival(
        sender,
        client,
        timezone.now(),
        is_8bit=not content.isascii(),
        smtputf8=not all(address.isascii() for address in (sender, *recipients)),
        # RFC 5321 4.4 wants a trace field; who submitted it from where is nobody's business (design §12.17).
        trace_header=TraceHeader(settings.POSTROOM_HOSTNAME, "HTTP", hide_client=True),
    )
    if mailbox is None:
        # Where a mailbox sends, `submit` holds the From line to it; here to the organisation's own domains.
        asked = Envelope(sender, tuple(recipients), len(content), client, digest(content).from_addresses)
        if (refusal := route_now(asked).sender_refusal) is not None:
            raise _sender_problem(refusal)
    submitted = submit(
        client=client,
        sender=sender,
        recipients=tuple(recipients),
        content=content,
        arrival=arrival,
        all_or_nothing=True,
    )
    if submitted.sender_refusal is not None:
        raise _sender_problem(submitted.sender_refusal)
    if submitted.refused:
        raise _recipient_problem(submitted.refused)
    if mailbox is not None:
        keep_sent_copy(mailbox=mailbox, message_id=submitted.message_ids[0], content=content)
    return SentMessage(submitted.message_ids)


def _check(limits: Limits, content: bytes, recipients: Sequence[str]) -> None:
    if not recipients:
        raise SendRefused("message.no_recipients", field="to")
    if len(recipients) > (limit := limits.max_recipients_per_message):
        raise SendRefused("recipients.too_many", field="to", limit=limit, count=len(recipients))
    if len(content) > (limit := limits.max_message_size):
        raise SendRefused("message.too_large", field="text", size=len(content), limit=limit)
    if find_bare_newline(content) >= 0:
        raise SendRefused("message.bare_newline", field="raw")
    if b"\0" in content:
        raise SendRefused("message.nul", field="raw")
    facts = digest(content)
    if fault := fault_of_authors(content, facts) or ("" if facts.from_count else "message.no_from"):
        raise SendRefused(fault, field="raw")


def _sender_problem(refusal: Refusal) -> SendRefused:
    return SendRefused(refusal.reason_code, field="from", **dict(refusal.facts))


def _recipient_problem(refused: Sequence[RoutedRecipient]) -> SendRefused:
    told = [
        RefusedRecipient(one.original, one.refusal.reason_code, one.refusal.reply, dict(one.refusal.facts))
        for one in refused
        if one.refusal is not None
    ]
    first = told[0]
    # The sender's address is at fault, although it shows only with a recipient outside (story B).
    field = "from" if first.reason_code.startswith("sender.") else "to"
    return SendRefused(first.reason_code, field=field, refused=told, **first.facts)
