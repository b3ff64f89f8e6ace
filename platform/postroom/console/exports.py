"""Downloading what the organisation has here: its configuration, or that and all its mail."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_POST

from postroom.console.requests import ConsoleRequest, actor_of, needs, tenant_of, uses_network
from postroom.streaming import send_export
from tenants.permissions import Permission
from transport.actions.exports import Contents, export_tenant


@uses_network
@require_POST
@needs(Permission.MANAGE_TENANT)
def download(request: ConsoleRequest, what: str) -> HttpResponse:
    try:
        contents = Contents(what)
    except ValueError:
        raise Http404 from None
    with request.enter_scope():
        export = export_tenant(actor=actor_of(request), tenant=tenant_of(request), contents=contents)
    response: Any = send_export(request, export)
    return response  # type: ignore[no-any-return]  # a StreamingHttpResponse is none of HttpResponse's
