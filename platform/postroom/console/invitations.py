"""Accepting an invitation: a click for those who have a log-in, a name and a password for those who have none."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from postroom.console.forms import ConsoleForm
from postroom.explain import explain
from postroom.scoping import SESSION_TENANT
from postroom.sign_in.arrival import open_session
from tenants.access import InvitationEntry, find_invitation
from tenants.actions.actor import Actor
from tenants.actions.invitations import accept_invitation, is_on_own_domain, join_as_new_user
from tenants.models import Invitation, User
from tenants.problems import Problem
from tenants.scope import scope

SESSION_INVITATION = "invitation"


class NewUserForm(ConsoleForm):
    name = forms.CharField(
        label=gettext_lazy("Your name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(
        label=gettext_lazy("A password"),
        max_length=256,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("At least 10 characters. A few words are easy to keep and hard to guess."),
    )


@never_cache
def follow(request: HttpRequest, token: str) -> HttpResponse:
    """Take the secret out of the address, where logs and the next page would see it, and go on."""
    if find_invitation(token) is None:
        return _page(request, None, {"told": explain("invitation.unknown")}, status=410)
    request.session[SESSION_INVITATION] = token
    return redirect("console:invitation")


@never_cache
@sensitive_post_parameters("password")
def show(request: HttpRequest) -> HttpResponse:
    """Say what the invitation is for, and accept it."""
    token = request.session.get(SESSION_INVITATION, "")
    entry = find_invitation(token) if token else None
    if entry is None or entry.state != Invitation.State.OPEN or not entry.is_tenant_active:
        return _page(request, entry, {"told": explain(_what_is_wrong(entry))}, status=410)
    if isinstance(request.user, User):
        return _of_signed_in(request, request.user, token, entry)
    if not _is_proof(entry):  # whoever invites follows their own link, too, and shall not learn who has a log-in
        return _page(
            request, entry, {"way": "sign_in", "needs_mail": explain("invitation.needs_mail", email=entry.email)}
        )
    if User.objects.filter(email=entry.email).exists():
        return _page(request, entry, {"way": "sign_in"})
    return _of_new_user(request, token, entry)


def _is_proof(entry: InvitationEntry) -> bool:
    """Return whether the link shows that the address is its holder's, or the inviter's to give."""
    with scope(entry.tenant_id):
        return entry.is_mailed or is_on_own_domain(entry.tenant_id, entry.email)


def _of_signed_in(request: HttpRequest, user: User, token: str, entry: InvitationEntry) -> HttpResponse:
    if user.email != entry.email:
        return _page(request, entry, {"way": "somebody_else"})
    if request.method != "POST":
        return _page(request, entry, {"way": "join"})
    try:
        with scope(entry.tenant_id):
            accept_invitation(actor=Actor.user(user, _address(request)), token=token, user=user)
    except Problem as problem:
        return _page(request, entry, {"told": explain(problem.code, **problem.facts)}, status=422)
    return _arrived(request, entry)


def _of_new_user(request: HttpRequest, token: str, entry: InvitationEntry) -> HttpResponse:
    form = NewUserForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        actor = Actor("user", "", entry.email, _address(request))
        try:
            with scope(entry.tenant_id):
                join_as_new_user(actor=actor, token=token, **form.cleaned_data)
        except Problem as problem:
            form.add_problem(problem)
        else:
            return _sign_in(request, entry, form.cleaned_data["password"])
    return _page(request, entry, {"way": "new", "form": form}, status=422 if form.errors or form.problem else 200)


def _sign_in(request: HttpRequest, entry: InvitationEntry, password: str) -> HttpResponse:
    user = authenticate(request, username=entry.email, password=password)
    if not isinstance(user, User):
        return redirect("console:sign-in")
    open_session(request, user)
    return _arrived(request, entry)


def _arrived(request: HttpRequest, entry: InvitationEntry) -> HttpResponse:
    request.session.pop(SESSION_INVITATION, None)
    request.session[SESSION_TENANT] = str(entry.tenant_id)
    messages.success(request, _("Welcome to {tenant}.").format(tenant=entry.tenant_name))
    return redirect("console:overview")


def _what_is_wrong(entry: InvitationEntry | None) -> str:
    if entry is None or not entry.is_tenant_active:
        return "invitation.unknown"
    return f"invitation.{entry.state}"


def _page(
    request: HttpRequest, entry: InvitationEntry | None, context: dict[str, object], *, status: int = 200
) -> HttpResponse:
    return render(request, "console/members/invitation.html", {"invitation": entry, **context}, status=status)


def _address(request: HttpRequest) -> str | None:
    return request.META.get("REMOTE_ADDR") or None
