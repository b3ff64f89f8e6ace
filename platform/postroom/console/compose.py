"""Writing a letter. What would be refused on its way is refused here, with the reason and what would mend it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from postroom.console.forms import ConsoleForm
from postroom.console.mail import as_text, own_mailbox
from postroom.console.requests import ConsoleRequest, actor_of, needs, tenant_of
from tenants.access import one, sender_addresses
from tenants.identifiers import uuid7
from tenants.models import Mailbox, Tenant
from tenants.permissions import Permission
from tenants.problems import Problem
from transport.access import letters
from transport.actions.send import SendRefused, SentMessage, send_message
from transport.message.compose import ComposedMessage, InvalidHeader, compose
from transport.message.mailbox import Mailbox as HeaderMailbox
from transport.message.mailbox import parse_mailboxes
from transport.message.parse import readable
from transport.models import MailboxMessage
from transport.routing.envelope import Origin

MAX_QUOTED = 20_000
DRAFT = "draft"  # in the session: what was refused, until it is sent
MAX_DRAFT = 100_000


class ComposeForm(ConsoleForm):
    problem_fields = {"from": "sender", "raw": "text"}

    sender = forms.ChoiceField(label=gettext_lazy("From"))
    to = forms.CharField(
        label=gettext_lazy("To"),
        max_length=10_000,
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}),
    )
    subject = forms.CharField(label=gettext_lazy("Subject"), max_length=500, required=False)
    text = forms.CharField(
        label=gettext_lazy("Text"), required=False, widget=forms.Textarea(attrs={"rows": 12}), strip=False
    )
    in_reply_to = forms.UUIDField(required=False, widget=forms.HiddenInput())

    def __init__(self, *args: Any, mailbox: Mailbox, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        addresses = sender_addresses(mailbox)
        sender = self.fields["sender"]
        assert isinstance(sender, forms.ChoiceField)
        sender.choices = [(address, address) for address in addresses]

    def clean_to(self) -> tuple[HeaderMailbox, ...]:
        found = parse_mailboxes(self.cleaned_data["to"])
        if found.is_malformed or not found.mailboxes:
            raise forms.ValidationError(_("Write addresses like ann@contoso.com, with commas between them."))
        return found.mailboxes


@needs(Permission.READ_OWN_MAIL)
def show(request: ConsoleRequest) -> HttpResponse:
    mailbox = own_mailbox(request)
    if mailbox is None:
        return render(request, "console/mail/none.html")
    form = ComposeForm(request.POST or None, mailbox=mailbox, initial=_initial(request, mailbox))
    refusal: Problem | None = None
    if request.method == "POST" and form.is_valid():
        try:
            sent = _send(request, mailbox, form.cleaned_data)
        except (Problem, InvalidHeader) as error:
            refusal = (
                error
                if isinstance(error, Problem)
                else Problem("message.invalid_header", name="To, Subject", problem=error)
            )
        else:
            request.session.pop(DRAFT, None)
            messages.success(request, _("Sent. This is its way so far."))
            return redirect("console:tracking-timeline", sent.message_id)
    if refusal:
        _keep_draft(request)
    context = {"form": form, "mailbox": mailbox, "refusal": refusal, "refused": getattr(refusal, "refused", ())}
    query = urlencode([("box", str(mailbox.pk)), (DRAFT, "1")])
    context["back"] = f"{reverse('console:mail-compose')}?{query}"
    status = 422 if refusal or form.errors else 200
    return render(request, "console/mail/compose.html", context, status=status)


def _keep_draft(request: ConsoleRequest) -> None:
    """Keep what was written while its writer is away to mend what stands in its way."""
    draft = {name: request.POST.get(name, "") for name in ("to", "subject", "text", "in_reply_to")}
    if sum(map(len, draft.values())) <= MAX_DRAFT:
        request.session[DRAFT] = draft


def _send(request: ConsoleRequest, mailbox: Mailbox, data: dict[str, Any]) -> SentMessage:
    answered = _answered(mailbox, data["in_reply_to"])
    message_id = answered.internet_message_id if answered else ""
    return send_text(
        request,
        tenant_of(request),
        mailbox,
        sender=data["sender"],
        to=data["to"],
        subject=data["subject"],
        text=data["text"],
        in_reply_to=message_id or None,
    )


def send_text(
    request: ConsoleRequest,
    tenant: Tenant,
    mailbox: Mailbox,
    *,
    sender: str,
    to: tuple[HeaderMailbox, ...],
    subject: str,
    text: str,
    in_reply_to: str | None = None,
) -> SentMessage:
    """Compose and send a letter from a mailbox. Raises Problem, or InvalidHeader for control characters."""
    author = parse_mailboxes(sender).mailboxes
    if not author:
        raise SendRefused("sender.bad_address", field="from", problem=sender)
    composed = ComposedMessage(
        from_=HeaderMailbox(author[0].address, mailbox.display_name),
        to=to,
        subject=subject,
        text=text,
        in_reply_to=in_reply_to,
        references=(in_reply_to,) if in_reply_to else (),
    )
    message_id = f"<{uuid7()}@{author[0].address.domain_a or settings.POSTROOM_HOSTNAME}>"
    return send_message(
        actor=actor_of(request),
        tenant=tenant,
        mailbox=mailbox,
        content=compose(composed, message_id=message_id, date=timezone.now()),
        sender=sender,
        recipients=list(dict.fromkeys(str(one.address) for one in to)),
        origin=Origin.CONSOLE,
    )


def _initial(request: ConsoleRequest, mailbox: Mailbox) -> dict[str, Any]:
    primary = mailbox.primary_address
    start: dict[str, Any] = {"sender": str(primary or ""), "to": request.GET.get("to", "")[:1000]}
    if DRAFT in request.GET:
        start |= request.session.get(DRAFT, {})
        return start
    answered = _answered(mailbox, request.GET.get("reply"))
    if answered is None:
        return start
    told = readable(bytes(answered.body.content))
    headers = dict(told.headers)
    subject = answered.subject if answered.subject.lower().startswith("re:") else f"Re: {answered.subject}"
    quoted = "\n".join(f"> {line}" for line in (told.text or as_text(told.html))[:MAX_QUOTED].splitlines())
    wrote = _("{who} wrote:").format(who=answered.from_header)
    return start | {
        "to": headers.get("Reply-To") or headers.get("From", ""),
        "subject": subject,
        "text": f"\n\n{wrote}\n{quoted}\n",
        "in_reply_to": answered.pk,
    }


def _answered(mailbox: Mailbox, pk: UUID | str | None) -> MailboxMessage | None:
    return one(letters(mailbox).select_related("body"), pk) if pk else None
