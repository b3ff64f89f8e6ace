"""The operators' admin site: Django admin under one site of our own, with the platform's pages before its lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.db.models.base import ModelBase
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from postroom.operators import acting, client_test, overview, queues, settings_page, tracking

# Who has which authenticator and session is the person's own; allauth would list it here. Django's groups mean
# nothing: what a person may do is a role of a tenant's, or being an operator.
NOT_LISTED: Final = frozenset({"account", "mfa", "socialaccount", "usersessions"})
PAGES = (
    ("index", _("Overview")),
    ("platform-queues", _("Queues")),
    ("platform-tracking", _("Message tracking")),
    ("tenants_tenant_changelist", _("Tenants")),
    ("transport_receiveconnector_changelist", _("Listeners")),
    ("platform-settings", _("Settings")),
)


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
        listed = [model for model in models if model._meta.app_label not in NOT_LISTED and model is not Group]
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

    @override
    def get_urls(self) -> list[URLPattern | URLResolver]:
        guard = self.admin_view
        own: list[URLPattern | URLResolver] = [
            path("", guard(overview.show), name="index"),
            path("queues/", guard(queues.index), name="platform-queues"),
            path("queues/messages/", guard(queues.messages_of), name="platform-queue-messages"),
            path("queues/messages/act/", guard(queues.act_on_messages), name="platform-queue-messages-act"),
            path("queues/preview/", guard(queues.preview), name="platform-queue-preview"),
            path("queues/operations/<uuid:pk>/", guard(queues.operation), name="platform-queue-operation"),
            path("queues/operations/<uuid:pk>/confirm/", guard(queues.confirm), name="platform-queue-confirm"),
            path("tracking/", guard(tracking.index), name="platform-tracking"),
            path("tracking/<uuid:pk>/", guard(tracking.timeline), name="platform-timeline"),
            path("transport/receiveconnector/test/", guard(client_test.show), name="platform-client-test"),
            path("settings/", guard(settings_page.show), name="platform-settings"),
            path("tenants/tenant/<uuid:pk>/act-as/", guard(acting.step_in), name="platform-act-as"),
        ]
        return own + super().get_urls()

    @override
    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        name = request.resolver_match.url_name if request.resolver_match else ""
        return super().each_context(request) | {"platform_pages": PAGES, "platform_page": name}
