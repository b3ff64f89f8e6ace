"""A person's own account: name, language, password, second factor, sessions."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.logout import logout
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from postroom.sign_in.adapters import AccountAdapter
from postroom.sign_in.devices import Device, devices_of
from postroom.sign_in.entrance import PASSWORD_CHANGED, PASSWORD_TEXT
from postroom.sign_in.forms import PasswordForm, ProfileForm
from postroom.sign_in.record import address_of, record, tell
from tenants.actions.tenants import check_password_strength
from tenants.models import User
from tenants.names import printable_name
from tenants.problems import Problem


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # `login_required` lets nobody else in
    return request.user


@login_required
def show(request: HttpRequest) -> HttpResponse:
    """Show the account, and save name and language."""
    user = _user(request)
    form = ProfileForm(request.POST or None, initial={"name": user.name, "language": user.language})
    if request.method == "POST" and form.is_valid():
        try:
            _save_profile(request, user, form.cleaned_data)
        except Problem as problem:
            form.add_problem(problem)
        else:
            messages.success(request, _("Saved."))
            response = redirect("account")
            response.set_cookie(settings.LANGUAGE_COOKIE_NAME, user.language, max_age=365 * 86_400, samesite="Lax")
            return response
    return render(request, "sign_in/account.html", {"form": form} | _security(request, user))


def _save_profile(request: HttpRequest, user: User, changes: dict[str, Any]) -> None:
    before = {"name": user.name, "language": user.language}
    user.name, user.language = printable_name(changes["name"]), changes["language"]
    user.save(update_fields=["name", "language"])
    after = {"name": user.name, "language": user.language}
    if after != before:
        record(user=user, action="user.change", address=address_of(request), before=before, after=after)


def _security(request: HttpRequest, user: User) -> dict[str, Any]:
    rows = list(Authenticator.objects.filter(user_id=user.pk).order_by("created_at"))
    by_type = {row.type: row for row in rows}
    codes = by_type.get(Authenticator.Type.RECOVERY_CODES)
    return {
        "app": by_type.get(Authenticator.Type.TOTP),
        "recovery_codes": codes,
        "codes_left": len(codes.wrap().get_unused_codes()) if codes else 0,
        "passkeys": [row for row in rows if row.type == Authenticator.Type.WEBAUTHN],
        "devices": _devices(request, user),
        "has_password": user.has_usable_password(),
    }


def _devices(request: HttpRequest, user: User) -> list[Device]:
    return devices_of(user, request.session.session_key or "")


@never_cache
@sensitive_post_parameters("old", "password")
@login_required
def password(request: HttpRequest) -> HttpResponse:
    """Change the password, which ends all other sessions."""
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _change_password(request, _user(request), form.cleaned_data)
        except Problem as problem:
            form.add_problem(problem)
        except ValidationError as error:
            form.add_error("old", error)
        else:
            messages.success(request, _("Your password is changed, and your other sessions have ended."))
            return redirect("account")
    return render(request, "sign_in/password.html", {"form": form})


def _change_password(request: HttpRequest, user: User, typed: dict[str, str]) -> None:
    if not AccountAdapter(request).reauthenticate(user, typed["old"]):
        raise ValidationError(_("That is not your password."))
    check_password_strength(typed["password"])
    user.set_password(typed["password"])
    user.save(update_fields=["password"])
    _end(UserSession.objects.filter(user_id=user.pk).exclude(session_key=request.session.session_key))
    update_session_auth_hash(request, user)
    UserSession.objects.create_from_request(request)
    record(user=user, action="user.password_change", address=address_of(request))
    tell(user=user, subject=PASSWORD_CHANGED, text=PASSWORD_TEXT, address=address_of(request))


@require_POST
@login_required
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    """End one session of one's own; ending this one is signing out."""
    user = _user(request)
    session = get_object_or_404(UserSession, pk=pk, user=user)
    is_this = session.session_key == request.session.session_key
    _end([session])
    record(user=user, action="user.session_end", address=address_of(request), after={"address": session.ip})
    if is_this:
        logout(request)
        return redirect("console:sign-in")
    messages.success(request, _("That session has ended."))
    return redirect("account")


@require_POST
@login_required
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """End all sessions of one's own but this."""
    user = _user(request)
    others = list(UserSession.objects.filter(user=user).exclude(session_key=request.session.session_key))
    _end(others)
    record(user=user, action="user.sessions_end", address=address_of(request), after={"count": len(others)})
    messages.success(request, _("Your other sessions have ended."))
    return redirect("account")


def _end(sessions: Any) -> None:
    for session in sessions:
        session.end()
