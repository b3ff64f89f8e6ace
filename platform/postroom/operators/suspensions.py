"""Suspending and resuming from the operators' lists: a page asks for the reason, and says what will happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from postroom.explain import explain_problem
from postroom.operators.bases import ActionAdmin, actor_of
from tenants.models import SuspensionMode
from tenants.problems import Problem

Row = TypeVar("Row", bound=Model)
MOST = 100


class SuspendForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        widget=forms.TextInput(attrs={"size": 80}),
        help_text=gettext_lazy("Those concerned read it."),
    )
    mode = forms.ChoiceField(
        label=gettext_lazy("Incoming mail meanwhile"),
        choices=SuspensionMode.choices,
        initial=SuspensionMode.TEMPORARY,
        widget=forms.RadioSelect,
    )


class SuspendableAdmin(ActionAdmin[Row], Generic[Row]):
    """Adds both to a list's actions and, as buttons, to the page of one row."""

    actions = ["suspend", "resume"]
    change_form_template = "admin/suspendable_change_form.html"
    has_mode = True  # whether incoming mail may be put off or refused
    suspension_effect: Any = ""

    def suspend_row(self, request: HttpRequest, row: Row, data: dict[str, Any]) -> None:
        raise NotImplementedError

    def resume_row(self, request: HttpRequest, row: Row) -> None:
        raise NotImplementedError

    @admin.action(description=gettext_lazy("Suspend the selected, with a reason"))
    def suspend(self, request: HttpRequest, queryset: QuerySet[Row]) -> HttpResponse | None:
        form = SuspendForm(request.POST if "reason" in request.POST else None)
        if not self.has_mode:
            del form.fields["mode"]
        if not form.is_valid():
            context = self.admin_site.each_context(request) | {
                "title": _("Suspend"),
                "opts": self.model._meta,
                "form": form,
                "rows": queryset[:MOST],
                "effect": self.suspension_effect,
            }
            return TemplateResponse(request, "admin/suspend.html", context)
        self._each(request, queryset, lambda row: self.suspend_row(request, row, form.cleaned_data))
        return None

    @admin.action(description=gettext_lazy("Resume the selected"))
    def resume(self, request: HttpRequest, queryset: QuerySet[Row]) -> None:
        self._each(request, queryset, lambda row: self.resume_row(request, row))

    def _each(self, request: HttpRequest, queryset: QuerySet[Row], act: Callable[[Row], object]) -> None:
        done = 0
        for row in queryset[:MOST]:
            try:
                with transaction.atomic():
                    act(row)
                done += 1
            except Problem as problem:
                told = explain_problem(problem)
                self.message_user(request, f"{row}: {told.title}. {told.text}", messages.ERROR)
        if done:
            text = ngettext("Done for one; it is in the audit log.", "Done for {n}; it is in the audit log.", done)
            self.message_user(request, text.format(n=done), messages.SUCCESS)

    def actor(self, request: HttpRequest) -> Any:
        return actor_of(request)
