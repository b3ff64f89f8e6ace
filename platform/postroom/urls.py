"""Every address of the web process: short enough to read whole."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView

from postroom import acting
from postroom.api.docs import ApiDocsView
from postroom.health import healthz, readyz
from postroom.metrics import metrics

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("postroom.console.urls")),
    path("", include("postroom.sign_in.urls")),
    path("acting/end/", acting.end, name="acting-end"),
    path("admin/", admin.site.urls),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/v1/", include("postroom.api.v1.urls")),
    path("api/docs/", ApiDocsView.as_view(url_name="api-schema"), name="api-docs"),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
]

handler404 = "postroom.not_found.not_found"
