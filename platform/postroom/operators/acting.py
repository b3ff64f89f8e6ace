"""Stepping into a tenant's console: as what, for how long, and why."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from postroom.acting import LONGEST, ROLES, begin
from tenants.models import Tenant
from tenants.permissions import ACTING_AUDITOR

MINUTES = [(15, gettext_lazy("15 minutes")), (30, gettext_lazy("30 minutes")), (60, gettext_lazy("60 minutes"))]


class StepInForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("The tenant reads it in its audit log: a ticket's number, what you were asked to do."),
    )
    role = forms.ChoiceField(
        label=gettext_lazy("As"), choices=list(ROLES.items()), initial=ACTING_AUDITOR, widget=forms.RadioSelect
    )
    minutes = forms.TypedChoiceField(label=gettext_lazy("For"), choices=MINUTES, coerce=int, initial=30)


def step_in(request: HttpRequest, pk: UUID) -> HttpResponse:
    tenant = get_object_or_404(Tenant, pk=pk)
    form = StepInForm(request.POST or None, label_suffix="")
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        begin(request, tenant=tenant, role=data["role"], minutes=data["minutes"], reason=data["reason"])
        return HttpResponseRedirect(reverse("console:overview"))
    context = {
        "title": _("Act in {name}").format(name=tenant.name),
        "tenant": tenant,
        "form": form,
        "longest": LONGEST.seconds // 60,
    }
    return render(request, "admin/operators/act_as.html", {**admin.site.each_context(request), **context})
