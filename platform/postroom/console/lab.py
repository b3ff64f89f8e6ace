"""“Try it”: with the lab on, one click sends a message to a peer that answers, and shows its way there and back."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from postroom.console.compose import send_text
from postroom.console.mail import own_mailbox
from postroom.console.requests import ConsoleRequest, needs, tenant_of
from postroom.explain import explain_problem
from tenants.permissions import Permission
from tenants.problems import Problem
from transport.message.mailbox import parse_mailboxes

ECHO = "echo@fabrikam.example"


@require_POST
@needs(Permission.READ_OWN_MAIL)
def send_to_echo(request: ConsoleRequest) -> HttpResponse:
    mailbox = own_mailbox(request)
    if mailbox is None or not settings.POSTROOM_LAB:
        raise Http404
    text = _("This message was sent by a click on “Try it”. {address} sends an answer to each message it gets.")
    try:
        sent = send_text(
            request,
            tenant_of(request),
            mailbox,
            sender=str(mailbox.primary_address or ""),
            to=parse_mailboxes(ECHO).mailboxes,
            subject=_("Is anybody there?"),
            text=text.format(address=ECHO),
        )
    except Problem as problem:
        messages.error(request, explain_problem(problem).text)
        return redirect("console:overview")
    timeline = reverse("console:tracking-timeline", args=[sent.message_id])
    return redirect(f"{timeline}?{urlencode({'answer_from': ECHO})}")
