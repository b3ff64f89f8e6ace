"""Signing in through an organisation's own identity provider (OpenID Connect), where a setting names one.

It vouches for people whom we know already, by e-mail addresses that it has verified. It makes no accounts.
"""

from __future__ import annotations

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.openid_connect import views
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from typing_extensions import override

from postroom.scoping import manages_scope
from tenants.models import User

PROVIDER_ID = "oidc"


@manages_scope
def start(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send the browser to the identity provider. Asks that for its addresses, so no transaction is open."""
    return _configured(views.login, request, provider_id)


@manages_scope
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take the browser back, ask the provider who it is, and sign in whom we know."""
    return _configured(views.callback, request, provider_id)


def _configured(view: Any, request: HttpRequest, provider_id: str) -> HttpResponse:
    if not settings.POSTROOM_OIDC_ISSUER or provider_id != PROVIDER_ID:
        raise Http404
    response: HttpResponse = view(request, provider_id)
    return response


class SocialAdapter(DefaultSocialAccountAdapter):
    """Matches by verified e-mail address, each time anew: what the provider says today is what counts."""

    @override
    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        if sociallogin.state.get("process", AuthProcess.LOGIN) != AuthProcess.LOGIN:
            raise _refused(request)
        # Providers write all kinds of things there; only a plain yes is one.
        verified = [e.email.strip().lower() for e in sociallogin.email_addresses if e.verified in (True, "true")]
        user = User.objects.filter(email__in=verified, is_active=True).first()
        if user is None:
            raise _refused(request)
        sociallogin.user = user

    @override
    def authenticate_by_email(self, login: SocialLogin) -> None:
        """Leave it to `pre_social_login`: allauth's own way would void the person's password."""
        return

    @override
    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    @override
    def on_authentication_error(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        raise _refused(request)


def _refused(request: HttpRequest) -> ImmediateHttpResponse:
    """Return the way back to the sign-in page; who has an account is not told."""
    messages.error(request, gettext("You cannot sign in that way."))
    return ImmediateHttpResponse(HttpResponseRedirect(reverse("console:sign-in")))
