"""Apps and devices: the passwords with which mail programs send for a mailbox, each shown once and revocable."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from postroom.console.forms import ConsoleForm
from postroom.console.mail import own_mailbox
from postroom.console.requests import ConsoleRequest, actor_of, needs
from tenants.access import app_passwords, mailboxes, mailboxes_of, one, verifier_beside
from tenants.actions.app_passwords import create_app_password, revoke_app_password
from tenants.models import AppPassword, Mailbox
from tenants.permissions import Permission
from tenants.problems import Problem
from transport.authentication.app_passwords import make_app_password


class AppPasswordForm(ConsoleForm):
    name = forms.CharField(
        label=gettext_lazy("What is it for?"),
        max_length=100,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("Mail on my phone"), "autocomplete": "off"}),
        help_text=gettext_lazy("One for each program or device, so that a lost one can be shut out alone."),
    )


@never_cache
@needs(Permission.READ_OWN_MAIL)
def mine(request: ConsoleRequest) -> HttpResponse:
    """Show the app passwords of one's own mailbox, and make one."""
    mailbox = own_mailbox(request)
    if mailbox is None:
        return render(request, "console/mail/none.html")
    return _page(request, mailbox, is_mine=True)


@require_POST
@needs(Permission.READ_OWN_MAIL)
def revoke_mine(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    own = mailboxes_of(request.membership.tenant_id, request.user).values("pk")
    rows = AppPassword.objects.filter(tenant_id=request.membership.tenant_id, mailbox__in=own)
    row = one(rows.select_related("mailbox"), pk)
    _revoke(request, row)
    return redirect(f"{reverse('console:mail-apps')}?{urlencode({'box': str(row.mailbox_id)})}")


@never_cache
@needs(Permission.RESET_PASSWORDS)
def of_mailbox(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Show the app passwords of any mailbox of the organisation, and make one for its user."""
    return _page(request, one(mailboxes(request.membership.tenant_id), pk), is_mine=False)


@require_POST
@needs(Permission.RESET_PASSWORDS)
def revoke(request: ConsoleRequest, pk: UUID, app: UUID) -> HttpResponse:
    mailbox = one(mailboxes(request.membership.tenant_id), pk)
    _revoke(request, one(AppPassword.objects.filter(tenant_id=mailbox.tenant_id, mailbox=mailbox), app))
    return redirect("console:mailbox-apps", mailbox.pk)


def _revoke(request: ConsoleRequest, row: AppPassword) -> None:
    revoke_app_password(actor=actor_of(request), app_password=row)
    messages.success(request, _("“{name}” cannot log in any more.").format(name=row.name))


def _page(request: ConsoleRequest, mailbox: Mailbox, *, is_mine: bool) -> HttpResponse:
    """Show the list; a password that was made is in this answer only."""
    form = AppPasswordForm(request.POST or None)
    made: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        new = make_app_password(beside=verifier_beside(mailbox))
        try:
            row = create_app_password(
                actor=actor_of(request),
                mailbox=mailbox,
                name=form.cleaned_data["name"],
                prefix=new.prefix,
                verifier=new.verifier,
                created_by=request.user,
                by_role=None if is_mine else request.membership.role,
            )
        except Problem as problem:
            form.add_problem(problem)
        else:
            made = {"made": new.text, "made_for": row.name}
            form = AppPasswordForm()
    others = list(mailboxes_of(mailbox.tenant_id, request.user)[:20]) if is_mine else []
    rows = app_passwords(mailbox).select_related("created_by")
    context = {"form": form, "mailbox": mailbox, "mailboxes": others, "is_mine": is_mine, "rows": rows}
    status = 422 if form.errors or form.problem else 200
    return render(request, "console/app_passwords/show.html", context | made | _smtp(mailbox), status=status)


def _smtp(mailbox: Mailbox) -> dict[str, Any]:
    """Return what a person types into a mail program to send."""
    return {
        "smtp_host": settings.POSTROOM_HOSTNAME,
        "submission_port": settings.POSTROOM_SUBMISSION_PORT,
        "submissions_port": settings.POSTROOM_SUBMISSIONS_PORT,
        "smtp_user": mailbox.primary_address,
    }
