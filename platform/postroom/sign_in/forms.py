"""The forms of signing in and of a person's account."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.forms import LoginForm, ReauthenticateForm
from allauth.account.models import Login
from allauth.core import context
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as ReauthenticateByCodeForm
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.forms import GenerateRecoveryCodesForm
from allauth.mfa.totp.forms import ActivateTOTPForm, DeactivateTOTPForm
from allauth.mfa.totp.internal.auth import generate_totp_secret, validate_totp_code
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.conf import settings
from django.contrib.auth.forms import SetPasswordForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from postroom.console.forms import ConsoleForm, dress
from postroom.sign_in.adapters import WRONG, AccountAdapter, check_limit
from postroom.sign_in.backend import why_kept_out
from postroom.sign_in.failures import note_failure
from postroom.sign_in.guard import CODE, CODE_ANYWHERE, first_use, forgive, network_of
from postroom.sign_in.record import address_of
from tenants.models import User
from tenants.secrets import decrypt, encrypt

SECRET_IN_SESSION = "sign_in.totp_secret"  # noqa: S105  # its name there


class Dressed(forms.Form):
    """The console's looks for allauth's forms."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        dress(self)


class SignInForm(Dressed, LoginForm):
    """Says the same for an unknown address, a wrong password and a locked account; why, to who knows the password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["login"]
        # A text field, so that what is no address at all gets the same answer as what is nobody's.
        username = forms.CharField(label=_("E-mail address"), max_length=320)
        username.widget = forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
        self.fields["username"] = username
        self.fields["password"].help_text = ""
        self.fields["password"].widget.attrs.pop("placeholder", None)
        self.order_fields(["username", "password"])
        dress(self)

    def user_credentials(self) -> dict[str, str]:
        email = str(self.cleaned_data["username"]).strip().lower()
        return {"email": email, "password": str(self.cleaned_data["password"])}

    def _clean_with_password(self, credentials: dict[str, str]) -> dict[str, Any]:
        user = AccountAdapter(self.request).authenticate(self.request, **credentials)
        if user is None:
            raise ValidationError(why_kept_out(self.request) or WRONG, code="invalid_login")
        self.user = user
        self._login = Login(user=user, email=credentials["email"])
        return self.cleaned_data


class AskPasswordForm(Dressed, ReauthenticateForm):
    """The password once more, before something that a stranger at an open screen must not do."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = ""
        self.fields["password"].widget.attrs = {"autocomplete": "current-password", "autofocus": True}
        dress(self)


class _CodeForm(Dressed):
    """A code of the app, or a recovery code: few tries, and each code once, whichever process is asked."""

    user: User
    authenticator: Authenticator

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs |= {"autofocus": True}
        self.fields["code"].widget.attrs.pop("placeholder", None)

    def clean_code(self) -> str:
        account, network = str(self.user.pk), network_of(address_of(context.request))
        check_limit(CODE, account, network)
        check_limit(CODE_ANYWHERE, account)
        try:
            code = cast(str, super().clean_code())  # type: ignore[misc]  # of the form that this is mixed into
            if self.authenticator.type == Authenticator.Type.TOTP and not first_use("totp", account, code):
                raise get_mfa_adapter().validation_error("incorrect_code")
        except ValidationError:
            note_failure(self.user.email, address_of(context.request), "code")
            raise
        forgive(CODE, account, network)
        forgive(CODE_ANYWHERE, account)
        return code


class CodeForm(_CodeForm, AuthenticateForm):
    pass


class AskCodeForm(_CodeForm, ReauthenticateByCodeForm):
    pass


class ActivateAppForm(Dressed, ActivateTOTPForm):
    """The first code of a new authenticator app. Its secret waits in the session, encrypted like the kept one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.user = kwargs.pop("user")
        forms.Form.__init__(self, *args, **kwargs)
        self.label_suffix = ""
        self.fields["code"].widget.attrs = {"autocomplete": "one-time-code", "autofocus": True, "inputmode": "numeric"}
        dress(self)
        self.secret = self._secret()

    def _secret(self) -> str:
        session = context.request.session
        if not (self.is_bound and SECRET_IN_SESSION in session):
            session[SECRET_IN_SESSION] = encrypt(generate_totp_secret()).decode("ascii")
        return decrypt(session[SECRET_IN_SESSION].encode("ascii"))

    def clean_code(self) -> str:
        check_limit(CODE, str(self.user.pk), network_of(address_of(context.request)))
        code = str(self.cleaned_data["code"])
        if not validate_totp_code(self.secret, code):
            raise get_mfa_adapter().validation_error("incorrect_code")
        forgive(CODE, str(self.user.pk), network_of(address_of(context.request)))
        del context.request.session[SECRET_IN_SESSION]
        return code


class DeactivateAppForm(Dressed, DeactivateTOTPForm):
    pass


class MakeRecoveryCodesForm(Dressed, GenerateRecoveryCodesForm):
    pass


class AddPasskeyForm(Dressed, AddWebAuthnForm):
    """A new passkey; the browser writes `credential`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("Name")
        self.fields["passwordless"].label = _("Sign in with it alone")
        self.fields["passwordless"].help_text = _("Without e-mail address and password. It then asks for its PIN.")
        self.fields["passwordless"].initial = True


class ResetRequestForm(ConsoleForm):
    email = forms.CharField(
        label=_("E-mail address"),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()


class NewPasswordForm(Dressed, SetPasswordForm):  # type: ignore[type-arg]
    """The new password at the end of a reset."""

    user: User

    @override
    def save(self, commit: bool = True) -> User:
        self.user.set_password(self.cleaned_data["new_password1"])
        self.user.save(update_fields=["password"])
        return self.user


class ProfileForm(ConsoleForm):
    name = forms.CharField(label=_("Name"), required=False, max_length=200)
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)


class PasswordForm(ConsoleForm):
    old = forms.CharField(
        label=_("Present password"),
        strip=False,
        max_length=256,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("New password"),
        strip=False,
        max_length=256,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Ten characters or more. All your other sessions end."),
    )
