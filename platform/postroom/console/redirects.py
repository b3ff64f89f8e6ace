"""Sending what waits another way: by which send connector, or to which server."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy, ngettext

from postroom.console.forms import ConsoleForm
from postroom.console.requests import ConsoleRequest, actor_of, needs
from tenants.access import one
from tenants.permissions import Permission
from tenants.problems import Problem
from transport.access import messages as tenant_messages
from transport.access import queues, send_connectors
from transport.actions.redirect import Target, find_target, redirect_message, redirect_queue
from transport.models import Message, Queue
from transport.queue.listing import find_queue


class RedirectForm(ConsoleForm):
    send_connector = forms.ChoiceField(
        label=gettext_lazy("Send connector"),
        required=False,
        help_text=gettext_lazy("Its address spaces do not matter here: what you send there goes there."),
    )
    smart_host = forms.CharField(
        label=gettext_lazy("Or a server"),
        required=False,
        max_length=300,
        help_text=gettext_lazy("Its name or address, with the port where it is not 25: relay.example:2525."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, tenant_id: UUID, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tenant_id = tenant_id
        field = self.fields["send_connector"]
        assert isinstance(field, forms.ChoiceField)
        known = send_connectors(tenant_id).filter(enabled=True)
        field.choices = [("", "—"), *((str(row.pk), row.name) for row in known)]

    def target(self) -> Target:
        """Return where to, or raise the Problem that says why not."""
        chosen = self.cleaned_data["send_connector"]
        return find_target(
            tenant_id=self.tenant_id,
            connector_id=UUID(chosen) if chosen else None,
            smart_host=self.cleaned_data["smart_host"],
        )


@needs(Permission.STEER_QUEUES)
def of_queue(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    return _redirect(request, one(queues(request.membership.tenant_id), pk), None)


@needs(Permission.STEER_QUEUES)
def of_message(request: ConsoleRequest, pk: UUID, message: UUID) -> HttpResponse:
    tenant_id = request.membership.tenant_id
    return _redirect(request, one(queues(tenant_id), pk), one(tenant_messages(tenant_id), message))


def _redirect(request: ConsoleRequest, queue: Queue, message: Message | None) -> HttpResponse:
    form = RedirectForm(request.POST if request.method == "POST" else None, tenant_id=queue.tenant_id)
    if request.method == "POST" and form.is_valid():
        try:
            target = form.target()
            moved = (
                redirect_queue(actor=actor_of(request), queue=queue, target=target)
                if message is None
                else redirect_message(actor=actor_of(request), message=message, queue=queue, target=target)
            )
        except Problem as problem:
            form.add_problem(problem)
        else:
            text = ngettext("{n} recipient goes to {target}.", "{n} recipients go to {target}.", moved)
            messages.success(request, text.format(n=moved, target=target.name))
            return HttpResponseRedirect(reverse("console:queues"))
    context = {"form": form, "row": queue, "queue": find_queue(queue.tenant_id, queue.pk), "message": message}
    return render(request, "console/queues/redirect.html", context)
