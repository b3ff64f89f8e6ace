"""Signing in and out, and choosing the organisation to work in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from postroom.console.requests import ConsoleRequest, needs, redirect_back
from postroom.scoping import SESSION_TENANT
from tenants.permissions import Permission


class SignInForm(AuthenticationForm):
    """Says the same for an unknown address, a wrong password and a locked account."""

    error_messages = {
        "invalid_login": _("That e-mail address and password do not belong together."),
        "inactive": _("That e-mail address and password do not belong together."),
    }

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, label_suffix="", **kwargs)
        self.fields["username"].label = _("E-mail address")
        self.fields["username"].widget = forms.EmailInput(
            attrs={"autocomplete": "username", "autofocus": True, "class": "form-control"}
        )
        self.fields["password"].widget.attrs |= {"class": "form-control", "autocomplete": "current-password"}

    def clean_username(self) -> str:
        return str(self.cleaned_data["username"]).strip().lower()


class SignIn(LoginView):
    template_name = "console/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True


class SignOut(LogoutView):
    http_method_names = ["post", "options"]


@require_POST
@needs(*Permission)
def switch(request: ConsoleRequest) -> HttpResponse:
    """Work in another organisation of the user's from now on."""
    wanted = request.POST.get("tenant", "")
    if any(str(entry.tenant_id) == wanted for entry in request.memberships):
        request.session[SESSION_TENANT] = wanted
    return redirect_back(request, "/")
