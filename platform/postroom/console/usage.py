"""Usage and limits: what the organisation has used of what it may, who uses most, and what happens at the end."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from postroom.console.requests import ConsoleRequest, needs, tenant_of
from tenants.permissions import Permission
from transport.models import Period
from transport.usage.report import recent_notices, top_senders, usage_of


@needs(Permission.VIEW)
def show(request: ConsoleRequest) -> HttpResponse:
    tenant = tenant_of(request)
    context = {
        "report": usage_of(tenant),
        "this_hour": top_senders(tenant, Period.HOUR),
        "today": top_senders(tenant, Period.DAY),
        "notices": recent_notices(tenant.pk),
    }
    return render(request, "console/usage/show.html", context)
