"""The operators' admin site: Django admin under one site of our own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.db.models import Model
from django.db.models.base import ModelBase
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

# Who has which authenticator and session is the person's own; allauth would list it here.
NOT_LISTED: Final = frozenset({"account", "mfa", "socialaccount", "usersessions"})


class OperatorsAdminSite(admin.AdminSite):
    """The admin without doors of its own: one signs in, and changes one's password, where everybody does."""

    site_header = _("Postroom operators")
    site_title = _("Postroom")
    index_title = _("The platform")

    @override
    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        models: Iterable[type[Model]] = (
            [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else model_or_iterable  # type: ignore[list-item]
        )
        listed = [model for model in models if model._meta.app_label not in NOT_LISTED]
        super().register(listed, admin_class, **options)

    @override
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.user.is_authenticated:
            if self.has_permission(request):
                return redirect("admin:index")
            raise Http404  # signed in, and no operator: nothing of that is here for them
        wanted = request.GET.get("next") or reverse("admin:index")
        return redirect(f"{reverse('console:sign-in')}?{urlencode({'next': wanted})}")

    @override
    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("account_change_password")


class OperatorsAdminConfig(AdminConfig):
    default_site = "postroom.operators.site.OperatorsAdminSite"
