"""Accepted domains, mailboxes and send connectors of all tenants."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from typing_extensions import override

from postroom.operators.bases import MOST_FOUND, ActionAdmin, ActionForm, LinesField, ReadOnlyAdmin, actor_of
from postroom.operators.suspensions import SuspendableAdmin
from tenants.access import verifier_beside
from tenants.actions.domains import change_accepted_domain, create_accepted_domain, delete_accepted_domain
from tenants.actions.mailboxes import AddressInput, change_mailbox, create_mailbox, delete_mailbox
from tenants.actions.suspensions import resume_domain, suspend_domain
from tenants.actions.tenants import check_password_strength
from tenants.models import AcceptedDomain, EmailAddress, Mailbox
from tenants.names import local_key
from tenants.problems import Problem
from transport.actions.send_connectors import (
    HostInput,
    SpaceInput,
    change_send_connector,
    create_send_connector,
    delete_send_connector,
)
from transport.authentication.scram import make_verifier
from transport.models import AddressSpace, SendConnector, SmartHost


class AcceptedDomainForm(ActionForm[AcceptedDomain]):
    @override
    def act(self) -> AcceptedDomain:
        data = self.changes()
        if self.is_new:
            return create_accepted_domain(actor=self.actor, **data)
        return change_accepted_domain(actor=self.actor, domain=AcceptedDomain.objects.get(pk=self.instance.pk), **data)


@admin.register(AcceptedDomain)
class AcceptedDomainAdmin(SuspendableAdmin[AcceptedDomain]):
    form = AcceptedDomainForm
    fields = ["tenant", "domain", "name", "type", "match_subdomains", "is_default", "verified_at", "dns_checked_at"]
    list_display = ["domain", "tenant", "type", "is_default", "verified_at", "suspended_at"]
    list_filter = ["type", "is_default"]
    list_select_related = ["tenant"]
    search_fields = ["domain__contains"]
    autocomplete_fields = ["tenant"]
    suspension_effect = gettext_lazy(
        "No mail is taken for these domains and none is sent from them. What waits is held, and released on resuming."
    )

    @override
    def suspend_row(self, request: HttpRequest, row: AcceptedDomain, data: dict[str, Any]) -> None:
        suspend_domain(actor=actor_of(request), domain=row, **data)

    @override
    def resume_row(self, request: HttpRequest, row: AcceptedDomain) -> None:
        resume_domain(actor=actor_of(request), domain=row)

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: AcceptedDomain | None = None) -> list[str]:
        return ["verified_at", "dns_checked_at", *(["tenant", "domain"] if obj else [])]

    @override
    def remove(self, actor: Any, obj: AcceptedDomain) -> None:
        delete_accepted_domain(actor=actor, domain=obj)


class MailboxForm(ActionForm[Mailbox]):
    addresses = LinesField(help_text=gettext_lazy("One a line; the first is the reply address."))
    password = forms.CharField(
        required=False, widget=forms.PasswordInput, help_text=gettext_lazy("For SMTP log-in. Empty: stays as it is.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_new:
            self.initial["addresses"] = "\n".join(str(row) for row in self.instance.addresses.all())

    @override
    def act(self) -> Mailbox:
        data = self.changes()
        if "addresses" in data:
            data["addresses"] = [AddressInput(text, position == 0) for position, text in enumerate(data["addresses"])]
        if password := data.pop("password", ""):
            check_password_strength(password)
            data["verifier"] = make_verifier(password, beside="" if self.is_new else verifier_beside(self.instance))
        if self.is_new:
            return create_mailbox(actor=self.actor, **data)
        return change_mailbox(actor=self.actor, mailbox=Mailbox.objects.get(pk=self.instance.pk), **data)


@admin.register(Mailbox)
class MailboxAdmin(ActionAdmin[Mailbox]):
    form = MailboxForm
    fields = ["tenant", "display_name", "addresses", "password", "quota", "enabled", "user"]
    list_display = ["display_name", "reply_address", "tenant", "enabled", "quota", "used_bytes"]
    list_filter = ["enabled"]
    list_select_related = ["tenant"]
    search_help_text = gettext_lazy("An address, or a tenant's slug.")
    autocomplete_fields = ["tenant", "user"]

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[Mailbox]:
        return super().get_queryset(request).prefetch_related("addresses")

    @override
    def found_by(self, term: str) -> set[Any]:
        return {row.mailbox_id for row in addresses_named(term)}

    @admin.display(description=gettext_lazy("reply address"))
    def reply_address(self, row: Mailbox) -> str:
        return str(row.primary_address or "")

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Mailbox | None = None) -> list[str]:
        return ["tenant"] if obj else []

    @override
    def remove(self, actor: Any, obj: Mailbox) -> None:
        delete_mailbox(actor=actor, mailbox=obj)


@admin.register(EmailAddress)
class EmailAddressAdmin(ReadOnlyAdmin[EmailAddress]):
    list_display = ["__str__", "is_primary", "mailbox", "tenant"]
    list_select_related = ["mailbox", "tenant"]
    search_help_text = gettext_lazy("An address, or a tenant's slug.")

    @override
    def found_by(self, term: str) -> set[Any]:
        return {row.pk for row in addresses_named(term)}


def addresses_named(term: str) -> list[EmailAddress]:
    """Return the rows of one address, whichever tenant's."""
    local, _, domain = term.rpartition("@")
    rows = EmailAddress.objects.filter(domain=domain.lower(), local_key=local_key(local)) if local else None
    return list(rows[:MOST_FOUND]) if rows is not None else []


def _space(text: str) -> SpaceInput:
    pattern, _separator, cost = text.partition(";")
    try:
        return SpaceInput(pattern, int(cost or 1))
    except ValueError:
        raise Problem("connector.invalid_cost", field="spaces", cost=cost) from None


def _host(text: str) -> HostInput:
    if text.endswith("]") or ":" not in text:
        return HostInput(text)
    host, _separator, port = text.rpartition(":")
    try:
        return HostInput(host, int(port))
    except ValueError:
        raise Problem("connector.invalid_port", field="hosts", port=port) from None


class SendConnectorForm(ActionForm[SendConnector]):
    spaces = LinesField(help_text=gettext_lazy("One a line, with its cost: *;1 or *.contoso.com;5"))
    hosts = LinesField(required=False, help_text=gettext_lazy("One a line: relay.contoso.com:25 or [192.0.2.1]:25"))
    password = forms.CharField(
        required=False, widget=forms.PasswordInput, help_text=gettext_lazy("Empty: stays as it is.")
    )
    error_policies = LinesField(
        required=False, help_text=gettext_lazy("One a line: 550 5.7.1 transient, 4xx 4.2.x permanent, dns transient.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_new:
            self.initial["error_policies"] = "\n".join(self.instance.error_policies)
            self.initial["spaces"] = "\n".join(f"{s.pattern};{s.cost}" for s in self.instance.address_spaces.all())
            self.initial["hosts"] = "\n".join(_shown(host) for host in self.instance.smart_hosts.all())

    @override
    def act(self) -> SendConnector:
        data = self.changes()
        data["password"] = data.get("password") or None
        if "spaces" in data:
            data["address_spaces"] = [_space(text) for text in data.pop("spaces")]
        if "hosts" in data:
            data["smart_hosts"] = [_host(text) for text in data.pop("hosts")]
        if self.is_new:
            return create_send_connector(actor=self.actor, **data)
        connector = SendConnector.objects.get(pk=self.instance.pk)
        return change_send_connector(actor=self.actor, connector=connector, **data)


def _shown(host: SmartHost) -> str:
    name = f"[{host.host}]" if ":" in host.host else host.host
    return f"{name}:{host.port}" if host.port else name


@admin.register(SendConnector)
class SendConnectorAdmin(ActionAdmin[SendConnector]):
    form = SendConnectorForm
    list_display = ["name", "tenant", "enabled", "usage", "routing", "spaces"]
    list_filter = ["enabled", "usage", "routing"]
    list_select_related = ["tenant"]
    search_fields = ["name__icontains"]
    autocomplete_fields = ["tenant"]

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[SendConnector]:
        return super().get_queryset(request).prefetch_related("address_spaces", "smart_hosts")

    @admin.display(description=gettext_lazy("address spaces"))
    def spaces(self, row: SendConnector) -> str:
        return ", ".join(str(space) for space in row.address_spaces.all())

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: SendConnector | None = None) -> list[str]:
        return ["tenant"] if obj else []

    @override
    def remove(self, actor: Any, obj: SendConnector) -> None:
        delete_send_connector(actor=actor, connector=obj)


@admin.register(AddressSpace)
class AddressSpaceAdmin(ReadOnlyAdmin[AddressSpace]):
    list_display = ["__str__", "connector", "tenant"]
    list_select_related = ["connector", "tenant"]
    search_fields = ["pattern"]


@admin.register(SmartHost)
class SmartHostAdmin(ReadOnlyAdmin[SmartHost]):
    list_display = ["__str__", "connector", "tenant"]
    list_select_related = ["connector", "tenant"]
    search_fields = ["host"]
