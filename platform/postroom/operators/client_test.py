"""What a client would be allowed to do, over all tenants."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from postroom.client_form import ClientFields
from postroom.client_words import told


def show(request: HttpRequest) -> HttpResponse:
    """Answer what a client would be allowed to do, with all listeners and permissions that were considered."""
    form = ClientFields(request.GET if "address" in request.GET else None)
    answer = told(form.answer(None)) if form.is_bound and form.is_valid() else None
    context = {"title": _("What would this client be allowed to do?"), "form": form, "answer": answer}
    return render(request, "admin/operators/client_test.html", {**admin.site.each_context(request), **context})
