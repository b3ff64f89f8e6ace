"""The organisation itself: its name and language, taking its data away, and deleting it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from postroom.console.forms import ConsoleForm
from postroom.console.identity import OwnPasswordForm, check_who_it_is
from postroom.console.previews import wants_preview
from postroom.console.requests import ConsoleRequest, actor_of, needs, tenant_of
from postroom.explain import explain_problem
from postroom.lifecycle_letters import ask_deletion_and_tell, keep_tenant_and_tell
from tenants.actions.tenants import change_tenant
from tenants.models import Tenant
from tenants.permissions import Permission
from tenants.problems import Problem
from transport.actions.retry_clock import change_retry_clock, clock_of, preview_retry_clock
from transport.routing.retry import InvalidRetrySchedule, RetryClock, format_duration, parse_duration
from transport.routing.retry_times import moments
from transport.routing.wording import fill


class OrganisationForm(ConsoleForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    language = forms.ChoiceField(
        label=gettext_lazy("Language"), help_text=gettext_lazy("Of letters to those who have no log-in yet.")
    )
    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"))

    def __init__(self, data: Any = None, *, tenant: Tenant) -> None:
        start = {"name": tenant.name, "language": tenant.language, "time_zone": tenant.time_zone}
        super().__init__(data, initial=start)
        self.fields["language"].choices = settings.LANGUAGES  # type: ignore[attr-defined]
        zones = sorted(available_timezones())
        self.fields["time_zone"].choices = [(zone, zone) for zone in zones]  # type: ignore[attr-defined]


class RetryForm(ConsoleForm):
    """When what fails is tried again, in the syntax of the retry clock."""

    retry_schedule = forms.CharField(
        label=gettext_lazy("Tries after"),
        max_length=200,
        widget=forms.TextInput(attrs={"class": "font-monospace", "autocapitalize": "none", "spellcheck": "false"}),
        help_text=gettext_lazy("1m*4, 5m*6, 10m: four times after a minute, six times after five, then every ten."),
    )
    delay_notification_timeout = forms.CharField(
        label=gettext_lazy("Its sender hears of the delay after"), max_length=40, help_text=gettext_lazy("4h, 30m, …")
    )
    message_expiration_timeout = forms.CharField(
        label=gettext_lazy("It is given up after"),
        max_length=40,
        help_text=gettext_lazy("2d, 36h, …; for messages that come in from now on, as the delay."),
    )

    def __init__(self, data: Any = None, *, tenant: Tenant) -> None:
        start = {
            "retry_schedule": tenant.retry_schedule,
            "delay_notification_timeout": format_duration(tenant.delay_notification_timeout),
            "message_expiration_timeout": format_duration(tenant.message_expiration_timeout),
        }
        super().__init__(data, initial=start)

    def clean_delay_notification_timeout(self) -> timedelta:
        return _duration(self.cleaned_data["delay_notification_timeout"])

    def clean_message_expiration_timeout(self) -> timedelta:
        return _duration(self.cleaned_data["message_expiration_timeout"])


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text.replace(" ", ""))
    except InvalidRetrySchedule as error:
        raise forms.ValidationError(fill(_(error.template), error.facts)) from None
    except OverflowError:
        raise forms.ValidationError(_("That is too long.")) from None


class DeletionForm(OwnPasswordForm):
    confirm = forms.CharField(
        label=gettext_lazy("Short name of the organisation"),
        max_length=63,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )


@needs(Permission.MANAGE_TENANT)
def show(request: ConsoleRequest) -> HttpResponse:
    tenant = tenant_of(request)
    form = OrganisationForm(request.POST or None, tenant=tenant)
    if request.method == "POST" and form.is_valid():
        try:
            change_tenant(actor=actor_of(request), tenant=tenant, **form.cleaned_data)
        except Problem as problem:
            form.add_problem(problem)
        else:
            messages.success(request, _("Saved."))
            return redirect("console:organisation")
    return _page(request, tenant, form=form)


@require_POST
@needs(Permission.MANAGE_TENANT)
def retry_clock(request: ConsoleRequest) -> HttpResponse:
    """Change the retry clock, or show the times that would come of it."""
    tenant = tenant_of(request)
    form, clock = RetryForm(request.POST, tenant=tenant), None
    if form.is_valid():
        try:
            if not wants_preview(request):
                change_retry_clock(actor=actor_of(request), tenant=tenant, **form.cleaned_data)
                messages.success(request, _("Saved."))
                return redirect("console:organisation")
            clock = preview_retry_clock(actor=actor_of(request), tenant=tenant, **form.cleaned_data)
        except Problem as problem:
            form.add_problem(problem)
    return _page(request, tenant_of(request), retry=form, clock=clock)


@never_cache
@sensitive_post_parameters("password")
@require_POST
@needs(Permission.MANAGE_TENANT)
def delete(request: ConsoleRequest) -> HttpResponse:
    """Plan the deletion, after one's own password was given again and the short name typed."""
    tenant = tenant_of(request)
    form = DeletionForm(request.POST, has_password=request.user.has_usable_password())
    if form.is_valid():
        try:
            check_who_it_is(request, form.cleaned_data.get("password"))
            row = ask_deletion_and_tell(actor=actor_of(request), tenant=tenant, confirm=form.cleaned_data["confirm"])
        except Problem as problem:
            form.add_problem(problem)
        else:
            told = _("{name} is to be deleted on {due}. Every owner got a letter about it.")
            assert row.deletion_due_at is not None
            messages.success(request, told.format(name=row.name, due=date_format(row.deletion_due_at, "DATE_FORMAT")))
            return redirect("console:organisation")
    return _page(request, tenant, deletion=form)


@require_POST
@needs(Permission.MANAGE_TENANT)
def keep(request: ConsoleRequest) -> HttpResponse:
    try:
        keep_tenant_and_tell(actor=actor_of(request), tenant=tenant_of(request))
    except Problem as problem:
        messages.error(request, explain_problem(problem).text)
    else:
        messages.success(request, _("The organisation stays."))
    return redirect("console:organisation")


def _page(
    request: ConsoleRequest,
    tenant: Tenant,
    *,
    form: OrganisationForm | None = None,
    deletion: DeletionForm | None = None,
    retry: RetryForm | None = None,
    clock: RetryClock | None = None,
) -> HttpResponse:
    form = form or OrganisationForm(tenant=tenant)
    retry = retry or RetryForm(tenant=tenant)
    shown = clock or clock_of(tenant)
    deletion = deletion or DeletionForm(has_password=request.user.has_usable_password())
    context = {
        "tenant": tenant,
        "form": form,
        "deletion": deletion,
        "days": settings.POSTROOM_DELETION_DAYS,
        "retry": retry,
        "moments": moments(shown),
        "attempts": shown.attempts_before(shown.expiry),
        "is_preview": clock is not None,
    }
    is_wrong = any(each.errors or each.problem for each in (form, deletion, retry))
    return render(request, "console/organisation/show.html", context, status=422 if is_wrong else 200)
