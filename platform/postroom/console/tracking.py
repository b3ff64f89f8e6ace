"""The message tracking log: searching it, and the whole story of one message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import F, Func, QuerySet, TextField, Value
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy

from postroom.console.forms import ConsoleForm
from postroom.console.paging import paginate
from postroom.console.requests import ConsoleRequest, allowed, needs
from postroom.explain import explain
from tenants.access import mailboxes_of
from tenants.identifiers import first_uuid7_of
from tenants.permissions import Permission
from transport.access import deliveries, messages
from transport.models import Delivery, DeliveryType, EventId, Folder, MailboxMessage, Message, TrackingEvent
from transport.routing.reasons import Explanation

PERIODS = [
    ("1h", gettext_lazy("the last hour")),
    ("1d", gettext_lazy("the last 24 hours")),
    ("7d", gettext_lazy("the last 7 days")),
    ("30d", gettext_lazy("the last 30 days")),
]
LENGTHS = {"1h": timedelta(hours=1), "1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
MAX_EVENTS = 500
MOODS = {
    EventId.RECEIVE: ("accent", "login"),
    EventId.SEND: ("passed", "send"),
    EventId.DELIVER: ("passed", "inbox"),
    EventId.DEFER: ("warning", "clock"),
    EventId.FAIL: ("failed", "circle-x"),
    EventId.DSN: ("warning", "message-report"),
    EventId.RESUBMIT: ("accent", "route"),
    EventId.TRANSFER: ("accent", "switch-horizontal"),
    EventId.RESOLVE: ("", "at"),
    EventId.REDIRECT: ("", "mail-forward"),
    EventId.SUPPRESSED: ("warning", "mail-off"),
    EventId.DROP: ("failed", "trash"),
    EventId.POISONMESSAGE: ("failed", "alert-triangle"),
}


class SearchForm(ConsoleForm):
    sender = forms.CharField(label=gettext_lazy("Sender"), required=False, max_length=320)
    recipient = forms.CharField(label=gettext_lazy("Recipient"), required=False, max_length=320)
    subject = forms.CharField(label=gettext_lazy("Subject has"), required=False, max_length=200)
    event = forms.ChoiceField(
        label=gettext_lazy("Event"), required=False, choices=[("", gettext_lazy("any")), *EventId.choices]
    )
    message_id = forms.CharField(label=gettext_lazy("Message-ID"), required=False, max_length=1000)
    period = forms.ChoiceField(label=gettext_lazy("In"), required=False, choices=PERIODS)


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as the timeline shows it."""

    event: TrackingEvent
    mood: str
    icon: str
    told: Explanation | None

    @property
    def detail(self) -> dict[str, Any]:
        return self.event.detail if isinstance(self.event.detail, dict) else {}

    @property
    def steps(self) -> list[dict[str, Any]]:
        trace = self.detail.get("trace", self.detail)
        return trace.get("steps", []) if isinstance(trace, dict) else []


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a recipient waits for at this moment."""

    delivery: Delivery
    is_unreachable: bool
    told: Explanation | None


@needs(Permission.VIEW)
def index(request: ConsoleRequest) -> HttpResponse:
    form = SearchForm(request.GET or None, initial={"period": "7d"})
    rows = TrackingEvent.objects.filter(tenant_id=request.membership.tenant_id)
    data = form.cleaned_data if form.is_bound and form.is_valid() else {}
    page = paginate(request, _search(rows, data), ["-id"])
    shown = [(event, *MOODS.get(EventId(event.event_id), ("", "circle-dot"))) for event in page.rows]
    return render(request, "console/tracking/index.html", {"form": form, "page": page, "rows": shown})


def _search(rows: QuerySet[TrackingEvent], data: dict[str, Any]) -> QuerySet[TrackingEvent]:
    """Narrow by what was asked. The period is a range of the key, so only its partitions are read."""
    start = timezone.now() - LENGTHS.get(data.get("period") or "7d", LENGTHS["7d"])
    rows = rows.filter(id__gte=first_uuid7_of(start))
    exact = {"event_id": data.get("event"), "internet_message_id": data.get("message_id")}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if sender := data.get("sender"):
        rows = rows.filter(sender__icontains=sender)
    if recipient := data.get("recipient"):
        rows = rows.filter(recipients__contains=[recipient]) if "@" in recipient else _to_domain(rows, recipient)
    if subject := data.get("subject"):
        rows = rows.filter(subject__icontains=subject)
    return rows


def _to_domain(rows: QuerySet[TrackingEvent], text: str) -> QuerySet[TrackingEvent]:
    joined = Func(F("recipients"), Value(" "), function="array_to_string", output_field=TextField())
    return rows.annotate(joined=joined).filter(joined__icontains=text)


@needs(Permission.VIEW, Permission.READ_OWN_MAIL)
def timeline(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    message = _message(request, pk)
    rows = TrackingEvent.objects.filter(tenant_id=message.tenant_id, message_id=pk).order_by("id")[:MAX_EVENTS]
    waiting = [_waiting(delivery) for delivery in deliveries(message.tenant_id).filter(message=message)[:MAX_EVENTS]]
    answer = _answer(request, message)
    context = {
        "message": message,
        "entries": [_entry(event, message) for event in rows],
        "waiting": waiting,
        "steps": (message.trace or {}).get("steps", []),
        "answer": answer,
        "is_answer_awaited": bool(request.GET.get("answer_from")) and answer is None,
    }
    context["is_moving"] = bool(waiting) or context["is_answer_awaited"]
    return render(request, "console/tracking/timeline.html", context)


def _message(request: ConsoleRequest, pk: UUID) -> Message:
    """Return a message of the tenant's; those who only read their mail see the messages of their mailboxes."""
    row = messages(request.membership.tenant_id).filter(pk=pk).first()
    if row is None:
        raise Http404
    if allowed(request, Permission.VIEW):
        return row
    own = mailboxes_of(row.tenant_id, request.user).values_list("pk", flat=True)
    got = MailboxMessage.objects.filter(tenant_id=row.tenant_id, mailbox__in=own, message_id=pk)
    if row.mailbox_id in set(own) or got.exists():
        return row
    raise Http404


def _entry(event: TrackingEvent, message: Message) -> Entry:
    mood, icon = MOODS.get(EventId(event.event_id), ("", "circle-dot"))
    told = explain(event.reason, **_facts_of_event(event, message)) if event.reason else None
    return Entry(event, mood, icon, told)


def _facts_of_event(event: TrackingEvent, message: Message) -> dict[str, Any]:
    recipient = event.recipients[0] if event.recipients else ""
    return {
        "recipient": recipient,
        "domain": recipient.rpartition("@")[2],
        "sender": event.sender,
        "sender_domain": event.sender.rpartition("@")[2],
        "mailbox_id": message.mailbox_id or "",
        "size": event.size,
        "connector": event.connector,
        "endpoint": event.server_endpoint,
        "host": event.server_endpoint,
        "reply": event.reply,
    }


def _waiting(delivery: Delivery) -> Waiting:
    queue, message = delivery.queue, delivery.message
    reason = delivery.last_error_reason or queue.last_error_reason
    if delivery.state == Delivery.State.SUSPENDED:
        reason = "delivery.suspended"
    if queue.suspended:
        reason = "queue.suspended"
    facts = {
        "queue_id": queue.pk,
        "recipient": delivery.recipient,
        "domain": delivery.recipient.rpartition("@")[2],
        "sender": message.sender,
        "sender_domain": message.sender.rpartition("@")[2],
        "mailbox_id": message.mailbox_id or "",
        "connector_id": queue.connector_id,
        "size": message.size,
        "endpoint": delivery.last_error_endpoint,
        "host": delivery.last_error_endpoint,
        "reply": delivery.last_error_peer_text,
        "next_retry_at": queue.next_retry_at,
    }
    return Waiting(
        delivery, queue.delivery_type == DeliveryType.UNREACHABLE, explain(reason, **facts) if reason else None
    )


def _answer(request: ConsoleRequest, message: Message) -> MailboxMessage | None:
    """Return the answer that somebody waits for, once it is in their mailbox."""
    awaited = request.GET.get("answer_from")
    if not awaited or message.mailbox_id is None:
        return None
    own = mailboxes_of(message.tenant_id, request.user).values("pk")
    since: datetime = message.received_at
    rows = MailboxMessage.objects.filter(
        tenant_id=message.tenant_id,
        mailbox_id=message.mailbox_id,
        mailbox__in=own,
        folder=Folder.INBOX,
        received_at__gte=since,
        from_header__icontains=awaited,
    )
    return rows.order_by("uid").first()
