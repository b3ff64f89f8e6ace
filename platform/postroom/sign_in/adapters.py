"""Where django-allauth asks us: who may sign in, how fast, where to go on, and how its secrets are kept."""

from __future__ import annotations

import time
from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from postroom.sign_in.arrival import note_arrival
from postroom.sign_in.failures import note_failure
from postroom.sign_in.guard import PASSWORD, Limit, forgive, network_of, take
from postroom.sign_in.record import address_of, record, tell
from tenants.access import memberships_of
from tenants.models import User
from tenants.secrets import decrypt, encrypt

STILL_FRESH: Final = 5 * 60  # seconds after signing in during which nobody is asked again
WRONG: Final = _("That e-mail address and password do not belong together.")

# What allauth tells of, by the name of its mail: our name for the audit log, and our words.
NEWS: Final[dict[str, tuple[str, str, str]]] = {
    "mfa/email/totp_activated": (
        "user.authenticator_add",
        gettext_noop("An authenticator app was added"),
        gettext_noop("From now on, signing in to your account takes a code of your authenticator app."),
    ),
    "mfa/email/totp_deactivated": (
        "user.authenticator_remove",
        gettext_noop("The authenticator app was removed"),
        gettext_noop("Signing in to your account takes no code of an authenticator app any more."),
    ),
    "mfa/email/recovery_codes_generated": (
        "user.recovery_codes_make",
        gettext_noop("New recovery codes were made"),
        gettext_noop("The recovery codes of your account were made anew; the old ones are void."),
    ),
    "mfa/email/webauthn_added": (
        "user.passkey_add",
        gettext_noop("A passkey was added"),
        gettext_noop("A passkey was added to your account."),
    ),
    "mfa/email/webauthn_removed": (
        "user.passkey_remove",
        gettext_noop("A passkey was removed"),
        gettext_noop("A passkey was removed from your account."),
    ),
}

TOLD: Final = {
    "mfa/messages/totp_activated.txt": _("The authenticator app is added."),
    "mfa/messages/totp_deactivated.txt": _("The authenticator app is removed."),
    "mfa/messages/webauthn_added.txt": _("The passkey is added."),
    "mfa/messages/webauthn_removed.txt": _("The passkey is removed."),
}


def too_many(seconds: int) -> ValidationError:
    """Return what somebody reads who has guessed too often: the same for every account."""
    text = gettext("Too many tries from here. Wait {seconds} seconds, then try again.").format(seconds=seconds)
    return ValidationError(text, code="too_many")


def check_limit(limit: Limit, *parts: str) -> None:
    """Count a try, or raise ValidationError where it has to wait."""
    if wait := take(limit, *parts):
        raise too_many(wait)


class AccountAdapter(DefaultAccountAdapter):
    """Passwords, where to go on, and the letters about an account."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": WRONG,
        "incorrect_password": _("That is not your password."),
    }

    @override
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False  # an owner or an operator makes log-ins

    @override
    def get_client_ip(self, request: HttpRequest) -> str:
        return address_of(request) or "0.0.0.0"  # noqa: S104  # a column that takes addresses only

    @override
    def is_safe_url(self, url: str | None) -> bool:
        # allauth lets any host pass where ALLOWED_HOSTS does; we go on to pages of our own only.
        return url_has_allowed_host_and_scheme(url, allowed_hosts=None)

    @override
    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Return the active user with this password. Counted before it is tried; unknown takes as long as known."""
        account = str(credentials.get("email", "")).strip().lower()
        parts = (account, network_of(address_of(request)))
        check_limit(PASSWORD, *parts)
        user = authenticate(request, username=account, password=credentials.get("password"))
        if user is not None:
            forgive(PASSWORD, *parts)
        else:
            note_failure(account, address_of(request), "password")
        return user

    @override
    def reauthenticate(self, user: User, password: str) -> bool:
        known = self.authenticate(self.request, email=user.email, password=password)
        return known is not None and known.pk == user.pk

    @override
    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        records = get_authentication_records(self.request, self.request.user)
        return not any(time.time() - entry["at"] < STILL_FRESH for entry in records)

    @override
    def set_password(self, user: User, password: str) -> None:
        user.set_password(password)
        user.save(update_fields=["password"])  # `web` may write no other columns

    @override
    def get_login_redirect_url(self, request: HttpRequest) -> str:
        user = request.user
        assert isinstance(user, User)
        if user.is_operator and not memberships_of(user):
            return reverse("admin:index")
        return reverse("console:overview")

    @override
    def post_login(self, request: HttpRequest, user: User, **facts: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **facts)
        note_arrival(request, user)
        return response

    @override
    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        messages.error(request, gettext("You cannot sign in that way."))
        return HttpResponseRedirect(reverse("console:sign-in"))

    @override
    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Say it in our words, and leave out what the page says anyway: that one has signed in or out."""
        template = str(args[0] if args else kwargs.get("message_template") or "")
        if template in TOLD:
            messages.add_message(request, level, str(TOLD[template]))
        elif not template:
            super().add_message(request, level, *args, **kwargs)

    @override
    def send_notification_mail(self, template_prefix: str, user: User, *args: Any, **kwargs: Any) -> None:
        if (news := NEWS.get(template_prefix)) is not None:
            action, subject, text = news
            address = address_of(self.request)
            record(user=user, action=action, address=address)
            tell(user=user, subject=subject, text=text, address=address)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Second factors: their secrets are encrypted at rest with POSTROOM_ENCRYPTION_KEYS."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("That code is not right. Codes change every 30 seconds, and each works once."),
    }

    @override
    def encrypt(self, text: str) -> str:
        return encrypt(text).decode("ascii")

    @override
    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text.encode("ascii"))

    @override
    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:  # theirs
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return gettext("Passkey {number}").format(number=count + 1)

    def _get_site_name(self) -> str:
        return "Postroom"
