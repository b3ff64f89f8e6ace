"""The message tracking log: searching it, and the whole story of one message."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy

from postroom.console.forms import ConsoleForm
from postroom.console.requests import ConsoleRequest, allowed, needs
from postroom.paging import paginate
from tenants.access import mailboxes_of
from tenants.permissions import Permission
from transport.access import messages, transcripts
from transport.models import EventId, Folder, MailboxMessage, Message, ProtocolTranscript
from transport.tracking.search import Filters, matching
from transport.tracking.timeline import Entry
from transport.tracking.timeline import timeline as story_of

PERIODS = [
    ("1h", gettext_lazy("the last hour")),
    ("1d", gettext_lazy("the last 24 hours")),
    ("7d", gettext_lazy("the last 7 days")),
    ("30d", gettext_lazy("the last 30 days")),
]
LENGTHS = {"1h": timedelta(hours=1), "1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
# Of a message to hundreds, what a person reads; the API has all of it.
MOST_WAITING, MOST_STEPS = 5, 30
FIRST_EVENTS, LAST_EVENTS = 20, 60
PLAIN = forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"})


class SearchForm(ConsoleForm):
    sender = forms.CharField(label=gettext_lazy("Sender"), required=False, max_length=320, widget=PLAIN)
    recipient = forms.CharField(label=gettext_lazy("Recipient"), required=False, max_length=320, widget=PLAIN)
    subject = forms.CharField(label=gettext_lazy("Subject has"), required=False, max_length=200)
    event_id = forms.ChoiceField(
        label=gettext_lazy("Event"), required=False, choices=[("", gettext_lazy("any")), *EventId.choices]
    )
    message_id = forms.CharField(label=gettext_lazy("Message-ID"), required=False, max_length=1000, widget=PLAIN)
    period = forms.ChoiceField(label=gettext_lazy("In"), required=False, choices=PERIODS)

    def filters(self) -> Filters:
        data: dict[str, Any] = self.cleaned_data if self.is_bound and self.is_valid() else {}
        start = timezone.now() - LENGTHS.get(data.get("period") or "7d", LENGTHS["7d"])
        told = {name: str(value or "").strip() for name, value in data.items()}
        return Filters(
            event_id=told.get("event_id", ""),
            sender=told.get("sender", ""),
            recipient=told.get("recipient", ""),
            subject=told.get("subject", ""),
            message_id=told.get("message_id", ""),
            start=start,
        )


@needs(Permission.VIEW)
def index(request: ConsoleRequest) -> HttpResponse:
    form = SearchForm(request.GET or None, initial={"period": "7d"})
    page = paginate(request, matching(request.membership.tenant_id, form.filters()), ["-id"])
    return render(request, "console/tracking/index.html", {"form": form, "page": page})


@needs(Permission.VIEW, Permission.READ_OWN_MAIL)
def timeline(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    message = _message(request, pk)
    story = story_of(message.tenant_id, pk)
    waiting = [entry for entry in story if entry.is_current]
    entries = [entry for entry in story if not entry.is_current]
    steps = (message.trace or {}).get("steps", [])
    answer = _answer(request, message)
    context = {
        "message": message,
        "entries": entries[:FIRST_EVENTS] + entries[FIRST_EVENTS:][-LAST_EVENTS:],
        "left_out": max(0, len(entries) - FIRST_EVENTS - LAST_EVENTS),
        "waiting": waiting[:MOST_WAITING],
        "more_waiting": waiting[MOST_WAITING:],
        "steps": [] if request.htmx else steps[:MOST_STEPS],  # a refresh takes the story only
        "more_steps": max(0, len(steps) - MOST_STEPS),
        "transcripts": _transcripts(request, message),
        "answer": answer,
        "is_answer_awaited": bool(request.GET.get("answer_from")) and answer is None and not _has_failed(story),
    }
    context["is_moving"] = bool(waiting) or context["is_answer_awaited"]
    return render(request, "console/tracking/timeline.html", context)


def _transcripts(request: ConsoleRequest, message: Message) -> list[ProtocolTranscript]:
    """Return what was said; it names all recipients, so it is for those who see all mail of the organisation."""
    if request.htmx or not allowed(request, Permission.VIEW):
        return []
    return transcripts(message.tenant_id, message.pk)


def _has_failed(story: list[Entry]) -> bool:
    return any(entry.event_id in (EventId.FAIL, EventId.DROP) for entry in story)


def _message(request: ConsoleRequest, pk: UUID) -> Message:
    """Return a message of the tenant's; those who only read their mail see the messages of their mailboxes."""
    row = messages(request.membership.tenant_id).filter(pk=pk).first()
    if row is None:
        raise Http404
    if allowed(request, Permission.VIEW):
        return row
    own = set(mailboxes_of(row.tenant_id, request.user).values_list("pk", flat=True))
    got = MailboxMessage.objects.filter(tenant_id=row.tenant_id, mailbox__in=own, message_id=pk)
    if row.mailbox_id in own or got.exists():
        return row
    raise Http404


def _answer(request: ConsoleRequest, message: Message) -> MailboxMessage | None:
    """Return the answer that somebody waits for, once it is in their mailbox."""
    awaited = request.GET.get("answer_from")
    if not awaited or message.mailbox_id is None:
        return None
    rows = MailboxMessage.objects.filter(
        tenant_id=message.tenant_id,
        mailbox_id=message.mailbox_id,
        mailbox__in=mailboxes_of(message.tenant_id, request.user).values("pk"),
        folder=Folder.INBOX,
        received_at__gte=message.received_at,
        from_header__icontains=awaited,
    )
    return rows.order_by("uid").first()
