"""Coming in: the sign-in page, the second step, and a new password for who has forgotten theirs."""

from __future__ import annotations

from typing import Any

from allauth.account.views import LoginView, ReauthenticateView
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.base.views import ReauthenticateView as ReauthenticateByCodeView
from django.conf import settings
from django.contrib.auth.views import LogoutView, PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from typing_extensions import override

from postroom.sign_in import RESETS_TASK, guard
from postroom.sign_in.forms import AskCodeForm, AskPasswordForm, CodeForm, NewPasswordForm, ResetRequestForm, SignInForm
from postroom.sign_in.record import address_of, record, tell
from tenants.models import PasswordResetRequest, User
from tenants.wakeups import wake_on_commit


class SignIn(LoginView):
    """E-mail address and password; who has a second factor is asked for it next."""

    template_name = "sign_in/sign_in.html"
    form_class = SignInForm

    def get_form_class(self) -> type[SignInForm]:
        return SignInForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        oidc = settings.POSTROOM_OIDC_NAME if settings.POSTROOM_OIDC_ISSUER else ""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"oidc_name": oidc, "next": self.get_next_url() or ""}


class SignOut(LogoutView):
    http_method_names = ["post", "options"]


class SecondStep(AuthenticateView):
    """A code of the app, a recovery code, or a passkey, after the password."""

    template_name = "sign_in/second_step.html"

    def get_form_class(self) -> type[CodeForm]:
        return CodeForm


class AskPassword(ReauthenticateView):
    template_name = "sign_in/ask_password.html"

    def get_form_class(self) -> type[AskPasswordForm]:
        return AskPasswordForm


class AskCode(ReauthenticateByCodeView):
    template_name = "sign_in/ask_code.html"

    def get_form_class(self) -> type[AskCodeForm]:
        return AskCodeForm


@never_cache
def ask_reset(request: HttpRequest) -> HttpResponse:
    """Take a wish for a new password. The page and the work are the same whoever it is for: a task looks that up."""
    form = ResetRequestForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"]
        waits = guard.take(guard.RESET_FROM, guard.network_of(address_of(request))) or guard.take(guard.RESET, email)
        if not waits:
            PasswordResetRequest.objects.create(email=email)
            wake_on_commit(RESETS_TASK)
        return redirect("account_reset_password_done")
    return render(request, "sign_in/ask_reset.html", {"form": form})


def reset_asked(request: HttpRequest) -> HttpResponse:
    return render(request, "sign_in/reset_asked.html")


@method_decorator(sensitive_post_parameters(), name="dispatch")
class NewPassword(PasswordResetConfirmView):
    """Where the letter leads. Whoever sets a password here still has to sign in, second factor included."""

    template_name = "sign_in/new_password.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("account_reset_password_complete")

    @override
    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if isinstance(user, User) and user.is_active else None

    @override
    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        address = address_of(self.request)
        guard.forgive(guard.PASSWORD, form.user.email, guard.network_of(address))
        record(user=form.user, action="user.password_reset", address=address)
        tell(user=form.user, subject=PASSWORD_CHANGED, text=PASSWORD_TEXT, address=address)
        return response


def new_password_set(request: HttpRequest) -> HttpResponse:
    return render(request, "sign_in/new_password_set.html")


PASSWORD_CHANGED = gettext_noop("Your password was changed")
PASSWORD_TEXT = gettext_noop("The password of your account was changed, and all other sessions were ended.")
