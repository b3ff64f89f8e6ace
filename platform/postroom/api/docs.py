"""The API's documentation, served by ourselves: no script of anybody else's, none inline."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import override

from postroom.security import POLICY

# Swagger UI sets styles on its elements; scripts stay our own files only.
DOCS_POLICY = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


@extend_schema(exclude=True)
class ApiDocsView(SpectacularSwaggerSplitView):
    metadata_class = None  # OPTIONS would be answered with data, by a page's template

    @override
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response.headers["Content-Security-Policy"] = DOCS_POLICY
        return response
