"""Checking passwords: Django's way, which also remembers whom it kept out although the password was right."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.contrib.auth.backends import AllowAllUsersModelBackend, ModelBackend
from django.http import HttpRequest
from django.utils.translation import gettext as _
from typing_extensions import override

from tenants.models import User

KEPT_OUT: Final = "_kept_out"  # on the request


class PasswordBackend(ModelBackend):
    """Lets in who is active and knows the password. An account takes as long as no account, whatever its state."""

    @override
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        user = AllowAllUsersModelBackend().authenticate(request, username, password, **kwargs)
        if user is None or self.user_can_authenticate(user):
            return user
        if request is not None:
            setattr(request, KEPT_OUT, user)
        return None


def why_kept_out(request: HttpRequest) -> str:
    """Return why a suspended person is kept out, for who knows the password; empty where there is no reason to tell."""
    user = getattr(request, KEPT_OUT, None)
    if not isinstance(user, User) or not user.is_suspended:
        return ""
    text = _("You are suspended: {reason} Ask {operator}.")
    reason = user.suspension_reason.rstrip(".") + "."
    return text.format(reason=reason, operator=settings.POSTROOM_ADMIN_EMAIL)
