"""Setting up and taking away second factors: the authenticator app, recovery codes, passkeys."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from allauth.account.decorators import reauthentication_required
from allauth.account.models import Login
from allauth.mfa.recovery_codes.internal.flows import view_recovery_codes
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.internal.flows import perform_passwordless_login
from allauth.mfa.webauthn.views import (
    AddWebAuthnView,
    LoginWebAuthnView,
    ReauthenticateWebAuthnView,
    RemoveWebAuthnView,
)
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache

from postroom.console.requests import next_page
from postroom.sign_in.forms import ActivateAppForm, AddPasskeyForm, DeactivateAppForm, MakeRecoveryCodesForm


class AddApp(ActivateTOTPView):
    """Show the QR code of a new secret and take the first code."""

    template_name = "sign_in/add_app.html"

    def get_form_class(self) -> type[ActivateAppForm]:
        return ActivateAppForm


class RemoveApp(DeactivateTOTPView):
    template_name = "sign_in/remove_app.html"
    success_url = reverse_lazy("account")

    def get_form_class(self) -> type[DeactivateAppForm]:
        return DeactivateAppForm


class MakeRecoveryCodes(GenerateRecoveryCodesView):
    template_name = "sign_in/make_recovery_codes.html"

    def get_form_class(self) -> type[MakeRecoveryCodesForm]:
        return MakeRecoveryCodesForm


@never_cache
@login_required
@reauthentication_required(app="allauth.mfa")  # type: ignore[untyped-decorator]
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show new recovery codes, this once, with a file of them that the page itself carries."""
    found, may_view = view_recovery_codes(request)
    if found is None or not may_view:
        return redirect("account")
    codes = found.get_unused_codes()
    lines = "\r\n".join([gettext("Postroom recovery codes of {user}").format(user=request.user), "", *codes, ""])
    data = f"data:text/plain;charset=utf-8,{quote(lines)}"
    return render(request, "sign_in/recovery_codes.html", {"codes": codes, "file": data})


class AddPasskey(AddWebAuthnView):
    template_name = "sign_in/add_passkey.html"

    def get_form_class(self) -> type[AddPasskeyForm]:
        return AddPasskeyForm


class RemovePasskey(RemoveWebAuthnView):
    template_name = "sign_in/remove_passkey.html"
    success_url = reverse_lazy("account")


class SignInByPasskey(LoginWebAuthnView):
    """Where the sign-in page's script asks for a challenge and brings the answer."""

    def form_valid(self, form: Any) -> HttpResponse:
        authenticator = form.cleaned_data["credential"]
        login = Login(user=authenticator.user, redirect_url=next_page(self.request, "") or None)
        response: HttpResponse = perform_passwordless_login(self.request, authenticator, login)
        return response


class AskPasskey(ReauthenticateWebAuthnView):
    template_name = "sign_in/ask_passkey.html"
