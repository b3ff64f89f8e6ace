"""The forms that narrow the queue viewer's lists; what they find is transport/queue/filters.py's to say."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from postroom.console.forms import ConsoleForm
from postroom.explain import explain
from tenants.problems import Problem
from transport.models import Delivery, DeliveryType, QueueFigures
from transport.queue.filters import NONE, MessageFilters, QueueFilters
from transport.routing.reasons import REASONS

F = TypeVar("F", QueueFilters, MessageFilters)
PLAIN = {"autocapitalize": "none", "spellcheck": "false"}


class FilterForm(ConsoleForm):
    further_reasons: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *args: Any, tenant_id: UUID, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        counted = QueueFigures.objects.filter(tenant_id=tenant_id).values_list("reason", flat=True).distinct()
        codes: set[str] = {*counted, *self.further_reasons, str(self.data.get("reason", ""))} & REASONS.keys()
        known = sorted((explain(code).title, code) for code in codes)
        field = self.fields["reason"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("any")), (NONE, _("no error")), *((code, title) for title, code in known)]

    def read(self, kind: type[F]) -> F:
        """Return what the form asks for; a value that makes no sense is told at its field and finds everything."""
        given = self.cleaned_data if self.is_bound and self.is_valid() else {}
        try:
            return kind.of(given)
        except Problem as problem:
            self.add_problem(problem)
            return kind()


def _text(label: Any, help_text: Any = "", length: int = 200) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, required=False, max_length=length, widget=forms.TextInput(attrs=PLAIN)
    )


def _choice(label: Any, choices: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, required=False, choices=[("", _("any")), *choices])


class QueueFilterForm(FilterForm):
    next_hop = _text(_("Next hop"), _("Or a beginning: mx.*"))
    status = _choice(_("Status"), QueueFigures.Status.choices)
    delivery_type = _choice(_("Delivery"), DeliveryType.choices)
    reason = _choice(_("Last error"), ())
    min_messages = _text(_("Messages, at least"), length=9)
    older_than = _text(_("Oldest older than"), _("15m, 2h, 3d"), length=10)

    def filters(self) -> QueueFilters:
        return self.read(QueueFilters)


class MessageFilterForm(FilterForm):
    further_reasons = ("queue.poison",)
    queue = forms.CharField(required=False, max_length=36, widget=forms.HiddenInput)
    sender = _text(_("Sender"), _("An address, a beginning (ann*), a domain (@x.example) or <>"))
    recipient = _text(_("Recipient"), _("An address, a beginning or a domain"))
    subject = _text(_("Subject has"))
    state = _choice(_("Status"), Delivery.State.choices)
    reason = _choice(_("Why it waits"), ())
    min_size = _text(_("Size, at least"), _("500k, 2M"), length=12)
    max_size = _text(_("Size, at most"), length=12)
    older_than = _text(_("Older than"), _("15m, 2h, 3d"), length=10)
    redirected = _choice(_("Redirected"), [("yes", _("yes"))])

    def filters(self) -> MessageFilters:
        return self.read(MessageFilters)
