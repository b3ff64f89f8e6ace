"""The log-in of a mailbox: give one, set its password, take it away."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from postroom.console.forms import ConsoleForm
from postroom.console.requests import ConsoleRequest, actor_of, allowed, needs
from tenants.access import mailboxes, one
from tenants.actions.members import give_log_in, link_log_in, reset_log_in, resettable, take_log_in_away
from tenants.models import Mailbox
from tenants.permissions import Permission
from tenants.problems import Problem
from tenants.secrets import random_password


class LogInForm(ConsoleForm):
    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        max_length=256,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "autofocus": True}),
        help_text=gettext_lazy("Leave it empty and a good one is made and shown to you once."),
    )


@never_cache
@sensitive_post_parameters("password")
@needs(Permission.GIVE_LOG_INS, Permission.RESET_PASSWORDS)
def show(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Give a log-in, or set the password of the one there is. A password that was made is in this answer only."""
    row = _row(request, pk)
    if row.user is None and not allowed(request, Permission.GIVE_LOG_INS):
        return render(request, "console/forbidden.html", status=403)
    form = LogInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        typed = form.cleaned_data["password"]
        password = typed or random_password()
        act = reset_log_in if row.user else give_log_in
        try:
            act(actor=actor_of(request), mailbox=row, password=password)
        except Problem as problem:
            form.add_problem(problem)
        else:
            return _page(request, row, form, {"done": True, "made": "" if typed else password})
    return _page(request, row, form, {})


@require_POST
@needs(Permission.GIVE_LOG_INS)
def link_mine(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Let the administrator who asks read the mailbox: how an owner comes by a mailbox of their own."""
    row = _row(request, pk)
    try:
        link_log_in(actor=actor_of(request), mailbox=row, user=request.user)
    except Problem as problem:
        form = LogInForm()
        form.problem = problem
        return _page(request, row, form, {}, status=422)
    messages.success(request, _("“{name}” is your mailbox now.").format(name=row.display_name))
    return redirect(f"{reverse('console:mail')}?box={row.pk}")


@require_POST
@needs(Permission.GIVE_LOG_INS)
def remove(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = take_log_in_away(actor=actor_of(request), mailbox=_row(request, pk))
    messages.success(request, _("Nobody reads “{name}” any more.").format(name=row.display_name))
    return redirect("console:mailbox", row.pk)


def _row(request: ConsoleRequest, pk: UUID) -> Mailbox:
    return one(mailboxes(request.membership.tenant_id).select_related("user"), pk)


def _page(
    request: ConsoleRequest, row: Mailbox, form: LogInForm, extra: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "mailbox": row,
        "may_set": row.user is None or resettable(row),
        "sign_in_url": request.build_absolute_uri(reverse("console:sign-in")),
    }
    failed = form.errors or form.problem
    return render(request, "console/mailboxes/log_in.html", context | extra, status=422 if failed else status)
