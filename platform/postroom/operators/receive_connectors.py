"""Listeners, tenants' relay permissions, and the protocol log."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from typing_extensions import override

from postroom.client_words import GROUPS, HELP, MECHANISMS, RIGHTS
from postroom.operators.bases import ActionAdmin, ActionForm, LinesField, ReadOnlyAdmin, actor_of
from transport.actions.receive_connectors import (
    approve_receive_connector,
    change_receive_connector,
    create_receive_connector,
    delete_receive_connector,
)
from transport.models import ProtocolTranscript, ReceiveConnector


def _choices(words: dict[str, Any]) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(choices=list(words.items()), required=False, widget=forms.CheckboxSelectMultiple)


class ReceiveConnectorForm(ActionForm[ReceiveConnector]):
    bindings = LinesField()
    remote_ranges = LinesField(required=False)
    senders = LinesField(required=False)
    certificate_fingerprints = LinesField(required=False)
    auth_mechanisms = _choices(MECHANISMS)
    permission_groups = _choices(GROUPS)
    permissions = _choices(RIGHTS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("bindings", "remote_ranges", "senders", "certificate_fingerprints"):
            values = getattr(self.instance, name)
            if name in self.fields and not (self.is_new and name == "bindings"):
                self.initial[name] = "\n".join(values)
        for name, field in self.fields.items():
            field.label = capfirst(str(ReceiveConnector._meta.get_field(name).verbose_name))  # type: ignore[union-attr]
            field.help_text = str(HELP.get(name, field.help_text))

    @override
    def act(self) -> ReceiveConnector:
        data = self.changes()
        if self.is_new:
            return create_receive_connector(actor=self.actor, **({"tenant": None} | data))
        connector = ReceiveConnector.objects.get(pk=self.instance.pk)
        return change_receive_connector(actor=self.actor, connector=connector, **data)


@admin.register(ReceiveConnector)
class ReceiveConnectorAdmin(ActionAdmin[ReceiveConnector]):
    form = ReceiveConnectorForm
    change_list_template = "admin/operators/receive_connectors.html"
    list_display = ["name", "tenant", "enabled", "where", "ranges", "log_in", "approved_at"]
    list_filter = ["enabled"]
    list_select_related = ["tenant"]
    search_fields = ["name__icontains"]
    autocomplete_fields = ["tenant"]
    actions = ["approve"]
    fieldsets = [
        (None, {"fields": ["name", "tenant", "enabled", "comment"]}),
        (
            gettext_lazy("Who may connect"),
            {
                "fields": [
                    "bindings",
                    "remote_ranges",
                    "approved_at",
                    "certificate_fingerprints",
                    "implicit_tls",
                    "require_tls",
                    "require_ehlo_domain",
                ]
            },
        ),
        (
            gettext_lazy("What they may do"),
            {"fields": ["auth_mechanisms", "permission_groups", "permissions", "senders", "log_in"]},
        ),
        (gettext_lazy("What it says"), {"fields": ["fqdn", "banner", *(name for name in HELP if "_enabled" in name)]}),
        (gettext_lazy("Limits"), {"fields": [*(name for name in HELP if name.startswith(("max_", "message_rate")))]}),
        (
            gettext_lazy("Time-outs"),
            {"fields": ["connection_timeout", "connection_inactivity_timeout", "tarpit_interval"]},
        ),
        (gettext_lazy("Logging"), {"fields": ["protocol_logging_level"]}),
    ]

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: ReceiveConnector | None = None) -> list[str]:
        return ["approved_at", "log_in", *(["tenant"] if obj else [])]

    @admin.display(description=gettext_lazy("bindings"))
    def where(self, row: ReceiveConnector) -> str:
        return ", ".join(row.bindings) if row.tenant_id is None else "–"

    @admin.display(description=gettext_lazy("remote ranges"))
    def ranges(self, row: ReceiveConnector) -> str:
        return ", ".join(row.remote_ranges) or "–"

    @admin.display(description=gettext_lazy("log-in of its own"))
    def log_in(self, row: ReceiveConnector) -> str:
        return row.user_name or "–"

    @override
    def remove(self, actor: Any, obj: ReceiveConnector) -> None:
        delete_receive_connector(actor=actor, connector=obj)

    @admin.action(description=gettext_lazy("Approve the ranges of the selected connectors"))
    def approve(self, request: HttpRequest, queryset: QuerySet[ReceiveConnector]) -> None:
        for connector in queryset:
            approve_receive_connector(actor=actor_of(request), connector=connector)
        self.message_user(request, _("The ranges count from now on."), messages.SUCCESS)


@admin.register(ProtocolTranscript)
class ProtocolTranscriptAdmin(ReadOnlyAdmin[ProtocolTranscript]):
    """Sessions whole, without a tenant, and each tenant's own copy of its transactions."""

    list_display = ["at", "connector", "client_address", "listener", "tenant", "session_id", "message_id"]
    list_select_related = ["tenant"]
    search_fields = ["session_id", "message_id"]
    search_help_text = gettext_lazy("A session, a message's network id, or a tenant's slug.")
    fields = ["at", "connector", "client_address", "listener", "tenant", "session_id", "message_id", "dialogue"]
    readonly_fields = ["dialogue"]

    @admin.display(description=gettext_lazy("what was said"))
    def dialogue(self, row: ProtocolTranscript) -> SafeString:
        return render_to_string("admin/operators/dialogue.html", {"row": row})
