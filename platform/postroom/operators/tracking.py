"""The tracking log over all tenants, and one message's story as an operator sees it: envelope facts, never its text."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from postroom.paging import paginate_by_id
from tenants.models import Tenant
from transport.models import EventId, Message, Source, TrackingEvent
from transport.tracking.across import search_all
from transport.tracking.search import Filters
from transport.tracking.timeline import timeline as story_of

PERIODS = [
    ("1h", gettext_lazy("the last hour")),
    ("1d", gettext_lazy("the last 24 hours")),
    ("7d", gettext_lazy("the last 7 days")),
    ("31d", gettext_lazy("the last 31 days")),
]
LENGTHS = {"1h": timedelta(hours=1), "1d": timedelta(days=1), "7d": timedelta(days=7), "31d": timedelta(days=31)}
PLAIN = forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"})
MOST_EVENTS = 200


class SearchForm(forms.Form):
    sender = forms.CharField(label=gettext_lazy("Sender"), required=False, max_length=320, widget=PLAIN)
    recipient = forms.CharField(label=gettext_lazy("Recipient"), required=False, max_length=320, widget=PLAIN)
    message_id = forms.CharField(label=gettext_lazy("Message-ID"), required=False, max_length=1000, widget=PLAIN)
    subject = forms.CharField(
        label=gettext_lazy("Subject begins with"),
        required=False,
        min_length=3,
        max_length=60,
        error_messages={"min_length": gettext_lazy("Give at least three characters.")},
    )
    tenant = forms.CharField(label=gettext_lazy("Tenant (slug)"), required=False, max_length=63, widget=PLAIN)
    event_id = forms.ChoiceField(
        label=gettext_lazy("Event"), required=False, choices=[("", gettext_lazy("any")), *EventId.choices]
    )
    source = forms.ChoiceField(
        label=gettext_lazy("Source"), required=False, choices=[("", gettext_lazy("any")), *Source.choices]
    )
    period = forms.ChoiceField(label=gettext_lazy("In"), required=False, choices=PERIODS, initial="7d")

    def clean_tenant(self) -> Tenant | None:
        slug = self.cleaned_data["tenant"].strip()
        found = Tenant.objects.filter(slug=slug).first() if slug else None
        if slug and found is None:
            raise forms.ValidationError(_("There is no tenant of this name."))
        return found

    def filters(self) -> Filters:
        data = self.cleaned_data
        return Filters(
            event_id=data["event_id"],
            source=data["source"],
            sender=data["sender"].strip(),
            recipient=data["recipient"].strip(),
            subject=data["subject"].strip(),
            message_id=data["message_id"].strip(),
            start=timezone.now() - LENGTHS[data["period"] or "7d"],
        )


def index(request: HttpRequest) -> HttpResponse:
    form = SearchForm(request.GET if "period" in request.GET else {"period": "7d", **request.GET.dict()})
    page = None
    if form.is_valid():
        tenant: Tenant | None = form.cleaned_data["tenant"]
        fetch = partial(_fetch, form.filters(), tenant.pk if tenant else None)
        page = paginate_by_id(request, fetch)
    context = {"title": _("Message tracking"), "form": form, "page": page}
    return render(request, "admin/operators/tracking.html", {**admin.site.each_context(request), **context})


def _fetch(filters: Filters, tenant_id: UUID | None, before: UUID | None, limit: int) -> list[TrackingEvent]:
    return search_all(filters, tenant_id=tenant_id, before=before, limit=limit)


def timeline(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show the story of a message; its row may be gone while the log still has it."""
    message = Message.objects.filter(pk=pk).select_related("tenant").first()
    first = TrackingEvent.objects.filter(message_id=pk).select_related("tenant").order_by("id").first()
    known: Any = message or first
    if known is None:
        raise Http404
    story = story_of(known.tenant_id, pk)
    told = [entry for entry in story if not entry.is_current]
    context = {
        "title": known.subject or _("(no subject)"),
        "message": known,
        "network_message_id": pk,
        "is_kept": message is not None,
        "entries": told[:MOST_EVENTS],
        "left_out": max(0, len(told) - MOST_EVENTS),
        "waiting": [entry for entry in story if entry.is_current][:MOST_EVENTS],
    }
    return render(request, "admin/operators/timeline.html", {**admin.site.each_context(request), **context})
